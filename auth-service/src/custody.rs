//! Custody of the signing keys: they are made here, sealed under the master key, unsealed into
//! memory and deleted. Owns the master key; no private key leaves this module but as a [`SigningKey`].
//!
//! What the timetable asks for is decided inside the write transaction that does it, on what the
//! database says: of two processes that want the same at once, one does it. All private keys of a
//! database are sealed under one master key; a process that holds another one adds none.

mod rewrap;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::hmac;
use bailiwick_core::{Algorithm, Clock, KeyId, Subject, SubjectKind, UnixSeconds};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::crypto::master_key::MasterKey;
use crate::crypto::sealing::Label;
use crate::crypto::signing::{SigningError, SigningKey};
use crate::keys::{JWKS_AGE, KeyRing, MOST_KEYS, RingKey, StoredKey, due, signer};
use crate::resources::signing_algorithms;
use crate::storage::{Change, PolicyRows, Storage, StorageError};

pub use rewrap::{NewMasterKey, finish_rewrap, rewrap, rewrap_under};

/// What private keys are sealed for: a sealed text of another purpose does not open as one.
const PURPOSE: &str = "signing-key";

/// The keeper of the private keys.
pub struct Custody {
    master_key: RwLock<Arc<MasterKey>>,
    /// The file that the master key is read from anew when it was changed.
    file: Option<PathBuf>,
}

/// Why keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// A stored key does not open.
    #[error(
        "the signing key {0} cannot be unsealed: the master key is not the one that it was sealed with; \
         start with the master key that belongs to this database, after `keys rewrap` the new one"
    )]
    Unseal(KeyId),
    /// A key cannot be made or parsed.
    #[error("a signing key cannot be made: {0}")]
    Make(String),
    /// It is no other than one that there is.
    #[error("the key {0} is there already: a key that is brought follows the others once")]
    Known(KeyId),
    /// As many are published as there may be.
    #[error(
        "there are {MOST_KEYS} signing keys already; `keys list` says until when each is published, \
         and one that nobody needs can be withdrawn"
    )]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl CustodyError {
    /// As [`StorageError::retry_after`].
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Storage(error) => error.retry_after(),
            _ => None,
        }
    }
}

/// When a new key begins to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    /// At once: guards meet it before they have fetched it, and fetch it then.
    Now,
    /// After [`JWKS_AGE`], when everybody has it.
    AfterPublication,
}

/// What became of a key that was withdrawn.
#[derive(Debug)]
pub enum Withdrawal {
    /// There is no key of that name; nothing was done.
    Unknown,
    /// It is gone, and so are its tokens. Where it signed, that key signs from now on.
    Done(Option<KeyId>),
}

/// A signing key that is being made, and not yet anybody's.
pub struct KeyInMaking(JoinHandle<Result<SigningKey, SigningError>>);

impl From<Algorithm> for KeyInMaking {
    fn from(algorithm: Algorithm) -> Self {
        Self::begin(algorithm)
    }
}

impl KeyInMaking {
    /// Begins to make a key on a thread of its own: RSA takes 24 to 101 ms, and there is other work.
    pub fn begin(algorithm: Algorithm) -> Self {
        Self(spawn_blocking(move || SigningKey::generate(algorithm)))
    }

    /// A key that was made elsewhere.
    pub(crate) fn brought(key: SigningKey) -> Self {
        Self(spawn_blocking(move || Ok(key)))
    }

    async fn made(self) -> Result<SigningKey, CustodyError> {
        let made = self.0.await.unwrap_or(Err(SigningError::Generate));
        made.map_err(|cause| CustodyError::Make(cause.to_string()))
    }
}

impl Custody {
    /// Custody under that master key, which may be read anew from `file` where it came from one.
    pub fn new(master_key: MasterKey, file: Option<PathBuf>) -> Self {
        Self { master_key: RwLock::new(Arc::new(master_key)), file }
    }

    /// The key under which a refresh token's successor follows from it.
    pub fn refresh_token_key(&self) -> hmac::Key {
        self.held().derive("refresh-token-successor")
    }

    /// The keys, ready to sign.
    ///
    /// # Errors
    /// Where one of them does not open.
    pub fn ring(&self, stored: Vec<StoredKey>) -> Result<KeyRing, CustodyError> {
        let ready = |stored: StoredKey| {
            let signing = self.unseal(&stored)?;
            Ok(RingKey { stored, signing: Some(Arc::new(signing)) })
        };
        Ok(KeyRing::new(stored.into_iter().map(ready).collect::<Result<_, CustodyError>>()?))
    }

