//! The command lines of the binaries: what they print, how they fail and with which exit code, and
//! that a running service feels at once what another process changed.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use bailiwick_e2e::binary::{self, Ended};
use bailiwick_e2e::service::free_port;
use bailiwick_e2e::{AuthService, Credentials, HrServer, Service, World};
use serde_json::{Value, json};

/// The exit code of a command that was refused.
const FAILED: i32 = 1;
/// The exit code of a command line or a setting that was not understood.
const USAGE: i32 = 2;

/// A fresh folder and what `auth-service` says when it is run on it.
struct Shell(tempfile::TempDir);

impl Shell {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        AuthService::command_line(self.folder(), arguments)
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        binary::run(&mut self.command(arguments))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).well().json()
    }
}

fn failed(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, code, "{ended:#?}");
    assert_eq!(ended.stdout, "", "{ended:#?}");
    for word in words {
        assert!(ended.stderr.contains(word), "{word} is not in {ended:#?}");
    }
    assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
}

#[test]
fn the_first_administrator_is_made_on_the_host() {
    let shell = Shell::new();
    let made = shell.json(&["client", "create", "--id", "admin", "--role", "admin"]);
    assert_eq!(made["client_id"], "admin");
    assert!(made["client_secret"].as_str().is_some_and(|secret| secret.len() >= 43), "{made}");
    let said = shell.run(&["client", "create", "--id", "admin-2", "--role", "admin"]).well();
    assert!(said.stdout.contains("admin-2") && said.stdout.contains("client_secret"), "{said:#?}");
}

#[test]
fn clients_are_created_listed_shown_changed_and_deleted() {
    let shell = Shell::new();
    let _ = shell.json(&["role", "set", "Reader", "--scope", "hr:read"]);
    let create = ["client", "create", "--id", "a", "--name", "Agent A", "--role", "Reader", "--claim", "id=7"];
    let created = shell.json(&[&create[..], &["--access-token-ttl", "60"]].concat());
    assert_eq!((&created["client_name"], &created["access_token_ttl"]), (&json!("Agent A"), &json!(60)));
    assert!(shell.run(&["client", "list"]).well().stdout.contains("Agent A"));
    let shown = shell.json(&["client", "show", "a"]);
    assert_eq!((&shown["roles"], &shown["claims"]), (&json!(["Reader"]), &json!({"id": 7})));
    let changed = shell.json(&["client", "update", "a", "--name", "Renamed", "--disable"]);
    assert_eq!((&changed["client_name"], &changed["disabled"]), (&json!("Renamed"), &json!(true)));
    let _ = shell.run(&["client", "delete", "a"]).well();
    failed(&shell.run(&["client", "show", "a"]), FAILED, &["a"]);
}

#[test]
fn secrets_are_added_and_retired() {
    let shell = Shell::new();
    let first = shell.json(&["client", "create", "--id", "a"]);
    let second = shell.json(&["client", "secret", "add", "a"]);
    assert!(second["client_secret"].is_string() && second["client_secret"] != first["client_secret"]);
    let id = second["secret_id"].as_str().unwrap_or_default();
    let _ = shell.run(&["client", "secret", "retire", "a", id]).well();
    assert_eq!(shell.json(&["client", "show", "a"])["secrets"].as_array().map(Vec::len), Some(1));
    failed(&shell.run(&["client", "secret", "retire", "a", id]), FAILED, &[]);
}

#[test]
fn roles_are_set_listed_shown_and_deleted() {
    let shell = Shell::new();
    let _ = shell.run(&["role", "set", "Reader", "--scope", "hr:read project:read", "--description", "Looks"]).well();
    assert_eq!(shell.json(&["role", "show", "Reader"])["scope"], "hr:read project:read");
    let listed = shell.run(&["role", "list"]).well().stdout;
    for expected in ["Reader", "hr:read", "Looks", "admin", "guard"] {
        assert!(listed.contains(expected), "{expected} is not in\n{listed}");
    }
    let _ = shell.run(&["role", "delete", "Reader"]).well();
    failed(&shell.run(&["role", "delete", "Reader"]), FAILED, &["Reader"]);
    failed(&shell.run(&["role", "delete", "admin"]), FAILED, &["admin"]);
}

#[test]
fn a_resource_is_set_from_what_the_server_prints() {
    let shell = Shell::new();
    let manifest = binary::run(binary::command("mcp-hr").args(["manifest", "--resource", "https://hr.example/mcp"]));
    let file = shell.folder().join("hr.json");
    std::fs::write(&file, manifest.well().stdout).unwrap();
    let _ = shell.json(&["resource", "set", "hr", "--file", &file.to_string_lossy()]);
    let shown = shell.json(&["resource", "show", "hr"]);
    assert_eq!(shown["resource"], "https://hr.example/mcp");
    assert_eq!(shown["tools"].as_array().map(Vec::len), Some(4));
    assert!(shell.run(&["resource", "list"]).well().stdout.contains("https://hr.example/mcp"));
    let _ = shell.run(&["resource", "delete", "hr"]).well();
    failed(&shell.run(&["resource", "show", "hr"]), FAILED, &["hr"]);
}

