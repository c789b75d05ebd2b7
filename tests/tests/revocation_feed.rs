//! The revocation feed: every cause appends its event, guards hear it at once, and whoever asks for
//! nonsense is told so and appends nothing.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::time::{Duration, Instant};

use bailiwick_e2e::feed::{Event, page};
use bailiwick_e2e::service::{eventually, free_port};
use bailiwick_e2e::{AuthService, Credentials, FeedReader, Http, Service, World, http, jwt};
use serde_json::{Value, json};

/// A commit is to be heard within this time. The promise is a second, of which the guard's half is
/// not in here; a busy machine is.
const HEARD_WITHIN: Duration = Duration::from_secs(1);

fn reader(world: &World) -> FeedReader<'_> {
    FeedReader::new(&world.auth, &world.client(&["guard"]))
}

/// The events about `id` that a deed appends, as kind and reason. Other tests append theirs meanwhile.
fn appended(reader: &FeedReader<'_>, id: &str, deed: impl FnOnce()) -> Vec<(String, String)> {
    let before = reader.position();
    deed();
    let of_subject = |event: Event| (event.id == id).then_some((event.kind, event.reason));
    reader.behind(before).0.into_iter().filter_map(of_subject).collect()
}

fn one(kind: &str, reason: &str) -> Vec<(String, String)> {
    vec![(kind.to_owned(), reason.to_owned())]
}

fn is_active(world: &World, client: &Credentials, token: &str) -> bool {
    world.auth.introspect(client, token)["active"] == true
}

fn manifest(uri: &str) -> Value {
    json!({"resource": uri, "title": "A server", "tools": [{"name": "look", "kind": "read"}]})
}

#[test]
fn whatever_takes_something_from_a_client_appends_an_event_of_the_client() {
    let world = World::shared();
    let (admin, reader) = (world.admin(), reader(&world));
    let hr = &world.hr.resource;
    for (changes, reason) in [
        (json!({"disabled": true}), "client disabled"),
        (json!({"roles": ["Officer"]}), "role removed from client"),
        (json!({"resources": [hr]}), "resource removed from client"),
        (json!({"client_name": "New", "access_token_ttl": 60}), ""),
        (json!({"roles": ["Officer", "Reader", "Writer"]}), ""),
    ] {
        let client = world.client(&["Officer", "Reader"]);
        let token = world.auth.token(&client, &[("resource", hr)]);
        let events = appended(&reader, &client.id, || {
            let _ = admin.patch(&format!("/clients/{}", client.id), &changes).expect(200);
        });
        let taken_away = !reason.is_empty();
        assert_eq!(events, if taken_away { one("client", reason) } else { vec![] }, "{changes}");
        if reason != "client disabled" {
            assert_eq!(is_active(&world, &client, &token), !taken_away, "{changes}");
            let newer = world.auth.token(&client, &[("resource", hr)]);
            assert!(is_active(&world, &client, &newer), "{changes}");
        }
    }
    let client = world.client(&["Officer"]);
    let events = appended(&reader, &client.id, || {
        let _ = admin.delete(&format!("/clients/{}", client.id)).expect(204);
    });
    assert_eq!(events, one("client", "client deleted"));
}

#[test]
fn a_client_for_people_that_is_made_public_or_gets_its_first_role_appends_an_event_of_the_client() {
    let world = World::shared();
    let (admin, reader) = (world.admin(), reader(&world));
    for (changes, reason) in [
        (json!({"token_endpoint_auth_method": "none"}), "client made public"),
        (json!({"roles": ["Officer"]}), "client limited to its roles"),
    ] {
        let client = admin.create_client(&json!({"redirect_uris": ["http://127.0.0.1/callback"]}));
        let events = appended(&reader, &client.id, || {
            let _ = admin.patch(&format!("/clients/{}", client.id), &changes).expect(200);
        });
        assert_eq!(events, one("client", reason), "{changes}");
    }
}

