//! Access tokens: asked for with client credentials (RFC 6749 section 4.4, with the `resource` of
//! RFC 8707), held without ever being shown, and read for what they say of themselves. Owns the
//! request and its answers; verifies nothing, which is the server's part.

use std::time::Duration;

use bailiwick_core::{Clock, UnixSeconds};
use bailiwick_process::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded::{Serializer, byte_serialize};
use zeroize::Zeroizing;

use crate::credentials::Client;
use crate::discovery::AuthorizationServer;
use crate::fetch::{FetchError, Http};
use crate::scopes::Scopes;

/// The longest token, in bytes.
const LONGEST: usize = 16 * 1024;

/// How long before its end a token is no longer used, so that it does not end on the way.
const RENEWED_BEFORE: Duration = Duration::from_mins(1);

/// A short-lived token is used for this part of its life at least.
const USED_FOR_QUARTERS: u32 = 3;

/// The text is not a bearer token (RFC 6750 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a bearer token: 1 to 16384 characters of A-Z a-z 0-9 - . _ ~ + / =")]
pub struct NotABearerToken;

/// Why no token was given.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No answer, or not one of a token endpoint.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The client is not known, or its secret is wrong.
    #[error("{issuer} does not accept the credentials of client {client_id}{}; check the client id and its secret", described(.description))]
    Credentials {
        /// Who was asked.
        issuer: String,
        /// Who asked.
        client_id: String,
        /// What the issuer adds.
        description: String,
    },
    /// The client may not have such a token.
    #[error("{issuer} gives client {client_id} no token ({error}{})", described(.description))]
    NotAllowed {
        /// Who was asked.
        issuer: String,
        /// Who asked.
        client_id: String,
        /// The word of the standard.
        error: String,
        /// What the issuer adds.
        description: String,
    },
    /// Anything else.
    #[error("{issuer} gave no token: HTTP {status}, {error}{}", described(.description))]
    Failed {
        /// Who was asked.
        issuer: String,
        /// The status.
        status: StatusCode,
        /// The word of the standard.
        error: String,
        /// What the issuer adds.
        description: String,
    },
    /// A success that is none.
    #[error("{issuer} answers a token request with {0}", issuer = .1)]
    Nonsense(&'static str, String),
}

fn described(description: &str) -> String {
    if description.is_empty() { String::new() } else { format!(": {description}") }
}

/// A token and what is known of it.
pub struct AccessToken {
    /// The token itself.
    pub value: Secret,
    /// What was granted, where the issuer said so.
    pub scope: Option<Scopes>,
    /// From when on it is no longer used; `None` where the issuer did not say how long it lives.
    pub use_until: Option<UnixSeconds>,
}

/// The text, if it is a bearer token.
///
/// # Errors
/// Where it holds what no token holds, such as a line end.
pub fn bearer(secret: Secret) -> Result<Secret, NotABearerToken> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let text = secret.expose();
    if (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_token) { Ok(secret) } else { Err(NotABearerToken) }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
    scope: Option<String>,
}

