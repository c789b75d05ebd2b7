//! Finds the credentials in a request's `Authorization` header, and the bearer token (RFC 6750 section 2.1)
//! there and nowhere else. Never looks inside the token.

use bailiwick_core::SignedToken;
use url::form_urlencoded;

use crate::head::Head;
use crate::refusal::Refusal;

/// What follows the word `Bearer`. Whether it has the form of a token is looked at when it is asked for: it does
/// where the very same text was verified before, and where it can be taken apart.
#[derive(Clone, Copy)]
pub(crate) struct Presented<'a>(&'a str);

impl<'a> Presented<'a> {
    /// The text, whatever it is.
    pub(crate) fn unread(self) -> &'a str {
        self.0
    }

    /// The token.
    ///
    /// # Errors
    /// [`Refusal::InvalidRequest`] where it has not the form of one.
    pub(crate) fn token(self) -> Result<&'a str, Refusal> {
        let malformed = "the Authorization header is not of the form: Bearer <token>";
        if is_token68(self.0) { Ok(self.0) } else { Err(Refusal::InvalidRequest(malformed)) }
    }

    /// The token taken apart. What can be has the form of one: it is of base64url and dots.
    ///
    /// # Errors
    /// As [`Self::token`], and [`Refusal::InvalidToken`].
    pub(crate) fn signed(self) -> Result<SignedToken<'a>, Refusal> {
        SignedToken::parse(self.0).or_else(|invalid| self.token().and(Err(Refusal::InvalidToken(invalid))))
    }
}

/// What the request presents as its token.
///
/// # Errors
/// [`Refusal::NoToken`] without credentials or with those of another scheme;
/// [`Refusal::InvalidRequest`] for a token in the query, two headers or a malformed one.
pub(crate) fn presented<'a>(head: &Head<'a>) -> Result<Presented<'a>, Refusal> {
    match authorization(head)? {
        Some(Authorization::Bearer(presented)) => Ok(presented),
        Some(Authorization::Basic(_) | Authorization::Other) | None => Err(Refusal::NoToken),
    }
}

/// What the `Authorization` header of a request holds.
#[derive(Clone, Copy)]
pub(crate) enum Authorization<'a> {
    /// Whatever follows the word `Bearer`.
    Bearer(Presented<'a>),
    /// Whatever follows the word `Basic`.
    Basic(&'a str),
    /// Credentials of a scheme that is none of ours.
    Other,
}

/// What the `Authorization` header holds, if there is one.
///
/// # Errors
/// [`Refusal::InvalidRequest`] for a token in the query, two headers or a malformed one.
pub(crate) fn authorization<'a>(head: &Head<'a>) -> Result<Option<Authorization<'a>>, Refusal> {
    if query_has_token(head.request.uri.query().unwrap_or_default()) {
        return Err(Refusal::InvalidRequest("the access token belongs in the Authorization header, never in the URL"));
    }
    let Some(credentials) = only_authorization(head)? else { return Ok(None) };
    let (scheme, rest) = credentials.split_once(' ').unwrap_or((credentials, ""));
    let rest = rest.trim_start_matches(' ');
    if scheme.is_empty() {
        Err(Refusal::InvalidRequest("the Authorization header is empty"))
    } else if scheme.eq_ignore_ascii_case("Basic") {
        Ok(Some(Authorization::Basic(rest)))
    } else if !scheme.eq_ignore_ascii_case("Bearer") {
        Ok(Some(Authorization::Other))
    } else {
        Ok(Some(Authorization::Bearer(Presented(rest))))
    }
}

/// Whether a query names `access_token`, however it is percent-encoded.
fn query_has_token(query: &str) -> bool {
    !query.is_empty() && form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}

fn only_authorization<'a>(head: &Head<'a>) -> Result<Option<&'a str>, Refusal> {
    let two = || Refusal::InvalidRequest("there is more than one Authorization header");
    let Some(value) = head.authorization.at_most_once(two)? else { return Ok(None) };
    // Of ASCII, a header can hold what is visible, and tabs.
    let text = str::from_utf8(value.as_bytes()).ok().filter(|text| text.is_ascii());
    text.map(Some).ok_or(Refusal::InvalidRequest("the Authorization header holds other than visible ASCII characters"))
}

/// The `token68` of RFC 9110 section 11.2: at least one character, `=` at the end only.
fn is_token68(text: &str) -> bool {
    let is_letter =
        |byte| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    let letters = text.trim_end_matches('=');
    // To the end in any case: without a way out early, many bytes are looked at in one step.
    !letters.is_empty() && letters.bytes().fold(true, |all, byte| all & is_letter(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use http::header::AUTHORIZATION;

    fn found(uri: &str, headers: &[&[u8]]) -> Result<String, &'static str> {
        let mut request = Request::builder().uri(uri);
        for header in headers {
            request = request.header(AUTHORIZATION, *header);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        presented(&Head::of(&parts)).and_then(Presented::token).map(str::to_owned).map_err(|refusal| match refusal {
            Refusal::NoToken => "none",
            Refusal::InvalidRequest(_) => "malformed",
            _ => "another refusal",
        })
    }

    #[test]
    fn the_scheme_is_read_without_regard_to_case_and_the_token_as_it_is() {
        for header in ["Bearer aB.c-_~+/==", "bearer aB.c-_~+/==", "BEARER   aB.c-_~+/=="] {
            assert_eq!(found("/mcp", &[header.as_bytes()]), Ok("aB.c-_~+/==".to_owned()), "{header}");
        }
    }

    #[test]
    fn no_credentials_and_another_scheme_are_no_token() {
        assert_eq!(found("/mcp", &[]), Err("none"));
        for header in ["Basic dXNlcjpwYXNz", "DPoP abc", "Bearerabc", "Bearer,abc"] {
            assert_eq!(found("/mcp", &[header.as_bytes()]), Err("none"), "{header}");
        }
    }

    #[test]
    fn a_malformed_header_is_named_as_one() {
        let wrong: [&[u8]; 9] = [
            b"",
            b"Bearer",
            b"Bearer ",
            b"Bearer a b",
            b"Bearer a,Bearer b",
            b"Bearer =",
            b"Bearer a=b",
            b"Bearer \"a\"",
            b"Bearer \xc3\xa9",
        ];
        for header in wrong {
            assert_eq!(found("/mcp", &[header]), Err("malformed"), "{}", String::from_utf8_lossy(header));
        }
        assert_eq!(found("/mcp", &[b"Bearer a", b"Bearer a"]), Err("malformed"));
    }

    #[test]
    fn a_token_in_the_query_is_refused_even_beside_a_good_header() {
        for uri in ["/mcp?access_token=a", "/mcp?x=1&access_token=", "/mcp?access%5Ftoken=a", "/mcp?access_token"] {
            assert_eq!(found(uri, &[b"Bearer a"]), Err("malformed"), "{uri}");
        }
        assert_eq!(found("/mcp?x=access_token", &[b"Bearer a"]), Ok("a".to_owned()));
    }
}
