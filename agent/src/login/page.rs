//! The page that ends a login in the browser: whether it came about, and that the window may be closed.
//! Owns its look and the policy that keeps scripts out; names nothing that is secret.

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

/// The stylesheet, which stands in the page: this listener answers one request only.
const STYLE: &str = include_str!("../../templates/login.css");

/// What is shown.
#[derive(Clone, Copy)]
pub struct Page<'a> {
    /// Whether the person is logged in.
    pub is_logged_in: bool,
    /// Who asked.
    pub client_id: &'a str,
    /// Where it may act now.
    pub server: &'a str,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginTemplate<'a> {
    style: &'static str,
    page: Page<'a>,
}

impl Page<'_> {
    /// The page as an answer.
    pub fn response(self) -> Response<Full<Bytes>> {
        // Without the template there is still a status.
        let html = LoginTemplate { style: STYLE, page: self }.render().unwrap_or_default();
        let mut response = Response::new(Full::from(html));
        *response.status_mut() = if self.is_logged_in { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(CONTENT_SECURITY_POLICY, policy());
        response
    }
}

/// Nothing but this very stylesheet, and nobody around the page.
fn policy() -> HeaderValue {
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src data:; form-action 'none'; frame-ancestors 'none'; \
         base-uri 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_named_is_text_and_never_markup() {
        let page = Page { is_logged_in: true, client_id: "<script>", server: "https://hr.example/mcp?a=\"b\"" };
        let html = LoginTemplate { style: STYLE, page }.render().unwrap();
        assert!(!html.contains("<script") && html.contains("&#60;script&#62;"), "{html}");
        assert!(html.contains(&format!("<style>{STYLE}</style>")), "the policy allows these very bytes");
    }
}
