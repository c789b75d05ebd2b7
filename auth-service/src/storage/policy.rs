//! Roles, resources and keys read together, as one moment had them.

use super::{Change, Storage, StorageError, keys, resources, roles};
use crate::keys::StoredKey;
use crate::resources::Resource;
use crate::roles::Role;

const VERSION: &str = "SELECT policy_version FROM state WHERE id = 1";

/// All roles, resources and keys at one version.
pub struct PolicyRows {
    /// The version.
    pub policy_version: i64,
    /// The stored roles.
    pub roles: Vec<Role>,
    /// The stored resources.
    pub resources: Vec<Resource>,
    /// The stored keys.
    pub keys: Vec<StoredKey>,
}

impl Storage {
    /// Reads them in one transaction, which on SQLite sees one moment. (On PostgreSQL it has to be
    /// `REPEATABLE READ`.)
    pub async fn policy(&self) -> Result<PolicyRows, StorageError> {
        let mut moment = self.readers.begin().await?;
        read(&mut moment).await
    }
}

impl Change<'_> {
    /// Reads them as this change sees them.
    pub async fn policy(&mut self) -> Result<PolicyRows, StorageError> {
        read(&mut self.0).await
    }
}

async fn read(connection: &mut sqlx::SqliteConnection) -> Result<PolicyRows, StorageError> {
    let (policy_version,) = sqlx::query_as(VERSION).fetch_one(&mut *connection).await?;
    Ok(PolicyRows {
        policy_version,
        roles: roles::all(&mut *connection).await?,
        resources: resources::all(&mut *connection).await?,
        keys: keys::all(&mut *connection).await?,
    })
}
