//! How a client says who it is (RFC 6749 section 2.3): `client_secret_basic` or
//! `client_secret_post`, never both. Owns reading the credentials; whether they are right is
//! [`crate::authentication`]'s.

use actix_web::HttpRequest;
use actix_web::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::error::OAuthError;
use super::form::{Form, form_decoded};
use crate::authentication::Credentials;
use crate::crypto::secret::Secret;

/// The longest `Authorization` header that is looked at, in bytes.
const LONGEST_HEADER: usize = 4096;

/// The credentials that the request presents.
pub fn presented(request: &HttpRequest, form: &mut Form) -> Result<Credentials, OAuthError> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let header = headers.next();
    if headers.next().is_some() {
        return Err(OAuthError::InvalidRequest("there is more than one Authorization header".to_owned()));
    }
    let secret = form.take("client_secret");
    match (header, secret) {
        (Some(_), Some(_)) => Err(OAuthError::InvalidRequest(
            "the client authenticates in two ways at once; send either the Authorization header or client_secret"
                .to_owned(),
        )),
        (Some(header), None) => {
            let credentials = basic(header.as_bytes())?;
            if form.get("client_id").is_some_and(|client_id| client_id != credentials.client_id) {
                return Err(OAuthError::InvalidRequest("client_id differs from the Authorization header".to_owned()));
            }
            Ok(credentials)
        }
        (None, Some(secret)) => Ok(Credentials { client_id: form.required("client_id")?.to_owned(), secret }),
        (None, None) => Err(OAuthError::InvalidClient("no_credentials")),
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
