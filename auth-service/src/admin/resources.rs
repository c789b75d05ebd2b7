//! `/admin/v1/resources`: the servers that tokens are for. The body of a `PUT` is what an MCP
//! server prints with `manifest`.

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use bailiwick_core::ServerName;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::AdminError;
use super::json::{read, segment};
use super::listing::Page;
use crate::oauth2::error::ErrorBody;
use crate::resources::{Resource, ResourceManifest, ResourceView};
use crate::service::Service;

/// A page of resources.
#[derive(Serialize, ToSchema)]
pub struct ResourceList<'a> {
    /// The resources, ordered by name.
    resources: Vec<ResourceView<'a>>,
    /// What to send as `after` for the next page; `null` on the last.
    next: Option<String>,
}

/// Lists resources.
#[utoipa::path(
    get, operation_id = "list_resources",
    path = "/admin/v1/resources", tag = "Resources", security(("token" = ["admin:read"])), params(Page),
    responses(
        (status = 200, description = "A page of resources", body = ResourceList),
        (status = 400, description = "invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
    ),
)]
pub async fn list(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let page = Page::of(&request)?;
    let (resources, next) = page.of_all(service.administration.resources().await?, |one| one.name().to_string());
    Ok(HttpResponse::Ok().json(ResourceList { resources: resources.iter().map(Resource::view).collect(), next }))
}

/// Shows a resource.
#[utoipa::path(
    get, operation_id = "show_resource",
    path = "/admin/v1/resources/{name}", tag = "Resources", security(("token" = ["admin:read"])),
    params(("name" = String, Path)),
    responses(
        (status = 200, description = "The resource", body = ResourceView),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 404, description = "There is no such resource", body = ErrorBody),
    ),
)]
pub async fn show(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let name: ServerName = segment(&request, "name")?;
    Ok(HttpResponse::Ok().json(service.administration.resource(&name).await?.view()))
}

/// Registers or changes a resource. Where it moves to another URI, tokens for the former one end.
#[utoipa::path(
    put, operation_id = "put_resource",
    path = "/admin/v1/resources/{name}", tag = "Resources", security(("token" = ["admin:write"])),
    params(("name" = String, Path)), request_body = ResourceManifest,
    responses(
        (status = 200, description = "Changed", body = ResourceView),
        (status = 201, description = "Registered", body = ResourceView),
        (status = 400, description = "invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 409, description = "The resource is built in, or its URI registered under another name", body = ErrorBody),
    ),
)]
pub async fn put(
    request: HttpRequest,
    body: Result<Bytes, actix_web::Error>,
    service: web::Data<Service>,
) -> Result<HttpResponse, AdminError> {
    let name: ServerName = segment(&request, "name")?;
    let manifest: ResourceManifest = read(body)?;
    let (resource, is_new) = service.administration.put_resource(name, manifest).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(HttpResponse::build(status).json(resource.view()))
}

/// Deletes a resource, takes it from the clients that named it and ends the tokens for it.
#[utoipa::path(
    delete, operation_id = "delete_resource",
    path = "/admin/v1/resources/{name}", tag = "Resources", security(("token" = ["admin:write"])),
    params(("name" = String, Path)),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 404, description = "There is no such resource", body = ErrorBody),
        (status = 409, description = "The resource is built in", body = ErrorBody),
    ),
)]
pub async fn delete(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let name: ServerName = segment(&request, "name")?;
    service.administration.delete_resource(&name).await?;
    Ok(HttpResponse::NoContent().finish())
}
