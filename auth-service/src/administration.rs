//! What administrators do, by the API or on the command line: one function for each deed, each one
//! transaction. Owns the order of reading, checking and writing; knows neither HTTP nor terminals.

mod clients;
mod configuration;
mod import;
mod keys;
mod resources;
mod revocations;
mod roles;
mod users;

use std::sync::Arc;
use std::time::Duration;

use bailiwick_core::{Clock, Issuer};

use crate::crypto::entropy::Entropy;
use crate::custody::CustodyError;
use crate::policy::Policy;
use crate::storage::{Change, Storage, StorageError};

pub use clients::{ClientWithSecrets, NewSecret, RegisteredClient};
pub use configuration::Apply;
pub use import::Imported;

/// What the deeds need.
#[derive(Clone)]
pub struct Administration {
    storage: Storage,
    issuer: Issuer,
    entropy: Arc<dyn Entropy>,
    clock: Arc<dyn Clock>,
}

/// Why a deed was not done. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// A client's metadata cannot be accepted (RFC 7591 section 3.2.2).
    #[error("{0}")]
    InvalidMetadata(String),
    /// Anything else that was said cannot be accepted.
    #[error("{0}")]
    Invalid(String),
    /// There is nothing of that name.
    #[error("{0}")]
    NotFound(String),
    /// The name is taken, or the thing is not to be changed.
    #[error("{0}")]
    Conflict(String),
    /// The database is busy.
    #[error("the database is busy with the changes of another process; try again")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The service failed.
    #[error("{0}")]
    Internal(String),
}

impl Administration {
    /// Administration of that database, for the service of that issuer.
    pub fn new(storage: Storage, issuer: Issuer, entropy: Arc<dyn Entropy>, clock: Arc<dyn Clock>) -> Self {
        Self { storage, issuer, entropy, clock }
    }

    /// Roles and resources as they are now.
    async fn policy_now(&self) -> Result<Policy, AdministrationError> {
        let rows = self.storage.policy().await?;
        Ok(Policy::new(&self.issuer, rows.roles, rows.resources))
    }

    /// Roles and resources as `change` sees them: what is checked against them stays true until it
    /// commits.
    async fn policy(&self, change: &mut Change<'_>) -> Result<Policy, AdministrationError> {
        let rows = change.policy().await?;
        Ok(Policy::new(&self.issuer, rows.roles, rows.resources))
    }
}

fn not_found(kind: &str, name: &dyn std::fmt::Display) -> AdministrationError {
    AdministrationError::NotFound(format!("there is no {kind} {name}"))
}

fn built_in(kind: &str, name: &dyn std::fmt::Display) -> AdministrationError {
    AdministrationError::Conflict(format!("the {kind} {name} is built in and cannot be changed"))
}

impl From<StorageError> for AdministrationError {
    fn from(error: StorageError) -> Self {
        match error.retry_after() {
            Some(retry_after) => Self::Busy { retry_after },
            None => Self::Internal(error.to_string()),
        }
    }
}

impl From<CustodyError> for AdministrationError {
    fn from(error: CustodyError) -> Self {
        match error {
            CustodyError::TooMany | CustodyError::Known(_) => Self::Conflict(error.to_string()),
            other => match other.retry_after() {
                Some(retry_after) => Self::Busy { retry_after },
                None => Self::Internal(other.to_string()),
            },
        }
    }
}
