//! MCP servers under load: the bench's own with its tool `add`, mcp-hr with a real one, and calls of
//! both. Owns how they are started; their processes are their callers'.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};

use crate::error::BenchError;
use crate::load::{Callers, Load};
use crate::programs::Programs;
use crate::server::{Ready, Server};

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
pub fn adder(programs: &Programs, name: &str, folder: &Path, issuer: Option<&str>) -> Result<Server, BenchError> {
    Server::start(name, folder, Ready::Health, |port| {
        let mut command = programs.bench();
        command.arg("adder");
        command.args(["--listen", &format!("127.0.0.1:{port}"), "--resource", &resource(port)]);
        if let Some(issuer) = issuer {
            command.args(["--issuer", issuer]);
        }
        command
    })
}

/// Starts mcp-hr on a database of its own with the sample data, with logs and metrics on.
pub fn hr(programs: &Programs, name: &str, folder: &Path, issuer: &str) -> Result<Server, BenchError> {
    Server::start(name, folder, Ready::Health, |port| hr_command(programs, folder, port, issuer))
}

fn hr_command(programs: &Programs, folder: &Path, port: u16, issuer: &str) -> Command {
    let mut command = programs.command("mcp-hr");
    command.args(["--sample-data", "--issuer", issuer, "--metrics-listen", "127.0.0.1:0"]);
    command.args(["--listen", &format!("127.0.0.1:{port}"), "--resource", &resource(port)]);
    command.args(["--database-url", &format!("sqlite://{}", folder.join(format!("hr-{port}.db")).display())]);
    // One caller makes all the load: its calls are counted, as everywhere, and never too many.
    command.args(["--calls-per-second", "1000000"]);
    command
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

/// Those of MCP 2025-11-25, which the peers speak too.
fn headers() -> Vec<(HeaderName, HeaderValue)> {
    vec![
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (ACCEPT, HeaderValue::from_static("application/json, text/event-stream")),
        (HeaderName::from_static("mcp-protocol-version"), HeaderValue::from_static("2025-11-25")),
    ]
}