    /// The keys after a change. Those that `before` has are not unsealed again, so that a process
    /// goes on when the master key changed under it; one that does not open is published all the
    /// same, and signs in the processes that can open it.
    pub fn next_ring(&self, stored: Vec<StoredKey>, before: &KeyRing) -> KeyRing {
        let ready = |stored: StoredKey| {
            let known = before.parsed(&stored.key_id).map(Arc::clone);
            let signing = known.or_else(|| match self.unseal(&stored) {
                Ok(signing) => Some(Arc::new(signing)),
                Err(error) => {
                    tracing::error!(reason = "master_key_changed", %error, "this process cannot sign with a key");
                    None
                }
            });
            RingKey { stored, signing }
        };
        KeyRing::new(stored.into_iter().map(ready).collect())
    }

    /// Makes sure that there is a key of `algorithm`: where there was none, it signs at once. `begun`
    /// is the key that the caller thought would be needed.
    pub async fn ensure(
        &self,
        storage: &Storage,
        algorithm: Algorithm,
        begun: Option<KeyInMaking>,
        clock: &dyn Clock,
    ) -> Result<(), CustodyError> {
        let mine = |key: &StoredKey| key.algorithm == algorithm;
        if storage.policy().await?.keys.iter().any(mine) {
            return Ok(());
        }
        let made = begun.unwrap_or_else(|| KeyInMaking::begin(algorithm)).made().await?;
        let mut change = storage.change().await?;
        let keys = change.keys().await?;
        if !keys.iter().any(mine) {
            self.add(&mut change, &keys, &made, Takeover::Now, clock.now()).await?;
            change.commit().await?;
        }
        Ok(())
    }

    /// Stores the key that follows the one that signs now.
    ///
    /// # Errors
    /// Also where it is there already, or as many as there may be ([`MOST_KEYS`]).
    pub async fn rotate(
        &self,
        storage: &Storage,
        next: impl Into<KeyInMaking>,
        takeover: Takeover,
        clock: &dyn Clock,
    ) -> Result<StoredKey, CustodyError> {
        let made = next.into().made().await?;
        let mut change = storage.change().await?;
        let keys = change.keys().await?;
        if keys.iter().any(|key| &key.key_id == made.key_id()) {
            return Err(CustodyError::Known(made.key_id().clone()));
        }
        if keys.len() >= MOST_KEYS {
            return Err(CustodyError::TooMany);
        }
        let key = self.add(&mut change, &keys, &made, takeover, clock.now()).await?;
        change.commit().await?;
        Ok(key)
    }

    /// Does what [`due`] says: makes the keys whose turn has come and deletes those whose last token
    /// has expired. `own` is the service's own algorithm; without `rotation` no key has a turn.
    pub async fn keep_timetable(
        &self,
        storage: &Storage,
        own: Algorithm,
        rotation: Option<Duration>,
        clock: &dyn Clock,
    ) -> Result<(), CustodyError> {
        let due_of =
            |rows: &PolicyRows| due(&rows.keys, &signing_algorithms(own, &rows.resources), rotation, clock.now());
        let foreseen = due_of(&storage.policy().await?);
        if foreseen.is_empty() {
            return Ok(());
        }
        let mut made = Vec::new();
        for algorithm in foreseen.new {
            made.push(KeyInMaking::begin(algorithm).made().await?);
        }
        let mut change = storage.change().await?;
        let rows = change.policy().await?;
        let due = due_of(&rows);
        let mut stored = Vec::new();
        for key in made.iter().filter(|key| due.new.contains(&key.algorithm())) {
            let is_first = !rows.keys.iter().any(|stored| stored.algorithm == key.algorithm());
            let takeover = if is_first { Takeover::Now } else { Takeover::AfterPublication };
            stored.push(self.add(&mut change, &rows.keys, key, takeover, clock.now()).await?);
        }
        for key_id in &due.gone {
            change.delete_key(key_id).await?;
        }
        change.commit().await?;
        for StoredKey { key_id, algorithm, signs_from, .. } in stored {
            tracing::info!(kid = %key_id, alg = %algorithm, signs_from = signs_from.0, "signing key made");
        }
        for key_id in due.gone {
            tracing::info!(kid = %key_id, "signing key deleted: its last token has expired");
        }
        Ok(())
    }

