//! How the tools present themselves, and which revisions of MCP are spoken.

use super::*;

#[tokio::test]
async fn each_tool_says_what_it_is_and_what_it_takes() {
    let server = Server::empty().await;
    let listed = server.ask("2025-11-25", "tools/list", json!({})).await;
    let tools = listed["result"]["tools"].as_array().unwrap();
    let kinds: Vec<_> = tools
        .iter()
        .map(|tool| (tool["name"].as_str().unwrap(), tool["annotations"]["readOnlyHint"].as_bool().unwrap()))
        .collect();
    let expected = [
        ("add_employee_record", false),
        ("create_leave_request", false),
        ("get_employee_records", true),
        ("get_hr_summary", true),
    ];
    assert_eq!(kinds, expected);
    for tool in tools {
        assert!(tool["title"].is_string() && tool["description"].is_string(), "{tool}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], json!(false), "{tool}");
        for schema in [&tool["inputSchema"], &tool["outputSchema"]] {
            assert_eq!(schema["type"], "object");
            assert!(schema["properties"].is_object() && schema.get("$defs").is_none(), "{schema}");
        }
    }
    let required: Vec<_> = tools[0]["inputSchema"]["required"].as_array().unwrap().iter().collect();
    assert_eq!(required.len(), 11, "all but manager_id and notes: {required:?}");
}

#[tokio::test]
async fn what_a_tool_gives_fits_the_schema_that_it_advertises() {
    let server = Server::with_sample_data().await;
    let listed = server.ask("2025-11-25", "tools/list", json!({})).await;
    let calls = [
        ("get_employee_records", json!({})),
        ("get_employee_records", json!({"employee_id": "EMP-999"})),
        ("get_hr_summary", json!({})),
        (
            "create_leave_request",
            json!({
                "employee_id": "EMP-001", "leave_type": "sick", "start_date": "2024-02-01", "end_date": "2024-02-01",
                "reason": "Flu"
            }),
        ),
    ];
    for (name, arguments) in calls {
        let tools = listed["result"]["tools"].as_array().unwrap();
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        let result = server.ok(name, arguments).await;
        let problems: Vec<_> = jsonschema::validator_for(&tool["outputSchema"])
            .unwrap()
            .iter_errors(&result)
            .map(|error| error.to_string())
            .collect();
        assert!(problems.is_empty(), "{name}: {problems:?}");
    }
}

#[tokio::test]
async fn an_unknown_tool_is_the_protocols_own_error() {
    let server = Server::empty().await;
    let answer = server.ask("2025-11-25", "tools/call", json!({"name": "drop_everything", "arguments": {}})).await;
    assert_eq!(answer["error"]["code"], json!(-32602));
}

#[tokio::test]
async fn arguments_that_are_no_object_are_a_protocol_error() {
    let server = Server::empty().await;
    for arguments in [json!([]), json!("x"), json!(5)] {
        let params = json!({"name": "get_hr_summary", "arguments": arguments});
        let answer = server.ask("2025-11-25", "tools/call", params).await;
        assert_eq!(answer["error"]["code"], json!(-32602), "{answer}");
    }
    assert_eq!(server.ask("2025-11-25", "tools/drop", json!({})).await["error"]["code"], json!(-32601));
}

#[tokio::test]
async fn the_server_names_itself() {
    let server = Server::empty().await;
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}
    });
    let answer = server.ask("2025-11-25", "initialize", hello).await;
    let expected = json!({"name": "HRManagementMCP", "version": env!("CARGO_PKG_VERSION")});
    assert_eq!(answer["result"]["serverInfo"], expected);
}

#[tokio::test]
async fn three_revisions_are_spoken_and_no_other() {
    let server = Server::empty().await;
    for version in ["2026-07-28", "2025-11-25", "2025-06-18"] {
        let answer = server.ask(version, "tools/list", json!({})).await;
        assert_eq!(answer["result"]["tools"].as_array().map(Vec::len), Some(4), "{version}: {answer}");
    }
    for version in ["2025-03-26", "2024-11-05"] {
        for (method, params) in [("tools/list", json!({})), ("tools/call", json!({"name": "get_hr_summary"}))] {
            let answer = server.ask(version, method, params).await;
            assert_eq!(answer["error"]["code"], json!(-32022), "{version}: {answer}");
        }
    }
    let discovered = server.ask("2026-07-28", "server/discover", json!({})).await;
    assert_eq!(discovered["result"]["supportedVersions"], json!(["2026-07-28", "2025-11-25", "2025-06-18"]));
}

#[tokio::test]
async fn the_list_of_tools_is_private_to_its_caller() {
    let server = Server::empty().await;
    let listed = server.ask("2026-07-28", "tools/list", json!({})).await;
    assert_eq!((&listed["result"]["cacheScope"], &listed["result"]["ttlMs"]), (&json!("private"), &json!(0)));
}
