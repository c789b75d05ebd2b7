//! The admin API, `/admin/v1`: a protected resource of this service like any other (bearer tokens,
//! RFC 6750). Owns who may enter; each collection is a file, each deed [`crate::administration`]'s.

pub mod clients;
pub mod error;
pub mod json;
pub mod keys;
pub mod listing;
pub mod resources;
pub mod revocations;
pub mod roles;
pub mod secrets;
pub mod users;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, web};
use bailiwick_core::{ClientId, What};

use crate::bearer;
use crate::caller::Caller;
use crate::service::Service;
use error::AdminError;

/// The routes below [`crate::policy::ADMIN_PATH`].
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/clients").route(web::post().to(clients::create)).route(web::get().to(clients::list)))
        .service(
            web::resource("/clients/{client_id}")
                .route(web::get().to(clients::show))
                .route(web::patch().to(clients::update))
                .route(web::delete().to(clients::delete)),
        )
        .service(web::resource("/clients/{client_id}/secrets").route(web::post().to(secrets::create)))
        .service(web::resource("/clients/{client_id}/secrets/{secret_id}").route(web::delete().to(secrets::retire)))
        .service(web::resource("/roles").route(web::get().to(roles::list)))
        .service(
            web::resource("/roles/{role}")
                .route(web::put().to(roles::put))
                .route(web::get().to(roles::show))
                .route(web::delete().to(roles::delete)),
        )
        .service(web::resource("/resources").route(web::get().to(resources::list)))
        .service(
            web::resource("/resources/{name}")
                .route(web::put().to(resources::put))
                .route(web::get().to(resources::show))
                .route(web::delete().to(resources::delete)),
        )
        .service(web::resource("/users").route(web::post().to(users::create)).route(web::get().to(users::list)))
        .service(
            web::resource("/users/{user_id}")
                .route(web::get().to(users::show))
                .route(web::patch().to(users::update))
                .route(web::delete().to(users::delete)),
        )
        .service(web::resource("/keys").route(web::get().to(keys::list)))
        .service(web::resource("/keys/rotate").route(web::post().to(keys::rotate)))
        .service(web::resource("/keys/{kid}").route(web::delete().to(keys::withdraw)))
        .service(web::resource("/revocations").route(web::post().to(revocations::create)));
}

/// Lets a request in whose token is for the admin API and has the scope of its method: `admin:read`
/// to look, `admin:write` for everything else. Stands before every route, so none can forget it.
pub async fn authorize(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let what = if matches!(*request.method(), Method::GET | Method::HEAD) { What::Read } else { What::Write };
    let service =
        request.app_data::<web::Data<Service>>().cloned().ok_or_else(|| AdminError::internal("no service"))?;
    let mut caller = Caller::of(request.request(), &service);
    if let Err(error) = bearer::authorize(&service, request.headers(), "admin", what, &mut caller).await {
        caller.refused("administration", error.word(), &error);
        return Ok(request.error_response(AdminError::from(error)).map_into_right_body());
    }
    let response = next.call(request).await?;
    let Caller { address, method, path, client_id, sub } = caller;
    let (client_id, status) = (client_id.as_ref().map(ClientId::as_str), response.status().as_u16());
    tracing::info!(client_id, sub, %address, method, path, status, "administration");
    Ok(response.map_into_left_body())
}
