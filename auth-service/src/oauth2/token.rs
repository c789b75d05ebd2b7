//! The token endpoint (RFC 6749 section 3.2). Owns the way from request to grant; each grant is a
//! file beside this one, and the next one is a line in [`token`].

mod authorization_code;
mod client_credentials;
mod delegated;
mod refresh_token;

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bailiwick_core::ScopeSet;
use serde::Serialize;
use utoipa::ToSchema;

use super::client_authentication;
use super::error::{ErrorBody, OAuthError};
use super::form::Form;
use crate::caller::Caller;
use crate::clients::GrantType;
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
    /// What gives the next one, of a grant with `offline_access`: used once, then replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// The parameters of a token request.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only the description of the form")]
pub struct TokenRequest {
    /// `client_credentials`, `authorization_code` or `refresh_token`.
    grant_type: String,
    /// The code, with `authorization_code`.
    code: Option<String>,
    /// What the code's challenge was made of (RFC 7636).
    code_verifier: Option<String>,
    /// Where the code was sent; compared where it is given.
    redirect_uri: Option<String>,
    /// The refresh token, with `refresh_token`.
    refresh_token: Option<String>,
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
        (status = 400, description = "invalid_request, invalid_grant, unauthorized_client, unsupported_grant_type, invalid_scope, invalid_target", body = ErrorBody),
        (status = 401, description = "invalid_client", body = ErrorBody),
        (status = 408, description = "The body did not come within 10 seconds", body = ErrorBody),
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
    let mut caller = Caller::of(&request, &service);
    let outcome = issue(&request, form, &service, &mut caller).await;
    service.metrics.token_request(outcome.as_ref().map_or_else(OAuthError::word, |_| "issued"));
    let answer = outcome.inspect_err(|error| caller.refused("token", error.word(), error))?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(answer))
}

async fn issue(
    request: &HttpRequest,
    form: Result<Form, OAuthError>,
    service: &Arc<Service>,
    caller: &mut Caller,
) -> Result<TokenResponse, OAuthError> {
    let mut form = form?;
    let grant_type = form.required("grant_type")?.to_owned();
    let identified = client_authentication::identify(request, &mut form, service, caller).await?;
    let unsupported = |text: &str| OAuthError::UnsupportedGrantType(text.to_owned());
    let grant_type: GrantType = grant_type.parse().map_err(unsupported)?;
    let client = identified.client();
    if !client.may_use(grant_type) {
        let sentence = format!("the client is not registered for the grant {}", grant_type.as_str());
        return Err(OAuthError::UnauthorizedClient(sentence));
    }
    match grant_type {
        GrantType::ClientCredentials => client_credentials::grant(service, identified.authenticated()?, &form).await,
        GrantType::AuthorizationCode => authorization_code::grant(service, client, &form).await,
        GrantType::RefreshToken => refresh_token::grant(service, client, &form).await,
    }
}
