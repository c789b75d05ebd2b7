//! Custody of the signing keys: they are made here, sealed under the master key, and unsealed into
//! memory. Owns the master key; no private key leaves this module but as a [`SigningKey`].

use std::sync::Arc;

use aws_lc_rs::hmac;
use bailiwick_core::{Algorithm, KeyId, UnixSeconds};

use crate::crypto::master_key::MasterKey;
use crate::crypto::sealing::Label;
use crate::crypto::signing::SigningKey;
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

impl Custody {
    /// Custody under that master key.
    pub fn new(master_key: MasterKey) -> Self {
        Self { master_key }
    }

    /// The key under which a refresh token's successor follows from it.
    pub fn refresh_token_key(&self) -> hmac::Key {
        self.master_key.derive("refresh-token-successor")
    }

    /// The keys, ready to sign.
    pub fn ring(&self, stored: Vec<StoredKey>) -> Result<KeyRing, CustodyError> {
        let keys = stored.into_iter().map(|stored| self.unseal(stored)).collect::<Result<_, _>>()?;
        Ok(KeyRing::new(keys))
    }

    /// Makes sure that a key of `algorithm` signs at `now`; what two processes that start at once
    /// both ask for is made once.
    pub async fn ensure(&self, storage: &Storage, algorithm: Algorithm, now: UnixSeconds) -> Result<(), CustodyError> {
        let mut change = storage.change().await?;
        let keys = change.keys().await?;
        let signs = |key: &StoredKey| key.algorithm == algorithm && key.signs_from <= now;
        if let Some(key) = keys.into_iter().find(signs) {
            // Proves before the first request that the master key is the right one.
            return self.unseal(key).map(drop);
        }
        change.add_key(&self.make(algorithm, now, now)?).await?;
        Ok(change.commit().await?)
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
        let key = self.make(algorithm, now, signs_from)?;
        let mut change = storage.change().await?;
        change.add_key(&key).await?;
        change.commit().await?;
        Ok(key)
    }

    fn make(
        &self,
        algorithm: Algorithm,
        created_at: UnixSeconds,
        signs_from: UnixSeconds,
    ) -> Result<StoredKey, CustodyError> {
        let failed = |cause: &dyn std::fmt::Display| CustodyError::Make(cause.to_string());
        let key = SigningKey::generate(algorithm).map_err(|cause| failed(&cause))?;
        let private = key.to_pkcs8().map_err(|cause| failed(&cause))?;
        let sealed = self.master_key.seal(label(key.key_id()), &private).map_err(|cause| failed(&cause))?;
        Ok(StoredKey {
            key_id: key.key_id().clone(),
            number: 0,
            algorithm,
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
