//! What the guard is to the token service: a client of its own. Owns its secret and the access token
//! got with it (RFC 6749 section 4.4); neither is ever printed.

use std::time::Duration;

use bailiwick_core::token::LONGEST_TOKEN;
use bailiwick_core::{ClientId, Issuer};
use reqwest::StatusCode;
use serde::Deserialize;
use tokio::time::Instant;
use url::form_urlencoded::{self, byte_serialize};
use zeroize::Zeroizing;

use crate::discovery;
use crate::fetch::{self, FetchError};

/// The scope that opens the revocation feed.
const SCOPE: &str = "feed:read";

/// The largest answer of a token endpoint, in bytes.
const LARGEST_ANSWER: usize = 64 * 1024;

/// How long before its end a token is renewed, where that is less than a fifth of its life.
const EARLY: Duration = Duration::from_mins(1);

/// How long a token counts whose answer does not say.
const UNSAID: Duration = Duration::from_mins(5);

/// The longest description of an error that is repeated in the log, in characters.
const LONGEST_DESCRIPTION: usize = 300;

/// The guard's own client at the token service: it has the role `guard` there. No `Debug`, and the
/// secret is overwritten on drop.
pub struct Credentials {
    client_id: ClientId,
    secret: Zeroizing<String>,
}

impl Credentials {
    /// The client of that name and its secret.
    #[must_use]
    pub fn new(client_id: ClientId, secret: impl Into<String>) -> Self {
        Self { client_id, secret: Zeroizing::new(secret.into()) }
    }

    /// The client's name.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }
}

/// Why the guard has no access token. For the log: it says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoToken {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the token service gives the guard {client_id} no token: {error} ({description}); {advice}")]
    Refused { client_id: ClientId, error: String, description: String, advice: &'static str },
    #[error("{url} gives no usable token: {problem}")]
    Unusable { url: String, problem: &'static str },
}

/// The guard's access token for one resource of the token service, renewed in time.
pub(crate) struct OwnToken<'a> {
    issuer: &'a Issuer,
    client: &'a reqwest::Client,
    credentials: &'a Credentials,
    resource: &'a str,
    held: Option<Held>,
}

struct Held {
    token: Zeroizing<String>,
    renew_at: Instant,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
}

#[derive(Default, Deserialize)]
struct Refused {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

impl<'a> OwnToken<'a> {
    /// None yet; it will be for `resource`.
    pub(crate) fn new(
        issuer: &'a Issuer,
        client: &'a reqwest::Client,
        credentials: &'a Credentials,
        resource: &'a str,
    ) -> Self {
        Self { issuer, client, credentials, resource, held: None }
    }

    /// The token; a new one where there is none or its end is near.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn get(&mut self) -> Result<&str, NoToken> {
        let held = match self.held.take().filter(|held| Instant::now() < held.renew_at) {
            Some(held) => held,
            None => self.fetch().await?,
        };
        Ok(&self.held.insert(held).token)
    }

    /// Forgets the token: the service did not accept it.
    pub(crate) fn forget(&mut self) {
        self.held = None;
    }

    async fn fetch(&self) -> Result<Held, NoToken> {
        let url = discovery::token_endpoint(self.client, self.issuer).await?;
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("resource", self.resource)
            .append_pair("scope", SCOPE)
            .finish();
        let Credentials { client_id, secret } = self.credentials;
        // Both form-encoded first (RFC 6749 section 2.3.1).
        let secret = Zeroizing::new(byte_serialize(secret.as_bytes()).collect::<String>());
        let request = self
            .client
            .post(&url)
            .basic_auth(byte_serialize(client_id.as_str().as_bytes()).collect::<String>(), Some(&*secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let asked_at = Instant::now();
        let response = fetch::send(request, &url).await?;
        let status = response.status();
        let body = Zeroizing::new(fetch::body(response, &url, LARGEST_ANSWER).await?);
        match status {
            StatusCode::OK => held(&body, asked_at).map_err(|problem| NoToken::Unusable { url, problem }),
            status if status.is_client_error() => Err(self.refused(&body, status)),
            status => Err(FetchError::Status { url, status }.into()),
        }
    }

    fn refused(&self, body: &[u8], status: StatusCode) -> NoToken {
        let Refused { error, error_description } = serde_json::from_slice(body).unwrap_or_default();
        let advice = match error.as_str() {
            "invalid_client" => "check the guard's client_id and client_secret",
            "invalid_scope" | "invalid_target" | "unauthorized_client" => {
                "give that client the role guard and the grant client_credentials"
            }
            _ => "the log of the token service may say more",
        };
        let short = |text: String| text.chars().take(LONGEST_DESCRIPTION).collect::<String>();
        let error = if error.is_empty() { status.to_string() } else { short(error) };
        let description = short(error_description);
        NoToken::Refused { client_id: self.credentials.client_id.clone(), error, description, advice }
    }
}

/// Reads what a token endpoint grants (RFC 6749 section 5.1).
fn held(body: &[u8], asked_at: Instant) -> Result<Held, &'static str> {
    let granted: Granted = serde_json::from_slice(body).map_err(|_| "it is not the JSON of RFC 6749 section 5.1")?;
    let Granted { access_token, token_type, expires_in } = granted;
    let token = Zeroizing::new(access_token);
    if !token_type.eq_ignore_ascii_case("bearer") {
        return Err("its token_type is not Bearer");
    }
    if token.is_empty() || token.len() > LONGEST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("its access_token cannot stand in a header");
    }
    let life = expires_in.map_or(UNSAID, Duration::from_secs);
    // An end beyond all counting is no end to wait for.
    let renew_at = asked_at.checked_add(life.saturating_sub(EARLY.min(life / 5))).unwrap_or(asked_at + UNSAID);
    Ok(Held { token, renew_at })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(body: &str) -> Result<(String, Duration), &'static str> {
        let asked_at = Instant::now();
        held(body.as_bytes(), asked_at).map(|held| (held.token.to_string(), held.renew_at - asked_at))
    }

    #[test]
    fn a_token_is_renewed_a_minute_or_a_fifth_of_its_life_before_its_end() {
        let lasting = |seconds: &str| {
            granted(&format!(r#"{{"access_token":"x","token_type":"Bearer"{seconds}}}"#)).unwrap().1.as_secs()
        };
        assert_eq!(lasting(r#","expires_in":900"#), 840);
        assert_eq!(lasting(r#","expires_in":100"#), 80);
        assert_eq!(lasting(r#","expires_in":0"#), 0);
        assert_eq!(lasting(""), 240);
        assert_eq!(lasting(r#","expires_in":18446744073709551615"#), 300);
    }

    #[test]
    fn what_cannot_be_sent_as_a_bearer_token_is_not_taken() {
        for wrong in [
            "",
            "[]",
            r#"{"token_type":"Bearer"}"#,
            r#"{"access_token":"x","token_type":"DPoP"}"#,
            r#"{"access_token":"","token_type":"Bearer"}"#,
            r#"{"access_token":"x\r\nx: y","token_type":"Bearer"}"#,
            r#"{"access_token":"x","token_type":"Bearer","expires_in":-1}"#,
        ] {
            assert!(granted(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            granted(r#"{"access_token":"x","token_type":"bearer"}"#).map(|(token, _)| token),
            Ok("x".to_owned())
        );
    }
}
