//! What is said to the services over HTTP: token requests, the admin API, and MCP in its newest
//! revision. Owns how each request looks; what to ask and what to make of the answer is the callers'.

use bailiwick_process::Secret;
use http::header::{ACCEPT, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use reqwest::RequestBuilder;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use std::time::Duration;

/// The revision of MCP that the demo speaks itself.
const REVISION: &str = "2026-07-28";

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A request that got no answer, or not the one that the story needs.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// No answer.
    #[error("no answer: {0}")]
    NoAnswer(#[from] reqwest::Error),
    /// Another answer than the only right one.
    #[error("{asked} was answered {status}: {body}")]
    Unexpected {
        /// What was asked.
        asked: String,
        /// The status.
        status: StatusCode,
        /// The body.
        body: String,
    },
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// What was asked, for people.
    pub asked: String,
    /// The status.
    pub status: StatusCode,
    /// The challenge, empty where there is none.
    pub challenge: String,
    body: String,
}

impl Answer {
    async fn of(asked: String, request: RequestBuilder) -> Result<Self, WireError> {
        let answer = request.send().await?;
        let status = answer.status();
        let challenge = answer.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let challenge = challenge.unwrap_or_default().to_owned();
        Ok(Self { asked, status, challenge, body: answer.text().await? })
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Itself, where it is good news.
    ///
    /// # Errors
    /// It is not.
    pub fn well(self) -> Result<Self, WireError> {
        if self.status.is_success() { Ok(self) } else { Err(self.unexpected()) }
    }

    /// Itself as an error.
    pub fn unexpected(self) -> WireError {
        WireError::Unexpected { asked: self.asked, status: self.status, body: self.body }
    }

    /// A member that is a text.
    ///
    /// # Errors
    /// There is none.
    pub fn text(self, member: &str) -> Result<String, WireError> {
        match &self.json()[member] {
            Value::String(text) => Ok(text.clone()),
            _ => Err(self.unexpected()),
        }
    }
}

/// An HTTP client that speaks to these services alone, and trusts nobody else than `authority`.
///
/// # Errors
/// The system has no sockets.
pub fn client(authority: Option<reqwest::Certificate>) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder().no_proxy().redirect(Policy::none()).timeout(ANSWER_WITHIN);
    builder.tls_certs_only(authority).build()
}

/// What a client authenticates with.
pub struct Credentials {
    /// Its `client_id`.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
}

impl Credentials {
    /// From the answer that shows a new client's secret.
    pub fn read(answer: &Value) -> Option<Self> {
        let text = |member: &str| answer[member].as_str().map(str::to_owned);
        Some(Self { id: text("client_id")?, secret: Secret::new(text("client_secret")?) })
    }
}

/// How a request to an MCP server proves who sends it.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// A token.
    Bearer(&'a Secret),
    /// A client's name and secret.
    Basic(&'a Credentials),
    /// A client's secret.
    ApiKey(&'a Secret),
}

/// A token request (client credentials) for everything that is allowed at `resource`.
///
/// # Errors
/// No answer.
pub async fn request_token(
    http: &reqwest::Client,
    issuer: &str,
    client: &Credentials,
    resource: &str,
) -> Result<Answer, WireError> {
    let request = http.post(format!("{issuer}/oauth2/token")).basic_auth(&client.id, Some(client.secret.expose()));
    let form = [("grant_type", "client_credentials"), ("resource", resource)];
    Answer::of(format!("the token request of {} for {resource}", client.id), request.form(&form)).await
}

/// A request for a token of an MCP server's own, as the seed's clients make it.
///
/// # Errors
/// No answer.
pub async fn request_own_token(
    http: &reqwest::Client,
    origin: &str,
    client: &Credentials,
) -> Result<Answer, WireError> {
    let body = json!({"client_id": client.id, "client_secret": client.secret.expose()});
    let request = http.post(format!("{origin}/token")).json(&body);
    Answer::of(format!("the token request of {} at {origin}", client.id), request).await
}

/// The admin API, called with a token.
pub struct AdminApi {
    http: reqwest::Client,
    url: String,
    token: Secret,
}

impl AdminApi {
    /// The one at `url`.
    pub fn new(http: reqwest::Client, url: String, token: Secret) -> Self {
        Self { http, url, token }
    }

    /// A request that has to succeed.
    ///
    /// # Errors
    /// It does not.
    pub async fn request(&self, method: Method, path: &str, body: &Value) -> Result<Answer, WireError> {
        let asked = format!("{method} /admin/v1{path}");
        let request = self.http.request(method, format!("{}{path}", self.url));
        Answer::of(asked, request.bearer_auth(self.token.expose()).json(body)).await?.well()
    }
}

/// A request to an MCP server. `tool` is the tool that is called, where one is.
///
/// # Errors
/// No answer.
pub async fn ask(
    http: &reqwest::Client,
    url: &str,
    proof: Proof<'_>,
    method: &str,
    tool: Option<(&str, Value)>,
) -> Result<Answer, WireError> {
    let mut request = match proof {
        Proof::Bearer(token) => http.post(url).bearer_auth(token.expose()),
        Proof::Basic(client) => http.post(url).basic_auth(&client.id, Some(client.secret.expose())),
        Proof::ApiKey(key) => http.post(url).header("x-api-key", key.expose()),
    };
    request = request.header(ACCEPT, "application/json, text/event-stream");
    request = request.header("MCP-Protocol-Version", REVISION).header("Mcp-Method", method);
    let mut params = json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": REVISION,
        "io.modelcontextprotocol/clientInfo": {"name": "bailiwick-demo", "version": env!("CARGO_PKG_VERSION")},
        "io.modelcontextprotocol/clientCapabilities": {},
    }});
    let mut asked = format!("{method} at {url}");
    if let Some((name, arguments)) = tool {
        request = request.header("Mcp-Name", name);
        asked = format!("{method} {name} at {url}");
        params["name"] = name.into();
        params["arguments"] = arguments;
    }
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    Answer::of(asked, request.json(&message)).await
}
