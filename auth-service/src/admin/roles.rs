//! `/admin/v1/roles`: named sets of scopes.

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use bailiwick_core::RoleName;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::AdminError;
use super::json::{read, segment};
use super::listing::Page;
use crate::oauth2::error::ErrorBody;
use crate::roles::{Role, RoleDefinition};
use crate::service::Service;

/// A page of roles.
#[derive(Serialize, ToSchema)]
pub struct RoleList {
    /// The roles, ordered by name.
    roles: Vec<Role>,
    /// What to send as `after` for the next page; `null` on the last.
    next: Option<String>,
}

/// Lists roles.
#[utoipa::path(
    get, operation_id = "list_roles",
    path = "/admin/v1/roles", tag = "Roles", security(("token" = ["admin:read"])), params(Page),
    responses(
        (status = 200, description = "A page of roles", body = RoleList),
        (status = 400, description = "invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
    ),
)]
pub async fn list(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let page = Page::of(&request)?;
    let (roles, next) = page.of_all(service.administration.roles().await?, |role| role.role.to_string());
    Ok(HttpResponse::Ok().json(RoleList { roles, next }))
}

/// Shows a role.
#[utoipa::path(
    get, operation_id = "show_role",
    path = "/admin/v1/roles/{role}", tag = "Roles", security(("token" = ["admin:read"])),
    params(("role" = String, Path)),
    responses(
        (status = 200, description = "The role", body = Role),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 404, description = "There is no such role", body = ErrorBody),
    ),
)]
pub async fn show(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let name: RoleName = segment(&request, "role")?;
    Ok(HttpResponse::Ok().json(service.administration.role(&name).await?))
}

/// Creates or changes a role. Tokens that rest on more than it then gives end.
#[utoipa::path(
    put, operation_id = "put_role",
    path = "/admin/v1/roles/{role}", tag = "Roles", security(("token" = ["admin:write"])),
    params(("role" = String, Path)), request_body = RoleDefinition,
    responses(
        (status = 200, description = "Changed", body = Role),
        (status = 201, description = "Created", body = Role),
        (status = 400, description = "invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 409, description = "The role is built in", body = ErrorBody),
    ),
)]
pub async fn put(
    request: HttpRequest,
    body: Result<Bytes, actix_web::Error>,
    service: web::Data<Service>,
) -> Result<HttpResponse, AdminError> {
    let name: RoleName = segment(&request, "role")?;
    let (role, is_new) = service.administration.put_role(name, read(body)?).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(HttpResponse::build(status).json(role))
}

/// Deletes a role, takes it from its holders and ends the tokens that rest on it.
#[utoipa::path(
    delete, operation_id = "delete_role",
    path = "/admin/v1/roles/{role}", tag = "Roles", security(("token" = ["admin:write"])),
    params(("role" = String, Path)),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 404, description = "There is no such role", body = ErrorBody),
        (status = 409, description = "The role is built in", body = ErrorBody),
    ),
)]
pub async fn delete(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let name: RoleName = segment(&request, "role")?;
    service.administration.delete_role(&name).await?;
    Ok(HttpResponse::NoContent().finish())
}
