//! The revocation feed under what goes wrong: a crash in the middle, a restore from a backup, a full
//! disk, and a process whose clock is wrong.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bailiwick_e2e::feed::{Event, page};
use bailiwick_e2e::service::eventually;
use bailiwick_e2e::{AuthService, Credentials, FeedReader, Service, binary, disk, jwt};
use serde_json::{Value, json};

/// A service with an administrator and a guard, on data that outlives it.
struct Site {
    auth: AuthService,
    admin: Credentials,
    guard: Credentials,
    folder: tempfile::TempDir,
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let auth = AuthService::start(folder.path());
        let admin = auth.make_administrator("admin");
        let guard = auth.admin(&admin).client_with_roles(&["guard"]);
        Self { auth, admin, guard, folder }
    }

    fn reader(&self) -> FeedReader<'_> {
        FeedReader::new(&self.auth, &self.guard)
    }

    /// Ends the process as `end` does, lets `meanwhile` change its data, and starts it again.
    fn restarted(self, end: impl FnOnce(Service), meanwhile: impl FnOnce(&Path)) -> Self {
        let Self { auth, admin, guard, folder } = self;
        let port = auth.process.port;
        end(auth.process);
        meanwhile(folder.path());
        Self { auth: AuthService::start_on(port, folder.path()), admin, guard, folder }
    }
}

fn stop(process: Service) {
    let (status, log) = process.stop();
    assert!(status.success(), "{log}");
}

fn revocation(id: &str) -> Value {
    json!({"subject": {"kind": "token", "id": id}})
}

fn seconds_now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn rev(token: &str) -> u64 {
    jwt::claims(token)["rev"].as_u64().unwrap()
}

fn strictly_growing(events: &[Event]) -> bool {
    events.windows(2).all(|pair| pair[0].seq < pair[1].seq)
}

#[test]
fn what_was_acknowledged_before_a_crash_is_in_the_feed_after_it() {
    const CALLERS: usize = 4;
    const ACKNOWLEDGED: usize = 40;
    let mut site = Site::start();
    let mut acknowledged = BTreeMap::new();
    for round in 0..3 {
        let api = site.auth.admin(&site.admin);
        let count = AtomicUsize::new(0);
        let pid = site.auth.process.pid().to_string();
        let told: Vec<(String, u64)> = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS)
                .map(|caller| {
                    let (api, count) = (&api, &count);
                    scope.spawn(move || {
                        let mut told = Vec::new();
                        for number in 0.. {
                            let id = format!("{round}-{caller}-{number}");
                            let request = api.request(reqwest::Method::POST, "/revocations").json(&revocation(&id));
                            // The crash cuts somebody off.
                            let Ok(answer) = request.send() else { break };
                            assert_eq!(answer.status(), 202);
                            let Ok(event) = answer.json::<Value>() else { break };
                            told.push((id, event["seq"].as_u64().unwrap()));
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                        told
                    })
                })
                .collect();
            while count.load(Ordering::Relaxed) < ACKNOWLEDGED {
                std::thread::yield_now();
            }
            assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
            callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
        });
        assert!(told.len() >= ACKNOWLEDGED);
        acknowledged.extend(told);
        site = site.restarted(Service::kill, |_| {});
        let (events, position) = site.reader().everything();
        let kept: BTreeMap<String, u64> = events.iter().map(|event| (event.id.clone(), event.seq)).collect();
        for (id, seq) in &acknowledged {
            assert_eq!(kept.get(id), Some(seq), "{id} was acknowledged and is not in the feed");
        }
        assert!(strictly_growing(&events));
        assert!(rev(&site.auth.token(&site.guard, &[])) >= position);
    }
}

