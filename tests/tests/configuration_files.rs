//! Configuration as files: `apply`, `export` and `client import` do all that a file says, or nothing.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use bailiwick_e2e::binary::{self, Ended};
use bailiwick_e2e::{AuthService, Credentials};
use serde_json::{Value, json};

const CONFIGURATION: &str = r#"
[roles.Officer]
description = "HR only"
scope = "hr:*"

[resources.hr]
resource = "http://localhost:8001/mcp"
title = "HR"
tools = [{ name = "get_hr_summary", kind = "read", title = "Summary" }]

[clients.payroll]
client_name = "Payroll"
roles = ["Officer"]
claims = { job_role = "Officer" }
"#;

/// A fresh folder, a file in it, and what `auth-service` says when it is run there.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        binary::run(&mut AuthService::command_line(self.0.path(), arguments))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).well().json()
    }

    fn apply(&self, text: &str, flags: &[&str]) -> Value {
        let file = self.file("bailiwick.toml", text);
        self.json(&[&["apply", &file], flags].concat())
    }

    fn refused(&self, arguments: &[&str], word: &str) {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 1, "{ended:#?}");
        assert!(ended.stderr.contains(word), "{word} is not in {ended:#?}");
    }
}

fn actions(differences: &Value) -> Vec<String> {
    let one = |difference: &Value| {
        let word = |name: &str| difference[name].as_str().unwrap().to_owned();
        format!("{} {} {}", word("action"), word("kind"), word("name"))
    };
    differences.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn a_file_is_applied_and_a_second_time_does_nothing() {
    let folder = Folder::new();
    let first = folder.apply(CONFIGURATION, &[]);
    assert_eq!(actions(&first), ["create resource hr", "create role Officer", "create client payroll"]);
    assert_eq!(folder.json(&["client", "show", "payroll"])["claims"], json!({"job_role": "Officer"}));
    assert_eq!(folder.json(&["client", "show", "payroll"])["secrets"], json!([]));
    assert_eq!(folder.apply(CONFIGURATION, &[]), json!([]));
}

#[test]
fn a_dry_run_shows_the_difference_and_changes_nothing() {
    let folder = Folder::new();
    assert_eq!(actions(&folder.apply(CONFIGURATION, &["--dry-run"])).len(), 3);
    folder.refused(&["client", "show", "payroll"], "payroll");
    let _ = folder.apply(CONFIGURATION, &[]);
    let changed = CONFIGURATION.replace("HR only", "All of HR");
    let difference = folder.apply(&changed, &["--dry-run"]);
    let member = json!([{"member": "description", "before": "HR only", "after": "All of HR"}]);
    assert_eq!((actions(&difference), &difference[0]["members"]), (vec!["update role Officer".to_owned()], &member));
    assert_eq!(folder.json(&["role", "show", "Officer"])["description"], "HR only");
    let file = folder.file("changed.toml", &changed);
    let said = folder.run(&["apply", &file, "--dry-run"]).well().stdout;
    assert!(said.contains("~ role Officer\n    description: HR only -> All of HR\n"), "{said}");
}

#[test]
fn a_file_with_one_wrong_thing_changes_nothing_at_all() {
    let folder = Folder::new();
    for (wrong, named) in [
        (CONFIGURATION.replace("[\"Officer\"]", "[\"Nobody\"]"), "Nobody"),
        (CONFIGURATION.replace("hr:*", "nonsense"), "scope"),
        (CONFIGURATION.replace("client_name", "name_of_client"), "name_of_client"),
        (format!("{CONFIGURATION}\n[roles.admin]\nscope = \"hr:*\"\n"), "admin"),
        (format!("{CONFIGURATION}\nclaims = 1\n"), "claims"),
    ] {
        let file = folder.file("wrong.toml", &wrong);
        folder.refused(&["apply", &file], named);
        folder.refused(&["resource", "show", "hr"], "hr");
    }
    folder.refused(&["apply", "missing.toml"], "missing.toml");
}

#[test]
fn what_is_exported_applies_without_a_difference_in_both_forms() {
    let folder = Folder::new();
    let _ = folder.apply(CONFIGURATION, &[]);
    for form in ["toml", "yaml"] {
        let exported = folder.run(&["export", "--form", form]).well().stdout;
        assert!(!exported.contains("secret"), "{exported}");
        let file = folder.file(&format!("exported.{form}"), &exported);
        assert_eq!(folder.json(&["apply", &file]), json!([]));
        let other = Folder::new();
        assert_eq!(actions(&other.json(&["apply", &file])).len(), 3);
    }
}

#[test]
fn pruning_deletes_what_the_file_does_not_name_and_nothing_built_in() {
    let folder = Folder::new();
    let _ = folder.apply(CONFIGURATION, &[]);
    let only_the_role = "[roles.Officer]\ndescription = \"HR only\"\nscope = \"hr:*\"\n";
    assert_eq!(folder.apply(only_the_role, &[]), json!([]));
    let pruned = folder.apply(only_the_role, &["--prune"]);
    assert_eq!(actions(&pruned), ["delete client payroll", "delete resource hr"]);
    let _ = folder.json(&["role", "show", "admin"]);
}

#[test]
fn pruning_renames_a_resource_that_keeps_its_uri() {
    let folder = Folder::new();
    let _ = folder.apply(&format!("{CONFIGURATION}resources = [\"http://localhost:8001/mcp\"]\n"), &[]);
    let renamed = CONFIGURATION.replace("resources.hr", "resources.people").replace("hr:*", "people:*");
    let renamed = format!("{renamed}resources = [\"http://localhost:8001/mcp\"]\n");
    let file = folder.file("renamed.toml", &renamed);
    folder.refused(&["apply", &file], "is registered already, as hr");
    let pruned = actions(&folder.apply(&renamed, &["--prune"]));
    assert!(pruned.starts_with(&["delete resource hr".to_owned(), "create resource people".to_owned()]), "{pruned:?}");
    assert_eq!(folder.json(&["client", "show", "payroll"])["resources"], json!(["http://localhost:8001/mcp"]));
    assert_eq!(folder.apply(&renamed, &["--prune"]), json!([]));
}

#[test]
fn what_a_token_could_not_say_or_two_would_read_differently_is_refused_in_both_forms() {
    let folder = Folder::new();
    for (name, text, named) in [
        ("twice.yaml", "clients:\n  a: {claims: {team: x, team: y}}\n", "team"),
        ("twice.yaml", "roles:\n  A: {scope: 'hr:*'}\n  A: {scope: 'hr:read'}\n", "A"),
        ("date.toml", "[clients.a]\nclaims = { since = 2026-01-01 }\n", "clients.a.claims.since"),
        ("nan.toml", "[clients.a]\nclaims = { n = nan }\n", "clients.a.claims.n"),
        ("null.yaml", "clients:\n  a: {claims: {team: null}}\n", "team"),
    ] {
        let file = folder.file(name, text);
        folder.refused(&["apply", &file], named);
        folder.refused(&["client", "show", "a"], "a");
    }
}

#[test]
fn applying_a_narrower_role_ends_the_tokens_that_rest_on_it() {
    let folder = Folder::new();
    let auth = AuthService::start(folder.0.path());
    let run = |arguments: &[&str]| auth.run(arguments).well();
    let wide = folder.file("wide.toml", CONFIGURATION);
    let _ = run(&["apply", &wide]);
    let secret = run(&["client", "secret", "add", "payroll", "--json"]).json()["client_secret"].clone();
    let payroll = Credentials { id: "payroll".to_owned(), secret: secret.as_str().unwrap().to_owned() };
    let token = auth.token(&payroll, &[]);
    assert_eq!(auth.introspect(&payroll, &token)["active"], true);
    let narrow = folder.file("narrow.toml", &CONFIGURATION.replace("hr:*", "hr:read"));
    let _ = run(&["apply", &narrow]);
    assert_eq!(auth.introspect(&payroll, &token), json!({"active": false}));
    assert_eq!(auth.request_token(&payroll, &[]).expect(200).json()["scope"], "hr:read");
}

#[test]
fn a_fleet_is_imported_with_secrets_that_work() {
    const FLEET: usize = 300;
    let folder = Folder::new();
    let auth = AuthService::start(folder.0.path());
    let _ = folder.apply(CONFIGURATION, &[]);
    let mut lines = String::new();
    for number in 0..FLEET {
        writeln!(lines, r#"{{"client_id":"robot-{number}","roles":["Officer"]}}"#).unwrap();
    }
    let fleet = folder.file("fleet.jsonl", &lines);
    let secrets = folder.path("secrets.jsonl");
    let import = ["client", "import", &fleet, "--secrets", secrets.to_str().unwrap()];
    assert_eq!(folder.json(&import), json!({"registered": FLEET, "skipped": 0}));
    assert_eq!(fs::metadata(&secrets).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&secrets).unwrap();
    assert_eq!(text.lines().count(), FLEET);
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let _ = auth.token(&Credentials::read(&last), &[]);

    folder.refused(&import, "exists");
    let again = folder.path("again.jsonl");
    let again = ["client", "import", &fleet, "--secrets", again.to_str().unwrap(), "--skip-existing"];
    assert_eq!(folder.json(&again), json!({"registered": 0, "skipped": FLEET}));
}

#[test]
fn an_import_names_its_wrong_lines_and_registers_nothing() {
    let folder = Folder::new();
    let _ = folder.apply(CONFIGURATION, &[]);
    let lines = "{\"client_id\":\"a\"}\nnonsense\n{\"client_id\":\"usr_b\"}\n{\"client_name\":\"no id\"}\n";
    let fleet = folder.file("fleet.jsonl", lines);
    let secrets = folder.path("secrets.jsonl");
    let import = ["client", "import", &fleet, "--secrets", secrets.to_str().unwrap()];
    let ended = folder.run(&import);
    assert_eq!(ended.code, 1, "{ended:#?}");
    for named in ["fleet.jsonl:2", "fleet.jsonl:3", "fleet.jsonl:4", "client_id is missing"] {
        assert!(ended.stderr.contains(named), "{named} is not in {ended:#?}");
    }
    folder.refused(&["client", "show", "a"], "a");
    assert!(!secrets.exists());

    let unknown_role =
        folder.file("fleet.jsonl", "{\"client_id\":\"a\"}\n{\"client_id\":\"b\",\"roles\":[\"Nobody\"]}\n");
    folder.refused(&["client", "import", &unknown_role, "--secrets", secrets.to_str().unwrap()], "Nobody");
    folder.refused(&["client", "show", "a"], "a");
}

#[test]
fn an_import_of_several_batches_is_checked_to_its_last_line_before_the_first_client_is_registered() {
    /// More than are registered in one transaction.
    const FLEET: usize = 5001;
    let folder = Folder::new();
    let _ = folder.apply(CONFIGURATION, &[]);
    let mut lines = String::new();
    for number in 1..FLEET {
        writeln!(lines, r#"{{"client_id":"robot-{number}"}}"#).unwrap();
    }
    let secrets = folder.path("secrets.jsonl");
    for (last, named) in [
        (json!({"client_id": "late", "roles": ["Nobody"]}), "there is no role Nobody"),
        (json!({"client_id": "late", "resources": ["http://nowhere.example"]}), "there is no resource"),
        (json!({"client_id": "late", "claims": {"team": null}}), "team"),
        (json!({"client_id": "robot-1"}), "stands in line 1 already"),
        (json!({"client_id": "payroll"}), "payroll is taken"),
    ] {
        let fleet = folder.file("fleet.jsonl", &format!("{lines}{last}\n"));
        let ended = folder.run(&["client", "import", &fleet, "--secrets", secrets.to_str().unwrap()]);
        assert_eq!(ended.code, 1, "{ended:#?}");
        for told in ["nothing was registered", &format!("fleet.jsonl:{FLEET}: "), named] {
            assert!(ended.stderr.contains(told), "{told} is not in {ended:#?}");
        }
        assert!(!secrets.exists());
        folder.refused(&["client", "show", "robot-1"], "robot-1");
    }
    let twice = folder.file("twice.jsonl", "{\"client_id\":\"a\"}\n{\"client_id\":\"a\"}\n");
    let skipping = ["client", "import", &twice, "--secrets", secrets.to_str().unwrap(), "--skip-existing"];
    folder.refused(&skipping, "stands in line 1 already");
}
