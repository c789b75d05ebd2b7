//! One conversation with an MCP server, over rmcp's client. Owns which protocol era is spoken, the
//! limits of time and size, and what a failure means; knows no credentials but the token it is given.

use std::collections::HashMap;
use std::time::Duration;

use bailiwick_process::Secret;
use clap::ValueEnum;
use clap::builder::PossibleValue;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, ErrorData, Implementation, JsonObject,
    PaginatedRequestParams, ProtocolVersion, Tool,
};
use rmcp::service::{ClientInitializeError, ClientLifecycleMode, ClientServiceExt, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::{StreamableHttpClientTransportConfig, StreamableHttpError};
use rmcp::{ClientHandler, RoleClient};

use crate::address::ServerUrl;
use crate::challenge::Bearer;
use crate::fetch::{self, Http};

/// The largest answer of a server, in bytes.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// As much of an error page as is kept, in bytes.
const LARGEST_ERROR_PAGE: usize = 1024;

/// The largest list of tools, in bytes, over all its pages.
const LARGEST_LIST: usize = LARGEST_ANSWER;

/// The most pages of a list of tools.
const MOST_PAGES: usize = 100;

/// The most tools of one server.
const MOST_TOOLS: usize = 10_000;

/// Which protocol revision is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// The newest that the server speaks.
    #[default]
    Auto,
    /// 2026-07-28, without a handshake.
    July2026,
    /// 2025-11-25, with a handshake.
    November2025,
    /// 2025-06-18, with a handshake.
    June2025,
}

impl ValueEnum for Protocol {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Auto, Self::July2026, Self::November2025, Self::June2025]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Auto => "auto",
            Self::July2026 => "2026-07-28",
            Self::November2025 => "2025-11-25",
            Self::June2025 => "2025-06-18",
        }))
    }
}

impl Protocol {
    fn lifecycle(self) -> ClientLifecycleMode {
        let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
        match self {
            Self::Auto => ClientLifecycleMode::Auto { preferred_versions, legacy_version: None },
            Self::July2026 => ClientLifecycleMode::Discover { preferred_versions },
            Self::November2025 | Self::June2025 => ClientLifecycleMode::Initialize,
        }
    }

    /// What a handshake offers.
    fn offered(self) -> ProtocolVersion {
        match self {
            Self::June2025 => ProtocolVersion::V_2025_06_18,
            _ => ProtocolVersion::V_2025_11_25,
        }
    }
}

/// Why a conversation came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// HTTP 401: a token is needed, or this one is not accepted.
    #[error("the server does not accept the token")]
    Unauthorized(Bearer),
    /// HTTP 403: the token does not open this.
    #[error("the server refuses with HTTP 403")]
    Forbidden(Bearer),
    /// The server does not show the tool to this token, and nothing was called.
    #[error("the server shows no such tool")]
    NotShown,
    /// The server answered with a JSON-RPC error.
    #[error("the server refuses: {} (JSON-RPC {})", .0.message, .0.code.0)]
    Refused(ErrorData),
    /// No answer within the time.
    #[error("no answer within {} seconds; --timeout gives it more", .0.as_secs())]
    TimedOut(Duration),
    /// The connection did not come about, or broke.
    #[error("cannot be reached: {0}; check the address and that the server is up")]
    Unreachable(String),
    /// The answer is not what the protocol says.
    #[error("does not answer as an MCP server does: {0}")]
    Protocol(String),
}

/// This program as servers see it: it offers nothing that they could ask back for.
struct Agent(ProtocolVersion);

impl ClientHandler for Agent {
    fn get_info(&self) -> ClientConfig {
        let implementation = Implementation::new("mcp-agent", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), implementation).with_protocol_version(self.0.clone())
    }
}

/// How to begin a conversation.
#[derive(Clone, Copy)]
pub struct Connector<'a> {
    /// The HTTP clients.
    pub http: &'a Http,
    /// The server.
    pub server: &'a ServerUrl,
    /// The revision.
    pub protocol: Protocol,
    /// How long each request may take.
    pub timeout: Duration,
}

/// A conversation.
pub struct Session {
    service: RunningService<RoleClient, Agent>,
    timeout: Duration,
}

impl Connector<'_> {
    /// Begins a conversation, with a token if there is one.
    pub async fn connect(self, token: Option<&Secret>) -> Result<Session, SessionError> {
        let mut config = StreamableHttpClientTransportConfig::with_uri(self.server.as_str())
            .max_json_response_size(LARGEST_ANSWER)
            .max_sse_event_size(LARGEST_ANSWER)
            .max_error_response_size(LARGEST_ERROR_PAGE)
            .custom_headers(HashMap::new())
            // What was sent once is not sent again behind the person's back.
            .reinit_on_expired_session(false);
        if let Some(token) = token {
            config = config.auth_header(token.expose());
        }
        let client = self.http.client(self.server.url()).clone();
        let transport = StreamableHttpClientTransport::with_client(client, config);
        let agent = Agent(self.protocol.offered());
        let starting = agent.serve_with_lifecycle(transport, self.protocol.lifecycle());
        let started = tokio::time::timeout(self.timeout, starting).await;
        let service = started.map_err(|_| SessionError::TimedOut(self.timeout))?.map_err(of_start)?;
        Ok(Session { service, timeout: self.timeout })
    }
}

impl Session {
    /// The revision that is spoken.
    pub fn protocol_version(&self) -> Option<String> {
        self.service.peer_info().map(|peer| peer.protocol_version.to_string())
    }

