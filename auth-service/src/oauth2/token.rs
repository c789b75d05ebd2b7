//! The token endpoint (RFC 6749 section 3.2). Owns the way from request to grant; each grant is a
//! file beside this one, and the next one is a line in [`token`].

mod client_credentials;

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bailiwick_core::ScopeSet;
use serde::Serialize;
use utoipa::ToSchema;

use super::client_authentication;
use super::error::{ErrorBody, OAuthError};
use super::form::Form;
use crate::clients::GRANT_TYPES;
use crate::service::Service;

/// A successful answer (RFC 6749 section 5.1).
#[derive(Serialize, ToSchema)]
pub struct TokenResponse {
    /// The access token, a JWT (RFC 9068).
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Its lifetime in seconds.
    expires_in: u64,
    /// What it opens.
    #[schema(value_type = String)]
    scope: ScopeSet,
}

/// The parameters of a token request.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only the description of the form")]
pub struct TokenRequest {
    /// `client_credentials`.
    grant_type: String,
    /// The resource that the token is for (RFC 8707); may be left out where there is only one.
    resource: Option<String>,
    /// Scopes separated by spaces; left out: all that is allowed there.
    scope: Option<String>,
    /// With `client_secret`, where no `Authorization: Basic` header is sent.
    client_id: Option<String>,
    /// The secret (`client_secret_post`).
    client_secret: Option<String>,
}

/// Issues an access token.
#[utoipa::path(
    post, path = "/oauth2/token", tag = "OAuth", security(("client" = []), ()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token (RFC 6749 section 5.1)", body = TokenResponse),
        (status = 400, description = "invalid_request, unsupported_grant_type, invalid_scope, invalid_target", body = ErrorBody),
        (status = 401, description = "invalid_client", body = ErrorBody),
        (status = 413, description = "The body has more than 64 KiB", body = ErrorBody),
        (status = 429, description = "Too many failed attempts; Retry-After says when", body = ErrorBody),
        (status = 503, description = "Busy; Retry-After says when", body = ErrorBody),
    ),
)]
pub async fn token(
    request: HttpRequest,
    form: Result<Form, OAuthError>,
    service: web::Data<Service>,
) -> Result<HttpResponse, OAuthError> {
    let outcome = issue(&request, form, &service).await;
    service.metrics.token_request(outcome.as_ref().map_or_else(OAuthError::word, |_| "issued"));
    let answer =
        outcome.inspect_err(|error| tracing::info!(outcome = error.word(), reason = %error, "token refused"))?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

async fn issue(
    request: &HttpRequest,
    form: Result<Form, OAuthError>,
    service: &Arc<Service>,
) -> Result<TokenResponse, OAuthError> {
    let mut form = form?;
    let grant_type = form.required("grant_type")?.to_owned();
    let credentials = client_authentication::presented(request, &mut form)?;
    let authenticated = service.authenticate(credentials, service.address_of(request)).await?;
    match grant_type.as_str() {
        "client_credentials" => client_credentials::grant(service, &authenticated, &form).await,
        _ => Err(OAuthError::UnsupportedGrantType(format!("grant_type must be {}", GRANT_TYPES.join(" or ")))),
    }
}