#[test]
fn a_manifest_may_come_by_standard_input_and_nonsense_is_refused() {
    let shell = Shell::new();
    let set = |text: &str| {
        let input = shell.folder().join("input");
        std::fs::write(&input, text).unwrap();
        let file = std::fs::File::open(input).unwrap();
        binary::run(shell.command(&["resource", "set", "wiki", "--file", "-"]).stdin(file))
    };
    let _ = set(r#"{"resource": "https://wiki.example/mcp", "title": "Wiki", "tools": []}"#).well();
    failed(&set("not json"), FAILED, &[]);
    failed(&set(r#"{"resource": "https://wiki.example/mcp", "colour": "green"}"#), FAILED, &["colour"]);
    failed(&shell.run(&["resource", "set", "wiki", "--file", "/does/not/exist"]), FAILED, &["/does/not/exist"]);
}

#[test]
fn keys_are_listed_and_turned() {
    let shell = Shell::new();
    let rotated = shell.run(&["keys", "rotate", "--now", "--json"]).well();
    assert!(rotated.json()["kid"].is_string(), "{rotated:#?}");
    let listed = shell.run(&["keys", "list"]).well().stdout;
    assert!(listed.contains("RS256"), "{listed}");
    assert!(!listed.contains("PRIVATE"), "{listed}");
}

#[test]
fn what_was_not_understood_is_a_usage_error() {
    let shell = Shell::new();
    let cases: [(&[&str], &str); 11] = [
        (&["nonsense"], "nonsense"),
        (&["serve", "--colour", "green"], "--colour"),
        (&["client"], "Usage"),
        (&["client", "create", "--id", "bad id"], "client_id"),
        (&["client", "create", "--id", "usr_a"], "usr_"),
        (&["client", "create", "--access-token-ttl", "3601"], "3600"),
        (&["client", "create", "--claim", "novalue"], "novalue"),
        (&["role", "set", "Reader"], "--scope"),
        (&["role", "set", "Reader", "--scope", "nonsense"], "scope"),
        (&["serve", "--listen", "nowhere"], "nowhere"),
        (&["serve", "--issuer", "http://example.com"], "issuer"),
    ];
    for (arguments, word) in cases {
        failed(&shell.run(arguments), USAGE, &[word]);
    }
}

#[test]
fn what_was_refused_says_why_and_changes_nothing() {
    let shell = Shell::new();
    let _ = shell.json(&["client", "create", "--id", "a"]);
    failed(&shell.run(&["client", "create", "--id", "a"]), FAILED, &["a"]);
    failed(&shell.run(&["client", "create", "--id", "b", "--role", "NoSuchRole"]), FAILED, &["NoSuchRole"]);
    failed(&shell.run(&["client", "create", "--id", "c", "--claim", "sub=forged"]), FAILED, &["sub"]);
    failed(&shell.run(&["client", "delete", "nobody"]), FAILED, &["nobody"]);
    let clients = shell.json(&["client", "list"]);
    let list = if clients.is_array() { &clients } else { &clients["clients"] };
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{clients}");
}

#[test]
fn help_and_version_are_answers() {
    for binary in ["auth-service", "mcp-hr"] {
        for flag in ["--help", "--version"] {
            let said = binary::run(binary::command(binary).arg(flag)).well();
            assert!(said.stdout.contains(binary), "{said:#?}");
        }
    }
}

#[test]
fn migrate_may_be_run_again() {
    let shell = Shell::new();
    for _ in 0..2 {
        let _ = shell.run(&["migrate"]).well();
    }
    assert!(shell.folder().join("auth.db").exists());
}

#[test]
fn check_config_says_what_is_in_force_and_never_a_secret() {
    let shell = Shell::new();
    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let mut command = shell.command(&["check-config", "--issuer", "http://localhost:9999"]);
    let said = binary::run(command.env("AUTH_MASTER_KEY", key)).well();
    assert!(said.stdout.contains("http://localhost:9999"), "{said:#?}");
    assert!(!said.text().contains(key), "{said:#?}");
    let _ = binary::run(binary::command("mcp-hr").arg("check-config")).well();
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file_and_that_before_the_default() {
    let shell = Shell::new();
    let file = shell.folder().join("auth.toml");
    let in_file = "issuer = \"http://localhost:7001\"\nlisten = \"127.0.0.1:7001\"\nhash_threads = 7\n";
    std::fs::write(&file, in_file).unwrap();
    let arguments = ["check-config", "--config", &file.to_string_lossy(), "--issuer", "http://localhost:7003"];
    let mut command = shell.command(&arguments);
    let said = binary::run(command.env("AUTH_ISSUER", "http://localhost:7002").env("AUTH_LISTEN", "127.0.0.1:7002"));
    let said = said.well().stdout;
    for expected in ["http://localhost:7003", "127.0.0.1:7002", "hash-threads"] {
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }
}

#[test]
fn an_unknown_key_is_an_error_in_the_file_and_a_warning_in_the_environment() {
    let shell = Shell::new();
    let file = shell.folder().join("auth.toml");
    let check = || shell.command(&["check-config", "--config", &file.to_string_lossy()]);
    for (text, word) in [
        ("colour = \"green\"\n", "colour"),
        ("issuer = 7 7\n", "line 1"),
        ("listen = \"nowhere\"\n", "nowhere"),
        ("master_key = \"c2VjcmV0\"\n", "master_key_file"),
        ("[server]\nlisten = \"127.0.0.1:1\"\n", "server"),
    ] {
        std::fs::write(&file, text).unwrap();
        let said = binary::run(&mut check());
        failed(&said, USAGE, &[word]);
        assert!(!said.text().contains("c2VjcmV0"), "a secret was repeated: {said:#?}");
    }
    failed(&shell.run(&["check-config", "--config", "/does/not/exist"]), USAGE, &["/does/not/exist"]);
    let warned = binary::run(shell.command(&["check-config"]).env("AUTH_COLOUR", "green")).well();
    assert!(warned.text().contains("AUTH_COLOUR"), "{warned:#?}");
    let warned = binary::run(binary::command("mcp-hr").arg("check-config").env("MCP_COLOUR", "green")).well();
    assert!(warned.text().contains("MCP_COLOUR"), "{warned:#?}");
}

#[test]
fn plain_http_leaves_the_machine_only_where_tls_ends_in_front() {
    let shell = Shell::new();
    let open = ["check-config", "--listen", "0.0.0.0:8000"];
    failed(&shell.run(&open), FAILED, &["AUTH_TLS_TERMINATED"]);
    let behind = [&open[..], &["--issuer", "https://auth.example", "--tls-terminated"]].concat();
    let _ = shell.run(&behind).well();
    failed(&shell.run(&["check-config", "--issuer", "https://auth.example"]), FAILED, &["AUTH_TLS_TERMINATED"]);
}

#[test]
fn a_certificate_that_cannot_be_shown_stops_the_start() {
    let shell = Shell::new();
    let tls = ["check-config", "--issuer", "https://auth.example", "--tls-cert", "a.pem"];
    failed(&shell.run(&tls), FAILED, &["AUTH_TLS_CERT is set and AUTH_TLS_KEY is not"]);
    failed(&shell.run(&[&tls[..], &["--tls-key", "b.pem"]].concat()), FAILED, &["a.pem cannot be read"]);
    let plain = ["check-config", "--tls-cert", "a.pem", "--tls-key", "b.pem"];
    failed(&shell.run(&plain), FAILED, &["use its https URL"]);
}

#[test]
fn a_master_key_that_is_none_stops_the_start() {
    let shell = Shell::new();
    for key in ["short", "not base64 at all!", "AAAA"] {
        let mut command = AuthService::serve(shell.folder(), free_port());
        let said = binary::run(command.env("AUTH_MASTER_KEY", key));
        failed(&said, FAILED, &["master key"]);
        assert!(!said.text().contains(key), "the key was repeated: {said:#?}");
    }
}

#[test]
fn check_config_refuses_the_master_key_that_a_start_would_refuse() {
    let shell = Shell::new();
    let mut command = shell.command(&["check-config"]);
    let said = binary::run(command.env("AUTH_MASTER_KEY", "not-a-key"));
    failed(&said, FAILED, &["master key"]);
    assert!(!said.text().contains("not-a-key"), "the key was repeated: {said:#?}");
    let said = shell.run(&["check-config"]).well();
    let file = shell.folder().join("master.key");
    assert!(said.stdout.contains("to be made") && !file.exists(), "{said:#?}");
    std::fs::write(&file, "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    failed(&shell.run(&["check-config"]), FAILED, &["chmod 600"]);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let _ = shell.run(&["check-config"]).well();
    std::fs::write(&file, "nonsense").unwrap();
    failed(&shell.run(&["check-config"]), FAILED, &["holds no master key"]);
}

#[test]
fn an_issuer_with_a_path_stops_the_start() {
    let shell = Shell::new();
    let issuer = ["--issuer", "http://localhost:9999/tenant"];
    for command in ["check-config", "serve"] {
        let said = shell.run(&[&[command], &issuer[..]].concat());
        failed(&said, FAILED, &["AUTH_ISSUER http://localhost:9999/tenant has a path"]);
    }
}

#[test]
fn what_would_move_the_cursor_of_a_terminal_is_refused() {
    let shell = Shell::new();
    let title = "\u{1b}]0;pwn\u{7}";
    let set = ["role", "set", "A", "--scope", "hr:*", "--description", title];
    failed(&shell.run(&set), FAILED, &["description"]);
    let manifest = json!({"resource": "http://localhost:1", "tools": [{"name": "a", "kind": "read", "title": title}]});
    let file = shell.folder().join("manifest.json");
    std::fs::write(&file, manifest.to_string()).unwrap();
    failed(&shell.run(&["resource", "set", "hr", "--file", &file.to_string_lossy()]), FAILED, &["the title of tool a"]);
}

#[test]
fn another_master_key_cannot_open_what_the_first_one_sealed() {
    let shell = Shell::new();
    let serve = |key: &str| {
        let port = free_port();
        let mut command = AuthService::serve(shell.folder(), port);
        command.env("AUTH_MASTER_KEY", key);
        Service::start_on("auth-service", port, command)
    };
    drop(serve("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=").unwrap_or_else(|log| panic!("{log}")));
    let other = serve("OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg=");
    assert!(other.as_ref().is_err_and(|log| log.contains("master key")), "{other:?}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let world = World::shared();
    let shell = Shell::new();
    let taken = world.auth.process.port;
    let said = binary::run(&mut AuthService::serve(shell.folder(), taken));
    failed(&said, FAILED, &[&format!("127.0.0.1:{taken}"), "taken"]);
    let said = binary::run(&mut HrServer::serve(shell.folder(), world.hr.process.port, "http://localhost:1"));
    failed(&said, FAILED, &[&format!("127.0.0.1:{}", world.hr.process.port), "taken"]);
}

#[test]
fn a_database_that_cannot_be_used_is_named() {
    let shell = Shell::new();
    std::fs::write(shell.folder().join("broken.db"), "this is no database, only text\n".repeat(100)).unwrap();
    for url in ["postgres://localhost/x", "nonsense", "sqlite:///proc/no/such/place/auth.db", "sqlite://broken.db"] {
        let said = binary::run(shell.command(&["client", "list"]).env("AUTH_DATABASE_URL", url));
        assert!(matches!(said.code, FAILED | USAGE), "{url}: {said:#?}");
        assert!(!said.stderr.is_empty() && !said.stderr.contains("panicked"), "{url}: {said:#?}");
    }
}

#[test]
fn a_running_service_feels_at_once_what_the_command_line_changes() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    let token = world.auth.token(&client, &[]);
    let _ = world.auth.run(&["client", "update", &client.id, "--disable"]).well();
    assert_eq!(world.auth.request_token(&client, &[]).refusal(), (401, "invalid_client".to_owned()));
    let guard = world.admin().create_client(&json!({"roles": ["guard"], "resources": [world.hr.resource]}));
    assert_eq!(world.auth.introspect(&guard, &token), json!({"active": false}));
    let _ = world.auth.run(&["client", "update", &client.id, "--enable"]).well();
    let _ = world.auth.token(&client, &[]);
    let added = world.auth.run(&["client", "secret", "add", &client.id, "--json"]).well().json();
    let secret = added["client_secret"].as_str().unwrap_or_default().to_owned();
    let _ = world.auth.token(&Credentials { id: client.id.clone(), secret }, &[]);
    let _ = world.auth.run(&["client", "delete", &client.id]).well();
    assert_eq!(world.auth.request_token(&client, &[]).refusal(), (401, "invalid_client".to_owned()));
}

#[test]
fn the_manifest_of_a_server_is_what_it_serves() {
    let world = World::shared();
    let manifest = world.hr.manifest();
    assert_eq!(manifest["resource"], json!(world.hr.resource));
    let mut tools: Vec<(String, String)> = manifest["tools"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|tool| (tool["name"].as_str().unwrap_or("?").to_owned(), tool["kind"].as_str().unwrap_or("?").to_owned()))
        .collect();
    tools.sort();
    let expected = [
        ("add_employee_record", "write"),
        ("create_leave_request", "write"),
        ("get_employee_records", "read"),
        ("get_hr_summary", "read"),
    ];
    assert_eq!(tools, expected.map(|(name, kind)| (name.to_owned(), kind.to_owned())));
}
