//! The authorization code grant (OAuth 2.1 section 4.1.3): a code becomes a token, once. Whoever
//! brings a code again ends what it gave the first time (RFC 9700 section 2.1.1, RFC 6749 4.1.2).

use bailiwick_core::{ClientId, UnixSeconds};

use super::TokenResponse;
use super::delegated::issue;
use crate::authorization_codes::{AuthorizationCode, CodeHandle, CodeRefusal, Redemption};
use crate::clients::{Client, GrantType};
use crate::grants::Grant;
use crate::oauth2::error::OAuthError;
use crate::oauth2::form::Form;
use crate::oauth2::standing::Standing;
use crate::refresh_tokens::{RefreshHandle, RefreshToken};
use crate::service::Service;
use crate::storage::Change;

/// The token that a code is good for, in one transaction with its consumption.
pub async fn grant(service: &Service, client: &Client, form: &Form) -> Result<TokenResponse, OAuthError> {
    let unknown = || OAuthError::InvalidGrant("the code is not known".to_owned());
    let handle = CodeHandle::presented(form.required("code")?).ok_or_else(unknown)?;
    let redemption = Redemption {
        client_id: &client.client_id,
        redirect_uri: form.get("redirect_uri"),
        code_verifier: form.required("code_verifier")?,
        resource: form.get("resource"),
    };
    let now = service.clock.now();
    let mut change = service.storage.change().await?;
    let code = change.code(&handle.hash()).await?.ok_or_else(unknown)?;
    if let Err(refusal) = code.check(&redemption, now) {
        if refusal == CodeRefusal::Replayed {
            end_replayed(change, &code, now).await?;
        }
        return Err(refused(refusal));
    }
    let standing =
        Standing::read(&mut change, service, GrantType::AuthorizationCode, &client.client_id, &code.user_id).await?;
    if !standing.client.accepts_redirect(&code.redirect_uri) {
        return Err(OAuthError::InvalidGrant("the code was sent to where the client is not any more".to_owned()));
    }
    let grant = begun(&code, &standing.client, now);
    change.consume_code(&code.code_hash).await?;
    change.insert_grant(&grant).await?;
    let refresh_token = if grant.offline_access && standing.client.may_use(GrantType::RefreshToken) {
        Some(first_refresh_token(service, &mut change, &grant, now).await?)
    } else {
        None
    };
    let answer = issue(service, &standing, &grant, None, refresh_token)?;
    change.commit().await?;
    Ok(answer)
}

fn begun(code: &AuthorizationCode, client: &Client, now: UnixSeconds) -> Grant {
    Grant {
        grant_id: code.grant_id.clone(),
        user_id: code.user_id.clone(),
        client_id: code.client_id.clone(),
        resource: code.resource.clone(),
        scope: code.scope.clone(),
        offline_access: code.offline_access,
        created_at: now,
        last_used_at: now,
        expires_at: Grant::end(now, code.offline_access, client.access_token_lifetime(), now),
    }
}

async fn first_refresh_token(
    service: &Service,
    change: &mut Change<'_>,
    grant: &Grant,
    now: UnixSeconds,
) -> Result<String, OAuthError> {
    let handle =
        RefreshHandle::generate(service.entropy.as_ref()).map_err(|error| OAuthError::Internal(error.to_string()))?;
    let token =
        RefreshToken { token_hash: handle.hash(), grant_id: grant.grant_id.clone(), issued_at: now, used_at: None };
    change.insert_refresh_token(&token).await?;
    Ok(handle.expose().to_owned())
}

async fn end_replayed(mut change: Change<'_>, code: &AuthorizationCode, now: UnixSeconds) -> Result<(), OAuthError> {
    change.end_grant(&code.grant_id, "authorization code replayed", now).await?;
    change.commit().await?;
    let client_id: &ClientId = &code.client_id;
    tracing::warn!(reason = "code_replayed", %client_id, sub = %code.user_id, grant_id = %code.grant_id, "grant ended");
    Ok(())
}

fn refused(refusal: CodeRefusal) -> OAuthError {
    match refusal {
        CodeRefusal::Resource => OAuthError::InvalidTarget(refusal.to_string()),
        other => OAuthError::InvalidGrant(other.to_string()),
    }
}
