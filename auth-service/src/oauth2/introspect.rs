//! The introspection endpoint (RFC 7662): what a token says, told to its own client and to the
//! guard of its resource. Anybody else learns nothing, not even that it is valid.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bailiwick_core::{Claims, ClientId, ScopeSet, UnixSeconds};
use serde::Serialize;
use utoipa::ToSchema;

use super::client_authentication;
use super::error::{ErrorBody, OAuthError};
use super::form::Form;
use super::revoke::TokenParameter;
use crate::clients::Client;
use crate::policy::GUARD_ROLE;
use crate::refresh_tokens::{Coming, RefreshHandle};
use crate::service::Service;
use crate::tokens::ExamineError;

/// What is told of a token (RFC 7662 section 2.2).
#[derive(Serialize, ToSchema)]
pub struct Introspection {
    /// Whether it is valid now, and the caller's business.
    active: bool,
    /// `Bearer`, where it is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// Its claims, where it is active.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    claims: Option<Claims>,
}

/// What is told of a refresh token, to its own client alone.
#[derive(Default, Serialize)]
struct RefreshIntrospection {
    active: bool,
    #[serde(flatten)]
    grant: Option<GrantIntrospection>,
}

#[derive(Serialize)]
struct GrantIntrospection {
    client_id: ClientId,
    sub: String,
    aud: String,
    scope: ScopeSet,
    grant_id: String,
    iat: UnixSeconds,
    exp: UnixSeconds,
}

/// Tells what a token says.
#[utoipa::path(
    post, path = "/oauth2/introspect", tag = "OAuth", security(("client" = [])),
    request_body(content = TokenParameter, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The claims, or {\"active\": false}", body = Introspection),
        (status = 400, description = "invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_client", body = ErrorBody),
    ),
)]
pub async fn introspect(
    request: HttpRequest,
    form: Form,
    service: web::Data<Service>,
) -> Result<HttpResponse, OAuthError> {
    let mut form = form;
    let identified = client_authentication::identify(&request, &mut form, &service).await?;
    let client = &identified.authenticated()?.known.client;
    if let Some(handle) = RefreshHandle::presented(form.required("token")?) {
        let body = RefreshIntrospection::of(&handle, client, &service).await?;
        return Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(body));
    }
    let claims = match service.examine(form.required("token")?).await {
        Ok(claims) => Some(claims),
        Err(ExamineError::Invalid(_)) => None,
        Err(other) => return Err(OAuthError::Internal(other.to_string())),
    };
    let body = Introspection::of(claims.filter(|claims| may_know(client, claims)));
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(body))
}

/// The token's own client may, and a guard whose `resources` hold the token's audience.
fn may_know(client: &Client, claims: &Claims) -> bool {
    let is_guard = client.roles.iter().any(|role| role.as_str() == GUARD_ROLE);
    let guards_it = is_guard && client.resources.as_ref().is_some_and(|resources| resources.contains(&claims.aud));
    client.client_id == claims.client_id || guards_it
}

impl RefreshIntrospection {
    /// Active is the live token of a grant that has not ended.
    async fn of(handle: &RefreshHandle, client: &Client, service: &Service) -> Result<Self, OAuthError> {
impl Introspection {
    /// The answer about a token that says this; `None`: it is not valid, or none of the caller's business.
    fn of(claims: Option<Claims>) -> Self {
        let token_type = claims.is_some().then_some("Bearer");
        Self { active: claims.is_some(), token_type, claims: claims.map(without_our_words) }
    }
}

/// A client that was registered before these words were reserved may have claims of their names; the
/// answer says each of its members once.
fn without_our_words(mut claims: Claims) -> Claims {
    claims.others.retain(|name, _| !["active", "token_type", "username"].contains(&name.as_str()));
    claims
}

        let now = service.clock.now();
        let mut change = service.storage.change().await?;
        let Some(token) = change.refresh_token(&handle.hash()).await? else { return Ok(Self::default()) };
        let grant = change.grant(&token.grant_id).await?;
        let is_live = token.coming(None, now) == Coming::Live;
        let known = grant.filter(|grant| is_live && grant.client_id == client.client_id && grant.expires_at > now);
        let told = known.map(|grant| GrantIntrospection {
            client_id: grant.client_id,
            sub: grant.user_id.to_string(),
            aud: grant.resource.to_string(),
            scope: grant.scope,
            grant_id: grant.grant_id.to_string(),
            iat: token.issued_at,
            exp: grant.expires_at,
        });
        Ok(Self { active: told.is_some(), grant: told })
    }
}
