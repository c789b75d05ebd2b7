//! What scripts/demo shows, run as it is from the built binaries: it fits the terminal, needs no colour,
//! and tells the truth of who may call what.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use bailiwick_e2e::binary::{self, Ended};
use bailiwick_e2e::service::free_port;
use bailiwick_e2e::{Agent, Browser, Person};
use serde_json::json;
use tempfile::TempDir;

/// How many ports it takes, one after the other. Another process may take one before it does.
const PORTS: u16 = 4;

/// The demo in a folder of its own.
struct Demo {
    folder: TempDir,
    base: u16,
}

impl Demo {
    fn new() -> Self {
        let base = std::iter::repeat_with(free_port).take(100).find(|base| are_free(*base));
        Self { folder: tempfile::tempdir().unwrap(), base: base.unwrap() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary::command("bailiwick-demo");
        command.args(["--port-base", &self.base.to_string()]).args(arguments).current_dir(self.folder.path());
        command
    }

    fn once(&self, columns: usize, environment: &[(&str, &str)]) -> Ended {
        let mut command = self.command(&["--once"]);
        command.env("COLUMNS", columns.to_string()).envs(environment.iter().copied());
        binary::run(&mut command)
    }

    /// The file of names that it writes.
    fn env(&self) -> String {
        std::fs::read_to_string(self.folder.path().join(".demo/env")).unwrap_or_default()
    }
}

/// Whether nothing listens on the ports from `base` on.
fn are_free(base: u16) -> bool {
    (base..base + PORTS).all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
}

/// The marks of the row of a tool.
fn row<'a>(shown: &'a str, tool: &str) -> Vec<&'a str> {
    let row = shown.lines().find(|line| line.trim_start().starts_with(&format!("{tool} ")));
    row.map(|row| row.split_whitespace().skip(1).collect()).unwrap_or_default()
}

#[test]
fn no_line_is_wider_than_the_terminal_and_nothing_needs_colour() {
    for columns in [40, 60, 80, 120] {
        let shown = Demo::new().once(columns, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]).well().stdout;
        assert!(!shown.contains('\u{1b}'), "{shown}");
        for line in shown.lines() {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
        let [yes, no, hidden] = if columns == 40 { ["y", "x", "-"] } else { ["yes", "403", "-"] };
        assert_eq!(row(&shown, "add_employee_record"), [yes, yes, yes, no, no, hidden], "{shown}");
        assert_eq!(row(&shown, "get_task_progress"), [yes, yes, hidden, yes, hidden, hidden], "{shown}");
        assert_eq!(row(&shown, "record_interaction"), [yes, hidden, hidden, no, hidden, yes], "{shown}");
        for mark in [yes, no, hidden] {
            assert!(shown.lines().any(|line| line.trim_start().starts_with(&format!("{mark} "))), "{mark}: {shown}");
        }
    }
}

#[test]
fn the_story_ends_where_it_began() {
    let demo = Demo::new();
    let shown = demo.once(100, &[]).well().stdout;
    let after = |text: &str| shown.split_once(text).unwrap_or_else(|| panic!("{text} is not in {shown}")).1;
    assert!(after("reader calls add_employee_record").contains("HTTP 403 Forbidden"));
    let challenge = after("WWW-Authenticate: Bearer");
    for part in [r#"error="insufficient_scope""#, r#"scope="hr:add_employee_record""#, "resource_metadata="] {
        assert!(challenge.contains(part), "{part}: {shown}");
    }
    assert!(after("hr:read project:read crm:read hr:add_employee_record").contains("EMP-"), "{shown}");
    assert!(after("--fresh").contains("needed: the scope hr:add_employee_record"), "{shown}");
    assert!(are_free(demo.base), "something was left behind");
}

#[test]
fn a_token_that_works_is_taken_back_and_refused_within_a_second() {
    let shown = Demo::new().once(100, &[]).well().stdout;
    let scenes: Vec<&str> = shown.split("A token is stolen").nth(1).unwrap().split("\n\n").collect();
    let [works, taken_back, goes_on, ..] = scenes[..] else { panic!("scenes are missing: {shown}") };
    for scene in [works, goes_on] {
        assert!(scene.contains("reader calls get_hr_summary") && scene.contains("HTTP 200 OK"), "{shown}");
    }
    assert!(taken_back.contains("$ auth-service revocation add client reader"), "{shown}");
    let after = taken_back.split("HTTP 401 Unauthorized, ").nth(1).and_then(|rest| rest.split(" ms").next());
    let milliseconds: u64 = after.unwrap().parse().unwrap();
    assert!(milliseconds <= 1000, "{shown}");
    assert!(taken_back.contains(r#"error="invalid_token""#), "{shown}");
}

#[test]
fn a_taken_port_is_named_and_nothing_is_started() {
    let demo = Demo::new();
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, demo.base + 2)).unwrap();
    let ended = demo.once(80, &[]);
    assert_eq!(ended.code, 1, "{ended:#?}");
    assert!(ended.stderr.contains(&format!("port {} is taken", demo.base + 2)), "{ended:#?}");
    assert!(!demo.folder.path().join(".demo").exists());
}

#[test]
fn it_stays_up_until_it_is_stopped_and_leaves_nothing_behind() {
    let demo = Demo::new();
    let mut running = demo.command(&[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut shown = BufReader::new(running.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(shown.any(|line| line.starts_with("Ready")), "it ended before it was ready");
    assert!(shown.any(|line| line.contains("mcp-agent login --server")), "it does not say how to sign in");
    assert!(shown.any(|line| line.contains("claude mcp add --transport http")), "it does not say how to connect");
    let env = demo.env();
    let names: Vec<_> = env.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    for name in ["AUTH_ISSUER", "ADMIN_RESOURCE", "ADMIN_CLIENT_SECRET", "HR_URL", "PROJECT_URL", "CRM_URL"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    for name in ["MANAGER", "ASSISTANT_MANAGER", "OFFICER"] {
        assert!(names.contains(&format!("{name}_CLIENT_ID").as_str()), "{name} is not in {names:?}");
    }
    let mode = std::fs::metadata(demo.folder.path().join(".demo/env")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    person_of_the_demo_takes_part(&env);
    let base = demo.base;
    let other = Demo { base: Demo::new().base, ..demo };
    let again = other.once(80, &[]);
    assert!(again.stderr.contains("another demo runs in this folder"), "{again:#?}");
    let stopped = Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    assert!(running.wait().unwrap().success());
    assert!(are_free(base), "something was left behind");
}

/// Signs in with what the file of names tells, and calls as that person.
fn person_of_the_demo_takes_part(env: &str) {
    let value = |name: &str| {
        let found = env.lines().filter_map(|line| line.split_once('=')).find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("no {name}")).1.to_owned()
    };
    let person = Person { user_id: String::new(), username: value("DEMO_USER"), password: value("DEMO_PASSWORD") };
    assert!(person.password.len() >= 12);
    let agent = Agent::new().with("MCP_AGENT_SERVER", &value("CRM_URL"));
    let login = agent.begin_login(&["--client-id", &value("PUBLIC_CLIENT_ID")]);
    let browser = Browser::new();
    let _ = browser.get(person.decide(&browser, &login.url, "allow").header("location")).expect(200);
    let told = login.end().well().json();
    assert_eq!((&told["roles"], &told["scope"]), (&json!(["Manager"]), &json!("crm:*")), "{told}");
}
