//! Roles, resources and keys in memory, at the version that the database has. Owns noticing that
//! they changed, here or in another process: every request brings the version that it read.

use std::sync::{Arc, PoisonError, RwLock};

use bailiwick_core::{Algorithm, Clock, Issuer};
use tokio::sync::Mutex;

use crate::custody::{Custody, CustodyError};
use crate::keys::KeyRing;
use crate::policy::Policy;
use crate::resources::signing_algorithms;
use crate::storage::{PolicyRows, Storage};

/// Roles, resources and keys at one version.
pub struct Current {
    /// The version.
    pub policy_version: i64,
    /// Roles and resources.
    pub policy: Policy,
    /// Signing keys.
    pub keys: KeyRing,
}

/// What a reading is made from.
pub struct Source {
    /// The database.
    pub storage: Storage,
    /// The service.
    pub issuer: Issuer,
    /// The keeper of the private keys.
    pub custody: Arc<Custody>,
    /// What tokens are signed with, where their resource asks for nothing else.
    pub algorithm: Algorithm,
    /// The present.
    pub clock: Arc<dyn Clock>,
}

/// The latest reading, and how to make the next.
pub struct CurrentCache {
    source: Source,
    latest: RwLock<Arc<Current>>,
    loading: Mutex<()>,
}

impl CurrentCache {
    /// A cache that has been filled once.
    ///
    /// # Errors
    /// Also where a signing key does not open, or cannot be made.
    pub async fn load(source: Source) -> Result<Self, CustodyError> {
        let rows = source.storage.policy().await?;
        let rows = source.with_every_key(rows).await?;
        let latest = RwLock::new(Arc::new(source.first(rows)?));
        Ok(Self { source, latest, loading: Mutex::new(()) })
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
        let read = Arc::new(self.source.next(&latest).await?);
        *self.latest.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&read);
        Ok(read)
    }

    /// The reading of the version that the database has now.
    pub async fn now(&self) -> Result<Arc<Current>, CustodyError> {
        let state = self.source.storage.state().await?;
        self.at(state.policy_version).await
    }

    fn latest(&self) -> Arc<Current> {
        Arc::clone(&self.latest.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Source {
    fn first(&self, rows: PolicyRows) -> Result<Current, CustodyError> {
        let PolicyRows { policy_version, roles, resources, keys } = rows;
        let keys = self.custody.ring(keys)?;
        Ok(Current { policy_version, policy: Policy::new(&self.issuer, roles, resources), keys })
    }

    async fn next(&self, before: &Current) -> Result<Current, CustodyError> {
        let rows = match self.with_every_key(self.storage.policy().await?).await {
            Ok(rows) => rows,
            Err(error) => {
                // Tokens for other resources can be had all the same.
                tracing::error!(reason = "no_key", %error, "a key that a resource asks for cannot be made");
                self.storage.policy().await?
            }
        };
        let PolicyRows { policy_version, roles, resources, keys } = rows;
        let keys = self.custody.next_ring(keys, &before.keys);
        Ok(Current { policy_version, policy: Policy::new(&self.issuer, roles, resources), keys })
    }

    /// These rows, or those after a key was made for each algorithm that has none: whoever sees that
    /// a resource asks for an algorithm makes sure that it can be had before a token is asked for.
    async fn with_every_key(&self, rows: PolicyRows) -> Result<PolicyRows, CustodyError> {
        let mut missing = signing_algorithms(self.algorithm, &rows.resources);
        missing.retain(|algorithm| rows.keys.iter().all(|key| key.algorithm != *algorithm));
        if missing.is_empty() {
            return Ok(rows);
        }
        for algorithm in missing {
            self.custody.ensure(&self.storage, algorithm, None, self.clock.as_ref()).await?;
        }
        Ok(self.storage.policy().await?)
    }
}