#[test]
fn after_a_restore_lost_positions_are_gone_and_tokens_of_the_lost_future_can_be_ended() {
    let site = Site::start();
    let agent = site.auth.admin(&site.admin).client_with_roles(&["guard"]);
    let _ = site.auth.admin(&site.admin).post("/revocations", &revocation("before")).expect(202);
    let backup = site.folder.path().join("backup.db");
    let database = site.folder.path().join("auth.db");
    // The backup is taken while the service stands still; then it goes on, and is started once more.
    let copy = |_: &Path| assert!(std::fs::copy(&database, &backup).unwrap() > 0);
    let site = site.restarted(stop, copy);
    let site = site.restarted(stop, |_| {});
    let _ = site.auth.admin(&site.admin).post("/revocations", &revocation("lost")).expect(202);
    let lost_token = site.auth.token(&agent, &[]);
    let lost_client = format!("/clients/{}", agent.id);
    let _ = site.auth.admin(&site.admin).patch(&lost_client, &json!({"disabled": true})).expect(200);
    let (events, lost_position) = site.reader().everything();
    assert_eq!(events.len(), 3);

    let restore = |folder: &Path| {
        // A restore takes a second at least: positions are told apart by the clock's.
        eventually("the second is over", || seconds_now() > jwt::claims(&lost_token)["iat"].as_i64().unwrap());
        for journal in ["auth.db-wal", "auth.db-shm"] {
            assert!(!folder.join(journal).exists(), "an orderly stop folds the journal into the file");
        }
        std::fs::copy(&backup, &database).unwrap();
    };
    let site = site.restarted(stop, restore);
    let reader = site.reader();
    for position in [lost_position, events[1].seq, events[2].seq] {
        assert_eq!(reader.ask(&format!("after={position}")).status, 410, "{position}");
    }
    let (kept, position) = reader.everything();
    assert_eq!(kept, events[..1], "the backup's own events are there");
    assert_eq!(reader.ask(&format!("after={}", kept[0].seq)).status, 200);
    assert!(position > lost_position);
    let new_token = site.auth.token(&agent, &[]);
    assert!(rev(&new_token) > events[2].seq, "a guard that still holds the lost events would refuse it");
    assert_eq!(site.auth.introspect(&agent, &lost_token)["active"], true, "the restore undid the revocation");
    let _ = site.auth.admin(&site.admin).patch(&lost_client, &json!({"roles": []})).expect(200);
    for token in [lost_token, new_token] {
        assert_eq!(site.auth.introspect(&agent, &token), json!({"active": false}));
    }
}

#[test]
fn a_full_disk_acknowledges_nothing_that_is_not_in_the_feed_and_is_overcome() {
    let folder = tempfile::tempdir().unwrap();
    let process =
        Service::start("auth-service", |port| disk::outlives_failed_writes(&AuthService::serve(folder.path(), port)));
    let auth = AuthService::with_process(process, folder.path());
    let admin = auth.make_administrator("admin");
    let guard = auth.admin(&admin).client_with_roles(&["guard"]);
    let agent = auth.admin(&admin).client_with_roles(&["guard"]);
    let reader = FeedReader::new(&auth, &guard);
    let api = auth.admin(&admin);

    let grown = std::fs::metadata(folder.path().join("auth.db-wal")).unwrap().len();
    disk::limit_files_of(auth.process.pid(), grown + 64 * 1024);
    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    for number in 0..1000 {
        let id = number.to_string();
        let answer = api.post("/revocations", &revocation(&id));
        match answer.status {
            202 => acknowledged.push(id),
            _ => refused.push((id, answer.refusal())),
        }
        if refused.len() == 3 {
            break;
        }
    }
    assert!(!acknowledged.is_empty());
    let told: Vec<_> = refused.iter().map(|(_, refusal)| refusal.clone()).collect();
    assert_eq!(told, vec![(500, "server_error".to_owned()); 3], "{refused:?}");
    let disabling = api.patch(&format!("/clients/{}", agent.id), &json!({"disabled": true}));
    assert_eq!(disabling.status, 500);
    let in_feed = || reader.everything().0.into_iter().map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(in_feed(), acknowledged);
    let _ = auth.token(&agent, &[]);

    disk::unlimit_files_of(auth.process.pid());
    let after = api.post("/revocations", &revocation("room-again"));
    let seq = after.expect(202).json()["seq"].as_u64().unwrap();
    acknowledged.push("room-again".to_owned());
    assert_eq!((in_feed(), reader.position()), (acknowledged, seq));
    assert!(strictly_growing(&reader.everything().0));
    let _ = api.patch(&format!("/clients/{}", agent.id), &json!({"disabled": true})).expect(200);
    assert_eq!(auth.request_token(&agent, &[]).status, 401);
}

