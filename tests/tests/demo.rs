//! What scripts/demo shows, run as it is from the built binaries: it fits the terminal, needs no colour,
//! tells the truth of who may call what, and leaves names with which others can go on.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use bailiwick_e2e::binary::{self, Ended};
use bailiwick_e2e::{Agent, Browser, Caller, Era, Http, Person, http, python};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The ports that it takes, above the one that it is told.
const PORTS: [u16; 5] = [0, 1, 2, 3, 100];

/// The base of the next demo: each has its own, below the ports that the system gives to connections and to whoever
/// asks for any, so that nobody comes to have one of them between a look and the demo.
static NEXT_BASE: AtomicU16 = AtomicU16::new(12_000);

/// How far apart they are.
const APART: u16 = 128;

/// Where they end.
const BASES_END: u16 = 32_000;

/// Its services.
const SERVICES: [&str; 5] = ["auth-service", "mcp-hr", "mcp-project", "mcp-crm", "mcp-quickstart"];

/// The demo in a folder of its own.
struct Demo {
    folder: TempDir,
    base: u16,
    tls: bool,
}

impl Demo {
    fn new() -> Self {
        let bases = std::iter::repeat_with(|| NEXT_BASE.fetch_add(APART, Ordering::Relaxed));
        let base = bases.take_while(|base| *base < BASES_END).find(|base| are_free(*base));
        Self { folder: tempfile::tempdir().unwrap(), base: base.unwrap(), tls: false }
    }

    fn over_tls() -> Self {
        Self { tls: true, ..Self::new() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary::command("bailiwick-demo");
        command.args(["--port-base", &self.base.to_string()]).args(arguments).current_dir(self.folder.path());
        command.args(self.tls.then_some("--tls"));
        command
    }

    fn once(&self, columns: usize, environment: &[(&str, &str)]) -> Ended {
        let mut command = self.command(&["--once"]);
        command.env("COLUMNS", columns.to_string()).envs(environment.iter().copied());
        binary::run(&mut command)
    }

    /// Runs it until it is ready; it stays up.
    fn stays_up(&self) -> StaysUp {
        let mut process = self.command(&[]).env("COLUMNS", "100").stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut running = StaysUp { process, lines: Box::new(lines) };
        assert!(running.lines.any(|line| line.starts_with("Ready")), "it ended before it was ready");
        running
    }

    /// A file below its folder.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(".demo").join(name)
    }

    /// The names that it leaves.
    fn env(&self) -> BTreeMap<String, String> {
        let env = std::fs::read_to_string(self.path("env")).unwrap();
        env.lines().map(|line| line.split_once('=').unwrap()).map(|(name, is)| (name.into(), is.into())).collect()
    }

    /// The log of a service.
    fn log(&self, service: &str) -> String {
        std::fs::read_to_string(self.path("logs").join(service).with_extension("log")).unwrap()
    }

    /// No secret, no token and no key stands in what is shown or logged.
    fn tells_no_secret(&self, shown: &str) {
        let env = self.env();
        let is_secret = |name: &str| ["_SECRET", "_PASSWORD", "_API_KEY"].iter().any(|end| name.ends_with(end));
        let secrets: Vec<_> = env.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value.as_str()).collect();
        assert!(secrets.len() >= 7, "{:?}", env.keys());
        let logs = SERVICES.map(|service| self.log(service));
        for text in logs.iter().map(String::as_str).chain([shown]) {
            assert!(!text.is_empty());
            for secret in secrets.iter().copied().chain(["bailiwick_secret_", "eyJ0eXAi", "eyJhbGci", "PRIVATE KEY"]) {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}

/// A demo that is ready, and ends with this.
struct StaysUp {
    process: Child,
    lines: Box<dyn Iterator<Item = String>>,
}

impl StaysUp {
    /// What it still has to say.
    fn says(&mut self, text: &str) -> bool {
        self.lines.any(|line| line.contains(text))
    }

    /// Ends it as Ctrl-C does.
    fn stop(&mut self) -> bool {
        let interrupt = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        interrupt.is_ok_and(|sent| sent.success()) && self.process.wait().is_ok_and(|ended| ended.success())
    }
}

impl Drop for StaysUp {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.stop();
        }
    }
}

