//! Third parties in Python, unchanged from the package index: the MCP SDK as a client in both protocol
//! eras, PyJWT as a verifier of tokens, a validator of the API's description. `scripts/test` makes their
//! environment.

use bailiwick_e2e::{World, binary, python};
use serde_json::{Value, json};

/// Runs a script of tests/python.
fn run(script: &str, arguments: &[&str], variable: (&str, &str)) -> Value {
    binary::run(python::command(script, arguments).env(variable.0, variable.1)).well().json()
}

fn seen_by_the_sdk(world: &World, mode: &str) -> Value {
    let token = world.hr_token(&["Reader"], "");
    let arguments = [&world.hr.resource, mode, "get_hr_summary", "add_employee_record"];
    run("mcp_client.py", &arguments, ("MCP_TOKEN", &token))
}

fn lists_calls_and_is_denied(world: &World, mode: &str, version: &str) {
    let seen = seen_by_the_sdk(world, mode);
    assert_eq!(seen["version"], version, "{seen}");
    // A client that is told the revision beforehand never asks who the server is.
    let server = if mode == version { Value::Null } else { json!("HRManagementMCP") };
    assert_eq!(seen["server"], server, "{seen}");
    assert_eq!(seen["tools"], json!(["get_employee_records", "get_hr_summary"]), "{seen}");
    assert_eq!(seen["result"]["total_employees"], 2, "{seen}");
    assert!(!seen["refusal"].as_str().unwrap_or("not refused").contains("not refused"), "{seen}");
    let challenges = seen["challenges"].as_array().cloned().unwrap_or_default();
    assert_eq!(challenges.len(), 1, "{seen}");
    let challenge = challenges[0].as_str().unwrap_or_default();
    assert!(challenge.starts_with("403 Bearer"), "{seen}");
    assert!(challenge.contains(r#"error="insufficient_scope", scope="hr:add_employee_record""#), "{seen}");
}

#[test]
fn the_python_sdk_lists_calls_and_is_denied_after_a_handshake() {
    lists_calls_and_is_denied(&World::shared(), "legacy", "2025-11-25");
}

#[test]
fn the_python_sdk_lists_calls_and_is_denied_without_a_handshake() {
    lists_calls_and_is_denied(&World::shared(), "2026-07-28", "2026-07-28");
}

#[test]
fn the_python_sdk_finds_the_newest_revision_by_itself() {
    lists_calls_and_is_denied(&World::shared(), "auto", "2026-07-28");
}

#[test]
fn a_python_resource_server_finds_the_keys_and_verifies_the_token() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    let claims = run("verify_token.py", &[&world.auth.issuer, &world.hr.resource], ("TOKEN", &token));
    assert_eq!(claims["scope"], "hr:*");
}

#[test]
fn a_validator_finds_nothing_wrong_with_the_description_of_the_api() {
    let world = World::shared();
    let _ = run("validate_openapi.py", &[&format!("{}/openapi.json", world.auth.issuer)], ("NO_COLOR", "1"));
}