#[test]
fn a_retired_secret_takes_the_tokens_with_it_where_that_is_said() {
    let world = World::shared();
    let (admin, reader) = (world.admin(), reader(&world));
    for (query, expected) in [("", vec![]), ("?and_its_tokens=true", one("client", "secret retired"))] {
        let client = world.client(&["Officer"]);
        let path = format!("/clients/{}/secrets", client.id);
        let new = Credentials::read(&{
            let mut answer = admin.post(&path, &json!({})).expect(201).json();
            answer["client_id"] = client.id.clone().into();
            answer
        });
        let token = world.auth.token(&client, &[]);
        let shown = admin.get(&format!("/clients/{}", client.id)).expect(200).json();
        let old = shown["secrets"][0]["secret_id"].as_str().unwrap().to_owned();
        let events = appended(&reader, &client.id, || {
            let _ = admin.delete(&format!("{path}/{old}{query}")).expect(204);
        });
        assert_eq!(events, expected);
        let still_valid = expected.is_empty();
        // Whichever of the two was retired, the other authenticates.
        let live = if world.auth.request_token(&new, &[]).status == 200 { &new } else { &client };
        assert_eq!(is_active(&world, live, &token), still_valid, "{query}");
    }
}

#[test]
fn a_role_that_gives_less_or_is_gone_appends_an_event_of_the_role() {
    let world = World::shared();
    let (admin, reader) = (world.admin(), reader(&world));
    admin.set_role("Shrinking", "hr:*");
    let client = world.client(&["Shrinking", "LeaveClerk"]);
    let token = || world.auth.token(&client, &[("resource", &world.hr.resource)]);
    let before = token();
    assert_eq!(appended(&reader, "Shrinking", || admin.set_role("Shrinking", "hr:* crm:*")), []);
    assert!(is_active(&world, &client, &before));
    assert_eq!(appended(&reader, "Shrinking", || admin.set_role("Shrinking", "hr:read")), one("role", "role narrowed"));
    assert!(!is_active(&world, &client, &before));
    let narrower = token();
    assert!(is_active(&world, &client, &narrower));
    let events = appended(&reader, "Shrinking", || {
        let _ = admin.delete("/roles/Shrinking").expect(204);
    });
    assert_eq!(events, one("role", "role deleted"));
    assert!(!is_active(&world, &client, &narrower));
}

#[test]
fn a_resource_that_moves_or_is_gone_appends_an_event_of_its_former_uri() {
    let world = World::shared();
    let (admin, reader) = (world.admin(), reader(&world));
    let (first, second) = ("http://localhost:1/moving", "http://localhost:1/moved");
    admin.set_role("Mover", "moving:*");
    admin.set_resource("moving", &manifest(first));
    let client = world.client(&["Mover"]);
    let token = world.auth.token(&client, &[("resource", first)]);
    assert_eq!(appended(&reader, first, || admin.set_resource("moving", &manifest(first))), []);
    let events = appended(&reader, first, || admin.set_resource("moving", &manifest(second)));
    assert_eq!(events, one("resource", "resource moved"));
    assert!(!is_active(&world, &client, &token));
    let token = world.auth.token(&client, &[("resource", second)]);
    let events = appended(&reader, second, || {
        let _ = admin.delete("/resources/moving").expect(204);
    });
    assert_eq!(events, one("resource", "resource deleted"));
    assert!(!is_active(&world, &client, &token));
}

#[test]
fn a_token_that_its_client_takes_back_appends_an_event_of_the_token() {
    let world = World::shared();
    let reader = reader(&world);
    let client = world.client(&["Officer"]);
    let token = world.auth.token(&client, &[]);
    let jti = jwt::claims(&token)["jti"].as_str().unwrap().to_owned();
    let events = appended(&reader, &jti, || {
        let _ = world.auth.post_form("/oauth2/revoke", &client, &[("token", &token)]).expect(200);
    });
    assert_eq!(events, one("token", "revoked by its client"));
}

#[test]
fn an_administrator_ends_the_tokens_of_any_subject_and_is_told_the_event() {
    let world = World::shared();
    let (admin, reader) = (world.admin(), reader(&world));
    admin.set_role("Revoked", "hr:*");
    let hr = "http://localhost:1/revoked";
    admin.set_resource("revoked", &manifest(hr));
    let client = world.client(&["Revoked"]);
    for (kind, id) in [
        ("token", "no-such-jti"),
        ("grant", "g1"),
        ("client", client.id.as_str()),
        ("user", "usr_1"),
        ("role", "Revoked"),
        ("resource", hr),
    ] {
        let subject = json!({"kind": kind, "id": id});
        let mut told = Value::Null;
        let events = appended(&reader, id, || {
            told = admin.post("/revocations", &json!({"subject": subject, "reason": "because"})).expect(202).json();
        });
        assert_eq!(events, one(kind, "because"));
        let (all, _) = reader.everything();
        assert_eq!(all.iter().filter(|event| **event == Event::read(&told)).count(), 1, "{told}");
        let again = admin.post("/revocations", &json!({"subject": subject})).expect(202).json();
        assert!(again["seq"].as_u64() > told["seq"].as_u64());
    }
    let token = world.auth.token(&client, &[("resource", &world.hr.resource)]);
    assert!(is_active(&world, &client, &token), "a token from after the events");
    let _ = admin.post("/revocations", &json!({"subject": {"kind": "role", "id": "Revoked"}})).expect(202);
    assert!(!is_active(&world, &client, &token));
}

