//! docs/guides/revoke.md, followed as it is written: each section's commands are run, and what they
//! promise is seen in the feed and at introspection.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::process::{Command, Stdio};

use bailiwick_e2e::binary::{self, Ended};
use bailiwick_e2e::{AuthService, Credentials, FeedReader, jwt, markdown};
use serde_json::{Value, json};

const GUIDE: &str = "docs/guides/revoke.md";
const HR: &str = "http://localhost:1/mcp";

/// The host of a token service, with the payroll agent of the guide.
struct Host {
    auth: AuthService,
    admin: Credentials,
    payroll: Credentials,
    guard: Credentials,
    folder: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let auth = AuthService::start(folder.path());
        let admin = auth.make_administrator("admin");
        let api = auth.admin(&admin);
        let tools = json!([{"name": "look", "kind": "read"}, {"name": "change", "kind": "write"}]);
        api.set_resource("hr", &json!({"resource": HR, "tools": tools}));
        api.set_role("Officer", "hr:*");
        let payroll = api.create_client(&json!({"client_id": "payroll", "roles": ["Officer"]}));
        let guard = api.client_with_roles(&["guard"]);
        Self { auth, admin, payroll, guard, folder }
    }

    /// Runs the commands of a section.
    fn follow(&self, section: &str, variables: &[(&str, &str)]) -> Ended {
        let blocks = markdown::blocks(&markdown::read(GUIDE)).into_iter();
        let commands: String = blocks.filter(|block| block.section == section).map(|block| block.text).collect();
        assert!(!commands.is_empty(), "{section} has no commands");
        let path = format!("{}:{}", binary::folder().display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", &commands]).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_clear().env("PATH", path).env("AUTH_ISSUER", &self.auth.issuer);
        command.env("AUTH_DATABASE_URL", format!("sqlite://{}", self.folder.path().join("auth.db").display()));
        command.envs(variables.iter().copied());
        binary::run(&mut command).well()
    }

    /// The events behind `after`, as kind and id.
    fn heard(&self, after: u64) -> Vec<(String, String)> {
        let (events, _) = FeedReader::new(&self.auth, &self.guard).behind(after);
        events.into_iter().map(|event| (event.kind, event.id)).collect()
    }

    fn position(&self) -> u64 {
        FeedReader::new(&self.auth, &self.guard).position()
    }

    fn is_active(&self, client: &Credentials, token: &str) -> bool {
        self.auth.introspect(client, token)["active"] == true
    }
}

fn subject(kind: &str, id: &str) -> (String, String) {
    (kind.to_owned(), id.to_owned())
}

/// The secret that was printed last.
fn printed(ended: &Ended) -> Credentials {
    let secret = ended.stdout.lines().rev().find_map(|line| line.strip_prefix("client_secret")).unwrap();
    Credentials { id: "payroll".to_owned(), secret: secret.trim().to_owned() }
}

#[test]
fn a_stolen_agent_is_shut_out_and_let_in_again_with_a_new_secret() {
    let host = Host::new();
    let stolen = host.auth.token(&host.payroll, &[]);
    let before = host.position();
    let _ = host.follow("An agent was stolen at 3 a.m.", &[]);
    assert_eq!(host.heard(before), [subject("client", "payroll")]);
    assert_eq!(host.auth.request_token(&host.payroll, &[]).status, 401);
    let new = printed(&host.follow("Let it in again", &[]));
    assert_eq!(host.auth.request_token(&host.payroll, &[]).status, 401, "the stolen secret");
    let token = host.auth.token(&new, &[]);
    assert!(host.is_active(&new, &token) && !host.is_active(&new, &stolen));
}

#[test]
fn a_leaked_secret_is_retired_with_its_tokens_while_the_agent_goes_on() {
    let host = Host::new();
    let leaked = host.auth.token(&host.payroll, &[]);
    let before = host.position();
    let new = printed(&host.follow("A secret leaked, and the agent must go on", &[]));
    assert_eq!(host.heard(before), [subject("client", "payroll")]);
    let token = host.auth.token(&new, &[]);
    assert!(host.is_active(&new, &token) && !host.is_active(&new, &leaked));
    assert_eq!(host.auth.request_token(&host.payroll, &[]).status, 401);
}

#[test]
fn a_token_a_role_and_a_resource_are_taken_back() {
    let host = Host::new();
    let (one, other) = (host.auth.token(&host.payroll, &[]), host.auth.token(&host.payroll, &[]));
    let jti = jwt::claims(&one)["jti"].as_str().unwrap().to_owned();
    let issued = |line: &Value| line["message"] == "token issued" && line["jti"] == jti.as_str();
    let log = host.auth.process.log();
    assert!(log.lines().filter_map(|line| serde_json::from_str(line).ok()).any(|line| issued(&line)), "{log}");
    let before = host.position();
    let _ = host.follow("A single token", &[("JTI", &jti)]);
    assert!(!host.is_active(&host.payroll, &one) && host.is_active(&host.payroll, &other));
    let _ = host.follow("Everybody with a role, everybody at a server", &[("HR_URL", HR)]);
    let role = subject("role", "Officer");
    assert_eq!(host.heard(before), [subject("token", &jti), role.clone(), role, subject("resource", HR)]);
    assert!(!host.is_active(&host.payroll, &other));
    assert_eq!(host.auth.request_token(&host.payroll, &[]).expect(200).text("scope"), "hr:read");
}

#[test]
fn the_same_is_done_from_afar_and_listed() {
    let host = Host::new();
    let before = host.position();
    let admin_resource = host.auth.admin_resource();
    let _ = host.follow(
        "From afar",
        &[
            ("ADMIN_RESOURCE", &admin_resource),
            ("ADMIN_CLIENT_ID", &host.admin.id),
            ("ADMIN_CLIENT_SECRET", &host.admin.secret),
        ],
    );
    assert_eq!(host.heard(before), vec![subject("client", "payroll"); 2]);
    let listed = host.follow("Did it arrive?", &[]).stdout;
    assert!(listed.contains("stolen") && listed.contains("client disabled"), "{listed}");
    let guard = host.follow("Which servers hear it", &[]).stdout;
    assert!(guard.contains("hr-guard"), "{guard}");
}
