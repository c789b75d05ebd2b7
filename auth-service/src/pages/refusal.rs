//! What a person is told who is not signed in, on whichever page: in what words, with what status, and
//! when to come again.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};

use super::error::ErrorPage;
use super::texts::{ENGLISH, fill};
use crate::caller::Caller;
use crate::service::Service;
use crate::sign_in::SignInError;
use crate::users::UserId;

/// Records that a password was not accepted, and in whose name where that is known.
pub fn record(error: &SignInError, user_id: Option<&UserId>, request: &HttpRequest, service: &Service) {
    let mut caller = Caller::of(request, service);
    caller.sub = user_id.map(ToString::to_string);
    caller.refused("password", "not_signed_in", &error.reason());
}

/// A refusal that the page's own form tells.
pub struct Refusal {
    status: StatusCode,
    problem: String,
    retry_after: Option<u64>,
}

impl Refusal {
    /// The refusal for `error`; `wrong` is what the page says of a wrong password.
    ///
    /// # Errors
    /// The page that tells of a failure of the service instead.
    pub fn of(error: &SignInError, wrong: &str) -> Result<Self, ErrorPage> {
        match error {
            SignInError::Failed { .. } => {
                Ok(Self { status: StatusCode::BAD_REQUEST, problem: wrong.to_owned(), retry_after: None })
            }
            SignInError::TooMany { retry_after } => {
                // Whole seconds, and none too few.
                let seconds = retry_after.as_secs() + 1;
                let problem = fill(ENGLISH.too_many, &[("seconds", &seconds.to_string())]);
                Ok(Self { status: StatusCode::TOO_MANY_REQUESTS, problem, retry_after: Some(seconds) })
            }
            SignInError::Busy { retry_after } => Ok(Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                problem: ENGLISH.busy.to_owned(),
                retry_after: Some(retry_after.as_secs()),
            }),
            SignInError::Internal(cause) => Err(ErrorPage::internal(cause)),
        }
    }

    /// The answer, made of the page that `form` renders for a status and a problem.
    pub fn answer(self, form: impl FnOnce(StatusCode, Option<String>) -> HttpResponse) -> HttpResponse {
        let mut answer = form(self.status, Some(self.problem));
        if let Some(seconds) = self.retry_after {
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        answer
    }
}
