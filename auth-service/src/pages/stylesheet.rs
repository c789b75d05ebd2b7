//! The one stylesheet, under a name that changes with its content: a browser keeps it for good.

use actix_web::http::header;
use actix_web::{HttpResponse, web};

const TEXT: &str = include_str!("../../templates/bailiwick.css");

/// The path of the stylesheet below the issuer.
pub fn path() -> String {
    const MARK: u64 = mark(TEXT.as_bytes());
    format!("/assets/bailiwick-{MARK:016x}.css")
}

/// FNV-1a: it only has to tell one content from the next, and can be worked out by the compiler.
const fn mark(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// Serves it, under its present name alone.
pub async fn stylesheet(name: web::Path<String>) -> HttpResponse {
    if format!("/assets/{name}") != path() {
        return HttpResponse::NotFound().finish();
    }
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(TEXT)
}
