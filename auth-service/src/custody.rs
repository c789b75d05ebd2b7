//! Custody of the signing keys: they are made here, sealed under the master key, and unsealed into
//! memory. Owns the master key; no private key leaves this module but as a [`SigningKey`].

use std::sync::Arc;

use bailiwick_core::{Algorithm, KeyId, UnixSeconds};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::crypto::master_key::MasterKey;
use crate::crypto::sealing::Label;
use crate::crypto::signing::{SigningError, SigningKey};
use crate::keys::{JWKS_AGE, KeyRing, RingKey, StoredKey};
use crate::storage::{Storage, StorageError};

/// What private keys are sealed for: a sealed text of another purpose does not open as one.
const PURPOSE: &str = "signing-key";

/// The keeper of the private keys.
pub struct Custody {
    master_key: MasterKey,
}

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// A stored key does not open.
    #[error(
        "the signing key {0} cannot be unsealed: the master key is not the one that it was sealed with; \
         start with the master key that belongs to this database"
    )]
    Unseal(String),
    /// A key cannot be made or parsed.
    #[error("a signing key cannot be made: {0}")]
    Make(String),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// When a new key begins to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    /// At once: guards meet it before they have fetched it, and fetch it then.
    Now,
    /// After [`JWKS_AGE`], when everybody has it.
    AfterPublication,
}

/// A signing key that is being made, and not yet anybody's.
pub struct KeyInMaking(JoinHandle<Result<SigningKey, SigningError>>);

impl KeyInMaking {
    /// Begins to make a key on a thread of its own: RSA takes 24 to 101 ms, and there is other work.
    pub fn begin(algorithm: Algorithm) -> Self {
        Self(spawn_blocking(move || SigningKey::generate(algorithm)))
    }

    async fn made(self) -> Result<SigningKey, CustodyError> {
        let made = self.0.await.unwrap_or(Err(SigningError::Generate));
        made.map_err(|cause| CustodyError::Make(cause.to_string()))
    }
}

impl Custody {
    /// Custody under that master key.
    pub fn new(master_key: MasterKey) -> Self {
        Self { master_key }
    }

    /// The keys, ready to sign.
    pub fn ring(&self, stored: Vec<StoredKey>) -> Result<KeyRing, CustodyError> {
        let keys = stored.into_iter().map(|stored| self.unseal(stored)).collect::<Result<_, _>>()?;
        Ok(KeyRing::new(keys))
    }

    /// Makes sure that a key of `algorithm` signs at `now`; what two processes that start at once
    /// both ask for is stored once. `begun` is the key that the caller thought would be needed.
    pub async fn ensure(
        &self,
        storage: &Storage,
        algorithm: Algorithm,
        begun: Option<KeyInMaking>,
        now: UnixSeconds,
    ) -> Result<(), CustodyError> {
        let signs = |key: &StoredKey| key.algorithm == algorithm && key.signs_from <= now;
        if storage.policy().await?.keys.iter().any(signs) {
            return Ok(());
        }
        let made = begun.unwrap_or_else(|| KeyInMaking::begin(algorithm)).made().await?;
        let mut change = storage.change().await?;
        if !change.keys().await?.iter().any(signs) {
            change.add_key(&self.seal(&made, now, now)?).await?;
            change.commit().await?;
        }
        Ok(())
    }

    /// Makes and stores the key that follows the one that signs now.
    pub async fn rotate(
        &self,
        storage: &Storage,
        algorithm: Algorithm,
        takeover: Takeover,
        now: UnixSeconds,
    ) -> Result<StoredKey, CustodyError> {
        let signs_from = match takeover {
            Takeover::Now => now,
            Takeover::AfterPublication => now + JWKS_AGE,
        };
        let key = self.seal(&KeyInMaking::begin(algorithm).made().await?, now, signs_from)?;
        let mut change = storage.change().await?;
        change.add_key(&key).await?;
        change.commit().await?;
        Ok(key)
    }

    fn seal(
        &self,
        key: &SigningKey,
        created_at: UnixSeconds,
        signs_from: UnixSeconds,
    ) -> Result<StoredKey, CustodyError> {
        let failed = |cause: &dyn std::fmt::Display| CustodyError::Make(cause.to_string());
        let private = key.to_pkcs8().map_err(|cause| failed(&cause))?;
        let sealed = self.master_key.seal(label(key.key_id()), &private).map_err(|cause| failed(&cause))?;
        Ok(StoredKey {
            key_id: key.key_id().clone(),
            number: 0,
            algorithm: key.algorithm(),
            jwk: key.public().clone(),
            sealed,
            created_at,
            signs_from,
        })
    }

    fn unseal(&self, stored: StoredKey) -> Result<RingKey, CustodyError> {
        let failed = || CustodyError::Unseal(stored.key_id.to_string());
        let private = self.master_key.open(label(&stored.key_id), &stored.sealed).map_err(|_| failed())?;
        let signing = SigningKey::from_pkcs8(stored.algorithm, &private).map_err(|_| failed())?;
        if signing.key_id() != &stored.key_id {
            return Err(failed());
        }
        Ok(RingKey { stored, signing: Arc::new(signing) })
    }
}

fn label(key_id: &KeyId) -> Label<'_> {
    Label { purpose: PURPOSE, name: key_id.as_str() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::entropy::SystemEntropy;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn processes_that_start_at_once_store_one_key_between_them() {
        const NOW: UnixSeconds = UnixSeconds(1_000_000);
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("auth.db").display());
        let custody = Arc::new(Custody::new(MasterKey::generate(&SystemEntropy).unwrap()));
        let starts = (0..4).map(|number| {
            let (url, custody) = (url.clone(), Arc::clone(&custody));
            tokio::spawn(async move {
                let begun = (number % 2 == 0).then(|| KeyInMaking::begin(Algorithm::ES256));
                let storage = Storage::open(&url).await.unwrap();
                custody.ensure(&storage, Algorithm::ES256, begun, NOW).await.unwrap();
                custody.ring(storage.policy().await.unwrap().keys).unwrap()
            })
        });
        let mut signers = Vec::new();
        for start in starts.collect::<Vec<_>>() {
            signers.push(start.await.unwrap().signer(Algorithm::ES256, NOW).unwrap().key_id().clone());
        }
        assert!(signers.iter().all(|signer| signer == &signers[0]), "{signers:?}");
        let storage = Storage::open(&url).await.unwrap();
        assert_eq!(storage.policy().await.unwrap().keys.len(), 1);
    }
}
