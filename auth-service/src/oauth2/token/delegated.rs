//! The access token under a user's grant, for the grants that end in one. Owns that it rests on what
//! its [`Standing`] read in the transaction in which it is issued, and on nothing else.

use bailiwick_core::resolve;

use super::TokenResponse;
use crate::delegation::Allowed;
use crate::grants::Grant;
use crate::oauth2::error::OAuthError;
use crate::oauth2::standing::Standing;
use crate::service::Service;
use crate::tokens::{NewToken, OnBehalfOf};

/// A token for what `grant` still gives; `scope` narrows it further.
pub fn issue(
    service: &Service,
    standing: &Standing,
    grant: &Grant,
    scope: Option<&str>,
    refresh_token: Option<String>,
) -> Result<TokenResponse, OAuthError> {
    let Allowed { resource, scope: allowed } = standing.gives(&grant.resource, &grant.scope)?;
    let scope =
        resolve(scope, &allowed, &resource.tools).map_err(|refusal| OAuthError::InvalidScope(refusal.to_string()))?;
    let lifetime = standing.client.access_token_lifetime();
    let issued = service.issue(
        &standing.current.keys,
        NewToken {
            client: &standing.client,
            on_behalf_of: Some(OnBehalfOf { user: &standing.user, grant_id: &grant.grant_id }),
            resource,
            scope,
            lifetime,
            position: standing.position,
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