#[test]
fn what_was_deleted_can_be_revoked_again() {
    let world = World::shared();
    let admin = world.admin();
    let client = world.client(&["Officer"]);
    let _ = admin.delete(&format!("/clients/{}", client.id)).expect(204);
    let body = json!({"subject": {"kind": "client", "id": client.id}});
    let _ = admin.post("/revocations", &body).expect(202);
}

#[test]
fn a_revocation_that_makes_no_sense_is_told_why_and_appends_nothing() {
    let world = World::start();
    let (admin, reader) = (world.admin(), reader(&world));
    let signing = world.auth.jwks()["keys"][0]["kid"].clone();
    let before = reader.position();
    let subject = |kind: &str, id: &str| json!({"subject": {"kind": kind, "id": id}});
    for (body, status, said) in [
        (subject("session", "x"), 400, "session"),
        (subject("client", "usr_1"), 400, "client_id"),
        (subject("client", ""), 400, "client_id"),
        (subject("user", "payroll"), 400, "usr_"),
        (subject("role", "two words"), 400, "role"),
        (subject("resource", "hr"), 400, "URL"),
        (subject("token", &"x".repeat(200)), 400, "jti"),
        (subject("grant", "\n"), 400, "grant_id"),
        (subject("client", "nobody"), 404, "there is no client nobody"),
        (subject("role", "Nobody"), 404, "there is no role Nobody"),
        (subject("resource", "http://localhost:1/none"), 404, "there is no resource http://localhost:1/none"),
        (subject("key", "nothing"), 404, "there is no key nothing"),
        (json!({"subject": {"kind": "key", "id": signing}}), 409, "let another key take over first"),
        (json!({"subject": {"kind": "token", "id": "x"}, "reason": ""}), 400, "reason"),
        (json!({"subject": {"kind": "token", "id": "x"}, "reason": "x".repeat(201)}), 400, "reason"),
        (json!({"subject": {"kind": "token", "id": "x"}, "until": 7}), 400, "until"),
        (json!({"subject": {"kind": "token", "id": "x", "until": 7}}), 400, "until"),
        (json!({"kind": "token", "id": "x"}), 400, "subject"),
    ] {
        let answer = admin.post("/revocations", &body);
        assert_eq!(answer.status, status, "{body}: {answer:#?}");
        assert!(answer.text("error_description").contains(said), "{body}: {answer:#?}");
    }
    let arguments = ["revocation", "add", "client", "nobody"];
    let ended = world.auth.run(&arguments);
    assert!(ended.code == 1 && ended.stderr.contains("there is no client nobody"), "{ended:#?}");
    let ended = world.auth.run(&["revocation", "add", "session", "x"]);
    assert!(ended.code == 2 && ended.stderr.contains("token, grant, client"), "{ended:#?}");
    assert_eq!(reader.behind(before), (vec![], before));
}

