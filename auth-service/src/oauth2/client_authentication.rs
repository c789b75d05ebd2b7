//! How a client says who it is (RFC 6749 section 2.3): `client_secret_basic` or
//! `client_secret_post`, never both; a public client by its name alone. Owns reading the credentials;
//! whether they are right is [`crate::authentication`]'s.

use actix_web::HttpRequest;
use actix_web::http::header;
use bailiwick_core::ClientId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::error::OAuthError;
use super::form::{Form, form_decoded};
use crate::authentication::{Authenticated, Credentials};
use crate::caller::Caller;
use crate::clients::Client;
use crate::crypto::secret::Secret;
use crate::service::Service;

/// The longest `Authorization` header that is looked at, in bytes.
const LONGEST_HEADER: usize = 4096;

/// A client that said who it is.
pub enum Identified {
    /// It proved it.
    Authenticated(Authenticated),
    /// It is a public one: what it brings has to prove the rest.
    Public(Client),
}

impl Identified {
    /// The client.
    pub fn client(&self) -> &Client {
        match self {
            Self::Authenticated(authenticated) => &authenticated.known.client,
            Self::Public(client) => client,
        }
    }

    /// The client with its proof.
    ///
    /// # Errors
    /// `invalid_client` for a public one, which has none.
    pub fn authenticated(&self) -> Result<&Authenticated, OAuthError> {
        match self {
            Self::Authenticated(authenticated) => Ok(authenticated),
            Self::Public(_) => Err(OAuthError::InvalidClient("client_public")),
        }
    }
}

/// The client that sends the request.
///
/// # Errors
/// Where it does not prove who it is, and is no public client. Where a client of that name is registered, `caller`
/// knows it then too: a record of the refusal names it, and nobody whom nobody registered.
pub async fn identify(
    request: &HttpRequest,
    form: &mut Form,
    service: &Service,
    caller: &mut Caller,
) -> Result<Identified, OAuthError> {
    if let Some(credentials) = presented(request, form)? {
        let client_id: Option<ClientId> = credentials.client_id.parse().ok();
        let outcome = service.authenticate(credentials, caller.address).await;
        caller.client_id = match (&outcome, client_id) {
            (Ok(authenticated), _) => Some(authenticated.known.client.client_id.clone()),
            (Err(error), Some(client_id)) if error.is_the_callers() => {
                service.storage.client(&client_id).await?.map(|client| client.client_id)
            }
            _ => None,
        };
        return Ok(Identified::Authenticated(outcome?));
    }
    let no_credentials = || OAuthError::InvalidClient("no_credentials");
    let client_id: ClientId = form.get("client_id").and_then(|text| text.parse().ok()).ok_or_else(no_credentials)?;
    let found = service.storage.public_client_snapshot(&client_id).await?.client;
    caller.client_id = found.as_ref().map(|client| client.client_id.clone());
    let public = found.filter(|client| client.is_public() && !client.disabled);
    public.map(Identified::Public).ok_or_else(no_credentials)
}

/// The credentials that the request presents, if any.
fn presented(request: &HttpRequest, form: &mut Form) -> Result<Option<Credentials>, OAuthError> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let header = headers.next();
    if headers.next().is_some() {
        return Err(OAuthError::InvalidRequest("there is more than one Authorization header".to_owned()));
    }
    let secret = form.take("client_secret");
    let assertion = ["client_assertion", "client_assertion_type"].into_iter().any(|name| form.take(name).is_some());
    if [header.is_some(), secret.is_some(), assertion].into_iter().filter(|sent| *sent).count() > 1 {
        return Err(OAuthError::InvalidRequest(
            "the client authenticates in two ways at once; send either the Authorization header or client_secret"
                .to_owned(),
        ));
    }
    if assertion {
        return Err(OAuthError::InvalidClient("client_assertion"));
    }
    match (header, secret) {
        (Some(header), _) => {
            let credentials = basic(header.as_bytes())?;
            if form.get("client_id").is_some_and(|client_id| client_id != credentials.client_id) {
                return Err(OAuthError::InvalidRequest("client_id differs from the Authorization header".to_owned()));
            }
            Ok(Some(credentials))
        }
        (None, Some(secret)) => Ok(Some(Credentials { client_id: form.required("client_id")?.to_owned(), secret })),
        (None, None) => Ok(None),
    }
}

/// Reads `Basic` credentials: identifier and secret are form-encoded before they are joined
/// (RFC 6749 section 2.3.1).
fn basic(header: &[u8]) -> Result<Credentials, OAuthError> {
    let malformed = || OAuthError::InvalidRequest("the Authorization header is not well-formed Basic".to_owned());
    if header.len() > LONGEST_HEADER {
        return Err(malformed());
    }
    let header = std::str::from_utf8(header).map_err(|_| malformed())?;
    let (scheme, encoded) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("Basic") {
        return Err(OAuthError::InvalidClient("authentication_scheme"));
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim_matches(' ')).map_err(|_| malformed())?);
    let joined = std::str::from_utf8(&decoded).map_err(|_| malformed())?;
    let (client_id, secret) = joined.split_once(':').ok_or_else(malformed)?;
    let client_id = form_decoded(client_id).ok_or_else(malformed)?;
    let secret = form_decoded(secret).ok_or_else(malformed)?;
    Ok(Credentials { client_id, secret: Secret::new(secret) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, String)> {
        let header = format!("Basic {}", STANDARD.encode(text));
        basic(header.as_bytes()).ok().map(|read| (read.client_id, read.secret.expose().to_owned()))
    }

    #[test]
    fn identifier_and_secret_are_each_form_decoded() {
        assert_eq!(read("a%2Eb:s%3Ac+d"), Some(("a.b".to_owned(), "s:c d".to_owned())));
        assert_eq!(read("a:b:c"), Some(("a".to_owned(), "b:c".to_owned())));
        assert_eq!(read("a:"), Some(("a".to_owned(), String::new())));
    }

    #[test]
    fn a_malformed_header_is_an_invalid_request_and_another_scheme_an_invalid_client() {
        for header in ["Basic", "Basic !!!", "Basic YQ==", "Basic YTol", "basic YTolJQ=="] {
            assert!(matches!(basic(header.as_bytes()), Err(OAuthError::InvalidRequest(_))), "{header}");
        }
        assert!(matches!(basic(b"Bearer abc"), Err(OAuthError::InvalidClient(_))));
    }
}
