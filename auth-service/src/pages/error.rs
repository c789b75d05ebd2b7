//! The page that says what went wrong, and what to do next. It leads nowhere but to this service.

use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::document::{Frame, page};
use super::texts::ENGLISH;
use crate::caller::Caller;
use crate::oauth2::authorization_request::LocalRefusal;
use crate::oauth2::error::OAuthError;
use crate::service::Service;

/// What went wrong.
pub struct ErrorPage {
    status: StatusCode,
    heading: &'static str,
    sentence: &'static str,
    detail: Option<String>,
    retry: Option<String>,
    retry_after: Option<Duration>,
}

#[derive(Template)]
#[template(path = "error.html")]
struct Content<'a> {
    frame: Frame<'a>,
    heading: &'a str,
    sentence: &'a str,
    detail: Option<&'a str>,
    retry: Option<&'a str>,
}

impl ErrorPage {
    /// An authorization request whose client or redirect URI is not proven, or could not be looked for.
    pub fn of_request(refusal: LocalRefusal) -> Self {
        let detail = match refusal {
            LocalRefusal::Client => ENGLISH.client_wrong.to_owned(),
            LocalRefusal::RedirectUri => ENGLISH.redirect_uri_wrong.to_owned(),
            LocalRefusal::Malformed(text) => text,
            LocalRefusal::Storage(error) => return error.into(),
        };
        let (heading, sentence) = (ENGLISH.request_wrong, ENGLISH.request_wrong_lead);
        Self { detail: Some(detail), ..Self::new(StatusCode::BAD_REQUEST, heading, sentence) }
    }

    /// A form that carries no proof that this browser was given it for this purpose; at `retry` is a new one.
    pub fn forged(request: &HttpRequest, service: &Service, retry: &str) -> Self {
        Caller::of(request, service).refused("form", "form_forged", &"it does not carry its proof");
        let (heading, sentence) = (ENGLISH.form_too_old, ENGLISH.form_too_old_lead);
        let retry = Some(service.issuer.endpoint(retry));
        Self { retry, ..Self::new(StatusCode::FORBIDDEN, heading, sentence) }
    }

    /// A form that is not one.
    pub fn of_form(error: &OAuthError) -> Self {
        let status = actix_web::ResponseError::status_code(error);
        let (heading, sentence) = (ENGLISH.form_wrong, ENGLISH.form_wrong_lead);
        Self { detail: Some(error.to_string()), ..Self::new(status, heading, sentence) }
    }

    /// The service failed; why is for the log.
    pub fn internal(cause: &str) -> Self {
        tracing::error!(reason = "internal", cause, "a page failed");
        let (heading, sentence) = (ENGLISH.failed, ENGLISH.failed_lead);
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, heading, sentence)
    }

    /// The service is busy.
    fn busy(retry_after: Duration) -> Self {
        tracing::warn!(reason = "busy", "a page had to be refused: the database is busy");
        let page = Self::new(StatusCode::SERVICE_UNAVAILABLE, ENGLISH.failed, ENGLISH.busy);
        Self { retry_after: Some(retry_after), ..page }
    }

    fn new(status: StatusCode, heading: &'static str, sentence: &'static str) -> Self {
        Self { status, heading, sentence, detail: None, retry: None, retry_after: None }
    }

    /// The page.
    pub fn answer(&self, service: &Service) -> HttpResponse {
        let content = Content {
            frame: Frame::of(service),
            heading: self.heading,
            sentence: self.sentence,
            detail: self.detail.as_deref(),
            retry: self.retry.as_deref(),
        };
        let mut answer = page(self.status, &content, None);
        if let Some(retry_after) = self.retry_after {
            answer.headers_mut().insert(header::RETRY_AFTER, retry_after.as_secs().into());
        }
        answer
    }
}

impl From<crate::storage::StorageError> for ErrorPage {
    fn from(error: crate::storage::StorageError) -> Self {
        match error.retry_after() {
            Some(retry_after) => Self::busy(retry_after),
            None => Self::internal(&error.to_string()),
        }
    }
}

impl From<crate::custody::CustodyError> for ErrorPage {
    fn from(error: crate::custody::CustodyError) -> Self {
        match error.retry_after() {
            Some(retry_after) => Self::busy(retry_after),
            None => Self::internal(&error.to_string()),
        }
    }
}
