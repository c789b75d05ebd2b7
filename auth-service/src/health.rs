//! `/health/live` and `/health/ready`: for whoever starts and watches the process. They answer
//! whatever the `Host`, and tell nothing but yes or no.

use actix_web::{HttpResponse, web};

use crate::service::Service;

/// The process runs.
#[utoipa::path(
    get, path = "/health/live", tag = "Health",
    responses((status = 200, description = "The process runs")),
)]
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("live\n")
}

/// The process can do its work: the database answers and a key signs.
#[utoipa::path(
    get, path = "/health/ready", tag = "Health",
    responses(
        (status = 200, description = "Tokens can be issued"),
        (status = 503, description = "The database does not answer or no key signs; the log says why"),
    ),
)]
pub async fn ready(service: web::Data<Service>) -> HttpResponse {
    match service.current.now().await {
        Ok(current) if current.keys.signer(service.algorithm, service.clock.now()).is_some() => {
            HttpResponse::Ok().content_type("text/plain").body("ready\n")
        }
        Ok(_) => not_ready("no key signs"),
        Err(error) => not_ready(&error.to_string()),
    }
}

fn not_ready(cause: &str) -> HttpResponse {
    tracing::warn!(reason = "not_ready", cause, "not ready");
    HttpResponse::ServiceUnavailable().content_type("text/plain").body("not ready\n")
}
