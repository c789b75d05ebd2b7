//! The errors of the OAuth endpoints. Inside, each says what happened; outside, it becomes one of
//! the few words of RFC 6749 section 5.2 (RFC 8707 section 2), and here alone is it mapped.

use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::authentication::AuthenticationError;
use crate::custody::CustodyError;
use crate::request_body::Unreadable;
use crate::storage::StorageError;
use crate::tokens::{ExamineError, IssueError};

/// The longest description that a caller is sent, in characters.
const LONGEST_DESCRIPTION: usize = 1000;

/// Why an OAuth endpoint refuses.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// The request is not what the standard says it should be.
    #[error("{0}")]
    InvalidRequest(String),
    /// The body cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Client authentication failed; for which reason is for the log only.
    #[error("client authentication failed: {0}")]
    InvalidClient(&'static str),
    /// The client may not do this.
    #[error("{0}")]
    UnauthorizedClient(String),
    /// A code or refresh token is unknown, expired, used, or somebody else's.
    #[error("{0}")]
    InvalidGrant(String),
    /// There is no such response type here.
    #[error("response_type must be code")]
    UnsupportedResponseType,
    /// The person said no.
    #[error("the person did not allow it")]
    AccessDenied,
    /// Nobody has signed in, and the client wants nobody to be asked.
    #[error("the person has to sign in")]
    LoginRequired,
    /// The person would have to be asked, and the client wants nobody to be.
    #[error("the person has to be asked")]
    ConsentRequired,
    /// There is no such grant type here.
    #[error("{0}")]
    UnsupportedGrantType(String),
    /// A scope is unknown or not allowed.
    #[error("{0}")]
    InvalidScope(String),
    /// The resource is unknown, not allowed or in doubt.
    #[error("{0}")]
    InvalidTarget(String),
    /// Too many failures of this client from this address.
    #[error("too many failed attempts")]
    TooManyFailures {
        /// When to try again.
        retry_after: Duration,
    },
    /// The queue of secrets to be verified is full, or the database is busy.
    #[error("the service is busy")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// Something that the caller cannot mend.
    #[error("internal: {0}")]
    Internal(String),
}

/// The body of an error answer (RFC 6749 section 5.2).
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// The word of the standard.
    #[schema(example = "invalid_request")]
    pub error: &'static str,
    /// What is wrong and what to do, for people.
    pub error_description: String,
}

impl OAuthError {
    /// The word of the standard that the caller is sent.
    pub fn word(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) | Self::Unreadable(_) => "invalid_request",
            Self::InvalidClient(_) => "invalid_client",
            Self::UnauthorizedClient(_) => "unauthorized_client",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::UnsupportedGrantType(_) => "unsupported_grant_type",
            Self::InvalidScope(_) => "invalid_scope",
            Self::InvalidTarget(_) => "invalid_target",
            Self::TooManyFailures { .. } | Self::Busy { .. } => "temporarily_unavailable",
            Self::Internal(_) => "server_error",
        }
    }

    /// What the caller is told; unknown client and wrong secret in the same words.
    pub fn description(&self) -> String {
        match self {
            Self::InvalidClient(_) => "client authentication failed; check client_id and client_secret".to_owned(),
            Self::TooManyFailures { .. } => {
                "too many failed attempts of this client from this address; check the secret, then try again".to_owned()
            }
            Self::Busy { .. } => "the service is busy; try again".to_owned(),
            Self::Internal(_) => "the service failed; its log says why".to_owned(),
            other => permitted(&other.to_string()),
        }
    }
}

/// Keeps to the characters of an `error_description` (RFC 6749 section 5.2): printable ASCII
/// without `"` and `\`.
pub fn permitted(text: &str) -> String {
    let permitted = |character: char| (' '..='~').contains(&character) && !matches!(character, '"' | '\\');
    let keep = |character| if permitted(character) { character } else { '?' };
    text.chars().map(keep).take(LONGEST_DESCRIPTION).collect()
}

impl ResponseError for OAuthError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::InvalidClient(_) => StatusCode::UNAUTHORIZED,
            Self::Unreadable(unreadable) => unreadable.status_code(),
            Self::TooManyFailures { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn error_response(&self) -> HttpResponse {
        if let Self::Internal(cause) = self {
            tracing::error!(reason = "internal", cause, "an OAuth request failed");
        }
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        match self {
            Self::InvalidClient(_) => {
                response.insert_header((header::WWW_AUTHENTICATE, r#"Basic realm="bailiwick", charset="UTF-8""#));
            }
            Self::TooManyFailures { retry_after } | Self::Busy { retry_after } => {
                response.insert_header((header::RETRY_AFTER, whole_seconds(*retry_after)));
            }
            _ => {}
        }
        response.json(ErrorBody { error: self.word(), error_description: self.description() })
    }
}

/// `Retry-After` counts whole seconds, at least one (RFC 9110 section 10.2.3).
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1)
}

impl From<StorageError> for OAuthError {
    fn from(error: StorageError) -> Self {
        match error.retry_after() {
            Some(retry_after) => Self::Busy { retry_after },
            None => Self::Internal(error.to_string()),
        }
    }
}

impl From<AuthenticationError> for OAuthError {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::Failed(reason) => Self::InvalidClient(reason),
            AuthenticationError::TooManyFailures { retry_after } => Self::TooManyFailures { retry_after },
            AuthenticationError::Busy { retry_after } => Self::Busy { retry_after },
            AuthenticationError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl From<CustodyError> for OAuthError {
    fn from(error: CustodyError) -> Self {
        match error.retry_after() {
            Some(retry_after) => Self::Busy { retry_after },
            None => Self::Internal(error.to_string()),
        }
    }
}

impl From<ExamineError> for OAuthError {
    fn from(error: ExamineError) -> Self {
        match error.retry_after() {
            Some(retry_after) => Self::Busy { retry_after },
            None => Self::Internal(error.to_string()),
        }
    }
}

impl From<IssueError> for OAuthError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::TooLong => Self::InvalidScope(error.to_string()),
            other => Self::Internal(other.to_string()),
        }
    }
}