#[derive(Default, Deserialize)]
struct Refused {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Asks for a token of `client` for `resource`; without a scope for all that it may have there.
pub async fn request(
    http: &Http,
    server: &AuthorizationServer,
    client: Client<'_>,
    resource: &str,
    scope: Option<&Scopes>,
    clock: &dyn Clock,
) -> Result<AccessToken, TokenError> {
    let address = &server.token_endpoint;
    let mut request = http.client(address).post(address.clone());
    request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    if server.basic {
        request = request.header(AUTHORIZATION, basic(client));
    }
    let asked = clock.now();
    let answer = http.json(address, request.body(form(server, client, resource, scope).to_string())).await?;
    if answer.status != StatusCode::OK {
        return Err(refused(client, answer.status, answer.read(address).unwrap_or_default()));
    }
    granted(client, answer.read(address)?, asked)
}

/// The body of the request. The secret is in it only where Basic is not offered.
fn form(server: &AuthorizationServer, client: Client<'_>, resource: &str, scope: Option<&Scopes>) -> Zeroizing<String> {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials").append_pair("resource", resource);
    if let Some(scope) = scope {
        form.append_pair("scope", &scope.to_string());
    }
    if !server.basic {
        form.append_pair("client_id", client.client_id).append_pair("client_secret", client.secret.expose());
    }
    Zeroizing::new(form.finish())
}

/// HTTP Basic with both parts form-encoded before they are joined (RFC 6749 section 2.3.1).
fn basic(client: Client<'_>) -> HeaderValue {
    let encoded = |text: &str| Zeroizing::new(byte_serialize(text.as_bytes()).collect::<String>());
    let joined = Zeroizing::new(format!("{}:{}", *encoded(client.client_id), *encoded(client.secret.expose())));
    let header = Zeroizing::new(format!("Basic {}", STANDARD.encode(joined.as_bytes())));
    let mut header = HeaderValue::from_str(&header).unwrap_or(HeaderValue::from_static("Basic"));
    header.set_sensitive(true);
    header
}

fn granted(client: Client<'_>, granted: Granted, asked: UnixSeconds) -> Result<AccessToken, TokenError> {
    let value = Secret::new(granted.access_token);
    let nonsense = |what| TokenError::Nonsense(what, client.issuer.to_string());
    if !granted.token_type.eq_ignore_ascii_case("Bearer") {
        return Err(nonsense("a token that is not a bearer token"));
    }
    let value = bearer(value).map_err(|_| nonsense("a token that cannot be sent"))?;
    let scope = granted.scope.and_then(|scope| scope.parse().ok());
    let use_until = granted.expires_in.map(|seconds| asked + used_for(Duration::from_secs(seconds)));
    Ok(AccessToken { value, scope, use_until })
}

/// For how long a token with this lifetime is used.
fn used_for(lifetime: Duration) -> Duration {
    lifetime.saturating_sub(RENEWED_BEFORE).max(lifetime / 4 * USED_FOR_QUARTERS)
}

fn refused(client: Client<'_>, status: StatusCode, refused: Refused) -> TokenError {
    let Refused { error, error_description: description } = refused;
    let (issuer, client_id) = (client.issuer.to_string(), client.client_id.to_owned());
    match error.as_str() {
        "invalid_client" => TokenError::Credentials { issuer, client_id, description },
        "invalid_scope" | "invalid_target" | "unauthorized_client" | "access_denied" => {
            TokenError::NotAllowed { issuer, client_id, error, description }
        }
        _ if status == StatusCode::UNAUTHORIZED => TokenError::Credentials { issuer, client_id, description },
        _ => {
            let error = if error.is_empty() { "without saying why".to_owned() } else { error };
            TokenError::Failed { issuer, status, error, description }
        }
    }
}

/// What a token says of itself, where it is a JWT. Read to be shown, never to decide.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct TokenClaims {
    /// Who issued it.
    pub issuer: Option<String>,
    /// For whom it speaks.
    pub subject: Option<String>,
    /// The client that it was issued to.
    pub client_id: Option<String>,
    /// The roles that it rests on.
    pub roles: Vec<String>,
    /// What it opens.
    pub scope: Option<String>,
    /// Where it is good.
    pub audience: Vec<String>,
    /// When it ends.
    pub expires_at: Option<UnixSeconds>,
}

