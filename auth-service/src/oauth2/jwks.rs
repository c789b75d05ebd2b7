//! The published keys (RFC 7517 section 5).

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use bailiwick_core::key::Jwk;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::OAuthError;
use crate::keys::JWKS_AGE;
use crate::service::Service;

/// A JWK Set.
#[derive(Serialize, ToSchema)]
pub struct JwkSet<'a> {
    /// Public keys.
    #[schema(value_type = Vec<Object>)]
    keys: Vec<&'a Jwk>,
}

/// The public keys that tokens are verified with.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "Discovery",
    responses((status = 200, description = "The key set; fresh for 300 seconds", body = JwkSet)),
)]
pub async fn jwks(service: web::Data<Service>) -> Result<HttpResponse, OAuthError> {
    let current = service.current.now().await?;
    let keys = current.keys.published().collect();
    let age = format!("max-age={}", JWKS_AGE.as_secs());
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, age)).json(JwkSet { keys }))
}
