//! Keys turn without a gap: under load at three servers, over two processes on one database, when a
//! key is withdrawn, and where resources ask for different algorithms.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bailiwick_e2e::binary;
use bailiwick_e2e::http::{self, Answer};
use bailiwick_e2e::service::eventually;
use bailiwick_e2e::{AdminApi, AuthService, Caller, Credentials, Era, HrServer, Http, Server, Service, Site, jwt};
use serde_json::{Value, json};

fn kid(token: &str) -> String {
    jwt::header(token)["kid"].as_str().unwrap().to_owned()
}

/// The names of the published keys.
fn published(auth: &AuthService) -> BTreeSet<String> {
    let jwks = auth.jwks();
    let keys = jwks["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Turns to a new key that signs at once; gives its name.
fn turn(admin: &AdminApi<'_>) -> String {
    admin.post("/keys/rotate", &json!({"now": true})).expect(201).text("kid")
}

/// What one agent under load has seen until now.
#[derive(Default)]
struct Seen {
    tokens: AtomicUsize,
    calls: AtomicUsize,
    keys: Mutex<BTreeSet<String>>,
    failures: Mutex<Vec<String>>,
}

impl Seen {
    fn key(&self, key: &str) -> bool {
        self.keys.lock().unwrap().contains(key)
    }

    fn note(&self, what: &str, answer: &Answer) {
        if answer.status != 200 || answer.body.contains("isError\":true") {
            self.failures.lock().unwrap().push(format!("{what}: {answer:?}"));
        }
    }
}

/// An agent that gets a token and calls a tool with it, with the token before, and with its very
/// first one, again and again.
fn work(issuer: &str, agent: &Credentials, server: &Server, stop: &AtomicBool, seen: &Seen) {
    let (http, resource, tool) = (Http::new(), &server.resource, server.kind.summary());
    let mut kept: Vec<String> = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let form = [("grant_type", "client_credentials"), ("resource", resource.as_str())];
        let request = http.post(format!("{issuer}/oauth2/token")).basic_auth(&agent.id, Some(&agent.secret));
        let answer = http::send(request.form(&form));
        seen.note("token", &answer);
        if answer.status != 200 {
            continue;
        }
        seen.tokens.fetch_add(1, Ordering::SeqCst);
        let token = answer.text("access_token");
        seen.keys.lock().unwrap().insert(kid(&token));
        kept.truncate(2);
        kept.insert(kept.len().min(1), token);
        for token in &kept {
            seen.note("call", &Caller::new(&http, resource, Some(token), Era::July2026).call(tool, &json!({})));
            seen.calls.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[test]
fn two_rotations_under_constant_load_at_three_servers_fail_nobody() {
    const AGENTS_AT_EACH: usize = 2;
    let site = Site::start();
    let (auth, stop) = (&site.auth, AtomicBool::new(false));
    let agents: Vec<_> = site.servers.iter().flat_map(|server| [server; AGENTS_AT_EACH]).collect();
    let agents: Vec<_> = agents.into_iter().map(|server| (server, site.client(&["Manager"]))).collect();
    let seen: Vec<Arc<Seen>> = agents.iter().map(|_| Arc::default()).collect();
    let all_have = |key: &str| {
        let has = |one: &Arc<Seen>| one.key(key);
        eventually("every agent has a token of the key", || published(auth).contains(key) && seen.iter().all(has));
    };
    // Whatever goes wrong here, the agents are told to stop.
    let mut keys = Vec::new();
    std::thread::scope(|scope| {
        for ((server, agent), seen) in agents.iter().zip(&seen) {
            scope.spawn(|| work(&auth.issuer, agent, server, &stop, seen));
        }
        let story = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let first = published(auth).pop_first().unwrap();
            all_have(&first);
            let second = turn(&site.admin());
            all_have(&second);
            let third = auth.run(&["keys", "rotate", "--now", "--json"]).well().json()["kid"].clone();
            let third = third.as_str().unwrap().to_owned();
            all_have(&third);
            keys = vec![first, second, third];
        }));
        stop.store(true, Ordering::SeqCst);
        story.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let sum = |count: fn(&Seen) -> usize| seen.iter().map(|seen| count(seen)).sum::<usize>();
    let (tokens, calls) =
        (sum(|seen| seen.tokens.load(Ordering::SeqCst)), sum(|seen| seen.calls.load(Ordering::SeqCst)));
    let failures: Vec<String> = seen.iter().flat_map(|seen| seen.failures.lock().unwrap().clone()).collect();
    eprintln!("two rotations: {tokens} tokens, {calls} calls, {} failures, keys {keys:?}", failures.len());
    assert_eq!(failures, [""; 0]);
    assert_eq!(published(auth), keys.into_iter().collect());
}

/// A token service that runs as two processes on one database, a guarded server and an officer.
struct Pair {
    first: AuthService,
    second: AuthService,
    hr: HrServer,
    administrator: Credentials,
    officer: Credentials,
    // The last to go: the processes above have their data here.
    _folder: tempfile::TempDir,
}

impl Pair {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let first = AuthService::start(folder.path());
        let second = |port| AuthService::serve_as(folder.path(), port, &first.issuer);
        let second = AuthService::with_process(Service::start("auth-service", second), folder.path());
        let hr = HrServer::start(folder.path(), &first.issuer);
        let administrator = first.make_administrator("admin");
        let admin = first.admin(&administrator);
        admin.set_resource("hr", &hr.manifest());
        admin.set_role("Officer", "hr:*");
        let officer = admin.client_with_roles(&["Officer"]);
        Self { first, second, hr, administrator, officer, _folder: folder }
    }

    fn processes(&self) -> [&AuthService; 2] {
        [&self.first, &self.second]
    }

    /// A token for the admin API of either process: they are one service.
    fn admin_token(&self) -> String {
        self.first.token(&self.administrator, &[("resource", &self.first.admin_resource())])
    }

    /// The administrator at one of the two.
    fn admin_at<'a>(&self, process: &'a AuthService) -> AdminApi<'a> {
        AdminApi::new(process, self.admin_token())
    }

    fn signs_with(&self, process: &AuthService) -> String {
        let token = process.token(&self.officer, &[]);
        assert_eq!(self.hr.caller(&token, Era::July2026).list().len(), 4, "the token of either process is good");
        kid(&token)
    }
}

