//! Signing in with a password, and changing it. Owns the order of the steps, so that an unknown user
//! and a wrong password cost and answer the same: limits, one look-up, one comparison, then a session.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bailiwick_core::UnixSeconds;

use crate::crypto::entropy::{Entropy, NoEntropy};
use crate::crypto::handle::HandleHash;
use crate::crypto::hash::{NewSalt, StoredHash};
use crate::crypto::pool::{HashPool, Lane, NotHashed};
use crate::crypto::secret::Secret;
use crate::limits::sign_ins::{Attempt, SignInLimits};
use crate::sessions::{BrowserHandle, SessionHandle};
use crate::storage::{Storage, StorageError, UserWithPassword};
use crate::users::{NewPassword, User, Username};

/// What somebody presents; nothing of it is believed yet.
pub struct Presented {
    /// As it was typed.
    pub username: String,
    /// As it was typed.
    pub password: Secret,
    /// The browser, by the hash of its handle.
    pub browser: HandleHash,
    /// The session that the browser had; it ends.
    pub session: Option<HandleHash>,
    /// From where.
    pub address: IpAddr,
}

/// Somebody who has signed in.
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// The new session.
    pub session: SessionHandle,
    /// The browser's new handle.
    pub browser: BrowserHandle,
}

/// What is to be done with a password that is changed by its user.
pub struct PasswordChange {
    /// The session in which it is done, to be replaced by a new one.
    pub session: HandleHash,
    /// The password until now.
    pub current: Secret,
    /// The one from now on.
    pub new: NewPassword,
    /// Whether the user's other sessions end.
    pub end_sessions: bool,
    /// Whether what clients were allowed ends.
    pub end_grants: bool,
    /// The browser, by the hash of its handle, where it shows one: the limits know it again.
    pub browser: Option<HandleHash>,
    /// From where.
    pub address: IpAddr,
}

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown, shut out, or the wrong password; the word is for the log alone.
    #[error("{0}")]
    Failed(&'static str),
    /// Too many attempts.
    #[error("too many attempts")]
    TooMany {
        /// When to try again.
        retry_after: Duration,
    },
    /// Too many passwords wait to be verified.
    #[error("the queue is full")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The service failed.
    #[error("{0}")]
    Internal(String),
}

impl SignInError {
    /// The stable word for logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Failed(reason) => reason,
            Self::TooMany { .. } => "too_many_attempts",
            Self::Busy { .. } => "busy",
            Self::Internal(_) => "internal",
        }
    }
}

impl From<StorageError> for SignInError {
    fn from(error: StorageError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<NoEntropy> for SignInError {
    fn from(error: NoEntropy) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<NotHashed> for SignInError {
    fn from(error: NotHashed) -> Self {
        match error {
            NotHashed::Busy { retry_after } => Self::Busy { retry_after },
            NotHashed::Failed(error) => Self::Internal(error.to_string()),
        }
    }
}

/// What signing in needs.
pub struct SignIn {
    storage: Storage,
    pool: Arc<HashPool>,
    limits: SignInLimits,
    entropy: Arc<dyn Entropy>,
}

impl SignIn {
    /// Signing in to that database.
    pub fn new(storage: Storage, pool: Arc<HashPool>, limits: SignInLimits, entropy: Arc<dyn Entropy>) -> Self {
        Self { storage, pool, limits, entropy }
    }

    /// Signs somebody in: a new session, and a new handle of the browser, so that neither can have
    /// been planted before.
    pub async fn sign_in(&self, presented: Presented, now: UnixSeconds) -> Result<SignedIn, SignInError> {
        let Presented { username, password, browser, session, address } = presented;
        let known = self.verify(&username, password, Some(&browser), address, now).await?;
        let (new_session, new_browser) =
            (SessionHandle::generate(self.entropy.as_ref())?, BrowserHandle::generate(self.entropy.as_ref())?);
        let mut change = self.storage.change().await?;
        let user_id = &known.user.user_id;
        if !change.password_is(user_id, known.password_hash.as_deref()).await? {
            return Err(SignInError::Failed("changed_meanwhile"));
        }
        if let Some(session) = session {
            change.end_session(&session).await?;
        }
        change.insert_session(&new_session.hash(), user_id, now).await?;
        change.remember_browser(Some(&browser), &new_browser.hash(), user_id, now).await?;
        change.commit().await?;
        Ok(SignedIn { user: known.user, session: new_session, browser: new_browser })
    }

    /// Changes the password of a user who has signed in and knows the present one. Gives the handle
    /// of the session that follows the one in which it was done.
    pub async fn change_password(
        &self,
        user: &User,
        wish: PasswordChange,
        now: UnixSeconds,
    ) -> Result<SessionHandle, SignInError> {
        let known = self.verify(user.username.as_str(), wish.current, wish.browser.as_ref(), wish.address, now).await?;
        let salt = NewSalt::generate(self.entropy.as_ref())?;
        let new = Arc::new(wish.new.into_secret());
        let hash = self.pool.hash_password(lane(user.username.as_str(), wish.address), new, salt).await?;
        let session = SessionHandle::generate(self.entropy.as_ref())?;
        let mut change = self.storage.change().await?;
        if !change.password_is(&user.user_id, known.password_hash.as_deref()).await? {
            return Err(SignInError::Failed("changed_meanwhile"));
        }
        let after = User { password_changed_at: Some(now), updated_at: now, ..known.user.clone() };
        change.update_user(&known.user, &after, Some(hash.as_str())).await?;
        change.end_session(&wish.session).await?;
        if wish.end_sessions {
            change.end_sessions_of(&user.user_id, None).await?;
        }
        if wish.end_grants {
            change.withdraw_all(&user.user_id, "password changed", now).await?;
        }
        change.insert_session(&session.hash(), &user.user_id, now).await?;
        change.commit().await?;
        Ok(session)
    }

    /// The user of that name with that password, who is not shut out.
    async fn verify(
        &self,
        typed: &str,
        password: Secret,
        browser: Option<&HandleHash>,
        address: IpAddr,
        now: UnixSeconds,
    ) -> Result<UserWithPassword, SignInError> {
        // The form is public knowledge; a text of another form is still an attempt.
        let username: Option<Username> = typed.parse().ok();
        let counted = typed.to_ascii_lowercase();
        let known_browser = match (&username, browser) {
            (Some(username), Some(browser)) if self.storage.knows_browser(browser, username, now).await? => {
                Some(browser)
            }
            _ => None,
        };
        let attempt = Attempt { username: &counted, address, known_browser };
        self.limits.take(attempt).map_err(|retry_after| SignInError::TooMany { retry_after })?;
        let found = match &username {
            Some(username) => self.storage.user_by_username(username).await?,
            None => None,
        };
        let stored = found.as_ref().and_then(|found| found.password_hash.as_deref()).map(str::parse::<StoredHash>);
        let stored = stored.transpose().map_err(|_| StorageError::Unreadable("hash of a password"))?;
        let right = self.pool.verify_password(lane(&counted, address), stored, Arc::new(password)).await?;
        match found {
            Some(found) if right && !found.user.disabled => {
                self.limits.succeeded(attempt);
                Ok(found)
            }
            Some(_) if right => Err(SignInError::Failed("user_disabled")),
            Some(_) => Err(SignInError::Failed("password_wrong")),
            None => Err(SignInError::Failed("user_unknown")),
        }
    }
}

/// Whose turn the hash takes. The space keeps the name apart from every client's.
fn lane(username: &str, address: IpAddr) -> Lane {
    Lane { address: address.into(), client: format!("user {username}").into() }
}
