//! What was acknowledged survives a crash (SIGKILL) of either process, and an orderly stop loses
//! nothing either.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use bailiwick_e2e::http;
use bailiwick_e2e::service::{eventually, free_port};
use bailiwick_e2e::{AuthService, Era, HrServer, World};
use serde_json::json;

/// A folder, and an auth-service and an mcp-hr on it with an officer: what a restart needs.
struct Site {
    auth: AuthService,
    hr: HrServer,
    officer: bailiwick_e2e::Credentials,
    admin: bailiwick_e2e::Credentials,
    folder: tempfile::TempDir,
}

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let auth = AuthService::start(folder.path());
        let hr = HrServer::start(folder.path(), &auth.issuer);
        let admin = auth.make_administrator("admin");
        let api = auth.admin(&admin);
        api.set_resource("hr", &hr.manifest());
        api.set_role("Officer", "hr:*");
        let officer = api.client_with_roles(&["Officer"]);
        Self { auth, hr, officer, admin, folder }
    }

    fn crash_and_restart_auth(self) -> Self {
        let port = self.auth.process.port;
        self.auth.process.kill();
        Self { auth: AuthService::start_on(port, self.folder.path()), ..self }
    }

    fn crash_and_restart_hr(self) -> Self {
        let port = self.hr.process.port;
        self.hr.process.kill();
        Self { hr: HrServer::start_on(port, self.folder.path(), &self.auth.issuer), ..self }
    }
}

#[test]
fn clients_roles_resources_and_keys_survive_a_crash() {
    let site = Site::start();
    let token = site.auth.token(&site.officer, &[]);
    let jwks = site.auth.jwks();
    let site = site.crash_and_restart_auth();
    assert_eq!(site.auth.jwks(), jwks);
    assert_eq!(site.hr.caller(&token, Era::July2026).list().len(), 4, "the old token is still good");
    let newer = site.auth.token(&site.officer, &[]);
    assert_eq!(site.hr.caller(&newer, Era::July2026).list().len(), 4);
    let _ = site.auth.admin(&site.admin).get("/roles/Officer").expect(200);
}

#[test]
fn a_revocation_survives_a_crash() {
    let site = Site::start();
    let (revoked, kept) = (site.auth.token(&site.officer, &[]), site.auth.token(&site.officer, &[]));
    let _ = site.auth.post_form("/oauth2/revoke", &site.officer, &[("token", &revoked)]).expect(200);
    let site = site.crash_and_restart_auth();
    assert_eq!(site.auth.introspect(&site.officer, &revoked), json!({"active": false}));
    assert_eq!(site.auth.introspect(&site.officer, &kept)["active"], true);
}

#[test]
fn a_retired_secret_stays_retired() {
    let site = Site::start();
    let api = site.auth.admin(&site.admin);
    let path = format!("/clients/{}", site.officer.id);
    let shown = api.get(&path).expect(200).json();
    let secret = shown["secrets"][0]["secret_id"].as_str().unwrap_or_default().to_owned();
    let _ = api.delete(&format!("{path}/secrets/{secret}")).expect(204);
    let site = site.crash_and_restart_auth();
    assert_eq!(site.auth.request_token(&site.officer, &[]).status, 401);
}

#[test]
fn what_the_tools_stored_survives_a_crash_and_the_sample_data_does_not_come_twice() {
    let site = Site::start();
    let token = site.auth.token(&site.officer, &[]);
    let leave = json!({
        "employee_id": "EMP-001", "leave_type": "sick", "start_date": "2026-01-05", "end_date": "2026-01-05", "reason": "Flu",
    });
    let stored = site.hr.caller(&token, Era::July2026).result("create_leave_request", &leave);
    let site = site.crash_and_restart_hr();
    let hr = site.hr.caller(&token, Era::July2026);
    let summary = hr.result("get_hr_summary", &json!({}));
    assert_eq!((&summary["total_employees"], &summary["total_leave_requests"]), (&json!(2), &json!(2)));
    let next = hr.result("create_leave_request", &leave);
    assert_ne!(next["leave_id"], stored["leave_id"]);
}

#[test]
fn when_a_secret_was_last_used_is_written_before_an_orderly_stop() {
    let site = Site::start();
    let path = format!("/clients/{}", site.officer.id);
    let last_used = |site: &Site| site.auth.admin(&site.admin).get(&path).expect(200).json()["secrets"][0].clone();
    assert_eq!(last_used(&site)["last_used_at"], serde_json::Value::Null);
    let _ = site.auth.token(&site.officer, &[]);
    let port = site.auth.process.port;
    let Site { auth, hr, officer, admin, folder } = site;
    let (status, log) = auth.process.stop();
    assert!(status.success(), "{log}");
    let site = Site { auth: AuthService::start_on(port, folder.path()), hr, officer, admin, folder };
    assert!(last_used(&site)["last_used_at"].is_i64(), "{}", last_used(&site));
}

#[test]
fn a_guard_goes_on_while_its_issuer_is_away() {
    let site = Site::start();
    let token = site.auth.token(&site.officer, &[]);
    assert_eq!(site.hr.caller(&token, Era::July2026).list().len(), 4);
    site.auth.process.kill();
    assert_eq!(site.hr.caller(&token, Era::July2026).list().len(), 4);
    let _ = http::send(site.hr.http.get(site.hr.url("/health/ready"))).expect(200);
}

#[test]
fn a_guard_that_started_before_its_issuer_opens_when_the_issuer_comes() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let hr = HrServer::start(folder.path(), &format!("http://localhost:{port}"));
    let _ = http::send(hr.http.get(hr.url("/health/ready"))).expect(503);
    let auth = AuthService::start_on(port, folder.path());
    let admin = auth.make_administrator("admin");
    let api = auth.admin(&admin);
    api.set_resource("hr", &hr.manifest());
    api.set_role("Officer", "hr:*");
    let token = auth.token(&api.client_with_roles(&["Officer"]), &[]);
    eventually("the guard notices its issuer", || {
        let answer = hr.caller(&token, Era::July2026).request("tools/list", json!({}));
        assert!(matches!(answer.status, 200 | 503), "{answer:#?}");
        answer.status == 200
    });
}

#[test]
fn an_orderly_stop_is_a_success_and_says_so() {
    let World { auth, hr, .. } = World::start();
    for process in [auth.process, hr.process] {
        let (status, log) = process.stop();
        assert!(status.success(), "{status}\n{log}");
        assert!(!log.contains("panicked"), "{log}");
    }
}

#[test]
fn the_master_key_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::start();
    let files = std::fs::read_dir(site.folder.path()).into_iter().flatten().flatten();
    let keys: Vec<_> = files.filter(|file| file.file_name().to_string_lossy().contains("key")).collect();
    assert!(!keys.is_empty(), "no key file beside the database");
    for file in keys {
        let mode = file.metadata().map(|metadata| metadata.permissions().mode() & 0o777);
        assert_eq!(mode.ok(), Some(0o600), "{:?}", file.path());
    }
}
