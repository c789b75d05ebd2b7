//! The built mcp-hr as an operator runs it: its commands, how it starts, what it says when it
//! cannot, and how it stops. No token service is there, so it is alive but never ready.
#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

fn mcp_hr(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-hr"));
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

/// Exit code, standard output and standard error.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = mcp_hr(folder.path(), arguments).envs(environment.iter().copied()).output().unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "a command leaves nothing behind");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A server that serves, with its log.
struct Serving {
    process: Child,
    log: Lines<BufReader<ChildStdout>>,
    before: Vec<Value>,
    line: Value,
}

impl Serving {
    fn start(folder: &TempDir, arguments: &[&str]) -> Self {
        let arguments = [&["--listen", "127.0.0.1:0", "--issuer", "http://localhost:1"], arguments].concat();
        let mut process = mcp_hr(folder.path(), &arguments).stdout(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut serving = Self { process, log, before: Vec::new(), line: Value::Null };
        while serving.line["message"] != "serving" {
            let line = serde_json::from_str(&serving.log.next().unwrap().unwrap()).unwrap();
            serving.before.push(std::mem::replace(&mut serving.line, line));
        }
        serving
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.line["listen"].as_str().unwrap()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: elsewhere.example\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Asks it to stop, and gives its last line.
    fn stop(mut self) -> (ExitStatus, Value) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let last = self.log.by_ref().map(Result::unwrap).last().unwrap();
        (self.process.wait().unwrap(), serde_json::from_str(&last).unwrap())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_manifest_is_the_body_that_registers_the_tools() {
    let (code, output, errors) = run(&["manifest", "--resource", "https://hr.example/mcp"], &[]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let tool = |name: &str, kind: &str, title: &str| json!({"name": name, "kind": kind, "title": title});
    let expected = json!({
        "resource": "https://hr.example/mcp",
        "title": "HR",
        "tools": [
            tool("add_employee_record", "write", "Add an employee"),
            tool("create_leave_request", "write", "Ask for leave"),
            tool("get_employee_records", "read", "Look up employees"),
            tool("get_hr_summary", "read", "Summarise HR"),
        ]
    });
    assert_eq!(serde_json::from_str::<Value>(&output).unwrap(), expected);
}

#[test]
fn settings_that_are_valid_are_said_to_be() {
    let (code, output, errors) = run(&["check-config"], &[("MCP_LISTENS", "x")]);
    assert_eq!((code, output.as_str()), (Some(0), "the settings are valid\n"));
    assert!(errors.contains("MCP_LISTENS is unknown"), "{errors}");
}

#[test]
fn settings_that_are_not_valid_end_with_the_reason_and_code_2() {
    let cases = [
        ("check-config --listen nowhere", ("", ""), "--listen"),
        ("check-config", ("MCP_ISSUER", "http://id.example"), "environment variable MCP_ISSUER"),
        ("check-config", ("MCP_DATABASE_URL", "postgres://x"), "sqlite://PATH"),
        ("check-config --listen 0.0.0.0:8001", ("", ""), "MCP_TLS_TERMINATED"),
        ("check-config --resource https://hr.example/mcp", ("", ""), "MCP_TLS_TERMINATED"),
        ("--resource http://hr.example/mcp --tls-terminated", ("", ""), "https"),
        ("check-config --tls-cert a.pem", ("", ""), "MCP_TLS_CERT is set and MCP_TLS_KEY is not"),
        ("check-config --tls-cert a.pem --tls-key b.pem", ("", ""), "use its https URL"),
        (
            "check-config --resource https://hr.example/mcp --tls-cert a.pem",
            ("MCP_TLS_KEY", "b.pem"),
            "a.pem cannot be read",
        ),
        ("check-config --allowed-hosts http://a.example", ("", ""), "not an allowed host"),
        ("serve", ("", ""), "unrecognized subcommand 'serve'"),
    ];
    for (arguments, variable, expected) in cases {
        let variable = if variable.0.is_empty() { &[][..] } else { &[variable] };
        let (code, output, errors) = run(&arguments.split(' ').collect::<Vec<_>>(), variable);
        assert_eq!((code, output.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
    }
}

#[test]
fn the_start_up_line_says_what_is_served_and_what_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(&folder, &[]);
    let line = &serving.line;
    assert_eq!((&line["name"], &line["level"]), (&json!("mcp-hr"), &json!("INFO")));
    assert_eq!(line["resource"], "http://localhost:8001/mcp");
    assert_eq!(line["issuer"], "http://localhost:1");
    assert!(line["revocation"].as_str().unwrap().contains("no revocation feed"), "{line}");
    assert!(folder.path().join("data/hr.sqlite").exists());
    let (status, last) = serving.stop();
    assert!(status.success());
    assert_eq!(last["message"], "stopped");
}

#[test]
fn health_is_told_whatever_the_host_and_the_tools_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Serving::start(&folder, &[]);
    assert!(serving.get("/health/live").starts_with("HTTP/1.1 200"));
    let ready = serving.get("/health/ready");
    assert!(ready.starts_with("HTTP/1.1 503"), "no keys, so not ready: {ready}");
    assert!(ready.ends_with(r#"{"database":true,"keys":false,"status":"unavailable"}"#), "{ready}");
    assert!(serving.get("/mcp").starts_with("HTTP/1.1 403"), "a foreign Host");
    serving.stop();
}

#[test]
fn the_sample_data_is_loaded_once() {
    let folder = tempfile::tempdir().unwrap();
    for said in ["the sample data is loaded", "the database is not empty"] {
        let serving = Serving::start(&folder, &["--sample-data"]);
        let last = serving.before.last().unwrap()["message"].as_str().unwrap();
        assert!(last.starts_with(said), "{last}");
        serving.stop();
    }
}

#[test]
fn a_taken_port_is_named_and_the_data_is_not_touched() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, errors) = run(&["--listen", &address], &[]);
    assert_eq!(code, Some(1));
    assert!(errors.contains(&format!("{address} is taken")), "{errors}");
}
