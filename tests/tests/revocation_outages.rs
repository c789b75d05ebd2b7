//! What the servers know of revocations while the token service is away, and after it: nothing that was
//! refused is let through again, silence is borne for as long as it may last, and what was revoked meanwhile
//! is felt by itself.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and shows what it measured")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bailiwick_e2e::service::eventually;
use bailiwick_e2e::{AuthService, Caller, Credentials, Era, Http, Server, Service, Site, binary, jwt};
use serde_json::json;

/// How long the service is away while calls go on.
const OUTAGE: Duration = Duration::from_mins(1);

/// A round of calls at all servers, so often during the outage; it leaves the machine to the other tests.
const ROUND: Duration = Duration::from_millis(500);

/// After an outage the feed is asked again within five seconds; then the promise of a second holds.
const FELT_AFTER_OUTAGE: Duration = Duration::from_secs(6);

/// The promise where nothing is wrong.
const FELT_WITHIN: Duration = Duration::from_secs(1);

/// Ends the service in order; gives its port.
fn stop(process: Service) -> u16 {
    let port = process.port;
    let (status, log) = process.stop();
    assert!(status.success(), "{log}");
    port
}

/// The one status that list and call are answered with.
fn status(server: &Server, token: &str) -> u16 {
    let [list, call] = server.list_and_call(token);
    assert_eq!(list.status, call.status, "{list:#?}\n{call:#?}");
    list.status
}

fn all_answer(servers: &[Server; 3], tokens: &[String; 3], expected: u16, what: &str) {
    for (server, token) in servers.iter().zip(tokens) {
        assert_eq!(status(server, token), expected, "{what}: {}", server.kind.server);
    }
}

/// Waits until every server answers its token so, and fails where that takes longer than `within`.
fn all_come_to(servers: &[Server; 3], tokens: &[String; 3], expected: u16, within: Duration, what: &str) {
    let since = Instant::now();
    for (server, token) in servers.iter().zip(tokens) {
        let comes = || server.list_and_call(token).iter().all(|answer| answer.status == expected);
        eventually(&format!("{what}: {}", server.kind.server), comes);
        let elapsed = since.elapsed();
        eprintln!("{what}: {} after {} ms", server.kind.server, elapsed.as_millis());
        assert!(elapsed < within, "{what}: {} after {elapsed:?}", server.kind.server);
    }
}

/// Disables a client on the command line, with the service running or not.
fn disable(site_folder: &std::path::Path, issuer: &str, client: &Credentials) {
    let mut command = AuthService::command_line(site_folder, &["client", "update", &client.id, "--disable"]);
    let _ = binary::run(command.env("AUTH_ISSUER", issuer)).well();
}

#[test]
fn a_minute_without_the_service_stops_nobody_and_lets_nobody_in_again() {
    let mut site = Site::hearing();
    let [kept, revoked, meanwhile, later] = [(); 4].map(|()| {
        let client = site.client(&["Manager"]);
        let tokens = site.tokens(&client);
        (client, tokens)
    });
    disable(site.folder.path(), &site.auth.issuer, &revoked.0);
    all_come_to(&site.servers, &revoked.1, 401, FELT_WITHIN, "revoked before the outage");

    let (issuer, port, away) = (site.auth.issuer.clone(), stop(site.auth.process), Instant::now());
    disable(site.folder.path(), &issuer, &meanwhile.0);
    while away.elapsed() < OUTAGE {
        all_answer(&site.servers, &kept.1, 200, "an outage");
        all_answer(&site.servers, &revoked.1, 401, "an outage");
        all_answer(&site.servers, &meanwhile.1, 200, "nobody could hear of it yet");
        std::thread::sleep(ROUND);
    }
    site.auth = AuthService::start_on(port, site.folder.path());
    all_come_to(&site.servers, &meanwhile.1, 401, FELT_AFTER_OUTAGE, "revoked during the outage");
    all_answer(&site.servers, &kept.1, 200, "after the outage");
    all_answer(&site.servers, &revoked.1, 401, "after the outage");
    disable(site.folder.path(), &issuer, &later.0);
    all_come_to(&site.servers, &later.1, 401, FELT_WITHIN, "revoked after the outage");
}

#[test]
fn past_the_longest_silence_everybody_is_refused_and_by_itself_let_in_again() {
    const LONGEST_SILENCE: u32 = 5;
    let mut site = Site::hearing_within(LONGEST_SILENCE);
    let (kept, revoked) = (site.client(&["Manager"]), site.client(&["Manager"]));
    let (kept, ended) = (site.tokens(&kept), site.tokens(&revoked));
    disable(site.folder.path(), &site.auth.issuer, &revoked);
    all_come_to(&site.servers, &ended, 401, FELT_WITHIN, "revoked before the outage");
    for server in &site.servers {
        assert_eq!(server.readiness().expect(200).text("revocations"), "heard");
    }

    let port = site.auth.process.port;
    site.auth.process.kill();
    // The silence began with the last answer, which may have come just before.
    let silence = Duration::from_secs(LONGEST_SILENCE.into()) + FELT_WITHIN;
    all_come_to(&site.servers, &kept, 503, silence, "too long a silence");
    for (server, token) in site.servers.iter().zip(&kept) {
        for answer in server.list_and_call(token) {
            let retry_after = answer.expect(503).header("retry-after").parse::<u32>();
            assert!(retry_after.is_ok_and(|seconds| seconds > 0), "{}", server.kind.server);
        }
        assert_eq!(server.readiness().expect(503).text("revocations"), "too old");
    }
    all_answer(&site.servers, &ended, 401, "known to be revoked, whatever else is not known");

    site.auth = AuthService::start_on(port, site.folder.path());
    all_come_to(&site.servers, &kept, 200, FELT_AFTER_OUTAGE, "the feed answers again");
    for server in &site.servers {
        let _ = server.readiness().expect(200);
    }
    all_answer(&site.servers, &ended, 401, "after the outage");
}

