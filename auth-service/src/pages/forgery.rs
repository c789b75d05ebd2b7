//! Forms that others send in somebody's name (OWASP, cross-site request forgery). Each form carries a
//! proof made of the session's or browser's handle for the very thing that it does: another site cannot
//! know it, and a proof of somebody else's session, or for something else, is none.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;

use crate::crypto::handle::{Handle, Kind};
use crate::oauth2::form::Form;

/// What a form does; for each thing another proof.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    /// Signs in, on the way to what this query asks for.
    Login(&'a str),
    /// Answers what this query asks for.
    Consent(&'a str),
    /// Withdraws what this client was allowed.
    Withdraw(&'a str),
    /// Ends the other sessions.
    EndSessions,
    /// Changes the password.
    Password,
    /// Signs out.
    Logout,
}

impl Purpose<'_> {
    fn text(self) -> String {
        match self {
            Self::Login(query) => format!("login\n{query}"),
            Self::Consent(query) => format!("consent\n{query}"),
            Self::Withdraw(client_id) => format!("withdraw\n{client_id}"),
            Self::EndSessions => "end-sessions".to_owned(),
            Self::Password => "password".to_owned(),
            Self::Logout => "logout".to_owned(),
        }
    }

    /// What the form has to carry.
    pub fn proof<K: Kind>(self, handle: &Handle<K>) -> String {
        handle.proof(&self.text())
    }

    /// Whether the form carries it, and the browser does not say that it comes from another site.
    pub fn is_proven<K: Kind>(self, request: &HttpRequest, form: &Form, handle: &Handle<K>) -> bool {
        let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
        let from_elsewhere = matches!(site, Some(b"cross-site" | b"same-site"));
        !from_elsewhere && form.get("csrf").is_some_and(|proof| handle.proves(&self.text(), proof))
    }
}
