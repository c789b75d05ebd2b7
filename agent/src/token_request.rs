//! Requests to an issuer's token endpoint (RFC 6749 section 3.2, with the `resource` of RFC 8707) and
//! to its revocation endpoint (RFC 7009). Owns their form, where the secret of a client stands in
//! them, and what the answers mean.

use std::time::Duration;

use bailiwick_core::{Clock, UnixSeconds};
use bailiwick_process::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};
use zeroize::Zeroizing;

use crate::credentials::Client;
use crate::discovery::{Authentication, AuthorizationServer, DiscoveryError};
use crate::fetch::{Answer, FetchError, Http};
use crate::scopes::Scopes;
use crate::token::{self, AccessToken};

/// What a token is asked for with.
#[derive(Clone, Copy)]
pub enum Grant<'a> {
    /// The client itself (RFC 6749 section 4.4); without a scope for all that it may have there.
    ClientCredentials {
        /// Where the token is for.
        resource: &'a str,
        /// For what.
        scope: Option<&'a Scopes>,
    },
    /// What a person has just allowed (section 4.1.3), with the proof key (RFC 7636 section 4.5).
    Code {
        /// The code.
        code: &'a Secret,
        /// What its challenge was made of.
        verifier: &'a Secret,
        /// Where the code came to.
        redirect_uri: &'a str,
        /// Where the token is for.
        resource: &'a str,
    },
    /// What a person has allowed before (section 6); a scope narrows it.
    Refresh {
        /// The refresh token.
        token: &'a Secret,
        /// Where the token is for.
        resource: &'a str,
        /// For what.
        scope: Option<&'a Scopes>,
    },
}

/// What an issuer gave.
pub struct Granted {
    /// The access token.
    pub token: AccessToken,
    /// The token to ask for the next with, where it gave one.
    pub refresh_token: Option<Secret>,
}

