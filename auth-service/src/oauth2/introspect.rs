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
use super::standing::Standing;
use crate::caller::Caller;
use crate::clients::Client;
use crate::grants::Grant;
use crate::policy::GUARD_ROLE;
use crate::refresh_tokens::{Coming, RefreshHandle, RefreshToken};
use crate::service::Service;
use crate::storage::Change;
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
    form: Result<Form, OAuthError>,
    service: web::Data<Service>,
) -> Result<HttpResponse, OAuthError> {
    let mut caller = Caller::of(&request, &service);
    let outcome = answer(&request, form, &service, &mut caller).await;
    outcome.inspect_err(|error| caller.refused("introspection", error.word(), error))
}

async fn answer(
    request: &HttpRequest,
    form: Result<Form, OAuthError>,
    service: &Service,
    caller: &mut Caller,
) -> Result<HttpResponse, OAuthError> {
    let mut form = form?;
    let identified = client_authentication::identify(request, &mut form, service, caller).await?;
    let client = &identified.authenticated()?.known.client;
    if let Some(handle) = RefreshHandle::presented(form.required("token")?) {
        let body = RefreshIntrospection::of(&handle, client, service).await?;
        return Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(body));
    }
    let claims = match service.examine(form.required("token")?).await {
        Ok(claims) => Some(claims),
        Err(ExamineError::Invalid(_)) => None,
        Err(other) => return Err(other.into()),
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

impl RefreshIntrospection {
    /// Active is the live token of a grant that the token endpoint would go on with.
    async fn of(handle: &RefreshHandle, client: &Client, service: &Service) -> Result<Self, OAuthError> {
        let now = service.clock.now();
        let mut change = service.storage.change().await?;
        let Some(token) = change.refresh_token(&handle.hash()).await? else { return Ok(Self::default()) };
        let Some(grant) = change.grant(&token.grant_id).await? else { return Ok(Self::default()) };
        if token.coming(None, now) != Coming::Live || grant.client_id != client.client_id {
            return Ok(Self::default());
        }
        match still_given(&mut change, &grant, now, service).await {
            Ok(scope) => Ok(Self { active: true, grant: Some(told(grant, scope, &token)) }),
            Err(OAuthError::InvalidGrant(_)) => Ok(Self::default()),
            Err(failed) => Err(failed),
        }
    }
}

async fn still_given(
    change: &mut Change<'_>,
    grant: &Grant,
    now: UnixSeconds,
    service: &Service,
) -> Result<ScopeSet, OAuthError> {
    let standing = Standing::of_grant(change, service, grant, now).await?;
    Ok(standing.gives(&grant.resource, &grant.scope)?.scope)
}

fn told(grant: Grant, scope: ScopeSet, token: &RefreshToken) -> GrantIntrospection {
    GrantIntrospection {
        client_id: grant.client_id,
        sub: grant.user_id.to_string(),
        aud: grant.resource.to_string(),
        scope,
        grant_id: grant.grant_id.to_string(),
        iat: token.issued_at,
        exp: grant.expires_at,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_says_each_member_once_whatever_claims_a_client_has_from_before() {
        let others = [("active", json!(false)), ("token_type", json!("N_A")), ("username", json!("root"))];
        let others = others.into_iter().chain([("id", json!(7))]);
        let claims = Claims {
            iss: "https://id.example".parse().unwrap(),
            sub: "agent".to_owned(),
            aud: "https://hr.example/mcp".parse().unwrap(),
            client_id: "agent".parse().unwrap(),
            iat: UnixSeconds(1),
            nbf: None,
            exp: UnixSeconds(2),
            jti: "t".parse().unwrap(),
            scope: ScopeSet::default(),
            roles: Vec::new(),
            rev: None,
            grant_id: None,
            others: others.map(|(name, value)| (name.to_owned(), value)).collect(),
        };
        let text = serde_json::to_string(&Introspection::of(Some(claims))).unwrap();
        for name in ["active", "token_type", "username", "id"] {
            assert!(text.matches(&format!("\"{name}\":")).count() <= 1, "{text}");
        }
        assert!(text.contains(r#""active":true"#) && text.contains(r#""token_type":"Bearer""#), "{text}");
        assert!(text.contains(r#""id":7"#) && !text.contains("root"), "{text}");
    }
}
