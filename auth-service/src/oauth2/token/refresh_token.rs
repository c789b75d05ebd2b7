//! The refresh token grant (OAuth 2.1 section 4.3): each token is used once and gives the next. One
//! that comes again is a retry within ten seconds, or stolen (docs/decisions, retries of a refresh).

use bailiwick_core::{ResourceUri, UnixSeconds};

use super::TokenResponse;
use super::delegated::issue;
use crate::clients::Client;
use crate::grants::{Grant, RequestedScope};
use crate::oauth2::error::OAuthError;
use crate::oauth2::form::Form;
use crate::oauth2::standing::Standing;
use crate::refresh_tokens::{Coming, RefreshHandle, RefreshToken};
use crate::service::Service;
use crate::storage::Change;

/// The next access and refresh token of a grant, in one transaction with the use of the last.
pub async fn grant(service: &Service, client: &Client, form: &Form) -> Result<TokenResponse, OAuthError> {
    let unknown = || OAuthError::InvalidGrant("the refresh token is not known, or its grant has ended".to_owned());
    let handle = RefreshHandle::presented(form.required("refresh_token")?).ok_or_else(unknown)?;
    let now = service.clock.now();
    let mut change = service.storage.change().await?;
    let token = change.refresh_token(&handle.hash()).await?.ok_or_else(unknown)?;
    let grant = change.grant(&token.grant_id).await?.ok_or_else(unknown)?;
    if grant.client_id != client.client_id {
        return Err(unknown());
    }
    check_resource(&grant, form.get("resource"))?;
    let next = handle.successor(&service.custody.refresh_token_key());
    let issued_before = change.refresh_token(&next.hash()).await?;
    match token.coming(issued_before.as_ref(), now) {
        Coming::Live => rotate(&mut change, &token, &next, now).await?,
        Coming::Retry => {}
        Coming::Expired => return Err(unknown()),
        Coming::Reused => return Err(end_reused(change, &grant, now).await?),
    }
    let standing = Standing::of_grant(&mut change, service, &grant, now).await?;
    let end = Grant::end(grant.created_at, true, standing.client.access_token_lifetime(), now);
    change.grant_used(&grant.grant_id, now, end).await?;
    // What was granted may be named as it was (RFC 6749 section 6); a refresh token comes in any case.
    let wanted = RequestedScope::read(form.get("scope"));
    let next = Some(next.expose().to_owned());
    let answer = issue(service, &standing, &grant, wanted.scope.as_deref(), next)?;
    change.commit().await?;
    Ok(answer)
}

async fn rotate(
    change: &mut Change<'_>,
    token: &RefreshToken,
    next: &RefreshHandle,
    now: UnixSeconds,
) -> Result<(), OAuthError> {
    change.use_refresh_token(&token.token_hash, now).await?;
    let next =
        RefreshToken { token_hash: next.hash(), grant_id: token.grant_id.clone(), issued_at: now, used_at: None };
    Ok(change.insert_refresh_token(&next).await?)
}

/// Two hold the same token, and nobody can tell who is the thief: the grant ends for both.
async fn end_reused(mut change: Change<'_>, grant: &Grant, now: UnixSeconds) -> Result<OAuthError, OAuthError> {
    change.end_grant(&grant.grant_id, "refresh token reused", now).await?;
    change.commit().await?;
    tracing::warn!(
        reason = "refresh_token_reused", client_id = %grant.client_id, sub = %grant.user_id,
        grant_id = %grant.grant_id, "grant ended"
    );
    Ok(OAuthError::InvalidGrant("the refresh token was used before; its grant has ended".to_owned()))
}

/// A grant is for one resource; naming it is asked of nobody (RFC 8707 section 2.2).
fn check_resource(grant: &Grant, requested: Option<&str>) -> Result<(), OAuthError> {
    let is_granted = |text: &str| text.parse::<ResourceUri>().is_ok_and(|uri| uri == grant.resource);
    match requested {
        Some(text) if !is_granted(text) => {
            Err(OAuthError::InvalidTarget(format!("the grant is for {}", grant.resource)))
        }
        _ => Ok(()),
    }
}