#[test]
fn a_key_that_one_process_makes_is_published_and_used_by_the_other_in_its_next_request() {
    let pair = Pair::start();
    for turns in 0..6 {
        let [one, other] = if turns % 2 == 0 { pair.processes() } else { [&pair.second, &pair.first] };
        let key = turn(&pair.admin_at(one));
        assert_eq!(kid(&other.token(&pair.officer, &[])), key);
        assert!(published(other).contains(&key));
        assert_eq!(other.jwks(), one.jwks());
        assert_eq!([pair.signs_with(one), pair.signs_with(other)], [key.clone(), key]);
    }
}

#[test]
fn a_key_that_is_published_first_is_seen_at_both_and_signs_at_neither() {
    let pair = Pair::start();
    let signer = pair.signs_with(&pair.first);
    let next = pair.admin_at(&pair.first).post("/keys/rotate", &json!({})).expect(201).json();
    assert_eq!(next["signs_from"].as_i64().unwrap() - next["created_at"].as_i64().unwrap(), 300);
    for process in pair.processes() {
        assert!(published(process).contains(next["kid"].as_str().unwrap()));
        assert_eq!(pair.signs_with(process), signer);
    }
}

#[test]
fn rotations_at_both_processes_at_once_leave_both_with_the_same_keys() {
    let pair = Pair::start();
    let admins = pair.processes().map(|process| pair.admin_at(process));
    let made: BTreeSet<String> = std::thread::scope(|scope| {
        let turns = admins.iter().flat_map(|admin| [admin; 3]).map(|admin| scope.spawn(|| turn(admin)));
        turns.collect::<Vec<_>>().into_iter().map(|turn| turn.join().unwrap()).collect()
    });
    assert_eq!(made.len(), 6);
    assert_eq!(pair.first.jwks(), pair.second.jwks());
    assert_eq!(published(&pair.first).len(), 7);
    let signers = pair.processes().map(|process| pair.signs_with(process));
    assert!(signers[0] == signers[1] && made.contains(&signers[0]), "{signers:?}");
}

#[test]
fn a_key_that_one_process_withdraws_is_gone_at_the_other_in_its_next_request_and_at_the_guard() {
    let pair = Pair::start();
    let (stolen, token) = (pair.signs_with(&pair.first), pair.second.token(&pair.officer, &[]));
    assert_eq!(pair.second.introspect(&pair.officer, &token)["active"], true);
    let _ = pair.admin_at(&pair.first).delete(&format!("/keys/{stolen}")).expect(204);
    assert_eq!(pair.second.introspect(&pair.officer, &token), json!({"active": false}));
    assert!(!published(&pair.second).contains(&stolen));
    let successor = pair.signs_with(&pair.second);
    assert_eq!(published(&pair.first), BTreeSet::from([successor.clone()]));
    assert_eq!(pair.signs_with(&pair.first), successor);
    // The guard has met the new key by now, and with it the new set.
    pair.hr.has_refused_token(&pair.hr.caller(&token, Era::July2026).request("tools/list", json!({})), "stolen key");
    let gone = pair.admin_at(&pair.first).delete(&format!("/keys/{stolen}"));
    assert_eq!(gone.refusal(), (404, "not_found".to_owned()), "{gone:#?}");
}

