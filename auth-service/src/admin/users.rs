//! `/admin/v1/users`: the people who let clients act for them. A password goes in and never comes out.

use std::collections::BTreeSet;

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use bailiwick_core::{RoleName, UnixSeconds};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::AdminError;
use super::json::{read, read_changes, segment};
use super::listing::Page;
use crate::oauth2::error::ErrorBody;
use crate::policy::ADMIN_PATH;
use crate::service::Service;
use crate::users::{NewUser, User, UserChanges, UserId, Username};

/// A user as the admin API shows one.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    /// The identifier: `sub` in the user's tokens.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// What is typed to sign in.
    #[schema(value_type = String)]
    pub username: Username,
    /// The name for people.
    pub name: String,
    /// The roles.
    #[schema(value_type = Vec<String>)]
    pub roles: BTreeSet<RoleName>,
    /// Whether the user is shut out.
    pub disabled: bool,
    /// When the password was last set, in Unix seconds; `null`: there is none to sign in with.
    #[schema(value_type = Option<i64>)]
    pub password_changed_at: Option<UnixSeconds>,
    /// When the user was made, in Unix seconds.
    #[schema(value_type = i64)]
    pub created_at: UnixSeconds,
    /// When anything of the user last changed, in Unix seconds.
    #[schema(value_type = i64)]
    pub updated_at: UnixSeconds,
}

/// A page of users.
#[derive(Serialize, ToSchema)]
pub struct UserList {
    /// The users, ordered by `user_id`.
    users: Vec<UserView>,
    /// What to send as `after` for the next page; `null` on the last.
    next: Option<String>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            user_id: user.user_id,
            username: user.username,
            name: user.name,
            roles: user.roles,
            disabled: user.disabled,
            password_changed_at: user.password_changed_at,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// Makes a user.
#[utoipa::path(
    post, operation_id = "create_user",
    path = "/admin/v1/users", tag = "Users", security(("token" = ["admin:write"])), request_body = NewUser,
    responses(
        (status = 201, description = "Made", body = UserView),
        (status = 400, description = "invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 409, description = "The username or user_id is taken", body = ErrorBody),
    ),
)]
pub async fn create(
    body: Result<Bytes, actix_web::Error>,
    service: web::Data<Service>,
) -> Result<HttpResponse, AdminError> {
    let user = service.administration.create_user(read(body)?).await?;
    tracing::info!(user_id = %user.user_id, "user made");
    let location = format!("{ADMIN_PATH}/users/{}", user.user_id);
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(UserView::from(user)))
}

/// Lists users.
#[utoipa::path(
    get, operation_id = "list_users",
    path = "/admin/v1/users", tag = "Users", security(("token" = ["admin:read"])), params(Page),
    responses(
        (status = 200, description = "A page of users", body = UserList),
        (status = 400, description = "invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
    ),
)]
pub async fn list(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let page = Page::of(&request)?;
    let mut users = service.administration.users_after(&page.after, page.limit + 1).await?;
    let next = page.cut(&mut users, |user| user.user_id.to_string());
    Ok(HttpResponse::Ok().json(UserList { users: users.into_iter().map(UserView::from).collect(), next }))
}

/// Shows a user.
#[utoipa::path(
    get, operation_id = "show_user",
    path = "/admin/v1/users/{user_id}", tag = "Users", security(("token" = ["admin:read"])),
    params(("user_id" = String, Path)),
    responses(
        (status = 200, description = "The user", body = UserView),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 404, description = "There is no such user", body = ErrorBody),
    ),
)]
pub async fn show(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let user_id: UserId = segment(&request, "user_id")?;
    Ok(HttpResponse::Ok().json(UserView::from(service.administration.user(&user_id).await?)))
}

/// Changes a user: what is absent stays. Tokens end where something is taken away.
#[utoipa::path(
    patch, operation_id = "update_user",
    path = "/admin/v1/users/{user_id}", tag = "Users", security(("token" = ["admin:write"])),
    params(("user_id" = String, Path)), request_body = UserChanges,
    responses(
        (status = 200, description = "The user as it is now", body = UserView),
        (status = 400, description = "invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 404, description = "There is no such user", body = ErrorBody),
        (status = 409, description = "The username is taken", body = ErrorBody),
    ),
)]
pub async fn update(
    request: HttpRequest,
    body: Result<Bytes, actix_web::Error>,
    service: web::Data<Service>,
) -> Result<HttpResponse, AdminError> {
    let user_id: UserId = segment(&request, "user_id")?;
    let user = service.administration.update_user(&user_id, read_changes(body)?).await?;
    Ok(HttpResponse::Ok().json(UserView::from(user)))
}

/// Deletes a user and ends the tokens.
#[utoipa::path(
    delete, operation_id = "delete_user",
    path = "/admin/v1/users/{user_id}", tag = "Users", security(("token" = ["admin:write"])),
    params(("user_id" = String, Path)),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 404, description = "There is no such user", body = ErrorBody),
    ),
)]
pub async fn delete(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let user_id: UserId = segment(&request, "user_id")?;
    service.administration.delete_user(&user_id).await?;
    Ok(HttpResponse::NoContent().finish())
}
