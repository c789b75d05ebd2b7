//! Per-tool authorization in front of any MCP server that speaks streamable HTTP.
//!
//! A server names its tools; the guard lets a request through only where the caller's access token
//! (RFC 9068) opens the tool that is called, lists only what may be called, and else answers as OAuth
//! and MCP ask: where to get a token, and for which scope.
//!
//! ```
//! # use bailiwick_guard::{Guard, Principal};
//! # use rmcp::handler::server::{router::tool::ToolRouter, tool::Extension};
//! # use rmcp::{ServerHandler, tool, tool_handler, tool_router};
//! # use tower::ServiceExt as _;
//! # #[derive(Clone)]
//! # struct Greeter { router: ToolRouter<Self> }
//! #[tool_router]
//! impl Greeter {
//!     #[tool(description = "Greets the caller", annotations(read_only_hint = true))]
//!     fn greet(&self, Extension(parts): Extension<http::request::Parts>) -> String {
//!         parts.extensions.get::<Principal>().map(|caller| format!("Hello, {}", caller.subject())).unwrap_or_default()
//!     }
//! }
//! # #[tool_handler(router = self.router)]
//! # impl ServerHandler for Greeter {}
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let greeter = Greeter { router: Greeter::tool_router() };
//! let guard = Guard::builder("http://localhost:9000/mcp".parse()?, "http://localhost:8000".parse()?, "greeter".parse()?)
//!     .tools(Greeter::tool_router().list_all())
//!     .build()?;
//! tokio::spawn(guard.run());
//! let app = guard.protect(move || Ok(greeter.clone())); // an axum::Router, for axum::serve
//! # let request = http::Request::post("/mcp").header("host", "localhost:9000").body(axum::body::Body::empty())?;
//! # let answer = app.oneshot(request).await?;
//! # assert_eq!(answer.status(), 401);
//! # assert_eq!(
//! #     answer.headers()["www-authenticate"],
//! #     r#"Bearer resource_metadata="http://localhost:9000/.well-known/oauth-protected-resource/mcp", scope="greeter:read""#
//! # );
//! # Ok(())
//! # }
//! ```
//!
//! It knows one issuer and one resource, and nothing of what the tools do. The order of its checks:
//! Host, Origin, token, revocations, size, JSON, decision, count of calls; then the server.
//!
//! A server that has no token service yet can take weaker credentials, alone or beside access tokens: see
//! [`Mode`]. Whatever proves who calls, all that comes after it is the same.

mod answer;
mod answer_filter;
mod authentication;
mod authorization;
mod bearer;
mod body;
mod builder;
mod calls;
mod challenge;
mod client_uses;
mod credentials;
mod discovery;
mod event_stream;
mod expiry;
mod fetch;
mod guard;
mod head;
mod host;
mod keys;
mod layer;
mod listing;
mod local_clients;
mod manifest;
mod message;
mod metadata;
mod method;
mod mode;
mod modes;
mod origin;
mod places;
mod principal;
mod record;
mod refusal;
mod refused_message;
mod retry;
mod revocations;
mod session;
mod token_endpoint;
mod unread;
mod verified;
mod version;

pub use bailiwick_core::{Claims, ClientId, Clock, Issuer, ResourceUri, RoleName, Scope, ScopeSet, ServerName};
pub use bailiwick_core::{
    SecretDigest, SharedSecret, ShortSecret, TokenId, Tool, ToolKind, ToolName, Tools, UnixSeconds,
};
pub use builder::{DEFAULT_MAX_STALENESS, GuardBuilder, GuardError};
pub use credentials::Credentials;
pub use guard::Guard;
pub use layer::{GuardLayer, GuardService};
pub use local_clients::{InvalidLocalClients, LocalClient, LocalClients};
pub use manifest::ToolProblem;
pub use method::MethodRule;
pub use mode::{Mode, UnknownMode};
pub use modes::public_key::{InvalidPublicKey, PublicKey};
pub use principal::Principal;
pub use record::RECORDS;
pub use refused_message::RefusedMessage;
pub use revocations::Hearing;

/// The largest request body, in bytes. A larger one is answered with 413.
pub const LARGEST_BODY: usize = 1024 * 1024;

/// Requests that are with the server at one time. Further ones wait behind the guard's checks, where they
/// take less memory than a server needs for one in hand.
pub const MOST_IN_HAND: usize = 128;

/// How many of these one caller may have at one time. Its further requests wait for them, five seconds at most.
pub const MOST_IN_HAND_OF_ONE: usize = 32;

/// The most values in the JSON of one message, however deep, members of objects among them. A message of many
/// small values takes a server hundreds of bytes for each.
pub const MOST_VALUES: u32 = 20_000;

/// The largest list of tools, or event on a stream that may hold one, that is read, in bytes. The
/// server's own answers, so not an attacker's to choose.
pub const LARGEST_ANSWER: usize = 16 * 1024 * 1024;