    /// Withdraws a key: it leaves the key set, its private half is deleted, and an event of the feed
    /// refuses its tokens, in one transaction. Where it signed tokens of an algorithm in use (`own`,
    /// or one that a resource asks for), another signs at once: the one that was to follow it, else
    /// a new one. A key that had been followed does not come back.
    pub async fn withdraw(
        &self,
        storage: &Storage,
        key_id: &KeyId,
        own: Algorithm,
        clock: &dyn Clock,
    ) -> Result<Withdrawal, CustodyError> {
        let is_it = |key: &&StoredKey| &key.key_id == key_id;
        let Some(algorithm) = storage.policy().await?.keys.iter().find(is_it).map(|key| key.algorithm) else {
            return Ok(Withdrawal::Unknown);
        };
        // Made before the transaction, whether or not it will be needed: nobody waits for it there.
        let made = KeyInMaking::begin(algorithm).made().await?;
        let mut change = storage.change().await?;
        let rows = change.policy().await?;
        let now = clock.now();
        let Some(withdrawn) = rows.keys.iter().find(is_it) else { return Ok(Withdrawal::Unknown) };
        change.delete_key(key_id).await?;
        change.revoke(&Subject::new(SubjectKind::Key, key_id.as_str()), "key withdrawn", now).await?;
        let signed = signer(rows.keys.iter(), algorithm, now).is_some_and(|signer| is_it(&signer));
        let successor = if signed && signing_algorithms(own, &rows.resources).contains(&algorithm) {
            let waits = |key: &&StoredKey| key.algorithm == algorithm && key.number > withdrawn.number;
            Some(match rows.keys.iter().filter(waits).min_by_key(|key| key.number) {
                Some(next) => {
                    change.sign_from(&next.key_id, now).await?;
                    next.key_id.clone()
                }
                None => self.add(&mut change, &rows.keys, &made, Takeover::Now, now).await?.key_id,
            })
        } else {
            None
        };
        change.commit().await?;
        Ok(Withdrawal::Done(successor))
    }

    /// Seals and stores a new key beside `keys`, all there are.
    async fn add(
        &self,
        change: &mut Change<'_>,
        keys: &[StoredKey],
        key: &SigningKey,
        takeover: Takeover,
        now: UnixSeconds,
    ) -> Result<StoredKey, CustodyError> {
        let master_key = self.master_key_of(keys)?;
        let signs_from = match takeover {
            Takeover::Now => now,
            Takeover::AfterPublication => now + JWKS_AGE,
        };
        let stored = seal(&master_key, key, now, signs_from)?;
        change.add_key(&stored).await?;
        Ok(stored)
    }

    /// The master key at hand.
    fn held(&self) -> Arc<MasterKey> {
        Arc::clone(&self.master_key.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The master key that `keys` are sealed under: the one at hand, or the one that meanwhile stands
    /// in its file. A key that is sealed under another one would be lost at the next start.
    fn master_key_of(&self, keys: &[StoredKey]) -> Result<Arc<MasterKey>, CustodyError> {
        let held = self.held();
        let Some(key) = keys.first() else { return Ok(held) };
        if opens(&held, key) {
            return Ok(held);
        }
        let read = self.file.as_deref().and_then(|file| MasterKey::load(file).ok()).map(Arc::new);
        let read = read.filter(|read| opens(read, key)).ok_or_else(|| CustodyError::Unseal(key.key_id.clone()))?;
        *self.master_key.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&read);
        Ok(read)
    }

    fn unseal(&self, stored: &StoredKey) -> Result<SigningKey, CustodyError> {
        let failed = || CustodyError::Unseal(stored.key_id.clone());
        let master_key = self.master_key_of(std::slice::from_ref(stored))?;
        let private = master_key.open(label(&stored.key_id), &stored.sealed).map_err(|_| failed())?;
        let signing = SigningKey::from_pkcs8(stored.algorithm, &private).map_err(|_| failed())?;
        Some(signing).filter(|key| key.key_id() == &stored.key_id).ok_or_else(failed)
    }
}

fn seal(
    master_key: &MasterKey,
    key: &SigningKey,
    created_at: UnixSeconds,
    signs_from: UnixSeconds,
) -> Result<StoredKey, CustodyError> {
    let failed = |cause: &dyn std::fmt::Display| CustodyError::Make(cause.to_string());
    let private = key.to_pkcs8().map_err(|cause| failed(&cause))?;
    let sealed = master_key.seal(label(key.key_id()), &private).map_err(|cause| failed(&cause))?;
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

fn opens(master_key: &MasterKey, key: &StoredKey) -> bool {
    master_key.open(label(&key.key_id), &key.sealed).is_ok()
}

fn label(key_id: &KeyId) -> Label<'_> {
    Label { purpose: PURPOSE, name: key_id.as_str() }
}

#[cfg(test)]
mod tests;
