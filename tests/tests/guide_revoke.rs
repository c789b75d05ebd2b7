//! docs/guides/revoke.md, followed as it is written: each section's commands are run, and what they
//! promise is seen in the feed, at introspection, and within a second at a real server.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bailiwick_e2e::binary::{self, Ended};
use bailiwick_e2e::service::eventually;
use bailiwick_e2e::{AuthService, Credentials, Era, FeedReader, HrServer, Service, jwt, markdown};
use serde_json::{Value, json};

const GUIDE: &str = "docs/guides/revoke.md";

/// Within this time a revocation is felt, as the guide promises.
const FELT_WITHIN: Duration = Duration::from_secs(1);

/// The host of a token service, with the payroll agent of the guide and a server that hears of revocations.
struct Host {
    auth: AuthService,
    hr: HrServer,
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
        let guard = follow(&auth, folder.path(), "Which servers hear it", &[]);
        assert!(guard.stdout.contains("hr-guard"), "{guard:#?}");
        let guard = printed(&guard, "hr-guard");
        let hr = HrServer::with_process(Service::start("mcp-hr", |port| {
            let mut command = HrServer::serve(folder.path(), port, &auth.issuer);
            command.env("MCP_CLIENT_ID", &guard.id).env("MCP_CLIENT_SECRET", &guard.secret);
            command
        }));
        let api = auth.admin(&admin);
        api.set_resource("hr", &hr.manifest());
        api.set_role("Officer", "hr:*");
        let payroll = api.create_client(&json!({"client_id": "payroll", "roles": ["Officer"]}));
        Self { auth, hr, admin, payroll, guard, folder }
    }

    /// Runs the commands of a section.
    fn follow(&self, section: &str, variables: &[(&str, &str)]) -> Ended {
        follow(&self.auth, self.folder.path(), section, variables)
    }

    /// The events behind `after`, as kind and id.
    fn heard(&self, after: u64) -> Vec<(String, String)> {
        let (events, _) = FeedReader::new(&self.auth, &self.guard).behind(after);
        events.into_iter().map(|event| (event.kind, event.id)).collect()
    }

    fn position(&self) -> u64 {
        FeedReader::new(&self.auth, &self.guard).position()
    }

    /// Whether introspection calls the token active; within a second the server comes to the same.
    fn is_active(&self, client: &Credentials, token: &str) -> bool {
        let asked = Instant::now();
        let is_active = self.auth.introspect(client, token)["active"] == true;
        let expected = if is_active { 200 } else { 401 };
        let hr = self.hr.caller(token, Era::July2026);
        eventually("the server comes to the same", || hr.call("get_hr_summary", &json!({})).status == expected);
        assert!(asked.elapsed() < FELT_WITHIN, "the server came to the same after {:?}", asked.elapsed());
        is_active
    }
}

/// Runs the commands of a section on the host of the token service with its data in `folder`.
fn follow(auth: &AuthService, folder: &Path, section: &str, variables: &[(&str, &str)]) -> Ended {
    let blocks = markdown::blocks(&markdown::read(GUIDE)).into_iter();
    let commands: String = blocks.filter(|block| block.section == section).map(|block| block.text).collect();
    assert!(!commands.is_empty(), "{section} has no commands");
    let path = format!("{}:{}", binary::folder().display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", &commands]).current_dir(folder).stdin(Stdio::null());
    command.env_clear().env("PATH", path).env("AUTH_ISSUER", &auth.issuer);
    command.env("AUTH_DATABASE_URL", format!("sqlite://{}", folder.join("auth.db").display()));
    command.envs(variables.iter().copied());
    binary::run(&mut command).well()
}

fn subject(kind: &str, id: &str) -> (String, String) {
    (kind.to_owned(), id.to_owned())
}

/// The secret that was printed last, which is the client's.
fn printed(ended: &Ended, id: &str) -> Credentials {
    let secret = ended.stdout.lines().rev().find_map(|line| line.strip_prefix("client_secret")).unwrap();
    Credentials { id: id.to_owned(), secret: secret.trim().to_owned() }
}

#[test]
fn a_stolen_agent_is_shut_out_and_let_in_again_with_a_new_secret() {
    let host = Host::new();
    let stolen = host.auth.token(&host.payroll, &[]);
    let before = host.position();
    let _ = host.follow("An agent was stolen at 3 a.m.", &[]);
    assert_eq!(host.heard(before), [subject("client", "payroll")]);
    assert_eq!(host.auth.request_token(&host.payroll, &[]).status, 401);
    let new = printed(&host.follow("Let it in again", &[]), "payroll");
    assert_eq!(host.auth.request_token(&host.payroll, &[]).status, 401, "the stolen secret");
    let token = host.auth.token(&new, &[]);
    assert!(host.is_active(&new, &token) && !host.is_active(&new, &stolen));
}

#[test]
fn a_leaked_secret_is_retired_with_its_tokens_while_the_agent_goes_on() {
    let host = Host::new();
    let leaked = host.auth.token(&host.payroll, &[]);
    let before = host.position();
    let new = printed(&host.follow("A secret leaked, and the agent must go on", &[]), "payroll");
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
    let _ = host.follow("Everybody with a role, everybody at a server", &[("HR_URL", &host.hr.resource)]);
    let role = subject("role", "Officer");
    assert_eq!(
        host.heard(before),
        [subject("token", &jti), role.clone(), role, subject("resource", &host.hr.resource)]
    );
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
}
