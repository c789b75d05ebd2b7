//! `/openapi.json`: the description of the API, generated from the handlers themselves.

use actix_web::{HttpResponse, web};
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ClientCredentials, Flow, HttpAuthScheme, HttpBuilder, OAuth2, Scopes, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::service::Service;
use crate::{admin, feed, health, oauth2};

#[derive(OpenApi)]
#[openapi(
    info(title = "Bailiwick token service", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    modifiers(&Security),
    paths(
        oauth2::metadata::metadata,
        oauth2::metadata::openid_configuration,
        oauth2::jwks::jwks,
        oauth2::authorize::authorize,
        oauth2::token::token,
        oauth2::revoke::revoke,
        oauth2::introspect::introspect,
        admin::clients::create,
        admin::clients::list,
        admin::clients::show,
        admin::clients::update,
        admin::clients::delete,
        admin::secrets::create,
        admin::secrets::retire,
        admin::roles::list,
        admin::roles::show,
        admin::roles::put,
        admin::roles::delete,
        admin::resources::list,
        admin::resources::show,
        admin::resources::put,
        admin::resources::delete,
        admin::users::create,
        admin::users::list,
        admin::users::show,
        admin::users::update,
        admin::users::delete,
        admin::keys::list,
        admin::keys::rotate,
        admin::keys::withdraw,
        admin::revocations::create,
        feed::endpoint::read,
        health::live,
        health::ready,
        openapi,
    )
)]
struct Api;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let basic = HttpBuilder::new().scheme(HttpAuthScheme::Basic).build();
        components.add_security_scheme("client", SecurityScheme::Http(basic));
        let scopes = Scopes::from_iter([
            ("admin:read", "Look at everything"),
            ("admin:write", "Change everything"),
            ("feed:read", "Read the revocation feed"),
        ]);
        let flow = Flow::ClientCredentials(ClientCredentials::new("/oauth2/token", scopes));
        components.add_security_scheme("token", SecurityScheme::OAuth2(OAuth2::new([flow])));
    }
}

/// The description for the service of this issuer.
pub fn document(issuer: &str) -> Document {
    let mut document = Api::openapi();
    document.servers = Some(vec![utoipa::openapi::Server::new(issuer)]);
    document
}

/// Describes the API.
#[utoipa::path(
    get, path = "/openapi.json", tag = "Discovery",
    responses((status = 200, description = "This document (OpenAPI 3.1)")),
)]
pub async fn openapi(service: web::Data<Service>) -> HttpResponse {
    HttpResponse::Ok().json(document(service.issuer.as_str()))
}
