//! Roles, resources and keys in memory, at the version that the database has. Owns noticing that
//! they changed, here or in another process: every request brings the version that it read.

use std::sync::{Arc, PoisonError, RwLock};

use bailiwick_core::Issuer;
use tokio::sync::Mutex;

use crate::custody::{Custody, CustodyError};
use crate::keys::KeyRing;
use crate::policy::Policy;
use crate::storage::Storage;

/// Roles, resources and keys at one version.
pub struct Current {
    /// The version.
    pub policy_version: i64,
    /// Roles and resources.
    pub policy: Policy,
    /// Signing keys.
    pub keys: KeyRing,
}

/// The latest reading, and how to make the next.
pub struct CurrentCache {
    storage: Storage,
    issuer: Issuer,
    custody: Arc<Custody>,
    latest: RwLock<Arc<Current>>,
    loading: Mutex<()>,
}

impl CurrentCache {
    /// A cache that has been filled once.
    pub async fn load(storage: Storage, issuer: Issuer, custody: Arc<Custody>) -> Result<Self, CustodyError> {
        let latest = read(&storage, &issuer, &custody).await?;
        Ok(Self { storage, issuer, custody, latest: RwLock::new(Arc::new(latest)), loading: Mutex::new(()) })
    }

    /// The reading of `policy_version` or of a later one.
    pub async fn at(&self, policy_version: i64) -> Result<Arc<Current>, CustodyError> {
        let latest = self.latest();
        if latest.policy_version >= policy_version {
            return Ok(latest);
        }
        let _one_at_a_time = self.loading.lock().await;
        let latest = self.latest();
        if latest.policy_version >= policy_version {
            return Ok(latest);
        }
        let read = Arc::new(read(&self.storage, &self.issuer, &self.custody).await?);
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&read);
        Ok(read)
    }

    /// The reading of the version that the database has now.
    pub async fn now(&self) -> Result<Arc<Current>, CustodyError> {
        let state = self.storage.state().await?;
        self.at(state.policy_version).await
    }

    fn latest(&self) -> Arc<Current> {
        Arc::clone(&self.latest.read().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn read(storage: &Storage, issuer: &Issuer, custody: &Custody) -> Result<Current, CustodyError> {
    let rows = storage.policy().await?;
    Ok(Current {
        policy_version: rows.policy_version,
        policy: Policy::new(issuer, rows.roles, rows.resources),
        keys: custody.ring(rows.keys)?,
    })
}
