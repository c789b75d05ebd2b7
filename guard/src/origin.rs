//! Which web pages may speak to this server: the `Origin` check of MCP's streamable HTTP and the CORS
//! headers that follow from it. Owns both, so that they cannot disagree.

use axum::body::Body;
use bailiwick_core::ResourceUri;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use url::Url;

use crate::head::{Field, Head};
use crate::refusal::Refusal;

/// The request headers that a page may send; those of tool parameters (`Mcp-Param-…`) come on top.
const REQUEST_HEADERS: &str = "authorization, x-api-key, content-type, accept, last-event-id, mcp-protocol-version, \
                               mcp-session-id, mcp-method, mcp-name";

/// The response headers that a page may read beyond the harmless ones.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static("WWW-Authenticate, Mcp-Session-Id, Retry-After");

/// How long a browser may remember the answer to a preflight, in seconds.
const PREFLIGHT_AGE: HeaderValue = HeaderValue::from_static("600");

/// The origins that may call, in their serialised form (RFC 6454 section 6.2).
#[derive(Clone, Debug)]
pub(crate) struct Origins(Vec<String>);

impl Origins {
    /// The resource's own origin, and no other.
    pub(crate) fn of(resource: &ResourceUri) -> Self {
        Self(vec![resource.origin().to_owned()])
    }

    /// Allows one more: `scheme://host` or `scheme://host:port`.
    ///
    /// # Errors
    /// Gives the text back where it is no origin.
    pub(crate) fn allow(&mut self, origin: String) -> Result<(), String> {
        let url = Url::parse(&origin).ok().filter(|url| url.has_host() && !url.cannot_be_a_base());
        let bare = url.is_some_and(|url| {
            matches!(url.path(), "" | "/")
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
        });
        if !bare {
            return Err(origin);
        }
        self.0.push(canonical(&origin));
        Ok(())
    }

    /// The request's origin where a page sent it; `None` where no page did.
    ///
    /// # Errors
    /// Where the origin is not allowed.
    pub(crate) fn check(&self, head: &Head<'_>) -> Result<Option<HeaderValue>, Refusal> {
        let Some(origin) = head.origin.at_most_once(|| Refusal::OriginForeign)? else { return Ok(None) };
        let text = origin.to_str().map_err(|_| Refusal::OriginForeign)?;
        if self.0.contains(&canonical(text)) { Ok(Some(origin.clone())) } else { Err(Refusal::OriginForeign) }
    }
}

/// The serialised form of an origin; text that is none stays as it is, in lower case.
fn canonical(origin: &str) -> String {
    let tuple = Url::parse(origin).ok().map(|url| url.origin()).filter(url::Origin::is_tuple);
    tuple.map_or_else(|| origin.trim_end_matches('/').to_ascii_lowercase(), |origin| origin.ascii_serialization())
}

/// Whether a request is the question of a browser whether it may ask (Fetch standard, CORS-preflight).
/// It carries no token by design, and nothing but its answer comes of it.
pub(crate) fn is_preflight(head: &Head<'_>) -> bool {
    head.request.method == Method::OPTIONS
        && head.origin != Field::Absent
        && head.request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight from an allowed origin.
pub(crate) fn preflight_answer(headers: &HeaderMap) -> Response<Body> {
    let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut allowed = REQUEST_HEADERS.to_owned();
    for name in asked.split(',').map(|name| name.trim().to_ascii_lowercase()) {
        if name.strip_prefix("mcp-param-").is_some_and(|rest| rest.parse::<http::HeaderName>().is_ok()) {
            allowed.push_str(", ");
            allowed.push_str(&name);
        }
    }
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, GET, DELETE"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE);
    if let Ok(allowed) = HeaderValue::try_from(allowed) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
    answer
}

/// Lets a page of an allowed origin read the answer.
pub(crate) fn share_with(origin: HeaderValue, answer: &mut Response<Body>) {
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    headers.append(VARY, HeaderValue::from_static("Origin"));
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http::header::ORIGIN;

    use super::*;

    fn check(origins: &Origins, headers: &HeaderMap) -> Result<Option<HeaderValue>, Refusal> {
        let mut request = Request::new(());
        request.headers_mut().clone_from(headers);
        origins.check(&Head::of(&request.into_parts().0))
    }

    fn allows(origin: &str) -> bool {
        let mut origins = Origins::of(&"https://api.example/mcp".parse().unwrap());
        origins.allow("http://localhost:6274".to_owned()).unwrap();
        origins.allow("vscode-webview://panel".to_owned()).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        check(&origins, &headers).is_ok()
    }

    #[test]
    fn an_origin_is_compared_as_scheme_host_and_port() {
        for right in
            ["https://api.example", "https://API.example:443", "http://localhost:6274", "vscode-webview://panel"]
        {
            assert!(allows(right), "{right}");
        }
        for wrong in [
            "http://api.example",
            "https://api.example:8443",
            "https://api.example.evil.example",
            "http://localhost",
            "http://localhost:6275",
            "null",
            "",
            "vscode-webview://other",
            "https://api.example, https://evil.example",
        ] {
            assert!(!allows(wrong), "{wrong}");
        }
    }

    #[test]
    fn no_origin_passes_and_two_do_not() {
        let origins = Origins::of(&"https://api.example/mcp".parse().unwrap());
        let mut headers = HeaderMap::new();
        assert!(matches!(check(&origins, &headers), Ok(None)));
        headers.append(ORIGIN, HeaderValue::from_static("https://api.example"));
        assert!(matches!(check(&origins, &headers), Ok(Some(_))));
        headers.append(ORIGIN, HeaderValue::from_static("https://api.example"));
        assert!(check(&origins, &headers).is_err());
    }

    #[test]
    fn what_is_no_origin_cannot_be_allowed() {
        let mut origins = Origins::of(&"https://api.example/mcp".parse().unwrap());
        for wrong in
            ["", "*", "null", "localhost:6274", "https://a.example/path", "https://a.example?x", "https://u@a.example"]
        {
            assert_eq!(origins.allow(wrong.to_owned()), Err(wrong.to_owned()));
        }
    }
}