#[test]
fn a_key_is_withdrawn_on_the_command_line_too_and_an_unknown_one_is_told() {
    let pair = Pair::start();
    let stolen = pair.signs_with(&pair.first);
    let said = pair.first.run(&["keys", "withdraw", &stolen]).well().stdout;
    let successor = pair.signs_with(&pair.second);
    assert!(said.contains(&stolen) && said.contains(&format!("{successor} signs from now on")), "{said}");
    // One name in 64 begins with a hyphen, and is no flag for that.
    for unknown in [stolen.as_str(), "nobody", "-nobody"] {
        let refused = pair.first.run(&["keys", "withdraw", unknown]);
        assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{refused:#?}");
        assert!(refused.stderr.contains(&format!("there is no signing key {unknown}")), "{refused:#?}");
    }
    assert_eq!(published(&pair.first), BTreeSet::from([successor]));
}

#[test]
fn each_resource_has_tokens_of_the_algorithm_that_it_asks_for_and_every_guard_takes_all_three() {
    let site = Site::start();
    let (admin, manager) = (site.admin(), site.client(&["Manager"]));
    for (server, alg) in site.servers[1..].iter().zip(["ES256", "EdDSA"]) {
        let name = server.kind.server;
        let mut resource = admin.get(&format!("/resources/{name}")).expect(200).json();
        for view in ["name", "built_in"] {
            let _ = resource.as_object_mut().unwrap().remove(view);
        }
        resource["signing_alg"] = json!(alg);
        let shown = admin.put(&format!("/resources/{name}"), &resource).expect(200).json();
        assert_eq!((&shown["resource"], &shown["signing_alg"]), (&json!(server.resource), &json!(alg)));
    }
    for (server, alg) in site.servers.iter().zip(["RS256", "ES256", "EdDSA"]) {
        let token = site.auth.token(&manager, &[("resource", &server.resource)]);
        assert_eq!(jwt::header(&token)["alg"], alg);
        assert!(server.caller(&token).result(server.kind.summary(), &json!({})).is_object(), "{}", server.resource);
    }
    assert_eq!(published(&site.auth).len(), 3);
}

#[test]
fn a_resource_changes_its_algorithm_without_ending_a_token() {
    let pair = Pair::start();
    let before = pair.second.token(&pair.officer, &[]);
    let manifest = pair.hr.manifest();
    let with = |alg: &str| {
        let mut manifest = manifest.clone();
        manifest["signing_alg"] = json!(alg);
        manifest
    };
    let refused = pair.admin_at(&pair.first).put("/resources/hr", &with("HS256"));
    assert_eq!(refused.refusal(), (400, "invalid_request".to_owned()), "{refused:#?}");
    assert!(refused.text("error_description").contains("ES256"), "{refused:#?}");
    pair.admin_at(&pair.first).set_resource("hr", &with("ES256"));
    let after = pair.second.token(&pair.officer, &[]);
    assert_eq!([&before, &after].map(|token| jwt::header(token)["alg"].clone()), [json!("RS256"), json!("ES256")]);
    for token in [before, after] {
        assert_eq!(pair.hr.caller(&token, Era::July2026).list().len(), 4);
    }
    let next = pair.admin_at(&pair.second).post("/keys/rotate", &json!({"now": true, "alg": "ES256"})).expect(201);
    assert_eq!(kid(&pair.first.token(&pair.officer, &[])), next.text("kid"));
    let file = pair.first.run(&["export"]).well().stdout;
    assert!(file.contains("signing_alg = \"ES256\""), "{file}");
}

#[test]
fn a_rotation_that_is_not_understood_is_refused_and_makes_no_key() {
    let pair = Pair::start();
    let admin = pair.admin_at(&pair.first);
    let bodies: [Value; 4] = [json!({"alg": "none"}), json!({"now": "yes"}), json!({"when": 1}), json!([])];
    for body in bodies {
        assert_eq!(admin.post("/keys/rotate", &body).refusal(), (400, "invalid_request".to_owned()), "{body}");
    }
    let refused = pair.first.run(&["keys", "rotate", "--algorithm", "HS256"]);
    assert_eq!(refused.code, 2, "{refused:#?}");
    assert_eq!(published(&pair.first).len(), 1);
}

#[test]
fn a_rotation_setting_out_of_bounds_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    for (days, code) in [("0", 0), ("90", 0), ("3650", 0), ("3651", 2), ("-1", 2), ("often", 2)] {
        let mut command = AuthService::command_line(folder.path(), &["check-config"]);
        let checked = binary::run(command.env("AUTH_KEY_ROTATION_DAYS", days));
        assert_eq!(checked.code, code, "{days}: {checked:#?}");
    }
}
