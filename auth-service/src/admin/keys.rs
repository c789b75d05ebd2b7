//! `/admin/v1/keys`: the signing keys, the turn to the next, and the end of one that was stolen.

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use bailiwick_core::{Algorithm, KeyId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::AdminError;
use super::json::{bytes, read, segment};
use super::listing::Page;
use crate::custody::Takeover;
use crate::keys::KeyView;
use crate::oauth2::error::ErrorBody;
use crate::service::Service;

/// A page of keys.
#[derive(Serialize, ToSchema)]
pub struct KeyList {
    /// The keys, ordered by `kid`.
    keys: Vec<KeyView>,
    /// What to send as `after` for the next page; `null` on the last.
    next: Option<String>,
}

/// How to turn to the next key.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// Whether the new key signs at once, instead of after 300 seconds of being published.
    now: bool,
    /// What the new key signs: `RS256`, `ES256` or `EdDSA`; left out: as the service's setting says.
    #[schema(value_type = Option<String>, example = "ES256")]
    alg: Option<Algorithm>,
}

/// Lists keys.
#[utoipa::path(
    get, operation_id = "list_keys",
    path = "/admin/v1/keys", tag = "Keys", security(("token" = ["admin:read"])), params(Page),
    responses(
        (status = 200, description = "The keys", body = KeyList),
        (status = 400, description = "invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
    ),
)]
pub async fn list(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let page = Page::of(&request)?;
    let mut keys = service.administration.keys().await?;
    keys.sort_by(|one, other| one.kid.cmp(&other.kid));
    let (keys, next) = page.of_all(keys, |key| key.kid.to_string());
    Ok(HttpResponse::Ok().json(KeyList { keys, next }))
}

/// Makes the next signing key: published now, signing after the key set's age, or at once.
#[utoipa::path(
    post, operation_id = "rotate_key",
    path = "/admin/v1/keys/rotate", tag = "Keys", security(("token" = ["admin:write"])),
    request_body(content = Rotation, description = "May be left out"),
    responses(
        (status = 201, description = "The new key", body = KeyView),
        (status = 400, description = "invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 409, description = "There are 50 keys already", body = ErrorBody),
    ),
)]
pub async fn rotate(
    body: Result<Bytes, actix_web::Error>,
    service: web::Data<Service>,
) -> Result<HttpResponse, AdminError> {
    let body = bytes(body)?;
    let rotation: Rotation = if body.is_empty() { Rotation::default() } else { read(Ok(body))? };
    let takeover = if rotation.now { Takeover::Now } else { Takeover::AfterPublication };
    let algorithm = rotation.alg.unwrap_or(service.algorithm);
    let key = service.administration.rotate_key(&service.custody, algorithm, takeover).await?;
    tracing::info!(kid = %key.kid, alg = %key.alg, signs_from = key.signs_from.0, "signing key made");
    Ok(HttpResponse::Created().json(key))
}

/// Withdraws a key that others may have: it is deleted, its tokens end at once, and where it signed
/// another one signs from now on.
#[utoipa::path(
    delete, operation_id = "withdraw_key",
    path = "/admin/v1/keys/{kid}", tag = "Keys", security(("token" = ["admin:write"])),
    params(("kid" = String, Path)),
    responses(
        (status = 204, description = "Withdrawn"),
        (status = 400, description = "invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 404, description = "There is no such key", body = ErrorBody),
    ),
)]
pub async fn withdraw(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let key_id: KeyId = segment(&request, "kid")?;
    let successor = service.administration.withdraw_key(&service.custody, &key_id, service.algorithm).await?;
    let successor = successor.as_ref().map(KeyId::as_str);
    tracing::warn!(kid = %key_id, successor, "signing key withdrawn");
    Ok(HttpResponse::NoContent().finish())
}
