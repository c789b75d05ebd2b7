//! Who may enter the resources of the service itself, the admin API and the revocation feed: whoever
//! brings a bearer token for that resource with the scope that is needed (RFC 6750). Owns the checks
//! and their challenges.

use std::time::Duration;

use actix_web::http::header::{self, HeaderMap};
use bailiwick_core::{InvalidToken, Scope, What};

use crate::caller::Caller;
use crate::service::Service;
use crate::tokens::ExamineError;

/// Why a caller may not enter.
#[derive(Debug, thiserror::Error)]
pub enum BearerError {
    /// No token was sent.
    #[error("a bearer token for this resource is needed")]
    NoToken,
    /// The header is malformed.
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The token is not good here.
    #[error("{0}")]
    InvalidToken(InvalidToken),
    /// The token lacks a scope.
    #[error("the token lacks the scope {0}")]
    InsufficientScope(Scope),
    /// The database is busy.
    #[error("the service is busy; try again")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// Something that the caller cannot mend.
    #[error("internal: {0}")]
    Internal(String),
}

impl BearerError {
    /// The word of RFC 6750 section 3.1 that the caller is sent.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NoToken | Self::InvalidToken(_) => "invalid_token",
            Self::InvalidRequest(_) => "invalid_request",
            Self::InsufficientScope(_) => "insufficient_scope",
            Self::Busy { .. } => "temporarily_unavailable",
            Self::Internal(_) => "server_error",
        }
    }

    /// The challenge (RFC 6750 section 3), where the token or the way that it was sent is what is wrong.
    pub fn challenge(&self) -> Option<String> {
        match self {
            Self::NoToken => Some("Bearer".to_owned()),
            Self::InvalidToken(_) => Some(format!(r#"Bearer error="invalid_token", error_description="{self}""#)),
            Self::InsufficientScope(scope) => Some(format!(r#"Bearer error="insufficient_scope", scope="{scope}""#)),
            Self::InvalidRequest(_) => Some(format!(r#"Bearer error="invalid_request", error_description="{self}""#)),
            Self::Busy { .. } | Self::Internal(_) => None,
        }
    }
}

/// Lets a caller in whose token is for the built-in resource of that name and may do `what` there.
/// The checks stand in the order in which RFC 6750 section 3 names their errors. Whose token it is,
/// `caller` knows from then on, let in or not.
pub async fn authorize(
    service: &Service,
    headers: &HeaderMap,
    resource: &str,
    what: What,
    caller: &mut Caller,
) -> Result<(), BearerError> {
    let claims = service.examine(token(headers)?).await?;
    caller.brought(&claims);
    let current = service.current.now().await.map_err(ExamineError::from)?;
    let missing = || BearerError::Internal(format!("there is no resource {resource}"));
    let resource = current.policy.resource(resource).ok_or_else(missing)?;
    if claims.aud != resource.resource {
        return Err(BearerError::InvalidToken(InvalidToken::Audience));
    }
    let needed = Scope::new(resource.name().clone(), what);
    if claims.scope.implies(&needed, &resource.tools) { Ok(()) } else { Err(BearerError::InsufficientScope(needed)) }
}

impl From<ExamineError> for BearerError {
    fn from(error: ExamineError) -> Self {
        match (error.retry_after(), error) {
            (_, ExamineError::Invalid(invalid)) => Self::InvalidToken(invalid),
            (Some(retry_after), _) => Self::Busy { retry_after },
            (None, other) => Self::Internal(other.to_string()),
        }
    }
}

fn token(headers: &HeaderMap) -> Result<&str, BearerError> {
    const MALFORMED: BearerError = BearerError::InvalidRequest("the Authorization header is malformed");
    let mut headers = headers.get_all(header::AUTHORIZATION);
    let Some(header) = headers.next() else { return Err(BearerError::NoToken) };
    if headers.next().is_some() {
        return Err(BearerError::InvalidRequest("there is more than one Authorization header"));
    }
    let header = header.to_str().map_err(|_| MALFORMED)?;
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(BearerError::NoToken);
    }
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(MALFORMED);
    }
    Ok(token)
}
