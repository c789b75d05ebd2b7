//! `/admin/v1/revocations`: taking back tokens by hand.

use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::AdminError;
use super::json::read;
use crate::administration::AdministrationError;
use crate::oauth2::error::ErrorBody;
use crate::revocations::{InvalidRevocation, NewRevocation, RevocationTarget, RevocationView, SubjectView};
use crate::service::Service;

/// What is taken back, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevocationRequest {
    /// All tokens of this subject end.
    subject: SubjectView,
    /// Why, for people: at most 200 characters.
    #[serde(default)]
    reason: Option<String>,
}

/// Ends the tokens of a subject, at every guard within a second.
#[utoipa::path(
    post, operation_id = "create_revocation",
    path = "/admin/v1/revocations", tag = "Revocations", security(("token" = ["admin:write"])),
    request_body = RevocationRequest,
    responses(
        (status = 202, description = "The event, as the feed tells it", body = RevocationView),
        (status = 400, description = "invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 404, description = "There is no such client, role, resource or key", body = ErrorBody),
        (status = 409, description = "The key still signs", body = ErrorBody),
    ),
)]
pub async fn create(
    body: Result<Bytes, actix_web::Error>,
    service: web::Data<Service>,
) -> Result<HttpResponse, AdminError> {
    let RevocationRequest { subject, reason } = read(body)?;
    let target = RevocationTarget::new(subject.kind, &subject.id)?;
    let event = service.administration.revoke(NewRevocation::new(target, reason)?).await?;
    Ok(HttpResponse::Accepted().json(event))
}

impl From<InvalidRevocation> for AdminError {
    fn from(error: InvalidRevocation) -> Self {
        AdministrationError::Invalid(error.0).into()
    }
}
