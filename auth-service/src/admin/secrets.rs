//! `/admin/v1/clients/{client_id}/secrets`: a second live secret, and retiring one.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bailiwick_core::{ClientId, UnixSeconds};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::AdminError;
use super::json::segment;
use crate::administration::NewSecret;
use crate::oauth2::error::ErrorBody;
use crate::secrets::SecretId;
use crate::service::Service;

/// A secret that was just made.
#[derive(Serialize, ToSchema)]
pub struct NewSecretView<'a> {
    /// Its identifier.
    secret_id: &'a SecretId,
    /// The secret, shown this once.
    client_secret: &'a str,
    /// When it was made, in Unix seconds.
    #[schema(value_type = i64)]
    created_at: UnixSeconds,
}

impl<'a> From<&'a NewSecret> for NewSecretView<'a> {
    fn from(new: &'a NewSecret) -> Self {
        Self { secret_id: &new.secret_id, client_secret: new.secret.expose(), created_at: new.created_at }
    }
}

/// How a secret is retired.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Retirement {
    /// Whether the client's tokens end too, which the secret's thief may hold.
    #[serde(default)]
    and_its_tokens: bool,
}

/// Adds a live secret.
#[utoipa::path(
    post, operation_id = "create_secret",
    path = "/admin/v1/clients/{client_id}/secrets", tag = "Clients", security(("token" = ["admin:write"])),
    params(("client_id" = String, Path)),
    responses(
        (status = 201, description = "The secret, shown this once", body = NewSecretView),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 404, description = "There is no such client", body = ErrorBody),
        (status = 409, description = "It has as many live secrets as it may", body = ErrorBody),
    ),
)]
pub async fn create(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let client_id: ClientId = segment(&request, "client_id")?;
    let new = service.administration.add_secret(&client_id).await?;
    Ok(HttpResponse::Created().insert_header((header::CACHE_CONTROL, "no-store")).json(NewSecretView::from(&new)))
}

/// Retires a secret.
#[utoipa::path(
    delete, operation_id = "retire_secret",
    path = "/admin/v1/clients/{client_id}/secrets/{secret_id}", tag = "Clients",
    security(("token" = ["admin:write"])),
    params(("client_id" = String, Path), ("secret_id" = String, Path), Retirement),
    responses(
        (status = 204, description = "Retired"),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 404, description = "There is no such secret", body = ErrorBody),
    ),
)]
pub async fn retire(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let client_id: ClientId = segment(&request, "client_id")?;
    let secret_id: SecretId = segment(&request, "secret_id")?;
    let retirement = web::Query::<Retirement>::from_query(request.query_string())
        .map_err(|error| AdminError::InvalidRequest(format!("the query: {error}")))?;
    service.administration.retire_secret(&client_id, &secret_id, retirement.and_its_tokens).await?;
    Ok(HttpResponse::NoContent().finish())
}
