//! MCP servers under load: the bench's own with its tool `add`, those with real ones, and calls of them.
//! Owns how they are started; their processes are their callers'.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Request};
use http_body_util::Full;
use serde_json::json;

use crate::adder::CLIENT_SECRET;
use crate::error::BenchError;
use crate::load::{Callers, Load};
use crate::programs::Programs;
use crate::server::{Ready, Server};
use crate::token_service::Credentials;

/// The scope that `add` needs.
pub const ADD_SCOPE: &str = "add:read";
/// The scope that `get_employee_records` needs.
pub const HR_SCOPE: &str = "hr:*";

const ADD: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":19,"b":23}}}"#;
const GET_EMPLOYEE_RECORDS: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_employee_records","arguments":{"department":"Engineering"}}}"#;

/// The URL of the MCP endpoint of a server, for which tokens are.
pub fn resource(port: u16) -> String {
    format!("http://localhost:{port}/mcp")
}

/// Starts the bench's own server, guarded where there is an issuer.
pub fn adder(programs: &Programs, name: &str, issuer: Option<&str>) -> Result<Server, BenchError> {
    Server::start(name, Ready::Health, |port| {
        let mut command = adder_command(programs, port, &resource(port));
        if let Some(issuer) = issuer {
            command.args(["--issuer", issuer]);
        }
        command
    })
}

/// Starts the bench's own server, guarded, and hearing of its issuer's revocations as that client: for a
/// resource of its own, or as a further process for one that there is.
pub fn hearing_adder(
    programs: &Programs,
    name: &str,
    (issuer, guard): (&str, &Credentials),
    shared: Option<&str>,
) -> Result<Server, BenchError> {
    Server::start(name, Ready::Health, |port| {
        let mut command = adder_command(programs, port, shared.unwrap_or(&resource(port)));
        command.args(["--issuer", issuer]);
        hear_as(guard, &mut command);
        command
    })
}

/// The command that serves the bench's own server, bare so far.
pub fn adder_command(programs: &Programs, port: u16, resource: &str) -> Command {
    let mut command = programs.bench();
    command.args(["adder", "--listen", &format!("127.0.0.1:{port}"), "--resource", resource]);
    command
}

/// Starts mcp-hr on a database of its own with the sample data, with logs and metrics on.
pub fn hr(programs: &Programs, name: &str, folder: &Path, issuer: &str) -> Result<Server, BenchError> {
    Server::start(name, Ready::Health, |port| sample_command(programs, "mcp-hr", folder, port, issuer))
}

/// Starts one of the real servers in the same way, hearing of its issuer's revocations as that client.
pub fn hearing(
    programs: &Programs,
    binary: &str,
    folder: &Path,
    (issuer, guard): (&str, &Credentials),
) -> Result<Server, BenchError> {
    Server::start(binary, Ready::Health, |port| {
        let mut command = sample_command(programs, binary, folder, port, issuer);
        hear_as(guard, &mut command);
        command
    })
}

fn sample_command(programs: &Programs, binary: &str, folder: &Path, port: u16, issuer: &str) -> Command {
    let mut command = programs.command(binary);
    command.args(["--sample-data", "--issuer", issuer, "--metrics-listen", "127.0.0.1:0"]);
    command.args(["--listen", &format!("127.0.0.1:{port}"), "--resource", &resource(port)]);
    command.args(["--database-url", &format!("sqlite://{}", folder.join(format!("{binary}-{port}.db")).display())]);
    // One caller makes all the load: its calls are counted, as everywhere, and never too many.
    command.args(["--calls-per-second", "1000000"]);
    command
}

/// The settings by which a server hears of revocations.
fn hear_as(guard: &Credentials, command: &mut Command) {
    command.args(["--client-id", &guard.id]).env(CLIENT_SECRET, guard.secret.expose());
}

/// Calls of `add(19, 23)`.
pub fn add(connections: usize, callers: Callers) -> Load {
    call(ADD, r#""structuredContent":{"sum":42}"#, connections, callers)
}

/// Calls of `get_employee_records` that find one department of the sample data.
pub fn get_employee_records(connections: usize, callers: Callers) -> Load {
    call(GET_EMPLOYEE_RECORDS, r#""employee_id":"EMP-001""#, connections, callers)
}

fn call(body: &'static str, expected: &'static str, connections: usize, callers: Callers) -> Load {
    Load { path: "/mcp", headers: headers(), body: Bytes::from_static(body.as_bytes()), expected, connections, callers }
}

/// A call of a tool that needs no arguments, with that token.
pub fn call_of(tool: &str, token: &HeaderValue) -> Result<Request<Full<Bytes>>, BenchError> {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": {}}});
    let mut request = Request::post("/mcp").body(Full::from(message.to_string()))?;
    request.headers_mut().extend(headers());
    request.headers_mut().insert(AUTHORIZATION, token.clone());
    Ok(request)
}

/// Those of MCP 2025-11-25, which the peers speak too.
fn headers() -> Vec<(HeaderName, HeaderValue)> {
    vec![
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (ACCEPT, HeaderValue::from_static("application/json, text/event-stream")),
        (HeaderName::from_static("mcp-protocol-version"), HeaderValue::from_static("2025-11-25")),
    ]
}