/// The claims of a JWT; `None` for a token of another form.
pub fn claims(token: &Secret) -> Option<TokenClaims> {
    let mut parts = token.expose().split('.');
    let (_, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else { return None };
    let payload = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
    let members = bailiwick_core::json::object(&payload).ok()?;
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let texts = |name: &str| match members.get(name) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    Some(TokenClaims {
        issuer: text("iss"),
        subject: text("sub"),
        client_id: text("client_id").or_else(|| text("azp")),
        roles: texts("roles"),
        scope: text("scope"),
        audience: texts("aud"),
        expires_at: members.get("exp").and_then(Value::as_i64).map(UnixSeconds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client to be lent out.
    fn with_client<T>(test: impl FnOnce(Client<'_>) -> T) -> T {
        let issuer = "https://id.example".parse().unwrap();
        test(Client { issuer: &issuer, client_id: "agent 1", secret: &Secret::new("s:c+t".to_owned()) })
    }

    fn server(basic: bool) -> AuthorizationServer {
        AuthorizationServer { token_endpoint: "https://id.example/token".parse().unwrap(), basic }
    }

    #[test]
    fn the_secret_travels_in_one_place() {
        let header = with_client(basic);
        assert_eq!(header, format!("Basic {}", STANDARD.encode("agent+1:s%3Ac%2Bt")));
        assert!(header.is_sensitive());
        let scope = "a b".parse().ok();
        assert_eq!(
            with_client(|client| form(&server(true), client, "https://a.example/mcp", scope.as_ref())).as_str(),
            "grant_type=client_credentials&resource=https%3A%2F%2Fa.example%2Fmcp&scope=a+b"
        );
        assert_eq!(
            with_client(|client| form(&server(false), client, "r", None)).as_str(),
            "grant_type=client_credentials&resource=r&client_id=agent+1&client_secret=s%3Ac%2Bt"
        );
    }

    #[test]
    fn a_token_is_renewed_a_minute_before_its_end_and_a_short_one_used_for_most_of_its_life() {
        for (lifetime, used) in [(900, 840), (240, 180), (100, 75), (4, 3), (0, 0), (u64::MAX, u64::MAX - 60)] {
            assert_eq!(used_for(Duration::from_secs(lifetime)).as_secs(), used, "{lifetime}");
        }
    }

    #[test]
    fn an_answer_without_a_usable_bearer_token_is_nonsense() {
        let answer = |token: &str, kind: &str| {
            let answer =
                serde_json::json!({"access_token": token, "token_type": kind, "expires_in": 900, "scope": "b a"});
            with_client(|client| granted(client, serde_json::from_value(answer).unwrap(), UnixSeconds(1000)))
        };
        let token = answer("a.b-c", "bearer").ok().unwrap();
        assert_eq!((token.use_until, token.scope), (Some(UnixSeconds(1840)), "a b".parse().ok()));
        for (token, kind) in [("x", "DPoP"), ("", "Bearer"), ("a b", "Bearer"), ("a\r\nb", "Bearer"), ("é", "Bearer")]
        {
            assert!(matches!(answer(token, kind), Err(TokenError::Nonsense(..))), "{token:?} {kind}");
        }
    }

    #[test]
    fn what_a_refusal_means_is_read_from_its_word() {
        let word = |word: &str, status| {
            let refusal = Refused { error: word.to_owned(), error_description: String::new() };
            with_client(|client| refused(client, status, refusal))
        };
        let bad = StatusCode::BAD_REQUEST;
        assert!(matches!(word("invalid_client", bad), TokenError::Credentials { .. }));
        assert!(matches!(word("", StatusCode::UNAUTHORIZED), TokenError::Credentials { .. }));
        assert!(matches!(word("invalid_scope", bad), TokenError::NotAllowed { .. }));
        assert!(matches!(word("invalid_request", bad), TokenError::Failed { .. }));
        assert!(matches!(word("", StatusCode::BAD_GATEWAY), TokenError::Failed { .. }));
    }

    #[test]
    fn a_token_is_read_only_where_it_is_a_jwt() {
        let jwt = |payload: &str| Secret::new(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload)));
        let read = claims(&jwt(r#"{"sub":"a","aud":"r","roles":["R"],"scope":"s","exp":5,"client_id":"c","iss":"i"}"#));
        let read = read.unwrap();
        assert_eq!((read.subject.as_deref(), read.audience.as_slice()), (Some("a"), ["r".to_owned()].as_slice()));
        assert_eq!((read.roles.as_slice(), read.expires_at), (["R".to_owned()].as_slice(), Some(UnixSeconds(5))));
        assert_eq!(claims(&jwt("{}")), Some(TokenClaims::default()));
        for opaque in ["opaque", "a.b", "a.b.c.d", "e30.!.x", ""] {
            assert_eq!(claims(&Secret::new(opaque.to_owned())), None, "{opaque}");
        }
        assert_eq!(claims(&jwt(r#"{"sub":"a","sub":"b"}"#)), None);
    }
}
