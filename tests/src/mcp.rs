//! A plain MCP client over streamable HTTP, of either protocol era: one request, one answer, nothing
//! remembered. Owns how a request of each era looks on the wire.

use std::fmt;

use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};

use crate::http::{self, Answer, Http};

/// A protocol revision that the servers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// 2025-06-18: with a handshake.
    June2025,
    /// 2025-11-25: with a handshake.
    November2025,
    /// 2026-07-28: every request stands alone and says who sends it.
    July2026,
}

impl Era {
    /// All of them, the oldest first.
    pub const ALL: [Self; 3] = [Self::June2025, Self::November2025, Self::July2026];

    /// The revision's name on the wire.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::June2025 => "2025-06-18",
            Self::November2025 => "2025-11-25",
            Self::July2026 => "2026-07-28",
        }
    }
}

impl fmt::Display for Era {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.version())
    }
}

/// A client of one MCP server.
#[derive(Debug)]
pub struct Caller<'a> {
    http: &'a Http,
    url: &'a str,
    token: Option<String>,
    era: Era,
}

impl<'a> Caller<'a> {
    /// A client of the server at `url` that sends `token`, if it has one.
    #[must_use]
    pub fn new(http: &'a Http, url: &'a str, token: Option<&str>, era: Era) -> Self {
        Self { http, url, token: token.map(str::to_owned), era }
    }

    /// A POST with every header that the era asks for, and no body yet. `name` is what `Mcp-Name`
    /// tells: the tool's name in a call.
    pub fn post(&self, method: &str, name: Option<&str>) -> RequestBuilder {
        let mut request = self
            .http
            .post(self.url)
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", self.era.version());
        if self.era == Era::July2026 {
            request = request.header("Mcp-Method", method);
            if let Some(name) = name {
                request = request.header("Mcp-Name", name);
            }
        }
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The JSON-RPC request of this era.
    #[must_use]
    pub fn message(&self, method: &str, mut params: Value) -> Value {
        if self.era == Era::July2026 {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": self.era.version(),
                "io.modelcontextprotocol/clientInfo": {"name": "bailiwick-e2e", "version": "0"},
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    }

    /// Sends a request; `params` is an object.
    #[must_use]
    pub fn request(&self, method: &str, params: Value) -> Answer {
        let name = params["name"].as_str().map(str::to_owned);
        http::send(self.post(method, name.as_deref()).json(&self.message(method, params)))
    }

    /// Calls a tool.
    #[must_use]
    pub fn call(&self, tool: &str, arguments: &Value) -> Answer {
        self.request("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// The result of a call that succeeds: its structured content.
    #[must_use]
    pub fn result(&self, tool: &str, arguments: &Value) -> Value {
        let answer = self.call(tool, arguments).expect(200);
        let result = &answer.json()["result"];
        assert!(result.is_object() && result["isError"] != true, "{tool} {arguments} failed: {answer:#?}");
        result["structuredContent"].clone()
    }

    /// The text of a tool error: the call reached the tool, and the tool refused its input.
    #[must_use]
    pub fn tool_error(&self, tool: &str, arguments: &Value) -> String {
        let answer = self.call(tool, arguments).expect(200);
        let result = &answer.json()["result"];
        assert_eq!(result["isError"], true, "{tool} {arguments} was not refused: {answer:#?}");
        result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer:#?}")).to_owned()
    }

    /// The tools as `tools/list` describes them.
    #[must_use]
    pub fn describe(&self) -> Vec<Value> {
        let answer = self.request("tools/list", json!({})).expect(200);
        answer.json()["result"]["tools"].as_array().unwrap_or_else(|| panic!("no tools: {answer:#?}")).clone()
    }

    /// The names of the tools that `tools/list` shows, in alphabetical order.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        let mut names: Vec<_> = self.describe().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }
}
