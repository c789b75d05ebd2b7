//! Authorization server metadata (RFC 8414 section 2): generated from what is enabled, so that it
//! cannot name what is not there.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clients::GrantType;
use crate::grants::OFFLINE_ACCESS;
use crate::keys::JWKS_AGE;
use crate::service::Service;

/// The ways in which a client may say who it is.
const AUTHENTICATION_METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "none"];
/// Those in which it proves it.
const PROVING_METHODS: [&str; 2] = ["client_secret_basic", "client_secret_post"];

/// The metadata document.
#[derive(Serialize, ToSchema)]
pub struct Metadata {
    /// Who the service is: the `iss` of its tokens, byte for byte.
    issuer: String,
    /// Where clients send people.
    authorization_endpoint: String,
    /// Where tokens are asked for.
    token_endpoint: String,
    /// Where the public keys are.
    jwks_uri: String,
    /// Where tokens are taken back.
    revocation_endpoint: String,
    /// Where tokens are looked into.
    introspection_endpoint: String,
    /// The grants.
    grant_types_supported: [&'static str; 3],
    /// What people come back with.
    response_types_supported: [&'static str; 1],
    /// How they carry it.
    response_modes_supported: [&'static str; 1],
    /// The proof keys (RFC 7636).
    code_challenge_methods_supported: [&'static str; 1],
    /// Whether answers say who gives them (RFC 9207).
    authorization_response_iss_parameter_supported: bool,
    /// The scope that belongs to no resource; each resource names its own.
    scopes_supported: [&'static str; 1],
    /// How clients say who they are at the token endpoint.
    token_endpoint_auth_methods_supported: [&'static str; 3],
    /// How clients say who they are at the revocation endpoint.
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    /// How clients authenticate at the introspection endpoint.
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
}

/// Describes the service.
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "Discovery",
    responses((status = 200, description = "The metadata (RFC 8414)", body = Metadata)),
)]
pub async fn metadata(service: web::Data<Service>) -> HttpResponse {
    document(&service)
}

/// The same document where OpenID Connect Discovery looks for it.
#[utoipa::path(
    get, path = "/.well-known/openid-configuration", tag = "Discovery",
    responses((status = 200, description = "The metadata (RFC 8414)", body = Metadata)),
)]
pub async fn openid_configuration(service: web::Data<Service>) -> HttpResponse {
    document(&service)
}

fn document(service: &Service) -> HttpResponse {
    let issuer = &service.issuer;
    let metadata = Metadata {
        issuer: issuer.to_string(),
        authorization_endpoint: issuer.endpoint("/oauth2/authorize"),
        token_endpoint: issuer.endpoint("/oauth2/token"),
        jwks_uri: issuer.endpoint("/.well-known/jwks.json"),
        revocation_endpoint: issuer.endpoint("/oauth2/revoke"),
        introspection_endpoint: issuer.endpoint("/oauth2/introspect"),
        grant_types_supported: GrantType::ALL.map(GrantType::as_str),
        response_types_supported: ["code"],
        response_modes_supported: ["query"],
        code_challenge_methods_supported: ["S256"],
        authorization_response_iss_parameter_supported: true,
        scopes_supported: [OFFLINE_ACCESS],
        token_endpoint_auth_methods_supported: AUTHENTICATION_METHODS,
        revocation_endpoint_auth_methods_supported: AUTHENTICATION_METHODS,
        introspection_endpoint_auth_methods_supported: PROVING_METHODS,
    };
    let age = format!("max-age={}", JWKS_AGE.as_secs());
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, age)).json(metadata)
}
