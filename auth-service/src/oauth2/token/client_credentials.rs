//! The client credentials grant (RFC 6749 section 4.4): the client acts for itself, and has proved
//! who it is.

use bailiwick_core::resolve;

use super::TokenResponse;
use crate::authentication::Authenticated;
use crate::oauth2::error::OAuthError;
use crate::oauth2::form::Form;
use crate::service::Service;
use crate::tokens::NewToken;

/// A token of the authenticated client for itself.
pub async fn grant(service: &Service, authenticated: &Authenticated, form: &Form) -> Result<TokenResponse, OAuthError> {
    let client = &authenticated.known.client;
    let current = service.current.at(authenticated.state.policy_version).await?;
    let allowed = current.policy.allowed(&client.roles);
    let resource = current
        .policy
        .target(client, &allowed, form.get("resource"))
        .map_err(|error| OAuthError::InvalidTarget(error.to_string()))?;
    let scope = resolve(form.get("scope"), &allowed, &resource.tools)
        .map_err(|refusal| OAuthError::InvalidScope(refusal.to_string()))?;
    let lifetime = client.access_token_lifetime();
    let issued = service.issue(
        &current.keys,
        NewToken { client, on_behalf_of: None, resource, scope, lifetime, position: authenticated.state.feed_position },
    )?;
    Ok(TokenResponse {
        access_token: issued.token,
        token_type: "Bearer",
        expires_in: lifetime.as_secs(),
        scope: issued.scope,
        refresh_token: None,
    })
}
