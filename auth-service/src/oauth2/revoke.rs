//! The revocation endpoint (RFC 7009): a client takes back a token of its own. With a refresh token its
//! whole grant ends.

use actix_web::{HttpRequest, HttpResponse, web};
use bailiwick_core::{ClientId, Subject, SubjectKind};
use utoipa::ToSchema;

use super::client_authentication;
use super::error::{ErrorBody, OAuthError};
use super::form::Form;
use crate::caller::Caller;
use crate::refresh_tokens::RefreshHandle;
use crate::service::Service;
use crate::tokens::ExamineError;

/// The parameters of a revocation or introspection request.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only the description of the form")]
pub struct TokenParameter {
    /// The token.
    token: String,
    /// Ignored: the service knows its tokens.
    token_type_hint: Option<String>,
}

/// Revokes a token of the client that asks.
#[utoipa::path(
    post, path = "/oauth2/revoke", tag = "OAuth", security(("client" = [])),
    request_body(content = TokenParameter, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token is not valid any more, or never was"),
        (status = 400, description = "invalid_request; unauthorized_client where the token is another client's", body = ErrorBody),
        (status = 401, description = "invalid_client", body = ErrorBody),
    ),
)]
pub async fn revoke(
    request: HttpRequest,
    form: Result<Form, OAuthError>,
    service: web::Data<Service>,
) -> Result<HttpResponse, OAuthError> {
    let mut caller = Caller::of(&request, &service);
    let outcome = take_back(&request, form, &service, &mut caller).await;
    outcome.inspect_err(|error| caller.refused("revocation", error.word(), error))
}

async fn take_back(
    request: &HttpRequest,
    form: Result<Form, OAuthError>,
    service: &Service,
    caller: &mut Caller,
) -> Result<HttpResponse, OAuthError> {
    let mut form = form?;
    let identified = client_authentication::identify(request, &mut form, service, caller).await?;
    let client_id = &identified.client().client_id;
    if let Some(handle) = RefreshHandle::presented(form.required("token")?) {
        end_grant(service, client_id, &handle).await?;
        return Ok(HttpResponse::Ok().finish());
    }
    let claims = match service.examine(form.required("token")?).await {
        Ok(claims) => claims,
        // RFC 7009 section 2.2: an invalid token is answered as a revoked one.
        Err(ExamineError::Invalid(_)) => return Ok(HttpResponse::Ok().finish()),
        Err(other) => return Err(other.into()),
    };
    if &claims.client_id != client_id {
        return Err(other_client());
    }
    let subject = Subject::new(SubjectKind::Token, claims.jti.as_str());
    let mut change = service.storage.change().await?;
    change.revoke(&subject, "revoked by its client", service.clock.now()).await?;
    change.commit().await?;
    Ok(HttpResponse::Ok().finish())
}

/// Ends the grant that a refresh token belongs to, used or not; what is not known has ended already.
async fn end_grant(service: &Service, client_id: &ClientId, handle: &RefreshHandle) -> Result<(), OAuthError> {
    let mut change = service.storage.change().await?;
    let Some(token) = change.refresh_token(&handle.hash()).await? else { return Ok(()) };
    let Some(grant) = change.grant(&token.grant_id).await? else { return Ok(()) };
    if &grant.client_id != client_id {
        return Err(other_client());
    }
    change.end_grant(&grant.grant_id, "revoked by its client", service.clock.now()).await?;
    change.commit().await?;
    tracing::info!(%client_id, grant_id = %grant.grant_id, "grant revoked");
    Ok(())
}

fn other_client() -> OAuthError {
    OAuthError::UnauthorizedClient("the token was issued to another client".to_owned())
}
