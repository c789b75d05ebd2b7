//! Every built server by itself: what it is called, where it is and where its data lies unless it is
//! told, and which tools it declares. How they start and stop is the same for all, and tested of one.
#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::process::{Command, Output, Stdio};

use serde_json::Value;

struct Server {
    path: &'static str,
    name: &'static str,
    port: u16,
    reading: &'static [&'static str],
    writing: &'static [&'static str],
}

const SERVERS: [Server; 4] = [
    Server {
        path: env!("CARGO_BIN_EXE_mcp-hr"),
        name: "hr",
        port: 8001,
        reading: &["get_employee_records", "get_hr_summary"],
        writing: &["add_employee_record", "create_leave_request"],
    },
    Server {
        path: env!("CARGO_BIN_EXE_mcp-project"),
        name: "project",
        port: 8002,
        reading: &["get_overdue_tasks", "get_project_summary", "get_project_tasks", "get_task_progress"],
        writing: &["create_project_task", "update_task_state"],
    },
    Server {
        path: env!("CARGO_BIN_EXE_mcp-crm"),
        name: "crm",
        port: 8003,
        reading: &["get_crm_summary", "get_customer_profiles", "get_interaction_history", "get_sales_opportunities"],
        writing: &["add_customer_profile", "create_sales_opportunity", "record_interaction", "update_customer_status"],
    },
    Server {
        path: env!("CARGO_BIN_EXE_mcp-quickstart"),
        name: "quickstart",
        port: 8100,
        reading: &["TimeTool", "weather_tool"],
        writing: &[],
    },
];

/// Exit code and both outputs of a command, which leaves nothing behind.
fn run(server: &Server, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(server.path);
    command.args(arguments).current_dir(&folder).env_clear().stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "{arguments:?}");
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[test]
fn each_server_has_a_name_a_port_and_a_file_of_its_own() {
    for server in &SERVERS {
        let (code, help) = run(server, &["--help"]);
        assert_eq!(code, Some(0));
        for default in [
            format!("mcp-{}", server.name),
            format!("127.0.0.1:{}", server.port),
            format!("http://localhost:{}/mcp", server.port),
            format!("sqlite://data/{}.sqlite", server.name),
        ] {
            assert!(help.contains(&default), "{default} is not in: {help}");
        }
    }
}

#[test]
fn each_server_declares_its_tools_and_their_kinds() {
    for server in &SERVERS {
        let (code, output) = run(server, &["manifest"]);
        let manifest: Value = serde_json::from_str(&output).unwrap();
        assert_eq!(code, Some(0));
        assert_eq!(manifest["resource"], format!("http://localhost:{}/mcp", server.port));
        let of_kind = |kind: &str| {
            let tools = manifest["tools"].as_array().unwrap().iter().filter(|tool| tool["kind"] == kind);
            tools.map(|tool| tool["name"].as_str().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!((of_kind("read"), of_kind("write")), (server.reading.to_vec(), server.writing.to_vec()));
    }
}

#[test]
fn settings_are_checked_without_a_start() {
    for server in &SERVERS {
        assert_eq!(run(server, &["check-config"]).0, Some(0), "{}", server.name);
        let wrong: [&[&str]; 3] = [
            &["check-config", "--resource", "https://server.example/mcp", "--listen", "0.0.0.0:1"],
            &["check-config", "--database-url", "postgres://x"],
            &["--port", "1"],
        ];
        for arguments in wrong {
            let (code, output) = run(server, arguments);
            assert!(code == Some(2) && output.starts_with("error: "), "{arguments:?} {code:?} {output}");
        }
    }
}
