//! `/admin/v1/clients`: clients, in the words of RFC 7591.

use std::collections::BTreeSet;

use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use bailiwick_core::{ClientId, ResourceUri, RoleName, UnixSeconds};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::error::AdminError;
use super::json::{read_metadata, read_metadata_changes, segment};
use super::listing::Page;
use crate::administration::{ClientWithSecrets, RegisteredClient};
use crate::clients::{AccessTokenLifetime, AuthenticationMethod, Client, ClientChanges, GrantType, NewClient};
use crate::oauth2::error::ErrorBody;
use crate::policy::ADMIN_PATH;
use crate::redirect_uris::RedirectUri;
use crate::secrets::{SecretId, SecretRecord};
use crate::service::Service;

/// A client as the admin API shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientView {
    /// Its identifier.
    #[schema(value_type = String)]
    client_id: ClientId,
    /// Its name for people.
    client_name: String,
    /// The grants that it may use.
    grant_types: BTreeSet<GrantType>,
    /// How it authenticates; `client_secret_post` comes with `client_secret_basic`.
    token_endpoint_auth_method: AuthenticationMethod,
    /// Where people may be sent back to.
    #[schema(value_type = Vec<String>)]
    redirect_uris: BTreeSet<RedirectUri>,
    /// Its roles.
    #[schema(value_type = Vec<String>)]
    roles: BTreeSet<RoleName>,
    /// Whether it may do for people what its roles give and nothing else.
    limited_to_roles: bool,
    /// The resources that it may ask for; `null`: all that its roles reach.
    #[schema(value_type = Option<Vec<String>>)]
    resources: Option<BTreeSet<ResourceUri>>,
    /// The static claims of its tokens.
    #[schema(value_type = Object)]
    claims: Map<String, Value>,
    /// The lifetime of its access tokens in seconds; `null`: 900.
    #[schema(value_type = Option<u32>)]
    access_token_ttl: Option<AccessTokenLifetime>,
    /// Whether it is shut out.
    disabled: bool,
    /// When it was registered, in Unix seconds.
    #[schema(value_type = i64)]
    client_id_issued_at: UnixSeconds,
    /// When anything of it last changed, in Unix seconds.
    #[schema(value_type = i64)]
    updated_at: UnixSeconds,
}

/// A client with what may be told of its secrets.
#[derive(Serialize, ToSchema)]
pub struct ClientDetails {
    #[serde(flatten)]
    client: ClientView,
    /// Its live secrets, oldest first.
    secrets: Vec<SecretRecord>,
}

/// A client that was just registered.
#[derive(Serialize, ToSchema)]
pub struct ClientRegistration<'a> {
    #[serde(flatten)]
    client: ClientView,
    /// The identifier of its first secret; a public client has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_id: Option<&'a SecretId>,
    /// Its first secret, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    /// 0: it does not expire by itself (RFC 7591 section 3.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<u8>,
}

/// A page of clients.
#[derive(Serialize, ToSchema)]
pub struct ClientList {
    /// The clients, ordered by `client_id`.
    clients: Vec<ClientView>,
    /// What to send as `after` for the next page; `null` on the last.
    next: Option<String>,
}

impl From<Client> for ClientView {
    fn from(client: Client) -> Self {
        Self {
            client_id: client.client_id,
            client_name: client.client_name,
            grant_types: client.grant_types,
            token_endpoint_auth_method: client.token_endpoint_auth_method,
            redirect_uris: client.redirect_uris,
            roles: client.roles,
            limited_to_roles: client.limited_to_roles,
            resources: client.resources,
            claims: client.claims,
            access_token_ttl: client.access_token_ttl,
            disabled: client.disabled,
            client_id_issued_at: client.created_at,
            updated_at: client.updated_at,
        }
    }
}

impl From<ClientWithSecrets> for ClientDetails {
    fn from(found: ClientWithSecrets) -> Self {
        Self { client: found.client.into(), secrets: found.secrets }
    }
}

