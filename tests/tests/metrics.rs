//! Metrics: off unless asked for, on a listener of their own, and counting what was decided.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::cell::Cell;
use std::process::Command;

use bailiwick_e2e::service::free_port;
use bailiwick_e2e::{AuthService, Credentials, Era, HrServer, Http, Service, World, http, markdown};
use serde_json::json;

/// The two processes with metrics.
struct Measured {
    auth_metrics: String,
    hr_metrics: String,
    _auth: Service,
    _hr: Service,
    _folder: tempfile::TempDir,
}

impl Measured {
    /// Starts both, and lets one call be allowed, one be denied and one authentication fail.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Chosen at each attempt: by the next one somebody else may have it.
        let (auth_port, hr_port) = (Cell::new(0), Cell::new(0));
        let metrics_on = |port: &Cell<u16>, mut command: Command| {
            port.set(free_port());
            command.args(["--metrics-listen", &format!("127.0.0.1:{}", port.get())]);
            command
        };
        let auth =
            Service::start("auth-service", |port| metrics_on(&auth_port, AuthService::serve(folder.path(), port)));
        let auth = AuthService::with_process(auth, folder.path());
        let hr =
            Service::start("mcp-hr", |port| metrics_on(&hr_port, HrServer::serve(folder.path(), port, &auth.issuer)));
        let hr = HrServer::with_process(hr);
        let admin = auth.make_administrator("admin");
        let api = auth.admin(&admin);
        api.set_resource("hr", &hr.manifest());
        api.set_role("Reader", "hr:read");
        let reader = api.client_with_roles(&["Reader"]);
        let token = auth.token(&reader, &[]);
        let caller = hr.caller(&token, Era::July2026);
        let _ = caller.result("get_hr_summary", &json!({}));
        let _ = caller.call("add_employee_record", &json!({})).expect(403);
        let wrong = Credentials { secret: "wrong".to_owned(), ..reader };
        let _ = auth.request_token(&wrong, &[]).expect(401);
        let url = |port: Cell<u16>| format!("http://127.0.0.1:{}/metrics", port.get());
        Self {
            auth_metrics: url(auth_port),
            hr_metrics: url(hr_port),
            _auth: auth.process,
            _hr: hr.process,
            _folder: folder,
        }
    }
}

fn read(url: &str) -> String {
    http::send(Http::new().get(url)).expect(200).body
}

/// The line of that metric that has all these labels.
fn line<'a>(metrics: &'a str, name: &str, labels: &[&str]) -> Option<&'a str> {
    metrics.lines().find(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)))
}

#[test]
fn what_was_decided_is_counted() {
    let measured = Measured::start();
    let hr = read(&measured.hr_metrics);
    let decisions = "bailiwick_guard_decisions_total";
    for labels in [
        [r#"server="hr""#, r#"tool="get_hr_summary""#, r#"reason="allowed""#],
        [r#"server="hr""#, r#"tool="add_employee_record""#, r#"reason="insufficient_scope""#],
    ] {
        assert!(line(&hr, decisions, &labels).is_some_and(|line| line.ends_with(" 1")), "{labels:?} in\n{hr}");
    }
    let auth = read(&measured.auth_metrics);
    for labels in [[r#"outcome="issued""#], [r#"outcome="invalid_client""#]] {
        assert!(line(&auth, "bailiwick_token_requests_total", &labels).is_some(), "{labels:?} in\n{auth}");
    }
    let page = markdown::read("docs/reference/settings.md");
    for name in page.lines().filter_map(|row| row.strip_prefix("| `bailiwick_")).filter_map(|row| row.split('`').next())
    {
        let name = format!("bailiwick_{name}");
        assert!(line(&auth, &name, &[]).is_some() || line(&hr, &name, &[]).is_some(), "{name} in\n{auth}\n{hr}");
    }
}

#[test]
fn nothing_is_told_about_metrics_where_clients_call() {
    let world = World::shared();
    let _ = world.auth.get("/metrics").expect(404);
    let _ = http::send(world.hr.http.get(world.hr.url("/metrics"))).expect(404);
}
