//! The authorization request and the checks of its answer (OAuth 2.1 section 4.1.1, RFC 7636, RFC
//! 9207). Pure: what is random is passed in, what the browser brought is text that anybody may have
//! written.

use std::collections::BTreeMap;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use bailiwick_process::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::{Url, form_urlencoded};

use crate::discovery::{AuthorizationServer, OFFLINE_ACCESS};
use crate::scopes::Scopes;

/// How many bytes of a state or a verifier are random: they give 43 characters (RFC 7636 section 4.1).
const RANDOM_BYTES: usize = 32;

/// Where random bytes come from: fills all of them, or says that it cannot.
pub type Entropy = dyn Fn(&mut [u8]) -> Result<(), NoEntropy>;

/// The system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes; try again")]
pub struct NoEntropy;

/// What the browser brought is not what was waited for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongAnswer {
    /// The issuer says no (RFC 6749 section 4.1.2.1).
    #[error("{issuer} does not let you in: {error}{}", if .description.is_empty() { String::new() } else { format!(" ({description})") })]
    Refused {
        /// Who says it.
        issuer: String,
        /// The word of the standard.
        error: String,
        /// What the issuer adds.
        description: String,
    },
    /// It belongs to another request: somebody else's, or an old one.
    #[error(
        "what the browser brought belongs to another login (its state differs): nothing of it is used; log in again"
    )]
    State,
    /// It comes from another issuer (RFC 9207 section 2.4).
    #[error(
        "what the browser brought is an answer of {found}, and {issuer} was asked (RFC 9207): nothing of it is used; \
         log in again, and if it stays so tell whoever runs the server"
    )]
    Issuer {
        /// Who was asked.
        issuer: String,
        /// Who answered.
        found: String,
    },
    /// It is no answer at all.
    #[error("what the browser brought is no answer of an authorization server ({0}); log in again")]
    Malformed(&'static str),
}

/// One request, and what has to be known to make use of its answer.
pub struct AuthorizationRequest {
    /// Where the answer comes to.
    pub redirect_uri: String,
    /// The proof that who redeems the code is who asked for it.
    pub verifier: Secret,
    state: Secret,
}

impl AuthorizationRequest {
    /// A request that is answered at `redirect_uri`.
    pub fn new(entropy: &Entropy, redirect_uri: String) -> Result<Self, NoEntropy> {
        let random = || identifier(entropy).map(Secret::new);
        Ok(Self { redirect_uri, verifier: random()?, state: random()? })
    }

    /// Where the person is sent.
    pub fn url(&self, endpoint: Url, client_id: &str, resource: &str, scope: &str) -> Url {
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.expose().as_bytes()));
        let mut url = endpoint;
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("resource", resource)
            .append_pair("state", self.state.expose());
        if !scope.is_empty() {
            query.append_pair("scope", scope);
        }
        drop(query);
        url
    }

    /// The code that the browser brought, once it is certain that it answers this request: its state,
    /// then who answers, then what.
    pub fn code(&self, query: &str, server: &AuthorizationServer) -> Result<Secret, WrongAnswer> {
        let mut answer = parameters(query)?;
        let state = answer.remove("state").unwrap_or_default();
        verify_slices_are_equal(state.as_bytes(), self.state.expose().as_bytes()).map_err(|_| WrongAnswer::State)?;
        check_issuer(answer.remove("iss"), server)?;
        if let Some(error) = answer.remove("error") {
            let description = answer.remove("error_description").unwrap_or_default();
            return Err(WrongAnswer::Refused { issuer: server.issuer.to_string(), error, description });
        }
        match answer.remove("code") {
            Some(code) if !code.is_empty() => Ok(Secret::new(code)),
            _ => Err(WrongAnswer::Malformed("it has no code")),
        }
    }
}

/// A text that nobody can guess, and nothing else bears.
pub fn identifier(entropy: &Entropy) -> Result<String, NoEntropy> {
    let mut bytes = [0; RANDOM_BYTES];
    entropy(&mut bytes).map(|()| URL_SAFE_NO_PAD.encode(bytes))
}

/// What is asked for: what the person said, and a refresh token where there are some.
pub fn scope(asked: Option<&Scopes>, offers_offline_access: bool) -> String {
    let asked = asked.into_iter().flat_map(Scopes::iter).filter(|scope| *scope != OFFLINE_ACCESS);
    asked.chain(offers_offline_access.then_some(OFFLINE_ACCESS)).collect::<Vec<_>>().join(" ")
}

/// None may stand twice (RFC 6749 section 3.1).
fn parameters(query: &str) -> Result<BTreeMap<String, String>, WrongAnswer> {
    let mut parameters = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if parameters.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(WrongAnswer::Malformed("a parameter stands twice"));
        }
    }
    Ok(parameters)
}