fn seconds_now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

#[test]
fn after_a_restore_from_a_backup_older_than_what_was_heard_the_next_revocation_is_felt() {
    let mut site = Site::hearing();
    let [lost, next, newest] = [(); 3].map(|()| site.client(&["Manager"]));
    let (database, backup) = (site.folder.path().join("auth.db"), site.folder.path().join("backup.db"));
    let port = stop(site.auth.process);
    assert!(std::fs::copy(&database, &backup).unwrap() > 0);
    site.auth = AuthService::start_on(port, site.folder.path());
    let (lost_tokens, next_tokens) = (site.tokens(&lost), site.tokens(&next));
    disable(site.folder.path(), &site.auth.issuer, &lost);
    all_come_to(&site.servers, &lost_tokens, 401, FELT_AFTER_OUTAGE, "revoked after the backup");
    // These know the position of the lost future.
    let newest_tokens = site.tokens(&newest);

    let issued = jwt::claims(&newest_tokens[0])["iat"].as_i64().unwrap();
    let port = stop(site.auth.process);
    eventually("the second is over: positions are told apart by the clock's", || seconds_now() > issued);
    std::fs::copy(&backup, &database).unwrap();
    site.auth = AuthService::start_on(port, site.folder.path());
    disable(site.folder.path(), &site.auth.issuer, &next);
    all_come_to(&site.servers, &next_tokens, 401, FELT_AFTER_OUTAGE, "revoked after the restore");
    all_answer(&site.servers, &newest_tokens, 200, "nothing ended these");
    disable(site.folder.path(), &site.auth.issuer, &newest);
    all_come_to(&site.servers, &newest_tokens, 401, FELT_WITHIN, "a token of the lost future");
    let log = site.servers[0].process.log();
    assert!(log.contains("does not know position"), "the guard's position was not older than the backup: {log}");
}

/// Lists the tools again and again, on connections of its own, until it is told to stop; gives the status of
/// each answer. Where nobody listens, or a crash cuts the answer off, there is none.
fn hammer(resource: &str, token: &str, stop: &AtomicBool) -> Vec<u16> {
    let http = Http::new();
    let caller = Caller::new(&http, resource, Some(token), Era::July2026);
    let (mut statuses, since) = (Vec::new(), Instant::now());
    // A test that fails meanwhile tells nobody to stop.
    while !stop.load(Ordering::SeqCst) && since.elapsed() < OUTAGE {
        let request = caller.post("tools/list", None).json(&caller.message("tools/list", json!({})));
        match request.send() {
            Ok(answer) => statuses.push(answer.status().as_u16()),
            Err(_) => std::thread::yield_now(),
        }
    }
    statuses
}

#[test]
fn a_server_that_starts_while_the_service_is_there_refuses_nobody_but_whose_token_is_revoked() {
    let mut site = Site::hearing();
    let [client, revoked] = [(); 2].map(|()| site.client(&["Manager"]));
    let (tokens, revoked_tokens) = (site.tokens(&client), site.tokens(&revoked));
    disable(site.folder.path(), &site.auth.issuer, &revoked);
    all_come_to(&site.servers, &revoked_tokens, 401, FELT_WITHIN, "revoked before the starts");
    let resources = site.servers.each_ref().map(|server| server.resource.clone());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asked = resources.iter().zip(tokens.iter().zip(&revoked_tokens));
        let asked = asked.flat_map(|(resource, (kept, ended))| [(resource, kept, 200), (resource, ended, 401)]);
        let hammers: Vec<_> = asked
            .map(|(resource, token, expected)| (scope.spawn(|| hammer(resource, token, &stop)), expected))
            .collect();
        for _ in 0..5 {
            site.servers = site.servers.map(Server::crashed_and_restarted);
            all_answer(&site.servers, &tokens, 200, "after a start");
        }
        stop.store(true, Ordering::SeqCst);
        for (hammer, expected) in hammers {
            let statuses = hammer.join().unwrap();
            let others = statuses.iter().filter(|status| **status != expected).count();
            assert!(statuses.len() > 10 && others == 0, "{others} of {} answers not {expected}", statuses.len());
        }
    });
}

#[test]
fn a_server_that_starts_while_the_service_is_away_refuses_everybody_and_comes_to_life_by_itself() {
    let mut site = Site::hearing();
    let [client, revoked] = [(); 2].map(|()| site.client(&["Manager"]));
    let (tokens, revoked_tokens) = (site.tokens(&client), site.tokens(&revoked));
    disable(site.folder.path(), &site.auth.issuer, &revoked);
    let port = stop(site.auth.process);
    site.servers = site.servers.map(Server::crashed_and_restarted);
    for (server, token) in site.servers.iter().zip(&tokens) {
        for answer in server.list_and_call(token) {
            assert!(!answer.expect(503).header("retry-after").is_empty(), "{}", server.kind.server);
        }
        assert_eq!(server.readiness().expect(503).json()["revocations"], json!("not yet heard"));
    }
    site.auth = AuthService::start_on(port, site.folder.path());
    all_come_to(&site.servers, &tokens, 200, FELT_AFTER_OUTAGE, "the service is there");
    all_answer(&site.servers, &revoked_tokens, 401, "revoked before the start");
    for server in &site.servers {
        let _ = server.readiness().expect(200);
    }
}
