//! The two cookies: the session, and the browser that it is in. Owns their names and attributes; what
//! they carry is worth nothing in the database (only its hash is there) nor to a script (`HttpOnly`).

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use bailiwick_core::Issuer;

use crate::crypto::handle::{Handle, Kind};
use crate::sessions::{BROWSER_REMEMBERED, BrowserHandle, SessionHandle};

const SESSION: &str = "bailiwick_session";
const BROWSER: &str = "bailiwick_browser";

/// The name of a cookie. Where TLS is on, a prefix by which browsers take it from this very host alone
/// (RFC 6265bis section 4.1.3.2); on a loopback host without TLS they would refuse that.
fn name(base: &str, issuer: &Issuer) -> String {
    if issuer.is_plain_http() { base.to_owned() } else { format!("__Host-{base}") }
}

/// `Lax`: a client sends people here from its own site, and they should still be signed in then. Forms
/// are kept from other sites by what they carry ([`super::forgery`]).
fn cookie(base: &str, value: &str, issuer: &Issuer) -> Cookie<'static> {
    Cookie::build(name(base, issuer), value.to_owned())
        .path("/")
        .http_only(true)
        .secure(!issuer.is_plain_http())
        .same_site(SameSite::Lax)
        .finish()
}

/// The cookie of a session: it goes with the browser, and the service ends it earlier.
pub fn of_session(handle: &SessionHandle, issuer: &Issuer) -> Cookie<'static> {
    cookie(SESSION, handle.expose(), issuer)
}

/// The cookie that takes the session's away.
pub fn no_session(issuer: &Issuer) -> Cookie<'static> {
    let mut cookie = cookie(SESSION, "", issuer);
    cookie.make_removal();
    cookie
}

/// The cookie of a browser.
pub fn of_browser(handle: &BrowserHandle, issuer: &Issuer) -> Cookie<'static> {
    let mut cookie = cookie(BROWSER, handle.expose(), issuer);
    cookie.set_max_age(Duration::try_from(BROWSER_REMEMBERED).unwrap_or(Duration::ZERO));
    cookie
}

/// The session that the request presents.
pub fn session(request: &HttpRequest, issuer: &Issuer) -> Option<SessionHandle> {
    presented(request, SESSION, issuer)
}

/// The browser that the request presents.
pub fn browser(request: &HttpRequest, issuer: &Issuer) -> Option<BrowserHandle> {
    presented(request, BROWSER, issuer)
}

fn presented<K: Kind>(request: &HttpRequest, base: &str, issuer: &Issuer) -> Option<Handle<K>> {
    Handle::presented(request.cookie(&name(base, issuer))?.value())
}
