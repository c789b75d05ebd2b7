//! The change of the master key: every private key of the database is sealed anew, in one
//! transaction. Owns the order of database and file, so that a crash at any moment leaves a master
//! key that opens the database; never decides who may do it.
//!
//! Where the master key stands in a file of ours, the new one is first put beside it, on the disk
//! before the transaction commits. Whoever holds the database's write lock can then tell what an
//! interrupted change has left: the key beside the file either opens the database, and takes the
//! file's place, or it opens nothing and is thrown away. The change ends by the same rule.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bailiwick_core::KeyId;

use super::{label, opens};
use crate::crypto::entropy::Entropy;
use crate::crypto::master_key::{MasterKey, MasterKeyError, put_in_place};
use crate::keys::StoredKey;
use crate::storage::{Change, Storage, StorageError};

/// Where the new master key comes from.
pub enum NewMasterKey<'a> {
    /// It is made here.
    Generated(&'a dyn Entropy),
    /// It was given.
    Given(MasterKey),
}

/// Why the master key was not changed. The present one is still good.
#[derive(Debug, thiserror::Error)]
pub enum RewrapError {
    /// There is nothing to seal.
    #[error("there is no signing key yet, so there is nothing to seal anew")]
    NoKeys,
    /// The new key is the old one.
    #[error("the new master key is the present one")]
    Same,
    /// The present key does not open everything.
    #[error("the signing key {0} cannot be unsealed with the present master key; nothing was changed")]
    Unseal(KeyId),
    /// The library failed.
    #[error("a signing key cannot be sealed; nothing was changed")]
    Seal,
    /// A master key file cannot be read or written.
    #[error(transparent)]
    File(#[from] MasterKeyError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Seals every private key anew, and puts the new master key into `file`, which holds the present
/// one. Gives the number of keys.
pub async fn rewrap(storage: &Storage, file: &Path, new: NewMasterKey<'_>) -> Result<usize, RewrapError> {
    let mut change = storage.change().await?;
    let keys = change.keys().await?;
    settle(&keys, file)?;
    let present = MasterKey::load(file)?;
    let new = match new {
        NewMasterKey::Generated(entropy) => MasterKey::generate(entropy).map_err(MasterKeyError::from)?,
        NewMasterKey::Given(new) => new,
    };
    let resealed = reseal(&keys, &present, &new)?;
    new.write_new(&next_to(file))?;
    let committed = store(change, &resealed).await;
    // Also after an error: whether it was committed, the database knows.
    finish_rewrap(storage, file).await?;
    committed.map(|()| keys.len())
}

/// Seals every private key anew, from `present` to `new`, both of which are the caller's to keep.
/// Gives the number of keys.
pub async fn rewrap_under(storage: &Storage, present: &MasterKey, new: &MasterKey) -> Result<usize, RewrapError> {
    let mut change = storage.change().await?;
    let keys = change.keys().await?;
    let resealed = reseal(&keys, present, new)?;
    store(change, &resealed).await?;
    Ok(keys.len())
}

/// Finishes a change of the master key in `file` that was interrupted, if there was one.
pub async fn finish_rewrap(storage: &Storage, file: &Path) -> Result<(), RewrapError> {
    if !next_to(file).exists() {
        return Ok(());
    }
    // The write lock: a change that is under way is waited for.
    let mut change = storage.change().await?;
    settle(&change.keys().await?, file)
}

/// The key beside `file` takes its place where it opens the database, else it goes. To be called
/// under the write lock.
fn settle(keys: &[StoredKey], file: &Path) -> Result<(), RewrapError> {
    let next = next_to(file);
    let opens_all = match MasterKey::load(&next) {
        Err(MasterKeyError::File { error, .. }) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Ok(key) => !keys.is_empty() && keys.iter().all(|stored| opens(&key, stored)),
        // Cut off while it was written, so before anything was sealed with it.
        Err(MasterKeyError::MalformedFile { .. }) => false,
        Err(other) => return Err(other.into()),
    };
    if opens_all {
        return Ok(put_in_place(&next, file)?);
    }
    Ok(fs::remove_file(&next).map_err(|error| MasterKeyError::File { path: next, error })?)
}

fn reseal<'k>(
    keys: &'k [StoredKey],
    present: &MasterKey,
    new: &MasterKey,
) -> Result<Vec<(&'k StoredKey, Vec<u8>)>, RewrapError> {
    if keys.is_empty() {
        return Err(RewrapError::NoKeys);
    }
    if present.is(new) {
        return Err(RewrapError::Same);
    }
    let anew = |key: &'k StoredKey| {
        let unseal = |_| RewrapError::Unseal(key.key_id.clone());
        let private = present.open(label(&key.key_id), &key.sealed).map_err(unseal)?;
        let sealed = new.seal(label(&key.key_id), &private).map_err(|_| RewrapError::Seal)?;
        Ok((key, sealed))
    };
    keys.iter().map(anew).collect()
}

async fn store(mut change: Change<'_>, resealed: &[(&StoredKey, Vec<u8>)]) -> Result<(), RewrapError> {
    for (key, sealed) in resealed {
        change.reseal_key(&key.key_id, sealed).await?;
    }
    Ok(change.commit().await?)
}

/// Where the next master key stands until it takes the place of the one in `file`.
fn next_to(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".next");
    name.into()
}
