//! A disk that is full for a while costs a guarded server the writes of that time, and nothing after it.
//! The token service's own proof of this is in `revocation_proofs.rs`.

use bailiwick_e2e::{Caller, Era, HrServer, Service, World, disk};
use serde_json::{Value, json};

/// Asks for a leave; whether it was granted to be stored.
fn is_stored(hr: &Caller<'_>) -> bool {
    let leave = json!({
        "employee_id": "EMP-001", "leave_type": "sick", "start_date": "2026-01-05", "end_date": "2026-01-05", "reason": "Flu",
    });
    let answer = hr.call("create_leave_request", &leave).json();
    let is_refused = answer["result"]["isError"] == true || answer["error"].is_object();
    assert_ne!(is_refused, answer["result"]["structuredContent"]["leave_id"].is_string(), "{answer}");
    !is_refused
}

fn leaves(hr: &Caller<'_>) -> Value {
    hr.result("get_hr_summary", &json!({}))["total_leave_requests"].clone()
}

#[test]
fn a_server_writes_again_by_itself_when_there_is_room_again() {
    const MOST: u64 = 1000;
    let (world, folder) = (World::start(), tempfile::tempdir().unwrap());
    let process = Service::start("mcp-hr", |port| {
        disk::outlives_failed_writes(&HrServer::serve(folder.path(), port, &world.auth.issuer))
    });
    let server = HrServer::with_process(process);
    world.admin().set_resource("hr", &server.manifest());
    let token = world.auth.token(&world.client(&["Officer"]), &[("resource", &server.resource)]);
    let hr = server.caller(&token, Era::July2026);
    let before = leaves(&hr).as_u64().unwrap();

    let grown = std::fs::metadata(folder.path().join("hr.db-wal")).unwrap().len();
    disk::limit_files_of(server.process.pid(), grown + 64 * 1024);
    let stored = (0..MOST).take_while(|_| is_stored(&hr)).count() as u64;
    assert!(stored > 0 && stored < MOST, "{stored} of {MOST} were stored");
    for _ in 0..3 {
        assert!(!is_stored(&hr), "the disk is still full");
    }
    assert_eq!(leaves(&hr), before + stored, "what was confirmed is there, and nothing else");

    disk::unlimit_files_of(server.process.pid());
    assert!(is_stored(&hr), "{}", server.process.log());
    assert_eq!(leaves(&hr), before + stored + 1);
}
