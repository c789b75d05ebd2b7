//! How the tools present themselves, and which revisions of MCP are spoken.

use super::*;

#[tokio::test]
async fn each_tool_says_what_it_is_and_what_it_does_to_the_data() {
    let tools = Server::empty().await.tools().await;
    let expected = [
        ("add_employee_record", false, false),
        ("create_leave_request", false, false),
        ("get_employee_records", true, false),
        ("get_hr_summary", true, false),
    ];
    assert_eq!(tool_server::effects(&tools), expected);
    tool_server::are_described(&tools);
    let required = tools["add_employee_record"]["inputSchema"]["required"].as_array().unwrap().len();
    assert_eq!(required, 11, "all but manager_id and notes");
}

#[tokio::test]
async fn what_a_tool_gives_fits_the_schema_that_it_advertises() {
    let server = Server::with_sample_data().await;
    let leave = json!({
        "employee_id": "EMP-001", "leave_type": "sick", "start_date": "2024-02-01", "end_date": "2024-02-01",
        "reason": "Flu"
    });
    let calls = [
        ("get_employee_records", json!({})),
        ("get_employee_records", json!({"employee_id": "EMP-999"})),
        ("get_hr_summary", json!({})),
        ("create_leave_request", leave),
    ];
    server.gives_what_it_advertises(calls).await;
}

#[tokio::test]
async fn an_unknown_tool_is_the_protocols_own_error() {
    let server = Server::empty().await;
    let answer = server.ask("tools/call", json!({"name": "drop_everything", "arguments": {}})).await;
    assert_eq!(answer["error"]["code"], json!(-32602));
}

#[tokio::test]
async fn arguments_that_are_no_object_are_a_protocol_error() {
    let server = Server::empty().await;
    for arguments in [json!([]), json!("x"), json!(5)] {
        let params = json!({"name": "get_hr_summary", "arguments": arguments});
        let answer = server.ask("tools/call", params).await;
        assert_eq!(answer["error"]["code"], json!(-32602), "{answer}");
    }
}

#[tokio::test]
async fn a_method_that_there_is_not_is_told_by_name() {
    let server = Server::empty().await;
    let uri = json!({"uri": "file:///x"});
    for (method, params) in [
        ("tools/drop", json!({})),
        ("prompts/list", json!({})),
        ("prompts/get", json!({"name": "x"})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", uri.clone()),
        ("resources/subscribe", uri.clone()),
        ("resources/unsubscribe", uri),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "x"}, "argument": {"name": "a", "value": "b"}}),
        ),
    ] {
        let unknown = json!({"code": -32601, "message": format!("method not found: {method}")});
        assert_eq!(server.ask(method, params).await["error"], unknown);
    }
}

#[tokio::test]
async fn an_initialize_that_lacks_something_is_told_what() {
    let server = Server::empty().await;
    for params in [
        json!({"protocolVersion": "2025-11-25", "capabilities": {}}),
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": null}),
    ] {
        let answer = server.ask("initialize", params).await;
        let words = "the params of initialize need clientInfo.name, a string; clientInfo.version, a string";
        assert_eq!(answer["error"], json!({"code": -32602, "message": words}));
    }
    let all = server.ask("initialize", json!({})).await;
    assert_eq!(all["error"]["code"], -32602, "{all}");
    let capabilities = json!({"protocolVersion": "2025-11-25", "clientInfo": {"name": "test", "version": "1"}});
    let answer = server.ask("initialize", capabilities).await;
    assert_eq!(answer["error"]["message"], "the params of initialize need capabilities, an object");
}

#[tokio::test]
async fn who_initializes_in_a_revision_without_it_is_told_which_are_spoken() {
    let server = Server::empty().await;
    let error = &server.ask_in("2026-07-28", "initialize", json!({})).await["error"];
    assert_eq!(error["code"], -32601, "{error}");
    assert_eq!(error["data"]["supported"], json!(["2026-07-28", "2025-11-25", "2025-06-18"]), "{error}");
}

#[tokio::test]
async fn the_server_names_itself() {
    let server = Server::empty().await;
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}
    });
    let answer = server.ask("initialize", hello).await;
    let expected = json!({"name": "HRManagementMCP", "version": env!("CARGO_PKG_VERSION")});
    assert_eq!(answer["result"]["serverInfo"], expected);
}

#[tokio::test]
async fn every_result_of_the_newest_revision_says_who_answers() {
    let server = Server::empty().await;
    let expected = json!({"name": "HRManagementMCP", "version": env!("CARGO_PKG_VERSION")});
    let summary = json!({"name": "get_hr_summary"});
    for (method, params) in [("server/discover", json!({})), ("tools/list", json!({})), ("tools/call", summary)] {
        let answer = server.ask_in("2026-07-28", method, params.clone()).await;
        assert_eq!(answer["result"]["_meta"]["io.modelcontextprotocol/serverInfo"], expected, "{method}: {answer}");
        let older = server.ask_in("2025-11-25", method, params).await;
        assert!(older["result"]["_meta"].is_null(), "{method}: {older}");
    }
}

#[tokio::test]
async fn three_revisions_are_spoken() {
    let server = Server::empty().await;
    for version in ["2026-07-28", "2025-11-25", "2025-06-18"] {
        let answer = server.ask_in(version, "tools/list", json!({})).await;
        assert_eq!(answer["result"]["tools"].as_array().map(Vec::len), Some(4), "{version}: {answer}");
    }
    let discovered = server.ask_in("2026-07-28", "server/discover", json!({})).await;
    assert_eq!(discovered["result"]["supportedVersions"], json!(["2026-07-28", "2025-11-25", "2025-06-18"]));
}

#[tokio::test]
async fn the_list_of_tools_is_private_to_its_caller() {
    let server = Server::empty().await;
    let listed = server.ask_in("2026-07-28", "tools/list", json!({})).await;
    assert_eq!((&listed["result"]["cacheScope"], &listed["result"]["ttlMs"]), (&json!("private"), &json!(0)));
}