/// Shifts the wall clock of a process by the seconds in `CLOCK_SHIFT`.
const SHIFTED_CLOCK: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
    long failed = syscall(SYS_clock_gettime, clock, now);
    const char *shift = getenv("CLOCK_SHIFT");
    if (!failed && clock == CLOCK_REALTIME && shift) now->tv_sec += atol(shift);
    return failed;
}
"#;

/// Builds the library that shifts clocks.
fn shifted_clock(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    std::fs::write(&source, SHIFTED_CLOCK).unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(built.unwrap().success());
    library
}

#[test]
fn processes_whose_clocks_are_an_hour_off_forget_nothing_that_is_needed() {
    const HOUR: i64 = 3600;
    let site = Site::start();
    let library = shifted_clock(site.folder.path());
    let shifted = |command: &mut Command, by: i64| {
        command.env("LD_PRELOAD", &library).env("CLOCK_SHIFT", by.to_string());
    };
    let folder = site.folder.path().to_path_buf();
    let agent = site.auth.admin(&site.admin).client_with_roles(&["guard"]);
    let token = site.auth.token(&agent, &[]);
    let now = jwt::claims(&token)["iat"].as_i64().unwrap();

    // An hour slow: the event says that it is from an hour ago.
    let mut add = AuthService::command_line(&folder, &["revocation", "add", "client", &agent.id, "--json"]);
    shifted(add.env("AUTH_ISSUER", &site.auth.issuer), -HOUR);
    let event = binary::run(&mut add).well().json();
    assert!((event["at"].as_i64().unwrap() - (now - HOUR)).abs() < 120, "the clock was not shifted: {event}");
    assert_eq!(site.auth.introspect(&agent, &token), json!({"active": false}));

    // An hour fast: another process that keeps house on the same database, at its start and its end.
    let fast = Service::start("auth-service", |port| {
        let mut serve = AuthService::serve(&folder, port);
        shifted(&mut serve, HOUR);
        serve
    });
    let fast = AuthService::with_process(fast, &folder);
    let early = fast.token(&agent, &[]);
    assert!(jwt::claims(&early)["iat"].as_i64().unwrap() > now + HOUR - 120, "the clock was not shifted");
    let _ = site.auth.run(&["revocation", "add", "client", &agent.id]).well();
    assert_eq!(fast.introspect(&agent, &early), json!({"active": false}));
    stop(fast.process);

    let site = site.restarted(stop, |_| {});
    let (events, position) = site.reader().everything();
    assert_eq!(events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), [agent.id.as_str(); 2]);
    assert!(strictly_growing(&events) && events[0] == Event::read(&event));
    assert!(rev(&token) < events[0].seq && rev(&early) < events[1].seq, "a token survives its event");
    assert!(rev(&site.auth.token(&agent, &[])) >= position);
}

#[test]
fn two_processes_on_one_database_hear_each_other() {
    let site = Site::start();
    let other = AuthService::start(site.folder.path());
    let here = site.reader();
    let admin = site.auth.admin(&site.admin);
    let agent = admin.client_with_roles(&["guard"]);
    let token = site.auth.token(&agent, &[]);
    let after = here.position();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| page(&here.ask(&format!("after={after}&wait=25"))));
        let mut delete = AuthService::command_line(site.folder.path(), &["client", "delete", &agent.id]);
        let _ = binary::run(delete.env("AUTH_ISSUER", &other.issuer)).well();
        let (events, _) = waiting.join().unwrap();
        assert_eq!((events.len(), events[0].id.as_str()), (1, agent.id.as_str()));
    });
    eventually("the other process knows of it", || other.request_token(&agent, &[]).status == 401);
    assert_eq!(site.auth.introspect(&site.guard, &token), json!({"active": false}));
}
