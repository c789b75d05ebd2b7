//! What a grant rests on: the one reading behind codes, refresh tokens, introspection and what is given
//! without asking again. Owns whether a grant still stands and what it gives now; what ends grants for
//! good is [`Change`]'s, in the change of its cause.

use std::sync::Arc;

use bailiwick_core::{ClientId, ResourceUri, ScopeSet, UnixSeconds, resolve};

use super::error::OAuthError;
use crate::clients::{Client, GrantType};
use crate::current::Current;
use crate::custody::CustodyError;
use crate::delegation::{Allowed, Ceiling};
use crate::grants::Grant;
use crate::service::Service;
use crate::storage::{Change, StorageError};
use crate::users::{User, UserId};

/// The two whom a grant binds, and the policy, all as one change sees them: they stay true until it
/// commits.
pub struct Standing {
    /// Who acts.
    pub client: Client,
    /// For whom.
    pub user: User,
    /// Roles, resources and keys.
    pub current: Arc<Current>,
    /// The position of the revocation feed, read no later than the rest.
    pub position: u64,
    ceiling: Ceiling,
}

/// Why a grant gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum Lapsed {
    /// One of the two whom it binds.
    #[error("the client or the user is shut out, or the client may not act for people in this way")]
    ShutOut,
    /// What it is for.
    #[error("the resource of the grant is not there any more, or the client may not ask for it any more")]
    Resource,
    /// Its scopes.
    #[error("nothing of what was granted is allowed any more")]
    Nothing,
    /// Its time.
    #[error("the grant has ended")]
    Ended,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The policy cannot be had.
    #[error(transparent)]
    Keys(#[from] CustodyError),
}

impl Standing {
    /// Reads what a client rests on that acts for a user by way of `grant_type`.
    pub async fn read(
        change: &mut Change<'_>,
        service: &Service,
        grant_type: GrantType,
        client_id: &ClientId,
        user_id: &UserId,
    ) -> Result<Self, Lapsed> {
        let state = change.state().await?;
        let client = change.client(client_id).await?.filter(|client| !client.disabled && client.may_use(grant_type));
        let user = change.user(user_id).await?.filter(|user| !user.disabled);
        let (Some(client), Some(user)) = (client, user) else { return Err(Lapsed::ShutOut) };
        let current = service.current.at(state.policy_version).await?;
        Ok(Self { client, user, current, position: state.feed_position, ceiling: service.ceiling.clone() })
    }

    /// Reads what a grant rests on that is refreshed `now`.
    pub async fn of_grant(
        change: &mut Change<'_>,
        service: &Service,
        grant: &Grant,
        now: UnixSeconds,
    ) -> Result<Self, Lapsed> {
        if grant.expires_at <= now {
            return Err(Lapsed::Ended);
        }
        Self::read(change, service, GrantType::RefreshToken, &grant.client_id, &grant.user_id).await
    }

    /// What is given now of `granted` at `resource`: the part of it that both still may.
    pub fn gives(&self, resource: &ResourceUri, granted: &ScopeSet) -> Result<Allowed<'_>, Lapsed> {
        let policy = &self.current.policy;
        let Allowed { resource, scope } = self
            .ceiling
            .allowed(&self.client, &self.user, Some(resource.as_str()), policy)
            .map_err(|_| Lapsed::Resource)?;
        let both = granted.intersection(&scope, &resource.tools);
        let scope = resolve(None, &both, &resource.tools).map_err(|_| Lapsed::Nothing)?;
        Ok(Allowed { resource, scope })
    }
}

impl Lapsed {
    /// As the authorization endpoint says it, which knows no `invalid_grant` (RFC 6749 section 4.1.2.1).
    pub fn at_authorization(self) -> OAuthError {
        match self {
            Self::ShutOut | Self::Ended => OAuthError::UnauthorizedClient(self.to_string()),
            Self::Resource => OAuthError::InvalidTarget(self.to_string()),
            Self::Nothing => OAuthError::InvalidScope(self.to_string()),
            failed => failed.into(),
        }
    }
}

impl From<Lapsed> for OAuthError {
    fn from(lapsed: Lapsed) -> Self {
        match lapsed {
            Lapsed::Storage(error) => error.into(),
            Lapsed::Keys(error) => error.into(),
            over => Self::InvalidGrant(over.to_string()),
        }
    }
}
