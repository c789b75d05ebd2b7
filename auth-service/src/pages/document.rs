//! A page as an answer: the frame around it, and the headers that keep it from being framed, read by
//! others or fed with scripts.

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use askama::Template;

use super::stylesheet;
use super::texts::{ENGLISH, Texts};
use crate::redirect_uris::RedirectUri;
use crate::service::Service;

/// What every page has around it.
pub struct Frame<'a> {
    /// The words.
    pub texts: &'static Texts,
    /// Where the stylesheet is.
    pub stylesheet: String,
    /// Whose page it is.
    pub issuer: &'a str,
}

impl<'a> Frame<'a> {
    /// The frame of this service's pages.
    pub fn of(service: &'a Service) -> Self {
        Self {
            texts: &ENGLISH,
            stylesheet: service.issuer.endpoint(&stylesheet::path()),
            issuer: service.issuer.as_str(),
        }
    }

    /// The URL of a path of ours.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }
}

/// A page. Its forms may lead to this service alone, and, where it is a step on the way back to a
/// client, to that client: browsers hold the whole chain of redirects after a form against the policy.
pub fn page(status: StatusCode, content: &impl Template, leads_to: Option<&RedirectUri>) -> HttpResponse {
    let html = match content.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(reason = "template", %error, "a page could not be rendered");
            return HttpResponse::InternalServerError().finish();
        }
    };
    let client = leads_to.map(|uri| format!(" {}", uri.content_security_source())).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'{client}; frame-ancestors 'none'; \
         base-uri 'none'"
    );
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, policy))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(html)
}
