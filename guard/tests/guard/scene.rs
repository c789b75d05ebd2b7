//! A guarded server with its issuer and its clock, and the requests that tests make of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use bailiwick_guard::{Clock, Guard, GuardBuilder, UnixSeconds};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::feed;
use crate::issuer::{Issuer, SigningKey};
use crate::server::{Ran, Server};

/// When the tests begin.
pub(crate) const NOW: i64 = 1_790_000_000;

pub(crate) const RESOURCE: &str = "http://localhost:8001/mcp";
pub(crate) const HOST: &str = "localhost:8001";
pub(crate) const METADATA_URL: &str = "http://localhost:8001/.well-known/oauth-protected-resource/mcp";

/// A clock that stands until it is set.
#[derive(Clone)]
pub(crate) struct FakeClock(Arc<AtomicI64>);

impl FakeClock {
    pub(crate) fn at(seconds: i64) -> Self {
        Self(Arc::new(AtomicI64::new(seconds)))
    }

    pub(crate) fn set(&self, seconds: i64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> UnixSeconds {
        UnixSeconds(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct Scene {
    pub(crate) issuer: Issuer,
    pub(crate) key: SigningKey,
    pub(crate) clock: FakeClock,
    pub(crate) guard: Guard,
    pub(crate) ran: Ran,
    app: Router,
}

impl Scene {
    /// A guarded server without sessions, and an issuer with one ES256 key.
    pub(crate) async fn begin() -> Self {
        Self::with_key(SigningKey::es256("key-1"), |builder| builder).await
    }

    /// The same, whose guard hears of revocations once something runs it.
    pub(crate) async fn with_credentials<'a>(adjust: impl FnOnce(GuardBuilder<'a>) -> GuardBuilder<'a>) -> Self {
        Self::built(|builder| adjust(builder.credentials(feed::credentials()))).await
    }

    /// The same, running and ready.
    pub(crate) async fn hearing() -> Self {
        let scene = Self::with_credentials(|builder| builder).await;
        scene.run().await;
        scene
    }

    /// Runs the guard for as long as the test goes, and waits until it is ready.
    pub(crate) async fn run(&self) {
        tokio::spawn(self.guard.run());
        self.guard.ready().await;
    }

    pub(crate) async fn built<'a>(adjust: impl FnOnce(GuardBuilder<'a>) -> GuardBuilder<'a>) -> Self {
        Self::with_key(SigningKey::es256("key-1"), adjust).await
    }

    pub(crate) async fn with_key<'a>(
        key: SigningKey,
        adjust: impl FnOnce(GuardBuilder<'a>) -> GuardBuilder<'a>,
    ) -> Self {
        let issuer = Issuer::start(&[&key]).await;
        let clock = FakeClock::at(NOW);
        let guard = adjust(builder(&issuer, &clock)).build().unwrap();
        let ran = Ran::default();
        let app = guard.protect({
            let server = Server::new(Arc::clone(&ran));
            move || Ok(server.clone())
        });
        Self { issuer, key, clock, guard, ran, app }
    }

    /// The same, with another service behind the guard.
    pub(crate) fn put_behind(&mut self, app: Router) {
        self.app = app;
    }

    /// The payload of a good token with this scope.
    pub(crate) fn claims(&self, scope: &str) -> Value {
        json!({
            "iss": self.issuer.url, "sub": "agent", "aud": RESOURCE, "client_id": "agent", "iat": NOW, "nbf": NOW,
            "exp": NOW + 900, "jti": "token-1", "scope": scope, "roles": ["Officer"], "rev": 7, "job_role": "clerk",
        })
    }

    pub(crate) fn token(&self, scope: &str) -> String {
        self.key.sign(&self.claims(scope))
    }

    /// What the tools note when they run.
    pub(crate) fn ran(&self) -> Vec<String> {
        self.ran.lock().unwrap().clone()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(self.open(request).await).await
    }

    /// Sends to other routes than those of the MCP endpoint.
    pub(crate) async fn send_to(routes: Router, request: Request<Body>) -> Answer {
        Answer::of(routes.oneshot(request).await.unwrap()).await
    }

    /// Sends, and leaves the body of the answer unread.
    pub(crate) async fn open(&self, request: Request<Body>) -> Response<Body> {
        self.app.clone().oneshot(request).await.unwrap()
    }

    /// A message of the 2025-11-25 era under this token.
    pub(crate) async fn post(&self, token: &str, message: &Value) -> Answer {
        self.send(post(Some(token), message.to_string())).await
    }

    pub(crate) async fn call(&self, token: &str, tool: &str) -> Answer {
        self.post(token, &call(tool)).await
    }

    /// The status that a token earns for a call of the tool `look`.
    pub(crate) async fn status_of(&self, token: &str) -> u16 {
        self.call(token, "look").await.status.as_u16()
    }
}

pub(crate) fn builder<'a>(issuer: &Issuer, clock: &FakeClock) -> GuardBuilder<'a> {
    Guard::builder(RESOURCE.parse().unwrap(), issuer.url.parse().unwrap(), "hr".parse().unwrap())
        .title("The test server")
        .tools(Server::tool_router().list_all())
        .clock(Arc::new(clock.clone()))
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        Self { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| json!({ "error": error.to_string(), "body": self.text() }))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn challenge(&self) -> &str {
        self.header("www-authenticate").unwrap_or_default()
    }

    /// The code of a JSON-RPC error.
    pub(crate) fn code(&self) -> i64 {
        self.json()["error"]["code"].as_i64().unwrap_or_default()
    }

    /// The names of the tools that a list shows.
    pub(crate) fn tools(&self) -> Vec<String> {
        let list = self.json()["result"]["tools"].clone();
        let names = list.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned());
        names.collect()
    }
}

pub(crate) fn call(tool: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": {} } })
}

pub(crate) fn request(method: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method })
}

pub(crate) fn post(token: Option<&str>, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post("/mcp")
        .header("host", HOST)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream");
    let request = match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    };
    request.body(body.into()).unwrap()
}

/// A request of the 2026-07-28 era, with the headers and the `_meta` that it asks for.
pub(crate) fn modern(token: &str, method: &str, mut params: Value) -> Request<Body> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
    });
    let name = params["name"].as_str().map(str::to_owned);
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut request = post(Some(token), message.to_string());
    let headers = request.headers_mut();
    headers.insert("mcp-protocol-version", "2026-07-28".parse().unwrap());
    headers.insert("mcp-method", method.parse().unwrap());
    if let Some(name) = name {
        headers.insert("mcp-name", name.parse().unwrap());
    }
    request
}
