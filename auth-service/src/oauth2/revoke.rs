//! The revocation endpoint (RFC 7009): a client takes back a token of its own.

use actix_web::{HttpRequest, HttpResponse, web};
use bailiwick_core::{Subject, SubjectKind};
use utoipa::ToSchema;

use super::client_authentication;
use super::error::{ErrorBody, OAuthError};
use super::form::Form;
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
pub async fn revoke(request: HttpRequest, form: Form, service: web::Data<Service>) -> Result<HttpResponse, OAuthError> {
    let mut form = form;
    let credentials = client_authentication::presented(&request, &mut form)?;
    let authenticated = service.authenticate(credentials, service.address_of(&request)).await?;
    let claims = match service.examine(form.required("token")?).await {
        Ok(claims) => claims,
        // RFC 7009 section 2.2: an invalid token is answered as a revoked one.
        Err(ExamineError::Invalid(_)) => return Ok(HttpResponse::Ok().finish()),
        Err(other) => return Err(OAuthError::Internal(other.to_string())),
    };
    let client_id = &authenticated.known.client.client_id;
    if &claims.client_id != client_id {
        return Err(OAuthError::UnauthorizedClient("the token was issued to another client".to_owned()));
    }
    let subject = Subject::new(SubjectKind::Token, claims.jti.as_str());
    let mut change = service.storage.change().await?;
    change.revoke(&subject, "revoked by its client", service.clock.now()).await?;
    change.commit().await?;
    Ok(HttpResponse::Ok().finish())
}
