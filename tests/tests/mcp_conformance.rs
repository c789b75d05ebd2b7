//! The public conformance suite of MCP, in both eras of the protocol: our servers pass what it asks of
//! every server, a server with all that it asks for passes the same behind the guard as without, and the
//! token service passes what it asks of authorization servers.

#![expect(
    clippy::print_stderr,
    clippy::panic,
    reason = "a test may panic, and tells its counts to whoever runs it by hand"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use bailiwick_e2e::bearer_proxy::BearerProxy;
use bailiwick_e2e::conformance::{self, Verdicts};
use bailiwick_e2e::guarded_server::Kind;
use bailiwick_e2e::service::Service;
use bailiwick_e2e::{Browser, CRM, GuardedServer, PROJECT, World, binary, http, markdown};
use serde_json::json;

/// The revisions of the two eras, and the scenarios of each that need nothing of a server but to be one.
const GENERIC: [(&str, &[&str]); 2] = [
    (
        "2025-11-25",
        &["server-initialize", "server-session-lifecycle", "ping", "tools-list", "dns-rebinding-protection"],
    ),
    (
        "2026-07-28",
        &["server-stateless", "tools-list", "caching", "dns-rebinding-protection", "http-header-validation"],
    ),
];

/// The suite waits for some messages half a second only: one run at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn run(who: &str, url: &str, revision: &str, scenarios: &[&str]) -> Verdicts {
    // A test that failed meanwhile says so itself.
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let verdicts = conformance::run(url, revision, scenarios);
    eprintln!("{who}, {revision}: {verdicts}");
    verdicts
}

/// What is expected not to pass, as a file in the suite's own format has it: whole scenarios, or single
/// checks as `scenario:check`. Each says why.
fn expected(file: &str) -> Vec<String> {
    let text = markdown::read(&format!("tests/conformance/{file}"));
    let entries = text.lines().filter_map(|line| line.trim_start().strip_prefix("- "));
    let name = |entry: &str| match entry.split_once(" # ") {
        Some((name, why)) if !why.trim().is_empty() => name.trim().to_owned(),
        _ => panic!("{file}: {entry} says no reason"),
    };
    entries.map(name).collect()
}

/// Holds `verdicts` to `file`: nothing else fails, and nothing of it passes by now.
fn fails_as_expected(who: &str, verdicts: &Verdicts, file: &str) {
    let expected = expected(file);
    let covers = |entry: &str, found: &str| found == entry || found.split(':').next() == Some(entry);
    let found: BTreeMap<String, &str> = verdicts.not_passed().collect();
    let unexpected: Vec<_> =
        found.iter().filter(|(found, _)| !expected.iter().any(|entry| covers(entry, found))).collect();
    assert!(unexpected.is_empty(), "{who} fails: {unexpected:#?}");
    let stale: Vec<_> = expected.iter().filter(|entry| !found.keys().any(|found| covers(entry, found))).collect();
    assert!(stale.is_empty(), "{who} passes by now, so that {file} should not name it: {stale:#?}");
}

fn passes_what_every_server_has_to(who: &str, port: u16, token: &str) {
    let proxy = BearerProxy::start(port, token);
    for (revision, scenarios) in GENERIC {
        let verdicts = run(who, &format!("http://localhost:{}/mcp", proxy.port), revision, scenarios);
        fails_as_expected(&format!("{who} at {revision}"), &verdicts, &format!("servers-{revision}.yml"));
    }
}

#[test]
fn mcp_hr_passes_what_every_server_has_to() {
    let world = World::start();
    passes_what_every_server_has_to("mcp-hr", world.hr.process.port, &world.hr_token(&["Manager"], ""));
}

#[test]
fn mcp_project_passes_what_every_server_has_to() {
    of_kind_passes_what_every_server_has_to(&PROJECT);
}

#[test]
fn mcp_crm_passes_what_every_server_has_to() {
    of_kind_passes_what_every_server_has_to(&CRM);
}

