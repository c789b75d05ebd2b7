//! A server's tools as a client meets them: over rmcp's HTTP service without a guard in front, on a
//! real SQLite file, with a clock that the test sets. Part of the unit tests of each binary, which
//! name it by its path; what the tools do is theirs to test.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use bailiwick_core::UnixSeconds;
use bailiwick_mcp_servers::database::Database;
use bailiwick_mcp_servers::program::Program;
use bailiwick_mcp_servers::tool::McpServer;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row};
use tempfile::TempDir;
use tower::ServiceExt;

/// The first moment of every test: 2024-02-01T12:00:00Z.
const BEGIN: i64 = 1_706_788_800;

/// The seconds of a day.
const DAY: i64 = 86_400;

/// The revision that most tests speak.
const REVISION: &str = "2025-11-25";

/// The rows of every table, each value as text.
type Everything = BTreeMap<String, Vec<Vec<Option<String>>>>;

/// A running server and the folder that its file lives in.
pub(crate) struct Server<P> {
    folder: TempDir,
    database: Database,
    now: Arc<AtomicI64>,
    routes: Router,
    program: PhantomData<fn() -> P>,
}

impl<P: Program> Server<P> {
    pub(crate) async fn empty() -> Self {
        Self::changed(|program| program).await
    }

    /// The same with its program changed, as settings of its own change it.
    pub(crate) async fn changed(change: impl FnOnce(P) -> P) -> Self {
        Self::on(tempfile::tempdir().unwrap(), change).await
    }

    pub(crate) async fn with_sample_data() -> Self {
        let server = Self::empty().await;
        P::load_sample_data(&server.database).await.unwrap();
        server
    }

    async fn on(folder: TempDir, change: impl FnOnce(P) -> P) -> Self {
        let url = format!("sqlite://{}/data/{}.sqlite", folder.path().display(), P::SERVER);
        let database = Database::open(&url.parse().unwrap(), &P::migrations()).await.unwrap();
        let now = Arc::new(AtomicI64::new(BEGIN));
        let clock = Arc::clone(&now);
        let program = change(P::new(database.clone(), Arc::new(move || UnixSeconds(clock.load(Ordering::Relaxed)))));
        let server = McpServer::new(P::MCP_NAME, program, P::tools().unwrap());
        let config = StreamableHttpServerConfig::default().with_legacy_session_mode(false).with_json_response(true);
        let sessions = Arc::new(NeverSessionManager::default());
        let service = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
        let routes = Router::new().route_service("/mcp", service);
        Self { folder, database, now, routes, program: PhantomData }
    }

    /// The same file after a restart.
    pub(crate) async fn restarted(self) -> Self {
        self.database.close().await;
        Self::on(self.folder, |program| program).await
    }

    /// Lets days go by.
    pub(crate) fn days_pass(&self, days: i64) {
        self.now.fetch_add(days * DAY, Ordering::Relaxed);
    }