/// An answer that says who gives it says the truth, and one that should say it does: compared as text,
/// nothing overlooked (RFC 9207 section 2.4).
fn check_issuer(found: Option<String>, server: &AuthorizationServer) -> Result<(), WrongAnswer> {
    let wrong = |found| Err(WrongAnswer::Issuer { issuer: server.issuer.to_string(), found });
    match found {
        Some(found) if found != server.issuer.as_str() => wrong(found),
        None if server.names_itself => wrong("nobody".to_owned()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::tests::{ENDPOINT, described};

    fn server(names_itself: bool) -> AuthorizationServer {
        described(&format!(r#"{ENDPOINT}, "authorization_response_iss_parameter_supported": {names_itself}"#)).unwrap()
    }

    fn request() -> AuthorizationRequest {
        let fill = |bytes: &mut [u8]| {
            bytes.fill(7);
            Ok(())
        };
        AuthorizationRequest::new(&fill, "http://127.0.0.1:1/callback".to_owned()).unwrap()
    }

    #[test]
    fn the_request_says_everything_and_keeps_the_verifier() {
        let endpoint = "https://id.example/authorize?tenant=a".parse().unwrap();
        let url = request().url(endpoint, "a b", "https://hr.example/mcp", "hr:read offline_access");
        let pairs: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
        for (name, value) in [
            ("tenant", "a"),
            ("response_type", "code"),
            ("client_id", "a b"),
            ("redirect_uri", "http://127.0.0.1:1/callback"),
            ("code_challenge_method", "S256"),
            ("resource", "https://hr.example/mcp"),
            ("scope", "hr:read offline_access"),
        ] {
            assert_eq!(pairs[name], value);
        }
        let verifier = request().verifier.expose().to_owned();
        assert_eq!(verifier.len(), 43);
        assert_eq!(pairs["code_challenge"], URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())));
        let endpoint = "https://id.example/authorize".parse().unwrap();
        assert!(!request().url(endpoint, "a", "r", "").as_str().contains("scope"));
    }

    #[test]
    fn a_refresh_token_is_asked_for_where_there_are_some() {
        let asked = "offline_access a".parse().ok();
        assert_eq!(scope(asked.as_ref(), true), "a offline_access");
        assert_eq!(scope(asked.as_ref(), false), "a");
        assert_eq!(scope(None, true), "offline_access");
        assert_eq!(scope(None, false), "");
    }

    #[test]
    fn an_answer_is_of_this_request_and_of_the_issuer_that_was_asked() {
        let request = request();
        let state = request.state.expose();
        let iss = "iss=https%3A%2F%2Fid.example";
        let read = |query: &str, names_itself| request.code(query, &server(names_itself));
        let good = format!("code=c%20d&state={state}&{iss}&more=x");
        assert_eq!(read(&good, true).unwrap().expose(), "c d");
        assert_eq!(read(&good, false).unwrap().expose(), "c d");
        assert_eq!(read(&format!("code=c&state={state}"), false).unwrap().expose(), "c");
        let other = |query: &str, names_itself| read(query, names_itself).err().unwrap();
        assert_eq!(other(&format!("code=c&state={state}x&{iss}"), true), WrongAnswer::State);
        assert_eq!(other(&format!("code=c&{iss}"), true), WrongAnswer::State);
        assert_eq!(other(&format!("error=access_denied&{iss}"), true), WrongAnswer::State);
        for (names_itself, query) in [
            (true, format!("code=c&state={state}")),
            (true, format!("code=c&state={state}&iss=https%3A%2F%2Fid.example%2F")),
            (false, format!("code=c&state={state}&iss=https%3A%2F%2Fevil.example")),
            (true, format!("error=access_denied&state={state}")),
        ] {
            assert!(matches!(other(&query, names_itself), WrongAnswer::Issuer { .. }), "{query}");
        }
        for query in [
            format!("state={state}&{iss}"),
            format!("code=&state={state}&{iss}"),
            format!("code=a&code=b&state={state}&{iss}"),
            format!("code=a&state={state}&state={state}&{iss}"),
        ] {
            assert!(matches!(other(&query, true), WrongAnswer::Malformed(_)), "{query}");
        }
        let refused = other(&format!("error=access_denied&error_description=no&state={state}&{iss}"), true);
        assert_eq!(refused.to_string(), "https://id.example does not let you in: access_denied (no)");
    }

    #[test]
    fn without_randomness_there_is_no_request() {
        assert_eq!(AuthorizationRequest::new(&|_| Err(NoEntropy), String::new()).err(), Some(NoEntropy));
    }
}
