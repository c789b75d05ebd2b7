//! Protected resource metadata (RFC 9728): where a client learns which token service speaks for this
//! server. Owns the document and its routes; open to everybody by design.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use bailiwick_core::{Issuer, ResourceUri, Scope};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE,
};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::challenge::METADATA_PATH;

const EVERY: HeaderValue = HeaderValue::from_static("*");

/// The document of RFC 9728 section 2. `scopes_supported` names the least that is of use, never all
/// there is: clients ask for what it names.
pub(crate) fn document(resource: &ResourceUri, issuer: &Issuer, read: &Scope, title: &str) -> Value {
    let mut document = json!({
        "resource": resource,
        "authorization_servers": [issuer],
        "scopes_supported": [read],
        "bearer_methods_supported": ["header"],
    });
    if let (Some(members), false) = (document.as_object_mut(), title.is_empty()) {
        members.insert("resource_name".to_owned(), title.into());
    }
    document
}

/// The document at its place for this resource, and at the root for clients that look only there.
pub(crate) fn routes(resource: &ResourceUri, document: &Value) -> Router {
    let text = document.to_string();
    let answer = get(move || std::future::ready(found(text))).options(|| std::future::ready(preflight()));
    let router = Router::new().route(METADATA_PATH, answer.clone());
    match resource.path() {
        "/" => router,
        path => router.route(&format!("{METADATA_PATH}{path}"), answer),
    }
}

fn found(document: String) -> Response<Body> {
    let mut answer = Response::new(Body::from(document));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, EVERY);
    answer
}

/// Browser clients send a version header with their question, and so ask first.
fn preflight() -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, EVERY);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, EVERY);
    answer
}