#[test]
fn the_feed_is_for_guards_alone() {
    let world = World::shared();
    let url = world.auth.feed_resource();
    let answer = http::send(world.auth.http.get(&url)).expect(401);
    assert_eq!((answer.challenge(), answer.text("error")), ("Bearer", "invalid_token".to_owned()));
    let admin = world.auth.token(&world.administrator, &[("resource", &world.auth.admin_resource())]);
    for token in [admin, "nonsense".to_owned()] {
        let answer = FeedReader::with_token(&world.auth, token).ask("").expect(401);
        assert!(answer.challenge().starts_with(r#"Bearer error="invalid_token""#), "{answer:#?}");
    }
    world.admin().set_role("FeedWriter", "feed:write");
    let writer = FeedReader::new(&world.auth, &world.client(&["FeedWriter"]));
    let answer = writer.ask("").expect(403);
    assert_eq!(answer.challenge(), r#"Bearer error="insufficient_scope", scope="feed:read""#);
    let guard = world.client(&["guard"]);
    let reader = FeedReader::new(&world.auth, &guard);
    let answer = reader.ask("").expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let _ = world.admin().patch(&format!("/clients/{}", guard.id), &json!({"disabled": true})).expect(200);
    assert_eq!(reader.ask("").refusal(), (401, "invalid_token".to_owned()), "its own token was revoked");
}

#[test]
fn a_position_that_was_never_handed_out_is_gone_and_nonsense_is_told_so() {
    let world = World::start();
    let reader = reader(&world);
    let position = reader.position();
    for unknown in [position + 1, position + (1 << 24), 1, (1 << 53) - 1] {
        assert_eq!(
            reader.ask(&format!("after={unknown}")).refusal(),
            (410, "unknown_position".to_owned()),
            "{unknown}"
        );
    }
    for query in ["after=-1", "after=x", "after=9007199254740992", "after=", "wait=31", "wait=-1", "before=1"] {
        let answer = reader.ask(query);
        assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()), "{query}");
        assert!(answer.text("error_description").len() > 10, "{answer:#?}");
    }
    let other = World::start();
    let foreign = self::reader(&other).position();
    assert_eq!(reader.ask(&format!("after={foreign}")).status, 410, "another database's position");
    assert_eq!(reader.behind(0), (vec![], position));
    assert_eq!(reader.position(), position, "asking appended something");
}

/// A service whose metrics can be read.
struct Measured {
    auth: AuthService,
    metrics: String,
    admin: Credentials,
    _folder: tempfile::TempDir,
}

impl Measured {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let process = Service::start("auth-service", |at| {
            let mut command = AuthService::serve(folder.path(), at);
            command.args(["--metrics-listen", &format!("127.0.0.1:{port}")]);
            command
        });
        let auth = AuthService::with_process(process, folder.path());
        let admin = auth.make_administrator("admin");
        Self { auth, metrics: format!("http://127.0.0.1:{port}/metrics"), admin, _folder: folder }
    }

    fn shows(&self, line: &str) -> bool {
        http::send(Http::new().get(&self.metrics)).expect(200).body.lines().any(|found| found == line)
    }

    fn guard(&self) -> Credentials {
        self.auth.admin(&self.admin).client_with_roles(&["guard"])
    }
}

#[test]
fn whoever_waits_hears_at_once_of_a_revocation_here_and_on_the_command_line() {
    let measured = Measured::start();
    let auth = &measured.auth;
    let reader = FeedReader::new(auth, &measured.guard());
    let agent = auth.admin(&measured.admin).client_with_roles(&["guard"]);
    let here =
        || auth.admin(&measured.admin).post("/revocations", &json!({"subject": {"kind": "user", "id": "usr_1"}}));
    let there = || auth.run(&["client", "update", &agent.id, "--disable"]);
    let deeds: [(&str, &(dyn Fn() + Sync)); 2] =
        [("usr_1", &|| drop(here().expect(202))), (agent.id.as_str(), &|| drop(there().well()))];
    for (id, deed) in deeds {
        let after = reader.position();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let answer = reader.ask(&format!("after={after}&wait=25"));
                (page(&answer), Instant::now())
            });
            eventually("the reader waits", || measured.shows("bailiwick_feed_waiting 1"));
            deed();
            let acknowledged = Instant::now();
            let ((events, next), heard) = waiting.join().unwrap();
            assert_eq!((events.len(), events[0].id.as_str()), (1, id));
            assert_eq!(next, events[0].seq);
            let late = heard.saturating_duration_since(acknowledged);
            assert!(late < HEARD_WITHIN, "{id} was heard {late:?} after the deed was acknowledged");
        });
    }
    let after = reader.position();
    assert_eq!(page(&reader.ask(&format!("after={after}&wait=1"))), (vec![], after), "nothing came");
}

