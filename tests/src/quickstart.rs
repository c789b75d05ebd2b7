//! A running mcp-quickstart with clients that it knows by itself.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::auth::Credentials;
use crate::binary;
use crate::http::Http;
use crate::service::Service;

/// The roles in its file of clients. Only `Forecaster` may look up the weather.
const ROLES: &str = r#"[roles]
Manager = "quickstart:* hr:*"
Timekeeper = "quickstart:TimeTool"
Forecaster = "quickstart:weather_tool"
"#;

/// The secret that signs tokens of the mode hs256.
pub const SHARED_SECRET: &str = "a secret that only this test and its server share";

/// A running mcp-quickstart.
#[derive(Debug)]
pub struct Quickstart {
    /// The process.
    pub process: Service,
    /// A client to call it with.
    pub http: Http,
    folder: TempDir,
}

impl Quickstart {
    /// Starts one that takes these modes; `adjust` says more.
    #[must_use]
    pub fn start(modes: &str, adjust: impl Fn(&mut Command)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(clients_file(folder.path()), ROLES).unwrap();
        let process = Service::start("mcp-quickstart", |port| {
            let mut command = Self::command(folder.path(), port);
            command.args(["--authentication", modes]);
            adjust(&mut command);
            command
        });
        Self { process, http: Http::new(), folder }
    }

    /// The command that serves on `port`, its data in `folder`, with nobody who speaks for a token service.
    #[must_use]
    pub fn command(folder: &Path, port: u16) -> Command {
        let mut command = binary::command("mcp-quickstart");
        command.current_dir(folder).env("MCP_SHARED_SECRET", SHARED_SECRET);
        command.args(["--listen", &format!("127.0.0.1:{port}")]);
        command.args(["--resource", &format!("http://localhost:{port}/mcp"), "--clients-file"]);
        command.arg(clients_file(folder));
        command
    }

    /// A path of the server.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.process.port)
    }

    /// The file of its clients.
    #[must_use]
    pub fn clients_file(&self) -> PathBuf {
        clients_file(self.folder.path())
    }

    /// Makes a client with this role by the server's own command, and lets the server know of it.
    #[must_use]
    pub fn new_client(&self, client_id: &str, role: &str) -> Credentials {
        let mut command = binary::command("mcp-quickstart");
        let made = binary::run(command.args(["new-client", client_id, "--role", role])).well();
        self.know(&made.stdout);
        let secret = made.stderr.trim_end().rsplit(' ').next().unwrap().to_owned();
        Credentials { id: client_id.to_owned(), secret }
    }

    /// Adds an entry to the file of clients and waits until the server has seen it.
    pub fn know(&self, entry: &str) {
        let mut file = OpenOptions::new().append(true).open(self.clients_file()).unwrap();
        self.and_sees(|| write!(file, "\n{entry}").unwrap());
    }

    /// Does what changes the file of clients, and waits until the server has seen it.
    pub fn and_sees(&self, change: impl FnOnce()) {
        let seen = || self.process.log().matches("the file of clients has changed").count();
        let before = seen();
        change();
        crate::service::eventually("the file of clients is read anew", || {
            let _ = crate::http::send(self.http.get(self.url("/health")));
            seen() > before
        });
    }

    /// A call of a tool over `/mcp`, without credentials yet.
    pub fn call(&self, tool: &str) -> RequestBuilder {
        let message =
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {}}});
        self.post("/mcp", &message)
    }

    /// A message to a path, without credentials yet.
    pub fn post(&self, path: &str, message: &Value) -> RequestBuilder {
        let request = self.http.post(self.url(path)).header("content-type", "application/json");
        let request = request.header("accept", "application/json, text/event-stream");
        request.header("mcp-protocol-version", "2025-11-25").body(message.to_string())
    }
}

fn clients_file(folder: &Path) -> PathBuf {
    folder.join("clients.toml")
}
