//! The access token under a user's grant, for the grants that end in one. Owns that it rests on what
//! is true in the transaction in which it is issued: the client, the user, and the feed's position.

use std::time::Duration;

use bailiwick_core::{ClientId, resolve};

use super::TokenResponse;
use crate::clients::Client;
use crate::grants::Grant;
use crate::oauth2::error::OAuthError;
use crate::service::Service;
use crate::storage::{Change, State};
use crate::tokens::{NewToken, OnBehalfOf};
use crate::users::{User, UserId};

/// The two whom a grant binds, as one change sees them.
pub struct Parties {
    state: State,
    client: Client,
    user: User,
}

impl Parties {
    /// Reads them; who is gone or shut out has no grant any more.
    pub async fn read(change: &mut Change<'_>, client_id: &ClientId, user_id: &UserId) -> Result<Self, OAuthError> {
        let state = change.state().await?;
        let client = change.client(client_id).await?.filter(|client| !client.disabled);
        let user = change.user(user_id).await?.filter(|user| !user.disabled);
        match (client, user) {
            (Some(client), Some(user)) => Ok(Self { state, client, user }),
            _ => Err(OAuthError::InvalidGrant("the client or the user is shut out".to_owned())),
        }
    }

    /// How long the token will live.
    pub fn lifetime(&self) -> Duration {
        self.client.access_token_lifetime()
    }

    /// A token for what the grant allows, and both still may; `scope` narrows it further.
    pub async fn issue(
        &self,
        service: &Service,
        grant: &Grant,
        scope: Option<&str>,
        refresh_token: Option<String>,
    ) -> Result<TokenResponse, OAuthError> {
        let current = service.current.at(self.state.policy_version).await?;
        let gone = || OAuthError::InvalidGrant("the resource of the grant is not there any more".to_owned());
        let resource = current.policy.resource_at(&grant.resource).ok_or_else(gone)?;
        let both = service.ceiling.of_both(&self.client, &self.user, resource, &current.policy);
        let allowed = grant.scope.intersection(&both, &resource.tools);
        let scope = resolve(scope, &allowed, &resource.tools)
            .map_err(|refusal| OAuthError::InvalidScope(refusal.to_string()))?;
        let lifetime = self.lifetime();
        let issued = service.issue(
            &current.keys,
            NewToken {
                client: &self.client,
                on_behalf_of: Some(OnBehalfOf { user: &self.user, grant_id: &grant.grant_id }),
                resource,
                scope,
                lifetime,
                position: self.state.feed_position,
            },
        )?;
        Ok(TokenResponse {
            access_token: issued.token,
            token_type: "Bearer",
            expires_in: lifetime.as_secs(),
            scope: issued.scope,
            refresh_token,
        })
    }
}