/// Whether nothing listens on the ports that a demo on `base` takes.
fn are_free(base: u16) -> bool {
    PORTS.iter().all(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, base + port)).is_ok())
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
        assert_eq!(row(&shown, "TimeTool"), [hidden, hidden, hidden, yes, yes, hidden], "{shown}");
        assert_eq!(row(&shown, "weather_tool"), [hidden, hidden, hidden, yes, no, hidden], "{shown}");
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
    assert!(after("quickstart:read hr:add_employee_record").contains("EMP-"), "{shown}");
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
fn the_same_secret_is_let_in_on_four_rungs_and_the_server_says_which() {
    let demo = Demo::new();
    let shown = demo.once(100, &[]).well().stdout;
    let scene = shown.split("The ladder:").nth(1).unwrap_or_else(|| panic!("there is no ladder: {shown}"));
    let rungs: Vec<_> = scene.lines().filter_map(|line| line.strip_prefix("  200  ")?.split(':').next()).collect();
    assert_eq!(rungs, ["api-key", "basic", "hs256", "oauth"], "{shown}");
    let log = demo.log("mcp-quickstart");
    let calls = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let calls = calls.filter(|call| call["client_id"] == "test_client" && call["tool"] == "TimeTool");
    let modes: Vec<_> = calls.map(|call| call["mode"].as_str().unwrap().to_owned()).collect();
    assert_eq!(modes, rungs, "{log}");
    demo.tells_no_secret(&shown);
}

