//! The schedule of the real processes: half a year with two rotations, told by clocks that libfaketime
//! moves, one of them an hour ahead.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic; that is how it fails")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bailiwick_e2e::service::eventually;
use bailiwick_e2e::{AuthService, Credentials, Era, HrServer, Http, Service, http, jwt};
use serde_json::json;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// How long a key signs (`AUTH_KEY_ROTATION_DAYS`, its default).
const ROTATION: i64 = 90 * DAY;
/// How long a new key is published before it signs.
const PUBLICATION: i64 = 300;
/// How long a key is published after it was followed.
const RETIREMENT: i64 = 3 * HOUR + 30;
/// Room for the time that the test itself takes.
const ROOM: i64 = 100;

/// The wall clock of processes: the real one and an offset that a test moves. Timers run as ever.
struct Clock {
    offset: PathBuf,
}

impl Clock {
    fn new(folder: &Path, name: &str) -> Self {
        let clock = Self { offset: folder.join(name) };
        clock.set(0);
        clock
    }

    /// Moves it to so many seconds after the real time.
    fn set(&self, seconds: i64) {
        // In one step: the processes read it at every look at their clock.
        let unfinished = self.offset.with_extension("unfinished");
        std::fs::write(&unfinished, format!("{seconds:+}\n")).unwrap();
        std::fs::rename(&unfinished, &self.offset).unwrap();
    }

    fn of(&self, mut command: Command) -> Command {
        command.env("LD_PRELOAD", library()).env("FAKETIME_TIMESTAMP_FILE", &self.offset);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        command
    }
}

fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
    let found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("libfaketime is missing: apt-get install faketime"))
}

fn kid(token: &str) -> String {
    jwt::header(token)["kid"].as_str().unwrap().to_owned()
}

fn count(auth: &AuthService) -> usize {
    auth.jwks()["keys"].as_array().map_or(0, Vec::len)
}

/// Two processes of one service and a guarded server. The second process's clock is an hour ahead.
struct Site {
    auth: AuthService,
    ahead: AuthService,
    hr: HrServer,
    officer: Credentials,
    clocks: [Clock; 2],
    /// Held by every request, and by whoever moves the clocks: no token crosses three months.
    moment: RwLock<()>,
    // The last to go: the processes above have their data here.
    _folder: tempfile::TempDir,
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let clocks = [Clock::new(path, "right"), Clock::new(path, "ahead")];
        clocks[1].set(HOUR);
        let process = Service::start("auth-service", |port| clocks[0].of(AuthService::serve(path, port)));
        let auth = AuthService::with_process(process, path);
        let as_second = |port| clocks[1].of(AuthService::serve_as(path, port, &auth.issuer));
        let ahead = AuthService::with_process(Service::start("auth-service", as_second), path);
        let hr = Service::start("mcp-hr", |port| clocks[0].of(HrServer::serve(path, port, &auth.issuer)));
        let hr = HrServer::with_process(hr);
        let administrator = auth.make_administrator("admin");
        let admin = auth.admin(&administrator);
        admin.set_resource("hr", &hr.manifest());
        admin.set_role("Officer", "hr:*");
        let officer = admin.create_client(&json!({"roles": ["Officer"], "access_token_ttl": HOUR}));
        Self { auth, ahead, hr, officer, clocks, moment: RwLock::default(), _folder: folder }
    }

    fn set_clocks(&self, seconds: i64) {
        let _alone = self.moment.write().unwrap();
        self.clocks[0].set(seconds);
        self.clocks[1].set(seconds + HOUR);
        // Where more than an hour has passed in no time, the guard fetches its keys anew, as soon as it may.
        let caller = self.hr.caller(&self.auth.token(&self.officer, &[]), Era::July2026);
        eventually("the guard has keys", || caller.request("tools/list", json!({})).status != 503);
    }

    /// A new token, which is good.
    fn token(&self) -> String {
        let token = self.auth.token(&self.officer, &[]);
        self.takes(&token);
        token
    }

    fn takes(&self, token: &str) {
        assert_eq!(self.hr.caller(token, Era::July2026).list().len(), 4);
    }

    /// One rotation, of the key that is due when the clocks stand at `due`.
    fn tell_a_rotation(&self, due: i64) {
        let first = kid(&self.token());
        // The clock that is ahead makes the next key, an hour early for the other.
        self.set_clocks(due - HOUR + ROOM);
        eventually("the next key is published", || count(&self.auth) == 2);
        assert_eq!(self.auth.jwks(), self.ahead.jwks());
        self.set_clocks(due + PUBLICATION - ROOM);
        let old = self.token();
        assert_eq!(kid(&old), first, "it does not sign yet");
        self.set_clocks(due + PUBLICATION + 2 * ROOM);
        assert_ne!(kid(&self.token()), first);
        self.takes(&old);
        self.set_clocks(due + PUBLICATION - ROOM + HOUR - ROOM);
        self.takes(&old);
        self.set_clocks(due + PUBLICATION + RETIREMENT - HOUR - 2 * ROOM);
        let _ = self.token();
        assert_eq!(count(&self.auth), 2, "the former key is still published");
        self.set_clocks(due + PUBLICATION + RETIREMENT);
        eventually("the former key is gone", || count(&self.auth) == 1);
        assert_eq!(self.auth.jwks(), self.ahead.jwks());
    }
}

#[test]
#[ignore = "needs libfaketime: cargo test --workspace --test key_schedule -- --ignored"]
fn two_scheduled_rotations_under_load_fail_nobody_although_one_process_is_an_hour_ahead() {
    let site = Site::start();
    let (stop, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    let work = || {
        let http = Http::new();
        while !stop.load(Ordering::SeqCst) {
            let _now = site.moment.read().unwrap();
            let form = [("grant_type", "client_credentials")];
            let request = http.post(format!("{}/oauth2/token", site.auth.issuer)).form(&form);
            let answer = http::send(request.basic_auth(&site.officer.id, Some(&site.officer.secret))).expect(200);
            let caller = site.hr.caller(&answer.text("access_token"), Era::July2026);
            let _ = caller.result("get_hr_summary", &json!({}));
            calls.fetch_add(1, Ordering::SeqCst);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(work);
        }
        let story = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            // The second key was made by the clock that is ahead, which so comes first again.
            for due in [ROTATION, 2 * ROTATION] {
                site.tell_a_rotation(due);
            }
        }));
        stop.store(true, Ordering::SeqCst);
        story.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    eprintln!("half a year: {} tokens and calls, none failed", calls.load(Ordering::SeqCst));
}