fn of_kind_passes_what_every_server_has_to(kind: &'static Kind) {
    let server = GuardedServer::start(kind);
    passes_what_every_server_has_to(kind.binary, server.process.port, &server.token(&["Manager"], ""));
}

/// The server of mcp-servers/examples/conformance, behind the guard where it has an issuer.
fn fixture(port: u16, issuer: Option<&str>) -> Command {
    let mut command = binary::command("examples/conformance");
    command.env("CONFORMANCE_PORT", port.to_string());
    command.envs(issuer.map(|issuer| ("CONFORMANCE_ISSUER", issuer)));
    command
}

#[test]
fn a_server_passes_the_same_behind_the_guard_as_without() {
    let bare = Service::start("conformance", |port| fixture(port, None));
    let world = World::start();
    let issuer = Some(world.auth.issuer.as_str());
    let guarded = Service::start("conformance", |port| fixture(port, issuer));
    let manifest = binary::run(fixture(guarded.port, issuer).arg("manifest")).well().json();
    let admin = world.admin();
    admin.set_resource("conformance", &manifest);
    admin.set_role("Tester", "conformance:*");
    let resource = format!("http://localhost:{}/mcp", guarded.port);
    let token = world.auth.token(&world.client(&["Tester"]), &[("resource", &resource)]);
    let proxy = BearerProxy::start(guarded.port, &token);
    for (revision, _) in GENERIC {
        let bare = run("the bare fixture", &format!("http://localhost:{}/mcp", bare.port), revision, &[]);
        let guarded = run("the guarded fixture", &format!("http://localhost:{}/mcp", proxy.port), revision, &[]);
        fails_as_expected(&format!("the bare fixture at {revision}"), &bare, &format!("fixture-{revision}.yml"));
        let (bare, guarded): (BTreeSet<_>, BTreeSet<_>) = (bare.passed().collect(), guarded.passed().collect());
        let lost: Vec<_> = bare.difference(&guarded).collect();
        let won: Vec<_> = guarded.difference(&bare).collect();
        assert!(lost.is_empty() && won.is_empty(), "at {revision} the guard loses {lost:#?} and wins {won:#?}");
    }
}

#[test]
fn the_token_service_passes_what_every_authorization_server_has_to() {
    let world = World::start();
    let (person, editor, browser) = (world.person("ada", &["Officer"]), world.editor(), Browser::new());
    let verdicts = conformance::run_authorization(&world.auth.issuer, &editor.client_id, &world.hr.resource, |page| {
        person.agree_and_return(&browser, page);
    });
    eprintln!("auth-service: {verdicts}");
    let passed: Vec<String> = verdicts.passed().map(|(scenario, check)| format!("{scenario}:{check}")).collect();
    let both = [
        "authorization-code-grant:authorization-code-grant",
        "authorization-server-metadata-endpoint:authorization-server-metadata",
    ];
    assert_eq!(passed, both);
    fails_as_expected("auth-service", &verdicts, "authorization.yml");
    assert_eq!(
        world.auth.await_issued(&editor.client_id, 1)[0]["scope"],
        "hr:*",
        "without a scope it is all that is allowed"
    );
}

#[test]
fn a_revision_that_is_not_spoken_is_refused_with_400() {
    let world = World::start();
    let token = world.hr_token(&["Manager"], "");
    for revision in ["2025-03-26", "2024-11-05"] {
        let request = world.hr.http.post(&world.hr.resource).bearer_auth(&token);
        let request = request.header("Accept", "application/json, text/event-stream");
        let request = request.header("MCP-Protocol-Version", revision);
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        let answer = http::send(request.json(&message)).expect(400).json();
        let spoken = json!(["2026-07-28", "2025-11-25", "2025-06-18"]);
        assert_eq!((&answer["error"]["code"], &answer["error"]["data"]["supported"]), (&json!(-32022), &spoken));
    }
}