    /// All tools that the server shows.
    pub async fn tools(&self) -> Result<Vec<Tool>, SessionError> {
        self.tools_until(|_| false).await
    }

    /// The tool of that name, if the server shows it.
    pub async fn tool(&self, name: &str) -> Result<Option<Tool>, SessionError> {
        let tools = self.tools_until(|tool| tool.name == name).await?;
        Ok(tools.into_iter().find(|tool| tool.name == name))
    }

    /// Reads the list page by page until `found` or its end.
    async fn tools_until(&self, found: impl Fn(&Tool) -> bool) -> Result<Vec<Tool>, SessionError> {
        let mut tools = Vec::new();
        let mut cursor = None;
        let mut bytes = 0;
        for _ in 0..MOST_PAGES {
            let page = PaginatedRequestParams::default().with_cursor(cursor);
            let page = self.within(self.service.list_tools(Some(page))).await?;
            bytes += page.tools.iter().map(size).sum::<usize>();
            if bytes > LARGEST_LIST {
                return Err(SessionError::Protocol(format!("its list of tools has more than {LARGEST_LIST} bytes")));
            }
            let is_found = page.tools.iter().any(&found);
            tools.extend(page.tools);
            cursor = page.next_cursor;
            if tools.len() > MOST_TOOLS {
                return Err(SessionError::Protocol(format!("it lists more than {MOST_TOOLS} tools")));
            }
            if is_found || cursor.is_none() {
                return Ok(tools);
            }
        }
        Err(SessionError::Protocol(format!("its list of tools has more than {MOST_PAGES} pages")))
    }

    /// Calls a tool.
    pub async fn call(&self, name: &str, arguments: JsonObject) -> Result<CallToolResult, SessionError> {
        let call = CallToolRequestParams::new(name.to_owned()).with_arguments(arguments);
        self.within(self.service.call_tool(call)).await
    }

    /// Ends the conversation, where the server keeps one.
    pub async fn end(self) {
        // It ends with the process at the latest.
        let _ = tokio::time::timeout(self.timeout, self.service.cancel()).await;
    }

    async fn within<T>(&self, request: impl Future<Output = Result<T, ServiceError>>) -> Result<T, SessionError> {
        let answer = tokio::time::timeout(self.timeout, request).await;
        answer.map_err(|_| SessionError::TimedOut(self.timeout))?.map_err(of_request)
    }
}

/// The bytes of a tool as the server writes it.
fn size(tool: &Tool) -> usize {
    serde_json::to_vec(tool).map_or(0, |text| text.len())
}

fn of_start(error: ClientInitializeError) -> SessionError {
    match error {
        ClientInitializeError::TransportError { error, .. } => of_transport(error.error.as_ref()),
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => of_start(*fallback),
        ClientInitializeError::JsonRpcError(refusal) => SessionError::Refused(refusal),
        ClientInitializeError::NoCompatibleProtocolVersion { server_supported, .. } => {
            let versions: Vec<String> = server_supported.iter().map(ToString::to_string).collect();
            SessionError::Protocol(format!("it speaks only {}; try --protocol auto", versions.join(", ")))
        }
        ClientInitializeError::ConnectionClosed(_) => {
            SessionError::Protocol("its answer breaks off or makes no sense".to_owned())
        }
        ClientInitializeError::ExpectedInitResponse(_) | ClientInitializeError::ExpectedInitResult(_) => {
            SessionError::Protocol("its answer is to another question".to_owned())
        }
        other => SessionError::Protocol(other.to_string()),
    }
}

fn of_request(error: ServiceError) -> SessionError {
    match error {
        ServiceError::McpError(refusal) => SessionError::Refused(refusal),
        ServiceError::TransportSend(error) => of_transport(error.error.as_ref()),
        ServiceError::TransportClosed => SessionError::Unreachable("the connection was closed".to_owned()),
        ServiceError::UnexpectedResponse => SessionError::Protocol("its answer is to another question".to_owned()),
        other => SessionError::Protocol(other.to_string()),
    }
}

/// What the transport's error means, wherever in the chain of causes it stands.
fn of_transport(error: &(dyn std::error::Error + 'static)) -> SessionError {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(error) = current.downcast_ref::<StreamableHttpError<reqwest::Error>>() {
            return of_http(error);
        }
        cause = current.source();
    }
    SessionError::Protocol(error.to_string())
}

fn of_http(error: &StreamableHttpError<reqwest::Error>) -> SessionError {
    let bearer = |header: &str| Bearer::of([header]).unwrap_or_default();
    match error {
        StreamableHttpError::AuthRequired(error) => SessionError::Unauthorized(bearer(&error.www_authenticate_header)),
        StreamableHttpError::InsufficientScope(error) => {
            SessionError::Forbidden(bearer(&error.www_authenticate_header))
        }
        StreamableHttpError::Client(error) => SessionError::Unreachable(fetch::causes(error)),
        // rmcp knows 401 and 403 by their challenge; without one the status is in the text alone.
        StreamableHttpError::UnexpectedServerResponse(text) if text.starts_with("HTTP 401") => {
            SessionError::Unauthorized(Bearer::default())
        }
        StreamableHttpError::UnexpectedServerResponse(text) if text.starts_with("HTTP 403") => {
            SessionError::Forbidden(Bearer::default())
        }
        StreamableHttpError::UnexpectedContentType(found) => {
            let found = found.as_deref().unwrap_or("no content type");
            SessionError::Protocol(format!("{found} where application/json or text/event-stream was expected"))
        }
        other => SessionError::Protocol(other.to_string()),
    }
}
