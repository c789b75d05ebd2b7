//! Client authentication by secret (RFC 6749 section 2.3.1). Owns the order of its steps, so that
//! an unknown client and a wrong secret cost and answer the same: one lookup, one comparison.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bailiwick_core::{ClientId, UnixSeconds};
use bailiwick_limits::{FailureLimits, Verdict};

use crate::crypto::pool::{HashPool, Lane, NotHashed};
use crate::crypto::secret::{ClientSecret, Secret};
use crate::crypto::verified::VerifiedSecrets;
use crate::directory::{ClientDirectory, Found, KnownClient};
use crate::secrets::SecretId;
use crate::storage::{State, Storage, StorageError};

/// `last_used_at` is kept to this: a busy secret is not written for every token.
const USE_RESOLUTION: Duration = Duration::from_mins(1);
/// The most uses that wait to be written; beyond it `last_used_at` is late, and nothing else.
const MOST_USES_WAITING: usize = 100_000;

/// What a caller presents; nothing of it is believed yet.
pub struct Credentials {
    /// As it was sent: whether it is a `client_id` at all is part of the question.
    pub client_id: String,
    /// As it was sent.
    pub secret: Secret,
}

/// A client that proved who it is, with all that its request may rest on.
pub struct Authenticated {
    /// The state that was read no later than the client.
    pub state: State,
    /// The client, with the secret that it proved to have.
    pub known: Arc<KnownClient>,
}

/// Why a client is not believed.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// It is unknown, disabled, or the secret is wrong; the word is for the log alone.
    #[error("{0}")]
    Failed(&'static str),
    /// It failed too often from this address.
    #[error("too many failures")]
    TooManyFailures {
        /// When to try again.
        retry_after: Duration,
    },
    /// Too many secrets wait to be verified, or the database is busy.
    #[error("the service is busy")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The service failed.
    #[error("{0}")]
    Internal(String),
}

impl AuthenticationError {
    /// Whether it is the caller who failed, and not the service.
    pub fn is_the_callers(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::TooManyFailures { .. })
    }
}

impl From<StorageError> for AuthenticationError {
    fn from(error: StorageError) -> Self {
        match error.retry_after() {
            Some(retry_after) => Self::Busy { retry_after },
            None => Self::Internal(error.to_string()),
        }
    }
}

impl From<NotHashed> for AuthenticationError {
    fn from(error: NotHashed) -> Self {
        match error {
            NotHashed::Busy { retry_after } => Self::Busy { retry_after },
            NotHashed::Failed(error) => Self::Internal(error.to_string()),
        }
    }
}

/// What authentication needs.
pub struct Authenticator {
    storage: Storage,
    directory: ClientDirectory,
    pool: Arc<HashPool>,
    verified: VerifiedSecrets,
    failures: FailureLimits,
    uses: Mutex<HashMap<(ClientId, SecretId), UnixSeconds>>,
}

impl Authenticator {
    /// An authenticator with nothing verified yet.
    pub fn new(storage: Storage, pool: Arc<HashPool>, verified: VerifiedSecrets, failures: FailureLimits) -> Self {
        let directory = ClientDirectory::new(storage.clone());
        Self { storage, directory, pool, verified, failures, uses: Mutex::default() }
    }

    /// Authenticates. Only failures are counted against a limit: a client that knows its secret is
    /// never refused for what others do in its name.
    pub async fn authenticate(
        &self,
        credentials: Credentials,
        address: IpAddr,
        now: UnixSeconds,
    ) -> Result<Authenticated, AuthenticationError> {
        match self.check(&credentials.client_id, credentials.secret, address, now).await {
            Err(AuthenticationError::Failed(reason)) => {
                match self.failures.record_failure(&credentials.client_id, address) {
                    Verdict::Counted => Err(AuthenticationError::Failed(reason)),
                    Verdict::Exhausted { retry_after } => Err(AuthenticationError::TooManyFailures { retry_after }),
                }
            }
            other => other,
        }
    }

    async fn check(
        &self,
        client_id: &str,
        secret: Secret,
        address: IpAddr,
        now: UnixSeconds,
    ) -> Result<Authenticated, AuthenticationError> {
        // Both forms are public knowledge: refusing them early tells nobody who is registered here.
        let client_id: ClientId = client_id.parse().map_err(|_| AuthenticationError::Failed("client_id_malformed"))?;
        let secret = ClientSecret::presented(secret).ok_or(AuthenticationError::Failed("secret_malformed"))?;
        let secret_id = SecretId::of(&secret);
        let found = self.directory.look_up(&client_id, &secret_id).await?;
        let stored = found.known.as_ref().map(|known| known.hash.clone());
        let lane = Lane { address: address.into(), client: client_id.as_str().into() };
        let secret = Arc::new(secret);
        let hashing = self.pool.verify_client_secret(lane, stored.clone(), Arc::clone(&secret));
        let right = self.verified.verify(client_id.as_str(), stored.as_ref(), &secret, hashing).await?;
        let authenticated = believe(found, right)?;
        if authenticated.known.use_is_news(now, USE_RESOLUTION) {
            self.note_use(client_id, secret_id, now);
        }
        Ok(authenticated)
    }

    /// Remembers that a secret was used; written later, many at once ([`Authenticator::write_uses`]).
    fn note_use(&self, client_id: ClientId, secret_id: SecretId, now: UnixSeconds) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < MOST_USES_WAITING {
            uses.insert((client_id, secret_id), now);
        }
    }

    /// Writes when secrets were last used.
    pub async fn write_uses(&self) -> Result<(), StorageError> {
        let uses = std::mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner));
        if uses.is_empty() {
            return Ok(());
        }
        let mut change = self.storage.change().await?;
        change.secrets_used(&uses).await?;
        change.commit().await
    }
}

/// The last step, after the comparison was paid for.
fn believe(found: Found, right: bool) -> Result<Authenticated, AuthenticationError> {
    match found.known {
        Some(known) if right && !known.client.disabled => Ok(Authenticated { state: found.state, known }),
        Some(_) if right => Err(AuthenticationError::Failed("client_disabled")),
        Some(_) => Err(AuthenticationError::Failed("secret_wrong")),
        None => Err(AuthenticationError::Failed("client_or_secret_unknown")),
    }
}