impl<'a> From<&'a RegisteredClient> for ClientRegistration<'a> {
    fn from(registered: &'a RegisteredClient) -> Self {
        let secret = registered.secret.as_ref();
        Self {
            client: registered.client.clone().into(),
            secret_id: secret.map(|secret| &secret.secret_id),
            client_secret: secret.map(|secret| secret.secret.expose()),
            client_secret_expires_at: secret.map(|_| 0),
        }
    }
}

/// Registers a client.
#[utoipa::path(
    post, operation_id = "create_client",
    path = "/admin/v1/clients", tag = "Clients", security(("token" = ["admin:write"])), request_body = NewClient,
    responses(
        (status = 201, description = "Registered; the secret is shown this once", body = ClientRegistration),
        (status = 400, description = "invalid_client_metadata, invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 409, description = "The client_id is taken", body = ErrorBody),
    ),
)]
pub async fn create(
    body: Result<Bytes, actix_web::Error>,
    service: web::Data<Service>,
) -> Result<HttpResponse, AdminError> {
    let registered = service.administration.create_client(read_metadata(body)?).await?;
    tracing::info!(client_id = %registered.client.client_id, "client registered");
    let location = format!("{ADMIN_PATH}/clients/{}", registered.client.client_id);
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(ClientRegistration::from(&registered)))
}

/// Lists clients.
#[utoipa::path(
    get, operation_id = "list_clients",
    path = "/admin/v1/clients", tag = "Clients", security(("token" = ["admin:read"])), params(Page),
    responses(
        (status = 200, description = "A page of clients, without their secrets", body = ClientList),
        (status = 400, description = "invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
    ),
)]
pub async fn list(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let page = Page::of(&request)?;
    let mut clients = service.administration.clients_after(&page.after, page.limit + 1).await?;
    let next = page.cut(&mut clients, |client| client.client_id.to_string());
    Ok(HttpResponse::Ok().json(ClientList { clients: clients.into_iter().map(ClientView::from).collect(), next }))
}

/// Shows a client.
#[utoipa::path(
    get, operation_id = "show_client",
    path = "/admin/v1/clients/{client_id}", tag = "Clients", security(("token" = ["admin:read"])),
    params(("client_id" = String, Path)),
    responses(
        (status = 200, description = "The client", body = ClientDetails),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 404, description = "There is no such client", body = ErrorBody),
    ),
)]
pub async fn show(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let client_id: ClientId = segment(&request, "client_id")?;
    let found = service.administration.client(&client_id).await?;
    Ok(HttpResponse::Ok().json(ClientDetails::from(found)))
}

/// Changes a client: what is absent stays. Its tokens end where something is taken away, and with a
/// resource, with a grant type or when it is shut out or made public, what people granted it.
#[utoipa::path(
    patch, operation_id = "update_client",
    path = "/admin/v1/clients/{client_id}", tag = "Clients", security(("token" = ["admin:write"])),
    params(("client_id" = String, Path)), request_body = ClientChanges,
    responses(
        (status = 200, description = "The client as it is now", body = ClientDetails),
        (status = 400, description = "invalid_client_metadata, invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 404, description = "There is no such client", body = ErrorBody),
    ),
)]
pub async fn update(
    request: HttpRequest,
    body: Result<Bytes, actix_web::Error>,
    service: web::Data<Service>,
) -> Result<HttpResponse, AdminError> {
    let client_id: ClientId = segment(&request, "client_id")?;
    let updated =
        service.administration.update_client(&client_id, read_metadata_changes(body, &ClientChanges::LIMITS)?).await?;
    Ok(HttpResponse::Ok().json(ClientDetails::from(updated)))
}

/// Deletes a client and ends its tokens.
#[utoipa::path(
    delete, operation_id = "delete_client",
    path = "/admin/v1/clients/{client_id}", tag = "Clients", security(("token" = ["admin:write"])),
    params(("client_id" = String, Path)),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 404, description = "There is no such client", body = ErrorBody),
    ),
)]
pub async fn delete(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, AdminError> {
    let client_id: ClientId = segment(&request, "client_id")?;
    service.administration.delete_client(&client_id).await?;
    Ok(HttpResponse::NoContent().finish())
}