#[test]
fn what_the_feed_does_is_counted_and_logged() {
    let measured = Measured::start();
    let reader = FeedReader::new(&measured.auth, &measured.guard());
    let event = measured
        .auth
        .admin(&measured.admin)
        .post("/revocations", &json!({"subject": {"kind": "grant", "id": "g1"}, "reason": "two \"words\""}));
    let seq = event.expect(202).json()["seq"].as_u64().unwrap();
    let _ = reader.ask(&format!("after={}", seq + 1)).expect(410);
    let _ = reader.ask("").expect(200);
    for line in [
        r#"bailiwick_revocations_total{kind="grant"} 1"#,
        r#"bailiwick_revocations_total{kind="client"} 0"#,
        r#"bailiwick_feed_answers_total{status="410"} 1"#,
        r#"bailiwick_feed_answers_total{status="200"} 1"#,
        "bailiwick_feed_waiting 0",
        &format!("bailiwick_feed_position {seq}"),
    ] {
        assert!(measured.shows(line), "{line}");
    }
    let log = measured.auth.process.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let told: Vec<_> = lines.filter(|line| line["message"] == "revocation appended").collect();
    assert_eq!(told.len(), 1, "{log}");
    let members = ["kind", "id", "seq", "reason"].map(|name| told[0][name].clone());
    assert_eq!(members, [json!("grant"), json!("g1"), json!(seq), json!("two \"words\"")]);
}

#[test]
fn a_stop_answers_whoever_waits_and_does_not_wait_for_them() {
    let measured = Measured::start();
    let reader = FeedReader::new(&measured.auth, &measured.guard());
    let after = reader.position();
    let pid = measured.auth.process.pid().to_string();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.ask(&format!("after={after}&wait=25")));
        eventually("the reader waits", || measured.shows("bailiwick_feed_waiting 1"));
        let asked = Instant::now();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert_eq!(page(&waiting.join().unwrap()), (vec![], after));
        assert!(asked.elapsed() < Duration::from_secs(5), "it was kept waiting for {:?}", asked.elapsed());
    });
    let (status, log) = measured.auth.process.stop();
    assert!(status.success() && !log.contains("panicked"), "{log}");
}

#[test]
fn the_command_line_adds_and_lists_revocations() {
    let world = World::start();
    let reader = reader(&world);
    let before = reader.position();
    let client = world.client(&["Officer"]);
    let added = world.auth.run(&["revocation", "add", "client", &client.id, "--reason", "stolen", "--json"]).well();
    let _ = world.auth.run(&["revocation", "add", "user", "usr_1"]).well();
    let (events, _) = reader.behind(before);
    assert_eq!(events[0], Event::read(&added.json()));
    let reasons = events.iter().map(|event| (event.kind.as_str(), event.reason.as_str()));
    assert!(reasons.eq([("client", "stolen"), ("user", "revoked by an administrator")]));
    let listed = world.auth.run(&["revocation", "list", "--json"]).well().json();
    let listed: Vec<Event> = listed.as_array().unwrap().iter().map(Event::read).collect();
    assert_eq!(listed, events);
    let table = world.auth.run(&["revocation", "list"]).well().stdout;
    assert!(table.contains("stolen") && table.lines().count() == 3, "{table}");
}

#[test]
fn an_identifier_that_begins_with_a_hyphen_is_no_flag() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    let ended = world.auth.run(&["client", "secret", "retire", &client.id, "-bcdefghijk_", "--and-its-tokens"]);
    assert!(ended.code == 1 && ended.stderr.contains("there is no secret -bcdefghijk_"), "{ended:#?}");
    for arguments in [["token", "-h1jk", "--reason", "seen"], ["token", "--h1", "--reason", "seen"]] {
        let ended = world.auth.run(&[&["revocation", "add"], &arguments[..], &["--json"]].concat()).well();
        let event = Event::read(&ended.json());
        assert_eq!((event.id.as_str(), event.reason.as_str()), (arguments[1], "seen"));
    }
    let ended = world.auth.run(&["revocation", "add", "token", "--reason", "seen"]);
    assert!(ended.code == 2, "a flag is no identifier: {ended:#?}");
}

#[test]
fn a_file_that_is_applied_appends_as_its_changes_by_hand_would() {
    let world = World::start();
    let reader = reader(&world);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.toml");
    let client = world.client(&["Reader"]);
    std::fs::write(&file, world.auth.run(&["export"]).well().stdout.replace("hr:write", "hr:create_leave_request"))
        .unwrap();
    let path = file.to_str().unwrap();
    let before = reader.position();
    let _ = world.auth.run(&["apply", path, "--dry-run"]).well();
    assert_eq!(reader.behind(before).0, [], "a dry run appended something");
    let _ = world.auth.run(&["apply", path]).well();
    let (events, _) = reader.behind(before);
    assert_eq!(events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["Writer"]);
    assert!(!events.iter().any(|event| event.id == client.id));
}
