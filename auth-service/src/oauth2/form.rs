//! The parameters of an OAuth request: an `application/x-www-form-urlencoded` body or query
//! (RFC 6749 appendix B), read strictly. Owns the limits of the body; knows no parameter by name.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use percent_encoding::percent_decode_str;

use super::error::OAuthError;
use crate::crypto::secret::Secret;
use crate::request_body::Unreadable;

/// The longest body of an OAuth request, in bytes.
pub const LONGEST_BODY: usize = 64 * 1024;
/// The most parameters of one request.
const MOST_PARAMETERS: usize = 64;

/// The parameters of one request, each at most once; one without a value counts as not sent
/// (RFC 6749 section 3.2). Values are wiped when dropped, for some are secrets.
pub struct Form(BTreeMap<String, Secret>);

impl Form {
    /// The value of that parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::expose)
    }

    /// The value of that parameter, or `invalid_request` naming it.
    pub fn required(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::InvalidRequest(format!("the parameter {name} is missing")))
    }

    /// Takes the value of that parameter out.
    pub fn take(&mut self, name: &str) -> Option<Secret> {
        self.0.remove(name)
    }

    /// Reads the parameters of a body or of a query.
    ///
    /// # Errors
    /// What is not so encoded, or stands twice.
    pub fn parse(body: &[u8]) -> Result<Self, OAuthError> {
        let (form, repeated) = Self::read(body)?;
        repeated.first().map_or(Ok(form), |name| Err(stands_twice(name)))
    }

    /// Reads the parameters of a query that may name some twice: those have no value, and are named
    /// beside the rest. For whoever has to know first where the refusal of them goes.
    ///
    /// # Errors
    /// What is not so encoded.
    pub fn read(query: &[u8]) -> Result<(Self, BTreeSet<String>), OAuthError> {
        let malformed = || OAuthError::InvalidRequest("the parameters are not form-urlencoded UTF-8".to_owned());
        let query = std::str::from_utf8(query).map_err(|_| malformed())?;
        let (mut parameters, mut repeated) = (BTreeMap::new(), BTreeSet::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = form_decoded(name).ok_or_else(malformed)?;
            let value = form_decoded(value).ok_or_else(malformed)?;
            if parameters.len() == MOST_PARAMETERS {
                return Err(OAuthError::InvalidRequest(format!("a request has at most {MOST_PARAMETERS} parameters")));
            }
            if parameters.insert(name.clone(), Secret::new(value)).is_some() {
                repeated.insert(name);
            }
        }
        parameters.retain(|name, value| !value.expose().is_empty() && !repeated.contains(name));
        Ok((Self(parameters), repeated))
    }
}

/// The refusal of a parameter that stands twice. RFC 8707 lets a client name several resources; our
/// tokens are for exactly one.
pub fn stands_twice(name: &str) -> OAuthError {
    if name == "resource" {
        return OAuthError::InvalidTarget("a token is for one resource; ask for one at a time".to_owned());
    }
    OAuthError::InvalidRequest(format!("the parameter {name} stands more than once"))
}

/// Decodes one name or value: `+` is a space, `%XX` a byte, the whole UTF-8. `None` where it is not
/// so encoded.
pub fn form_decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_escape = |at: usize| bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    if (0..bytes.len()).any(|at| bytes[at] == b'%' && !is_escape(at)) {
        return None;
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

impl FromRequest for Form {
    type Error = OAuthError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, OAuthError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let content_type = check_content_type(request);
        let body = Bytes::from_request(request, payload);
        Box::pin(async move {
            content_type?;
            Self::parse(&body.await.map_err(|error| Unreadable::of(&error, LONGEST_BODY))?)
        })
    }
}

fn check_content_type(request: &HttpRequest) -> Result<(), OAuthError> {
    let value = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(());
    }
    Err(OAuthError::InvalidRequest("Content-Type must be application/x-www-form-urlencoded".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &str) -> Result<Vec<(String, String)>, String> {
        let form = Form::parse(body.as_bytes()).map_err(|error| error.to_string())?;
        Ok(form.0.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect())
    }

    #[test]
    fn a_form_is_decoded_and_empty_values_count_as_not_sent() {
        let expected = vec![("a".to_owned(), "1 2".to_owned()), ("b".to_owned(), "é&=".to_owned())];
        assert_eq!(parsed("a=1+2&b=%C3%A9%26%3d&c=&d"), Ok(expected));
        assert_eq!(parsed(""), Ok(vec![]));
    }

    #[test]
    fn what_is_not_form_encoded_is_refused_and_not_repaired() {
        for body in ["a=%", "a=%4", "a=%zz", "a=%ff", "%=1"] {
            assert!(parsed(body).is_err(), "{body}");
        }
        assert!(Form::parse(b"a=\xff").is_err());
    }

    #[test]
    fn a_parameter_that_stands_twice_is_refused_even_where_one_is_empty() {
        assert_eq!(parsed("a=1&a=2"), Err("the parameter a stands more than once".to_owned()));
        assert!(parsed("a=&a=2").is_err());
        let (form, repeated) = Form::read(b"a=1&b=2&a=3&a=").unwrap();
        assert_eq!((form.get("a"), form.get("b")), (None, Some("2")), "neither of the values is believed");
        assert_eq!(Vec::from_iter(repeated), ["a"]);
    }

    #[test]
    fn there_is_an_end_to_parameters() {
        let body: Vec<String> = (0..=MOST_PARAMETERS).map(|number| format!("p{number}=1")).collect();
        assert!(parsed(&body.join("&")).is_err());
    }
}
