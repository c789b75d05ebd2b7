//! The errors of the admin API: `{"error", "error_description"}`, and for tokens the challenges of
//! RFC 6750 section 3.

use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};

use crate::administration::AdministrationError;
use crate::bearer::BearerError;
use crate::oauth2::error::ErrorBody;
use crate::request_body::Unreadable;

/// Why the admin API refuses.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The caller may not enter.
    #[error(transparent)]
    Bearer(#[from] BearerError),
    /// The request is malformed.
    #[error("{0}")]
    InvalidRequest(String),
    /// The body cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// There is no such path.
    #[error("there is nothing at this path; /openapi.json describes what there is")]
    NoSuchPath,
    /// The deed was refused.
    #[error(transparent)]
    Refused(#[from] AdministrationError),
    /// Something that the caller cannot mend.
    #[error("internal: {0}")]
    Internal(String),
}

impl AdminError {
    /// Something that the caller cannot mend.
    pub fn internal(cause: &str) -> Self {
        Self::Internal(cause.to_owned())
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Bearer(refused) => refused.word(),
            Self::InvalidRequest(_) | Self::Unreadable(_) => "invalid_request",
            Self::NoSuchPath => "not_found",
            Self::Internal(_) => "server_error",
            Self::Refused(refused) => match refused {
                AdministrationError::InvalidMetadata(_) => "invalid_client_metadata",
                AdministrationError::Invalid(_) => "invalid_request",
                AdministrationError::NotFound(_) => "not_found",
                AdministrationError::Conflict(_) => "conflict",
                AdministrationError::Busy { .. } => "temporarily_unavailable",
                AdministrationError::Internal(_) => "server_error",
            },
        }
    }

    /// When to try again, where the service is busy.
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Bearer(BearerError::Busy { retry_after })
            | Self::Refused(AdministrationError::Busy { retry_after }) => Some(*retry_after),
            _ => None,
        }
    }

    /// The challenge, where the token is what is wrong.
    fn challenge(&self) -> Option<String> {
        match self {
            Self::Bearer(refused) => refused.challenge(),
            _ => None,
        }
    }
}

impl ResponseError for AdminError {
    fn status_code(&self) -> StatusCode {
        if let Self::Unreadable(unreadable) = self {
            return unreadable.status_code();
        }
        match self.word() {
            "invalid_token" => StatusCode::UNAUTHORIZED,
            "insufficient_scope" => StatusCode::FORBIDDEN,
            "not_found" => StatusCode::NOT_FOUND,
            "conflict" => StatusCode::CONFLICT,
            "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
            "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut response = HttpResponse::build(status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Some(challenge) = self.challenge() {
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if let Some(retry_after) = self.retry_after() {
            response.insert_header((header::RETRY_AFTER, retry_after.as_secs()));
        }
        let error_description = if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(reason = "internal", cause = %self, "an admin request failed");
            "the service failed; its log says why".to_owned()
        } else {
            self.to_string()
        };
        response.json(ErrorBody { error: self.word(), error_description })
    }
}
