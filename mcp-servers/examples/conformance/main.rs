//! A server with everything that the public conformance suite of MCP asks for, bare or behind the
//! guard. For tests alone: what it offers stands in `content.json`, in the suite's own names.

mod content;
mod conversation;
mod rounds;
mod server;

use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use bailiwick_guard::{Guard, MethodRule};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;
use tokio::net::TcpListener;

use content::Content;
use server::Everything;

/// The methods that the guard refuses unless they are declared.
const DECLARED: [&str; 2] = ["logging/setLevel", "subscriptions/listen"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::var("CONFORMANCE_PORT")?.parse()?;
    let resource = format!("http://localhost:{port}/mcp");
    let content = Arc::new(Content::read()?);
    let guard = match std::env::var("CONFORMANCE_ISSUER") {
        Ok(issuer) => Some(guard(&resource, &issuer, &content)?),
        Err(_) => None,
    };
    let mut output = std::io::stdout();
    if std::env::args().nth(1).as_deref() == Some("manifest") {
        let guard = guard.ok_or("a manifest is the guard's: CONFORMANCE_ISSUER is missing")?;
        let tools: Vec<_> = guard.manifest().iter().collect();
        return Ok(writeln!(output, "{}", json!({"resource": resource, "title": guard.title(), "tools": tools}))?);
    }
    let everything = Everything::new(content);
    let config = StreamableHttpServerConfig::default().enforce_origin_validation();
    let config = config.with_allowed_origins([resource.trim_end_matches("/mcp")]);
    let sessions = Arc::new(LocalSessionManager::default());
    // Each session has a server of its own, which keeps the session's log level.
    let service = StreamableHttpService::new(move || Ok(everything.in_new_session()), sessions, config);
    let mut routes = Router::new().route_service("/mcp", service);
    if let Some(guard) = guard {
        routes = routes.layer(guard.layer()).merge(guard.metadata_routes());
        tokio::spawn(guard.run());
        guard.ready().await;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    writeln!(output, "{}", json!({"message": "serving", "listen": listener.local_addr()?}))?;
    Ok(axum::serve(listener, routes).await?)
}

fn guard(resource: &str, issuer: &str, content: &Content) -> Result<Guard, Box<dyn std::error::Error>> {
    let mut guard = Guard::builder(resource.parse()?, issuer.parse()?, "conformance".parse()?);
    for method in DECLARED {
        guard = guard.allow_method(method, MethodRule::AnyToken);
    }
    Ok(guard.title("Conformance").tools(content.tools().cloned()).build()?)
}
