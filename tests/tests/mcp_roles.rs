//! Every role of the world and every tool of HR, in each era: `tools/list` shows exactly what a call
//! would allow.

#![expect(clippy::panic, reason = "a test may panic; that is how it fails")]

use bailiwick_e2e::hr::{READING, WRITING};
use bailiwick_e2e::world::ROLES;
use bailiwick_e2e::{Era, World};
use serde_json::json;

/// What each role may call at HR, spelt out here by hand and not computed from its scope.
fn allowed(role: &str) -> Vec<&'static str> {
    let mut tools = match role {
        "Manager" | "AssistantManager" | "Officer" => [READING, WRITING].concat(),
        "Reader" | "LookUp" => READING.to_vec(),
        "Writer" => WRITING.to_vec(),
        "LeaveClerk" => vec!["create_leave_request"],
        "Registrar" => vec!["add_employee_record", "get_employee_records", "get_hr_summary"],
        _ => vec![],
    };
    tools.sort_unstable();
    tools
}

/// Whether a call of the tool is let through to it. The arguments are wrong on purpose: the tool
/// itself refuses them, so nothing is changed.
fn is_let_through(world: &World, token: &str, era: Era, tool: &str) -> bool {
    let answer = world.hr.caller(token, era).call(tool, &json!({"no_such_argument": 1}));
    match answer.status {
        200 => {
            assert_eq!(answer.json()["result"]["isError"], true, "{tool} took nonsense: {answer:#?}");
            true
        }
        403 => {
            assert!(answer.challenge().contains(&format!(r#"scope="hr:{tool}""#)), "{tool}: {answer:#?}");
            false
        }
        _ => panic!("{era} {tool}: {answer:#?}"),
    }
}

#[test]
fn the_list_shows_exactly_what_a_call_allows() {
    let world = World::shared();
    for (role, _) in ROLES.iter().filter(|(role, _)| !allowed(role).is_empty()) {
        let token = world.hr_token(&[role], "");
        for era in Era::ALL {
            assert_eq!(world.hr.caller(&token, era).list(), allowed(role), "{era} {role}");
            for tool in [READING, WRITING].concat() {
                let expected = allowed(role).contains(&tool);
                assert_eq!(is_let_through(&world, &token, era, tool), expected, "{era} {role} {tool}");
            }
        }
    }
}

#[test]
fn a_token_that_was_narrowed_shows_and_allows_only_what_it_names() {
    let world = World::shared();
    for (scope, expected) in [
        ("hr:read", READING.to_vec()),
        ("hr:get_hr_summary", vec!["get_hr_summary"]),
        ("hr:get_hr_summary hr:create_leave_request", vec!["create_leave_request", "get_hr_summary"]),
    ] {
        let token = world.hr_token(&["Manager"], scope);
        for era in Era::ALL {
            assert_eq!(world.hr.caller(&token, era).list(), expected, "{era} {scope}");
            assert!(!is_let_through(&world, &token, era, "add_employee_record"), "{era} {scope}");
        }
    }
}

#[test]
fn a_role_without_anything_at_hr_gets_no_token_for_it() {
    let world = World::shared();
    let client = world.client(&["Outsider"]);
    let answer = world.auth.request_token(&client, &[("resource", &world.hr.resource)]);
    assert_eq!(answer.status, 400, "{answer:#?}");
}

#[test]
fn every_tool_is_described_with_its_schemas_and_its_kind() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    for era in Era::ALL {
        for tool in world.hr.caller(&token, era).describe() {
            let name = tool["name"].as_str().unwrap_or_default();
            assert_eq!(tool["inputSchema"]["type"], "object", "{era} {tool}");
            assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{era} {tool}");
            assert_eq!(tool["outputSchema"]["type"], "object", "{era} {tool}");
            assert!(tool["description"].as_str().is_some_and(|text| text.len() > 10), "{era} {tool}");
            assert_eq!(tool["annotations"]["readOnlyHint"], READING.contains(&name), "{era} {tool}");
        }
    }
}

#[test]
fn a_list_that_depends_on_the_caller_is_private() {
    let world = World::shared();
    let token = world.hr_token(&["Reader"], "");
    let answer = world.hr.caller(&token, Era::July2026).request("tools/list", json!({})).expect(200);
    let result = &answer.json()["result"];
    assert_eq!((&result["cacheScope"], &result["resultType"]), (&json!("private"), &json!("complete")), "{answer:#?}");
    assert!(result["ttlMs"].is_u64(), "{answer:#?}");
}

#[test]
fn the_server_says_who_it_is_and_which_revisions_it_speaks() {
    let world = World::shared();
    let token = world.hr_token(&["LeaveClerk"], "");
    let answer = world.hr.caller(&token, Era::July2026).request("server/discover", json!({})).expect(200);
    let versions = answer.json()["result"]["supportedVersions"].clone();
    assert_eq!(versions, json!(["2026-07-28", "2025-11-25", "2025-06-18"]), "{answer:#?}");
    for era in [Era::June2025, Era::November2025] {
        let hello = json!({
            "protocolVersion": era.version(), "capabilities": {}, "clientInfo": {"name": "e2e", "version": "0"},
        });
        let answer = world.hr.caller(&token, era).request("initialize", hello).expect(200);
        let result = &answer.json()["result"];
        assert_eq!(result["protocolVersion"], era.version(), "{answer:#?}");
        assert_eq!(result["serverInfo"]["name"], "HRManagementMCP", "{answer:#?}");
        assert_eq!(answer.header("mcp-session-id"), "", "nothing is kept between requests");
    }
}

#[test]
fn any_valid_token_may_ping_and_notify() {
    let world = World::shared();
    let token = world.hr_token(&["LeaveClerk"], "");
    let caller = world.hr.caller(&token, Era::November2025);
    assert_eq!(caller.request("ping", json!({})).expect(200).json()["result"], json!({}));
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let answer = bailiwick_e2e::http::send(caller.post("notifications/initialized", None).json(&notification));
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
}
