//! The page that says what went wrong, and what to do next. It leads nowhere but to this service.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;

use super::document::{Frame, page};
use super::texts::ENGLISH;
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
    /// An authorization request whose client or redirect URI is not proven.
    pub fn of_request(refusal: &LocalRefusal) -> Self {
        let detail = match refusal {
            LocalRefusal::Client => ENGLISH.client_wrong.to_owned(),
            LocalRefusal::RedirectUri => ENGLISH.redirect_uri_wrong.to_owned(),
            LocalRefusal::Malformed(text) | LocalRefusal::Internal(text) => text.clone(),
        };
        let (heading, sentence) = (ENGLISH.request_wrong, ENGLISH.request_wrong_lead);
        Self { status: StatusCode::BAD_REQUEST, heading, sentence, detail: Some(detail), retry: None }
    }

    /// A form that carries no proof that this browser was given it for this purpose.
    pub fn forged(retry: String) -> Self {
        tracing::warn!(reason = "form_forged", "a form without its proof was refused");
        let (heading, sentence) = (ENGLISH.form_too_old, ENGLISH.form_too_old_lead);
        Self { status: StatusCode::FORBIDDEN, heading, sentence, detail: None, retry: Some(retry) }
    }

    /// A form that is not one.
    pub fn of_form(error: &OAuthError) -> Self {
        let status = actix_web::ResponseError::status_code(error);
        let (heading, sentence) = (ENGLISH.form_wrong, ENGLISH.form_wrong_lead);
        Self { status, heading, sentence, detail: Some(error.to_string()), retry: None }
    }

    /// The service failed; why is for the log.
    pub fn internal(cause: &str) -> Self {
        tracing::error!(reason = "internal", cause, "a page failed");
        let (heading, sentence) = (ENGLISH.failed, ENGLISH.failed_lead);
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, heading, sentence, detail: None, retry: None }
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
        page(self.status, &content, None)
    }
}

impl From<crate::storage::StorageError> for ErrorPage {
    fn from(error: crate::storage::StorageError) -> Self {
        Self::internal(&error.to_string())
    }
}

impl From<crate::custody::CustodyError> for ErrorPage {
    fn from(error: crate::custody::CustodyError) -> Self {
        Self::internal(&error.to_string())
    }
}
