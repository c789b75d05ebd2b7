//! The HR tools as a client meets them: over rmcp's HTTP service without a guard in front, on a
//! real SQLite file, with a clock of the test's own.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use bailiwick_core::UnixSeconds;
use bailiwick_mcp_servers::tool::McpServer;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use super::*;
use crate::{MIGRATIONS, sample};

mod employees_tests;
mod leave_tests;
mod protocol_tests;
mod summary_tests;

/// 2024-02-01T12:00:00Z.
const NOW: UnixSeconds = UnixSeconds(1_706_788_800);

/// A running HR server and the folder that its file lives in.
struct Server {
    folder: TempDir,
    database: Database,
    routes: Router,
}

impl Server {
    async fn empty() -> Self {
        Self::on(tempfile::tempdir().unwrap()).await
    }

    async fn with_sample_data() -> Self {
        let server = Self::empty().await;
        sample::load(&server.database).await.unwrap();
        server
    }

    async fn on(folder: TempDir) -> Self {
        let url = format!("sqlite://{}/data/hr.sqlite", folder.path().display());
        let database = Database::open(&url.parse().unwrap(), &MIGRATIONS).await.unwrap();
        let hr = Hr { database: database.clone(), clock: Arc::new(|| NOW) };
        let server = McpServer::new("HRManagementMCP", hr, tools().unwrap());
        let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
        let sessions = Arc::new(NeverSessionManager::default());
        let service = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
        Self { folder, database, routes: Router::new().route_service("/mcp", service) }
    }

    /// The same file after a restart.
    async fn restarted(self) -> Self {
        self.database.close().await;
        Self::on(self.folder).await
    }

    /// What the server answers to a JSON-RPC request of that revision.
    async fn ask(&self, version: &str, method: &str, mut params: Value) -> Value {
        if version >= "2026-07-28" {
            let of_mcp = |name: &str| format!("io.modelcontextprotocol/{name}");
            params["_meta"] = json!({
                of_mcp("protocolVersion"): version,
                of_mcp("clientInfo"): {"name": "test", "version": "1"},
                of_mcp("clientCapabilities"): {},
            });
        }
        let request = Request::post("/mcp")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", version)
            .header("mcp-method", method)
            .header("mcp-name", params["name"].as_str().unwrap_or_default())
            .body(Body::from(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()))
            .unwrap();
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// The result of a tool call.
    async fn call(&self, tool: &str, arguments: Value) -> Value {
        let mut answer = self.ask("2025-11-25", "tools/call", json!({"name": tool, "arguments": arguments})).await;
        answer["result"].take()
    }

    /// The structured content of a call that succeeds.
    async fn ok(&self, tool: &str, arguments: Value) -> Value {
        let mut result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], json!(false), "{result}");
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"], "text and structure say the same");
        result["structuredContent"].take()
    }

    /// The text of a call that is refused; nothing may have changed by it.
    async fn refused(&self, tool: &str, arguments: Value) -> String {
        let before = self.rows().await;
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], json!(true), "{result}");
        assert_eq!(result["structuredContent"]["error"], json!("invalid_arguments"));
        let problems = result["structuredContent"]["problems"].as_array().unwrap().iter();
        let lines = problems
            .map(|problem| format!("{}: {}", problem["field"].as_str().unwrap(), problem["message"].as_str().unwrap()));
        let text = result["content"][0]["text"].as_str().unwrap();
        assert_eq!(text, lines.collect::<Vec<_>>().join("\n"), "text and structure say the same");
        assert_eq!(self.rows().await, before, "a refused call changes nothing");
        text.to_owned()
    }

    /// How many rows there are of each kind.
    async fn rows(&self) -> (i64, i64) {
        let mut connection = self.database.read().await.unwrap();
        sqlx::query_as("SELECT (SELECT COUNT(*) FROM employees), (SELECT COUNT(*) FROM leave_requests)")
            .fetch_one(&mut *connection)
            .await
            .unwrap()
    }
}

/// `arguments` with `field` set to `value`.
fn with(mut arguments: Value, field: &str, value: impl Into<Value>) -> Value {
    arguments[field] = value.into();
    arguments
}

/// `arguments` without `field`.
fn without(mut arguments: Value, field: &str) -> Value {
    arguments.as_object_mut().unwrap().remove(field);
    arguments
}

/// The sample data of the product.
fn sample_data() -> Value {
    serde_json::from_str(include_str!("../sample-data.json")).unwrap()
}