/// Why no token was given.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The issuer lacks what is needed.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
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
    /// The code or refresh token is not good any more.
    #[error("{issuer} has ended what was allowed to client {client_id}{}", described(.description))]
    Ended {
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

#[derive(Deserialize)]
struct Success {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
    scope: Option<String>,
    refresh_token: Option<String>,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Asks for a token.
pub async fn request(
    http: &Http,
    server: &AuthorizationServer,
    client: Client<'_>,
    grant: Grant<'_>,
    clock: &dyn Clock,
) -> Result<Granted, TokenError> {
    if let Grant::ClientCredentials { .. } = grant {
        server.check_client_credentials()?;
    }
    let address = &server.token_endpoint;
    let asked = clock.now();
    let answer = post(http, address, server, client, grant.form()).await?;
    if answer.status != StatusCode::OK {
        return Err(refused(client, answer.status, answer.read(address).unwrap_or_default()));
    }
    granted(client, answer.read(address)?, asked)
}

/// Takes a token back, with a refresh token all that was given for it (RFC 7009 section 2.1).
pub async fn revoke(
    http: &Http,
    server: &AuthorizationServer,
    client: Client<'_>,
    token: &Secret,
) -> Result<(), TokenError> {
    let address = server.revocation_endpoint()?;
    let mut form = Form::new(String::new());
    form.append_pair("token", token.expose());
    let answer = post(http, &address, server, client, form).await?;
    if answer.status.is_success() {
        return Ok(());
    }
    Err(refused(client, answer.status, answer.read(&address).unwrap_or_default()))
}

/// A form that is being written.
type Form = Serializer<'static, String>;

impl Grant<'_> {
    /// The request, but for who asks.
    fn form(self) -> Form {
        let mut form = Form::new(String::new());
        let scope = match self {
            Self::ClientCredentials { resource, scope } => {
                form.append_pair("grant_type", "client_credentials").append_pair("resource", resource);
                scope
            }
            Self::Code { code, verifier, redirect_uri, resource } => {
                form.append_pair("grant_type", "authorization_code").append_pair("resource", resource);
                form.append_pair("code", code.expose()).append_pair("code_verifier", verifier.expose());
                form.append_pair("redirect_uri", redirect_uri);
                None
            }
            Self::Refresh { token, resource, scope } => {
                form.append_pair("grant_type", "refresh_token").append_pair("resource", resource);
                form.append_pair("refresh_token", token.expose());
                scope
            }
        };
        if let Some(scope) = scope {
            form.append_pair("scope", &scope.to_string());
        }
        form
    }
}

/// Sends a form as this client.
async fn post(
    http: &Http,
    address: &Url,
    server: &AuthorizationServer,
    client: Client<'_>,
    form: Form,
) -> Result<Answer, TokenError> {
    let authentication = server.authentication(client.secret.is_some())?;
    let mut request = http.client(address).post(address.clone());
    request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let (Authentication::Basic, Some(secret)) = (authentication, client.secret) {
        request = request.header(AUTHORIZATION, basic(client.client_id, secret));
    }
    Ok(http.json(address, request.body(signed(form, authentication, client).to_string())).await?)
}

/// The body of the request: with the client's name where Basic does not say it, with its secret where
/// Basic is not offered.
fn signed(mut form: Form, authentication: Authentication, client: Client<'_>) -> Zeroizing<String> {
    if authentication != Authentication::Basic {
        form.append_pair("client_id", client.client_id);
    }
    if let (Authentication::Post, Some(secret)) = (authentication, client.secret) {
        form.append_pair("client_secret", secret.expose());
    }
    Zeroizing::new(form.finish())
}

/// HTTP Basic with both parts form-encoded before they are joined (RFC 6749 section 2.3.1).
fn basic(client_id: &str, secret: &Secret) -> HeaderValue {
    let encoded = |text: &str| Zeroizing::new(byte_serialize(text.as_bytes()).collect::<String>());
    let joined = Zeroizing::new(format!("{}:{}", *encoded(client_id), *encoded(secret.expose())));
    let header = Zeroizing::new(format!("Basic {}", STANDARD.encode(joined.as_bytes())));
    let mut header = HeaderValue::from_str(&header).unwrap_or(HeaderValue::from_static("Basic"));
    header.set_sensitive(true);
    header
}

fn granted(client: Client<'_>, granted: Success, asked: UnixSeconds) -> Result<Granted, TokenError> {
    let value = Secret::new(granted.access_token);
    let refresh_token = granted.refresh_token.map(Secret::new);
    let nonsense = |what| TokenError::Nonsense(what, client.issuer.to_string());
    if !granted.token_type.eq_ignore_ascii_case("Bearer") {
        return Err(nonsense("a token that is not a bearer token"));
    }
    let value = token::bearer(value).map_err(|_| nonsense("a token that cannot be sent"))?;
    if refresh_token.as_ref().is_some_and(|token| !is_refresh_token(token.expose())) {
        return Err(nonsense("a refresh token that cannot be sent"));
    }
    let scope = granted.scope.and_then(|scope| scope.parse().ok());
    let use_until = granted.expires_in.map(|seconds| asked + token::used_for(Duration::from_secs(seconds)));
    Ok(Granted { token: AccessToken { value, scope, use_until }, refresh_token })
}

/// A refresh token is one or more printable characters (RFC 6749 appendix A.17).
pub fn is_refresh_token(text: &str) -> bool {
    (1..=token::LONGEST).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn refused(client: Client<'_>, status: StatusCode, refusal: Refusal) -> TokenError {
    let Refusal { error, error_description: description } = refusal;
    let (issuer, client_id) = (client.issuer.to_string(), client.client_id.to_owned());
    match error.as_str() {
        "invalid_client" => TokenError::Credentials { issuer, client_id, description },
        "invalid_grant" => TokenError::Ended { issuer, client_id, description },
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A client to be lent out.
    fn with_client<T>(test: impl FnOnce(Client<'_>) -> T) -> T {
        let issuer = "https://id.example".parse().unwrap();
        test(Client { issuer: &issuer, client_id: "agent 1", secret: Some(&Secret::new("s:c+t".to_owned())) })
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn the_secret_travels_in_one_place() {
        let header = basic("agent 1", &secret("s:c+t"));
        assert_eq!(header, format!("Basic {}", STANDARD.encode("agent+1:s%3Ac%2Bt")));
        assert!(header.is_sensitive());
        let form = || Grant::ClientCredentials { resource: "r", scope: None }.form();
        let body = |authentication| with_client(|client| signed(form(), authentication, client));
        let plain = "grant_type=client_credentials&resource=r";
        assert_eq!(body(Authentication::Basic).as_str(), plain);
        assert_eq!(body(Authentication::Public).as_str(), format!("{plain}&client_id=agent+1"));
        assert_eq!(body(Authentication::Post).as_str(), format!("{plain}&client_id=agent+1&client_secret=s%3Ac%2Bt"));
    }

    #[test]
    fn each_grant_is_asked_for_with_what_it_takes() {
        let (scope, resource) = ("a b".parse().ok(), "https://a.example/mcp");
        let end = "&resource=https%3A%2F%2Fa.example%2Fmcp";
        for (grant, expected) in [
            (
                Grant::ClientCredentials { resource, scope: scope.as_ref() },
                format!("grant_type=client_credentials{end}&scope=a+b"),
            ),
            (
                Grant::Code {
                    code: &secret("c"),
                    verifier: &secret("v"),
                    redirect_uri: "http://127.0.0.1:1/",
                    resource,
                },
                format!(
                    "grant_type=authorization_code{end}&code=c&code_verifier=v&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2F"
                ),
            ),
            (
                Grant::Refresh { token: &secret("r&t"), resource, scope: None },
                format!("grant_type=refresh_token{end}&refresh_token=r%26t"),
            ),
        ] {
            assert_eq!(grant.form().finish(), expected);
        }
    }

    #[test]
    fn an_answer_without_usable_tokens_is_nonsense() {
        let answer = |token: &str, kind: &str, refresh_token: Option<&str>| {
            let answer = serde_json::json!({
                "access_token": token, "token_type": kind, "expires_in": 900, "scope": "b a",
                "refresh_token": refresh_token,
            });
            with_client(|client| granted(client, serde_json::from_value(answer).unwrap(), UnixSeconds(1000)))
        };
        let good = answer("a.b-c", "bearer", Some("r e")).ok().unwrap();
        assert_eq!((good.token.use_until, good.token.scope), (Some(UnixSeconds(1840)), "a b".parse().ok()));
        assert_eq!(good.refresh_token.as_ref().map(Secret::expose), Some("r e"));
        for (token, kind, refresh_token) in [
            ("x", "DPoP", None),
            ("", "Bearer", None),
            ("a b", "Bearer", None),
            ("a\r\nb", "Bearer", None),
            ("é", "Bearer", None),
            ("x", "Bearer", Some("")),
            ("x", "Bearer", Some("a\nb")),
        ] {
            let nonsense = answer(token, kind, refresh_token);
            assert!(matches!(nonsense, Err(TokenError::Nonsense(..))), "{token:?} {kind} {refresh_token:?}");
        }
    }

    #[test]
    fn what_a_refusal_means_is_read_from_its_word() {
        let word = |word: &str, status| {
            let refusal = Refusal { error: word.to_owned(), error_description: String::new() };
            with_client(|client| refused(client, status, refusal))
        };
        let bad = StatusCode::BAD_REQUEST;
        assert!(matches!(word("invalid_client", bad), TokenError::Credentials { .. }));
        assert!(matches!(word("", StatusCode::UNAUTHORIZED), TokenError::Credentials { .. }));
        assert!(matches!(word("invalid_grant", bad), TokenError::Ended { .. }));
        assert!(matches!(word("invalid_scope", bad), TokenError::NotAllowed { .. }));
        assert!(matches!(word("invalid_request", bad), TokenError::Failed { .. }));
        assert!(matches!(word("", StatusCode::BAD_GATEWAY), TokenError::Failed { .. }));
    }
}
