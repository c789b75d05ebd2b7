//! `GET /revocations`: the feed, for guards. A protected resource of this service like the admin API;
//! owns what may be asked and how refusals are told.

use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use bailiwick_core::What;
use serde::Deserialize;
use utoipa::IntoParams;

use super::NotRead;
use crate::bearer::{self, BearerError};
use crate::caller::Caller;
use crate::oauth2::error::ErrorBody;
use crate::revocations::FeedPage;
use crate::service::Service;

/// The largest position: whole numbers are exact up to here in every JSON reader.
const LARGEST_POSITION: u64 = (1 << 53) - 1;
/// The longest wait, in seconds.
const LONGEST_WAIT: u64 = 30;
/// When to try again where too many wait.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What may be asked.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FeedQuery {
    /// Events behind this position: the `next` of the answer before. Left out: all that are kept, at once.
    #[param(value_type = Option<u64>)]
    after: Option<String>,
    /// Where there are none, wait so many seconds for one: 0 to 30, 0 where it is left out.
    #[param(value_type = Option<u64>)]
    wait: Option<String>,
}

/// Why the feed is not read.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The caller may not.
    #[error(transparent)]
    Bearer(#[from] BearerError),
    /// The query is malformed.
    #[error("{0}")]
    InvalidRequest(String),
    /// There is no page.
    #[error(transparent)]
    NotRead(#[from] NotRead),
}

/// Reads the revocation feed.
#[utoipa::path(
    get, path = "/revocations", tag = "Revocations", security(("token" = ["feed:read"])), params(FeedQuery),
    responses(
        (status = 200, description = "Events behind `after`; none after the wait is no error", body = FeedPage),
        (status = 400, description = "invalid_request", body = ErrorBody),
        (status = 401, description = "invalid_token", body = ErrorBody),
        (status = 403, description = "insufficient_scope", body = ErrorBody),
        (status = 410, description = "unknown_position: read everything anew, without `after`", body = ErrorBody),
        (status = 503, description = "temporarily_unavailable: too many wait; Retry-After says when", body = ErrorBody),
    ),
)]
pub async fn read(request: HttpRequest, service: web::Data<Service>) -> Result<HttpResponse, FeedError> {
    let mut caller = Caller::of(&request, &service);
    let outcome = answer(&request, &service, &mut caller).await;
    let status = outcome.as_ref().map_or_else(FeedError::status_code, HttpResponse::status);
    service.metrics.feed_answer(status);
    outcome.inspect_err(|error| caller.refused("revocation feed", error.word(), error))
}

async fn answer(request: &HttpRequest, service: &Service, caller: &mut Caller) -> Result<HttpResponse, FeedError> {
    bearer::authorize(service, request.headers(), "feed", What::Read, caller).await?;
    let (after, wait) = asked(request.query_string())?;
    let page = service.feed.read(after, wait).await?;
    let json = (header::CONTENT_TYPE, "application/json");
    Ok(HttpResponse::Ok().insert_header(json).insert_header((header::CACHE_CONTROL, "no-store")).body(page))
}

/// The position and the wait that a query asks for.
fn asked(query: &str) -> Result<(u64, Duration), FeedError> {
    let query = web::Query::<FeedQuery>::from_query(query)
        .map_err(|error| FeedError::InvalidRequest(format!("the query: {error}")))?;
    let after = query.after.as_deref().map(|text| number("after", text, LARGEST_POSITION)).transpose()?;
    let wait = query.wait.as_deref().map_or(Ok(0), |text| number("wait", text, LONGEST_WAIT))?;
    Ok(match after {
        Some(after) => (after, Duration::from_secs(wait)),
        None => (0, Duration::ZERO),
    })
}

fn number(name: &str, text: &str, largest: u64) -> Result<u64, FeedError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && *number <= largest);
    number.ok_or_else(|| FeedError::InvalidRequest(format!("{name} is a whole number from 0 to {largest}")))
}

impl FeedError {
    fn word(&self) -> &'static str {
        match self {
            Self::Bearer(error) => error.word(),
            Self::InvalidRequest(_) => "invalid_request",
            Self::NotRead(NotRead::UnknownPosition) => "unknown_position",
            Self::NotRead(NotRead::TooManyWaiting | NotRead::Busy) => "temporarily_unavailable",
            Self::NotRead(NotRead::Failed(_)) => "server_error",
        }
    }

    fn description(&self) -> String {
        match self {
            Self::NotRead(NotRead::UnknownPosition) => {
                "this position was never handed out here, or long ago; read everything anew, without after".to_owned()
            }
            Self::NotRead(NotRead::TooManyWaiting) => {
                format!("{} readers wait already; try again", super::MOST_WAITING)
            }
            Self::NotRead(NotRead::Failed(_)) | Self::Bearer(BearerError::Internal(_)) => {
                "the service failed; its log says why".to_owned()
            }
            told => told.to_string(),
        }
    }
}

impl ResponseError for FeedError {
    fn status_code(&self) -> StatusCode {
        match self.word() {
            "invalid_token" => StatusCode::UNAUTHORIZED,
            "insufficient_scope" => StatusCode::FORBIDDEN,
            "unknown_position" => StatusCode::GONE,
            "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
            "server_error" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(reason = "internal", cause = %self, "the feed could not be read");
        }
        let mut response = HttpResponse::build(status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if let Self::Bearer(error) = self
            && let Some(challenge) = error.challenge()
        {
            response.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((header::RETRY_AFTER, RETRY_AFTER.as_secs()));
        }
        response.json(ErrorBody { error: self.word(), error_description: self.description() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(query: &str) -> String {
        asked(query).unwrap_err().to_string()
    }

    #[test]
    fn a_question_is_a_position_and_a_wait() {
        let seconds = Duration::from_secs;
        assert_eq!(asked("after=7&wait=30").unwrap(), (7, seconds(30)));
        assert_eq!(asked("after=0&wait=0").unwrap(), (0, seconds(0)));
        assert_eq!(asked(&format!("after={LARGEST_POSITION}")).unwrap(), (LARGEST_POSITION, seconds(0)));
    }

    #[test]
    fn a_snapshot_is_given_at_once() {
        assert_eq!(asked("").unwrap(), (0, Duration::ZERO));
        assert_eq!(asked("wait=30").unwrap(), (0, Duration::ZERO));
    }

    #[test]
    fn nonsense_is_told_what_is_expected() {
        let too_large = LARGEST_POSITION + 1;
        for after in ["-1", "+1", "", "1.5", "x", "0x1", "1e3", "%20", "99999999999999999999", &too_large.to_string()] {
            let said = refusal(&format!("after={after}"));
            assert_eq!(said, "after is a whole number from 0 to 9007199254740991", "{after}");
        }
        for wait in ["31", "-1", "", "soon"] {
            assert_eq!(refusal(&format!("after=0&wait={wait}")), "wait is a whole number from 0 to 30", "{wait}");
        }
        assert!(refusal("before=1").contains("before"), "{}", refusal("before=1"));
        assert!(refusal("after=1&after=2").contains("after"), "{}", refusal("after=1&after=2"));
    }
}