    /// Its file, for a test that puts something there past the tools.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// What the server answers to a JSON-RPC request.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        self.ask_in(REVISION, method, params).await
    }

    /// What it answers to one of another revision.
    pub(crate) async fn ask_in(&self, revision: &str, method: &str, mut params: Value) -> Value {
        if revision >= "2026-07-28" {
            let of_mcp = |name: &str| format!("io.modelcontextprotocol/{name}");
            params["_meta"] = json!({
                of_mcp("protocolVersion"): revision,
                of_mcp("clientInfo"): {"name": "test", "version": "1"},
                of_mcp("clientCapabilities"): {},
            });
        }
        let request = Request::post("/mcp")
            .header("host", "localhost")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", revision)
            .header("mcp-method", method)
            .header("mcp-name", params["name"].as_str().unwrap_or_default())
            .body(Body::from(json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()))
            .unwrap();
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// The tools as they present themselves, by their names.
    pub(crate) async fn tools(&self) -> BTreeMap<String, Value> {
        let listed = self.ask("tools/list", json!({})).await;
        let tools = listed["result"]["tools"].as_array().unwrap().iter();
        tools.map(|tool| (tool["name"].as_str().unwrap().to_owned(), tool.clone())).collect()
    }

    /// The result of a tool call.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Value {
        let mut answer = self.ask("tools/call", json!({"name": tool, "arguments": arguments})).await;
        answer["result"].take()
    }

    /// The structured content of a call that succeeds.
    pub(crate) async fn ok(&self, tool: &str, arguments: Value) -> Value {
        let mut result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], json!(false), "{result}");
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"], "text and structure say the same");
        result["structuredContent"].take()
    }

    /// The text of a call that is refused; nothing may have changed by it.
    pub(crate) async fn refused(&self, tool: &str, arguments: Value) -> String {
        let before = self.everything().await;
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], json!(true), "{result}");
        assert_eq!(result["structuredContent"]["error"], json!("invalid_arguments"));
        let problems = result["structuredContent"]["problems"].as_array().unwrap().iter();
        let lines = problems
            .map(|problem| format!("{}: {}", problem["field"].as_str().unwrap(), problem["message"].as_str().unwrap()));
        let text = result["content"][0]["text"].as_str().unwrap();
        assert_eq!(text, lines.collect::<Vec<_>>().join("\n"), "text and structure say the same");
        assert_eq!(self.everything().await, before, "a refused call changes nothing");
        text.to_owned()
    }

    /// Each of these values, alone in the place of what `arguments` has there, is refused with its
    /// sentence, and so is a call that lacks one of `arguments`.
    pub(crate) async fn refuses_each(&self, tool: &str, arguments: &Value, cases: &[(&str, Value, &str)]) {
        for (field, value, sentence) in cases {
            let told = self.refused(tool, with(arguments.clone(), field, value.clone())).await;
            assert_eq!(told, format!("{field}: {sentence}"), "{value}");
        }
        for field in arguments.as_object().unwrap().keys() {
            assert_eq!(self.refused(tool, without(arguments.clone(), field)).await, format!("{field}: is required"));
        }
    }

    /// What the calls give fits the schemas that their tools advertise.
    pub(crate) async fn gives_what_it_advertises(&self, calls: impl IntoIterator<Item = (&str, Value)>) {
        let tools = self.tools().await;
        for (name, arguments) in calls {
            let schema = jsonschema::validator_for(&tools[name]["outputSchema"]).unwrap();
            let result = self.ok(name, arguments).await;
            let problems: Vec<_> = schema.iter_errors(&result).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{name}: {problems:?}");
        }
    }

    /// Every row of every table.
    pub(crate) async fn everything(&self) -> Everything {
        let mut connection = self.database.read().await.unwrap();
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *connection).await.unwrap();
        let mut everything = BTreeMap::new();
        for table in tables {
            let select = AssertSqlSafe(format!("SELECT * FROM {table} ORDER BY 1"));
            let rows = sqlx::query(select).fetch_all(&mut *connection).await.unwrap();
            let values = |row: &sqlx::sqlite::SqliteRow| (0..row.len()).map(|at| row.get_unchecked(at)).collect();
            everything.insert(table, rows.iter().map(values).collect());
        }
        everything
    }

    /// The rows of a table are what `expected` lists, member by column.
    pub(crate) async fn has_stored(&self, table: &str, expected: &Value) {
        let mut connection = self.database.read().await.unwrap();
        let select = AssertSqlSafe(format!("SELECT * FROM {table} ORDER BY number"));
        let rows = sqlx::query(select).fetch_all(&mut *connection).await.unwrap();
        let expected = expected.as_array().unwrap();
        assert_eq!(rows.len(), expected.len(), "{table}");
        for (row, expected) in rows.iter().zip(expected) {
            for (column, value) in expected.as_object().unwrap() {
                let column = column.as_str();
                let stored: Value = match value {
                    Value::Number(number) if number.is_f64() => row.get::<f64, _>(column).into(),
                    Value::Number(_) => row.get::<i64, _>(column).into(),
                    Value::Array(_) => serde_json::from_str(row.get(column)).unwrap(),
                    _ => row.get::<Option<String>, _>(column).into(),
                };
                assert_eq!(&stored, value, "{table} {column}");
            }
        }
    }
}

/// The kind and the effect that each tool says of itself: whether it only reads, whether it changes
/// what there is.
pub(crate) fn effects(tools: &BTreeMap<String, Value>) -> Vec<(&str, bool, bool)> {
    let hint = |tool: &Value, name: &str| tool["annotations"][name].as_bool().unwrap_or_default();
    tools
        .iter()
        .map(|(name, tool)| (name.as_str(), hint(tool, "readOnlyHint"), hint(tool, "destructiveHint")))
        .collect()
}

/// Every tool says what it is and takes and gives objects whose members are all named.
pub(crate) fn are_described(tools: &BTreeMap<String, Value>) {
    for tool in tools.values() {
        assert!(tool["title"].is_string() && tool["description"].is_string(), "{tool}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], json!(false), "{tool}");
        for schema in [&tool["inputSchema"], &tool["outputSchema"]] {
            assert_eq!(schema["type"], "object");
            assert!(schema["properties"].is_object() && schema.get("$defs").is_none(), "{schema}");
        }
    }
}

/// `arguments` with `field` set to `value`.
pub(crate) fn with(mut arguments: Value, field: &str, value: impl Into<Value>) -> Value {
    arguments[field] = value.into();
    arguments
}

/// `arguments` without `field`.
pub(crate) fn without(mut arguments: Value, field: &str) -> Value {
    arguments.as_object_mut().unwrap().remove(field);
    arguments
}