#[test]
fn over_tls_the_whole_story_is_told_and_every_url_is_https() {
    let demo = Demo::over_tls();
    let shown = demo.once(80, &[("NO_COLOR", "1")]).well().stdout;
    let last = shown.split("The ladder:").nth(1).unwrap_or_else(|| panic!("it is not told to its end: {shown}"));
    assert_eq!(last.matches("  200  ").count(), 4, "{shown}");
    assert!(shown.contains("HTTP 401 Unauthorized") && shown.contains("HTTP 403 Forbidden"), "{shown}");
    assert!(!shown.contains("http://"), "{shown}");
    demo.tells_no_secret(&shown);
    let env = demo.env();
    let origin = |port: u16| format!("https://localhost:{}", demo.base + port);
    assert_eq!(env["AUTH_ISSUER"], origin(0));
    assert_eq!(env["ADMIN_RESOURCE"], origin(0) + "/admin/v1");
    for (name, port) in [("HR_URL", 1), ("PROJECT_URL", 2), ("CRM_URL", 3), ("QUICKSTART_URL", 100)] {
        assert_eq!(env[name], origin(port) + "/mcp");
    }
    assert!(SERVICES.iter().all(|service| demo.log(service).contains(r#""tls":true"#)), "{shown}");
    let mut files: Vec<_> = std::fs::read_dir(demo.path("tls")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert_eq!(files, ["authority.pem", "localhost.key", "localhost.pem"].map(|name| demo.path("tls").join(name)));
    assert_eq!(env["SSL_CERT_FILE"], files[0].display().to_string());
    for path in files.iter().chain([&demo.path("env")]) {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn over_tls_others_go_on_as_it_says_and_who_trusts_another_authority_is_refused() {
    let demo = Demo::over_tls();
    let mut running = demo.stays_up();
    let trust = "set -a; source .demo/env; NODE_EXTRA_CA_CERTS=$SSL_CERT_FILE";
    assert!(running.says(trust), "it does not say whom to trust");
    let run = |client: &str, more: &str| {
        let folder = demo.folder.path().display();
        binary::run(&mut Agent::new().shell(&format!("cd {folder}; {trust}; {more}\n{client}")))
    };
    let curl = r#"curl --silent --show-error --fail "$AUTH_ISSUER/health/ready""#;
    let node =
        r#"node --eval 'fetch(process.env.AUTH_ISSUER + "/health/ready").then(it => it.text()).then(console.log)'"#;
    let agent = r#"MCP_AGENT_CLIENT_ID=$OFFICER_CLIENT_ID; MCP_AGENT_CLIENT_SECRET=$OFFICER_CLIENT_SECRET
        mcp-agent tools --server "$HR_URL" --issuer "$AUTH_ISSUER""#;
    for (client, answer) in [(curl, "ready"), (node, "ready"), (agent, "add_employee_record")] {
        let well = run(client, "").well();
        assert!(well.stdout.contains(answer), "{well:#?}");
        let refused = run(client, "unset SSL_CERT_FILE NODE_EXTRA_CA_CERTS");
        assert!(refused.code != 0 && refused.stderr.contains("certificate"), "{refused:#?}");
    }
    clients_of_the_seed_get_in(&demo.env());
    assert!(running.stop());
}

#[test]
fn a_taken_port_is_named_and_nothing_is_started() {
    for taken in [2, 100] {
        let demo = Demo::new();
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, demo.base + taken)).unwrap();
        let ended = demo.once(80, &[]);
        assert_eq!(ended.code, 1, "{ended:#?}");
        assert!(ended.stderr.contains(&format!("port {} is taken", demo.base + taken)), "{ended:#?}");
        assert!(!demo.folder.path().join(".demo").exists());
    }
}

#[test]
fn it_stays_up_until_it_is_stopped_and_leaves_nothing_behind() {
    let demo = Demo::new();
    let mut running = demo.stays_up();
    assert!(running.says("mcp-agent login --server"), "it does not say how to sign in");
    assert!(running.says("claude mcp add --transport http"), "it does not say how to connect");
    let env = demo.env();
    for name in ["AUTH_ISSUER", "ADMIN_RESOURCE", "ADMIN_CLIENT_SECRET", "HR_URL", "PROJECT_URL"] {
        assert!(env.contains_key(name), "{name} is not in {:?}", env.keys());
    }
    for name in ["MANAGER", "ASSISTANT_MANAGER", "OFFICER"] {
        assert!(env.contains_key(&format!("{name}_CLIENT_ID")), "{name} is not in {:?}", env.keys());
    }
    assert_eq!(std::fs::metadata(demo.path("env")).unwrap().permissions().mode() & 0o777, 0o600);
    person_of_the_demo_takes_part(&env);
    clients_of_the_seed_get_in(&env);
    client_of_the_ladder_gets_tokens(&env);
    let base = demo.base;
    let other = Demo { base: Demo::new().base, ..demo };
    let again = other.once(80, &[]);
    assert!(again.stderr.contains("another demo runs in this folder"), "{again:#?}");
    assert!(running.stop());
    assert!(are_free(base), "something was left behind");
}

/// The Python SDK does what the seed's clients do, with each of their credentials.
fn clients_of_the_seed_get_in(env: &BTreeMap<String, String>) {
    let sse = env["QUICKSTART_URL"].replace("/mcp", "/sse");
    for (kind, client, secret) in [
        ("api-key", "QUICKSTART_CLIENT_ID", "QUICKSTART_API_KEY"),
        ("basic", "QUICKSTART_BASIC_USER", "QUICKSTART_BASIC_PASSWORD"),
        ("jwt", "QUICKSTART_CLIENT_ID", "QUICKSTART_CLIENT_SECRET"),
    ] {
        let mut command = python::command("seed_client.py", &[&sse, kind, &env[client], "TimeTool", "weather_tool"]);
        command.envs(env.get_key_value("SSL_CERT_FILE"));
        let seen = binary::run(command.env("SECRET", &env[secret])).well().json();
        assert_eq!(seen["tools"], json!(["TimeTool", "weather_tool"]), "{kind}: {seen}");
        assert!(seen["result"]["current_time"].is_string(), "{kind}: {seen}");
    }
}

/// Its name and secret get a token at the server itself and at the token service, and both tokens are good there.
fn client_of_the_ladder_gets_tokens(env: &BTreeMap<String, String>) {
    let (id, secret) = (&env["QUICKSTART_CLIENT_ID"], &env["QUICKSTART_CLIENT_SECRET"]);
    let client = Http::new();
    let own = client.post(env["QUICKSTART_URL"].replace("/mcp", "/token"));
    let own = own.json(&json!({"client_id": id, "client_secret": secret}));
    let access = client.post(format!("{}/oauth2/token", env["AUTH_ISSUER"])).basic_auth(id, Some(secret));
    let access = access.form(&[("grant_type", "client_credentials"), ("resource", env["QUICKSTART_URL"].as_str())]);
    for request in [own, access] {
        let token = http::send(request).expect(200).text("access_token");
        let listed = Caller::new(&client, &env["QUICKSTART_URL"], Some(&token), Era::July2026).list();
        assert_eq!(listed, ["TimeTool", "weather_tool"]);
    }
}

/// Signs in with what the file of names tells, and calls as that person.
fn person_of_the_demo_takes_part(env: &BTreeMap<String, String>) {
    let (username, password) = (env["DEMO_USER"].clone(), env["DEMO_PASSWORD"].clone());
    let person = Person { user_id: String::new(), username, password };
    assert!(person.password.len() >= 12);
    let agent = Agent::new().with("MCP_AGENT_SERVER", &env["CRM_URL"]);
    let login = agent.begin_login(&["--client-id", &env["PUBLIC_CLIENT_ID"]]);
    let browser = Browser::new();
    let _ = browser.get(person.decide(&browser, &login.url, "allow").header("location")).expect(200);
    let told = login.end().well().json();
    assert_eq!((&told["roles"], &told["scope"]), (&json!(["Manager"]), &json!("crm:*")), "{told}");
}
