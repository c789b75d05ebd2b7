//! The bench's own MCP server: one tool, `add`, which does next to nothing, so that what is left is
//! the cost of everything around it. Guarded it is built as every server of ours is; bare it is the
//! same without the guard.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::routing::get;
use axum::{Router, http::StatusCode};
use bailiwick_core::{ClientId, Issuer, ResourceUri};
use bailiwick_guard::{Credentials, Guard, GuardError, InvalidLocalClients, InvalidPublicKey, RECORDS, ShortSecret};
use bailiwick_mcp_servers::arguments::Flawed;
use bailiwick_mcp_servers::tool::{Effect, InvalidTool, McpServer, Presentation, ToolError, ToolSet};
use bailiwick_process::listener::{self, BindError, Limits};
use bailiwick_process::logs::{self, Filter};
use bailiwick_process::{metrics, shutdown};
use clap::Args;
use hyper_util::service::TowerToHyperService;
use prometheus_client::registry::Registry;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::authentication::{Authentication, secret};

pub mod authentication;

/// The environment variable with the secret of the server's own client.
pub const CLIENT_SECRET: &str = "MCP_CLIENT_SECRET";

/// Serve the bench's own MCP server, with the one tool `add`
#[derive(Args, Debug)]
pub struct ServeAdder {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// The URL that tokens are for
    #[arg(long, value_name = "URL")]
    resource: ResourceUri,
    /// Whose tokens are taken; without it the server is bare and takes every call
    #[arg(long, value_name = "URL")]
    issuer: Option<Issuer>,
    /// Its own client at the issuer, by which it hears of revocations; the secret is in MCP_CLIENT_SECRET
    #[arg(long, value_name = "CLIENT_ID", requires = "issuer")]
    client_id: Option<ClientId>,
    #[command(flatten)]
    authentication: Authentication,
}

/// Why it does not serve.
#[derive(Debug, thiserror::Error)]
pub enum AdderError {
    /// The tool.
    #[error(transparent)]
    Tool(#[from] InvalidTool),
    /// The guard.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// Its name in scopes.
    #[error(transparent)]
    Name(#[from] bailiwick_core::identifier::InvalidIdentifier),
    /// A secret that is needed.
    #[error("{0} is not set")]
    NoSecret(&'static str),
    /// The secret of the mode hs256.
    #[error(transparent)]
    ShortSecret(#[from] ShortSecret),
    /// The key of the mode public-key.
    #[error(transparent)]
    PublicKey(#[from] InvalidPublicKey),
    /// The clients that it knows by itself.
    #[error(transparent)]
    Clients(#[from] InvalidLocalClients),
    /// The port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The operating system.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The log.
    #[error("logs: {0}")]
    Logs(String),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Terms {
    /// The one.
    a: i32,
    /// The other.
    b: i32,
}

#[derive(Serialize, JsonSchema)]
struct Sum {
    /// What they come to.
    sum: i64,
}

async fn add((): (), given: Result<Terms, Flawed>) -> Result<Sum, ToolError> {
    let Terms { a, b } = given?;
    Ok(Sum { sum: i64::from(a) + i64::from(b) })
}

fn tools() -> Result<ToolSet<()>, InvalidTool> {
    let presentation =
        Presentation { name: "add", effect: Effect::Reads, title: "Add", description: "Adds two numbers." };
    ToolSet::default().with(presentation, add)
}

/// Serves until SIGTERM or SIGINT.
pub async fn serve(command: ServeAdder) -> Result<(), AdderError> {
    let ServeAdder { listen, resource, issuer, client_id, authentication } = command;
    let log = Filter::DEFAULT.parse().map_err(|error| AdderError::Logs(format!("{error}")))?;
    let lines = logs::as_json_lines(&log, Some(RECORDS)).map_err(|error| AdderError::Logs(error.to_string()))?;
    let stop = shutdown::requested()?;
    let listener = listener::bind(listen).await?;
    let tools = tools()?;
    let mut registry = Registry::default();
    let guard = issuer.map(|issuer| {
        let builder = Guard::builder(resource.clone(), issuer.clone(), "add".parse()?).tools(tools.list());
        let builder = authentication.apply(builder, &issuer, &resource)?;
        let builder = builder.records_written(move || lines.written());
        // Several of them may be one resource.
        let builder = builder.allowed_hosts([own_host(listen)]);
        let builder = match client_id {
            Some(client_id) => builder.credentials(Credentials::new(client_id, secret(CLIENT_SECRET)?)),
            None => builder,
        };
        Ok::<_, AdderError>(builder.metrics(&mut registry).build()?)
    });
    let guard = guard.transpose()?;
    let server = McpServer::new("add", (), tools);
    let is_ready = guard.clone();
    let routes = match guard {
        Some(guard) => {
            tokio::spawn(guard.run());
            guard.protect(move || Ok(server.clone()))
        }
        None => bare(&resource, listen, server),
    };
    let ready = async move || match &is_ready {
        Some(guard) if !guard.is_ready() => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    let metrics_listener = listener::bind(SocketAddr::from((listen.ip(), 0))).await?;
    tokio::spawn(metrics::serve(metrics_listener, Arc::new(registry), std::future::pending()));
    let routes = routes.route("/health/ready", get(ready));
    listener::serve(listener, None, TowerToHyperService::new(routes), Limits::default(), stop).await;
    Ok(())
}

/// What the guard puts its layer around, alone.
fn bare(resource: &ResourceUri, listen: SocketAddr, server: McpServer) -> Router {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_allowed_hosts([own_host(listen)])
        .enforce_origin_validation();
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
    Router::new().route_service(resource.path(), service)
}

fn own_host(listen: SocketAddr) -> String {
    format!("localhost:{}", listen.port())
}
