//! What each method of MCP needs, in both eras.

use bailiwick_guard::MethodRule;
use serde_json::json;

use crate::scene::{Scene, modern, post, request};

#[tokio::test]
async fn any_valid_token_opens_the_handshake_and_the_list() {
    let scene = Scene::begin().await;
    let token = scene.token("");
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } } });
    let answer = scene.post(&token, &initialize).await;
    assert_eq!(answer.json()["result"]["protocolVersion"], "2025-11-25");
    for method in ["ping", "tools/list"] {
        let answer = scene.post(&token, &request(method)).await;
        assert!(answer.json().get("result").is_some(), "{method}: {}", answer.text());
    }
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(scene.post(&token, &initialized).await.status, 202);
    let answer = scene.send(modern(&token, "server/discover", json!({}))).await;
    assert!(answer.json()["result"]["supportedVersions"].is_array(), "{}", answer.text());
}

#[tokio::test]
async fn prompts_resources_and_completion_need_read() {
    let scene = Scene::begin().await;
    for method in ["prompts/list", "prompts/get", "resources/list", "resources/read", "completion/complete"] {
        let answer = scene.post(&scene.token("hr:look hr:write"), &request(method)).await;
        assert_eq!(answer.status, 403, "{method}");
        assert!(answer.challenge().starts_with(r#"Bearer error="insufficient_scope", scope="hr:read", "#));
        for scope in ["hr:read", "hr:*"] {
            assert_eq!(scene.post(&scene.token(scope), &request(method)).await.status, 200, "{method} {scope}");
        }
        assert_eq!(scene.post(&scene.token("project:read"), &request(method)).await.status, 403, "{method}");
    }
}

#[tokio::test]
async fn a_method_that_nobody_declared_is_not_found() {
    let scene = Scene::begin().await;
    let token = scene.token("hr:*");
    for method in ["logging/setLevel", "tasks/get", "subscriptions/listen", "tools/drop", "Tools/Call", "admin"] {
        let legacy = scene.post(&token, &request(method)).await;
        assert_eq!((legacy.status.as_u16(), legacy.code()), (200, -32601), "{method}");
        assert_eq!(legacy.json()["id"], 1);
        let modern = scene.send(modern(&token, method, json!({}))).await;
        assert_eq!((modern.status.as_u16(), modern.code()), (404, -32601), "{method}");
    }
}

#[tokio::test]
async fn a_declared_method_passes_by_its_own_rule() {
    let scene = Scene::built(|builder| {
        builder
            .allow_method("acme/status", MethodRule::AnyToken)
            .allow_method("acme/audit", MethodRule::Scope("hr:add".parse().unwrap()))
            .allow_method("prompts/list", MethodRule::Scope("hr:prompts".parse().unwrap()))
    })
    .await;
    // rmcp knows none of them, and says so itself, in its own words.
    let servers_own =
        |answer: crate::scene::Answer| answer.status == 200 && answer.json()["error"]["message"] != "method not found";
    assert!(servers_own(scene.post(&scene.token(""), &request("acme/status")).await));
    assert!(servers_own(scene.post(&scene.token("hr:add"), &request("acme/audit")).await));
    assert_eq!(scene.post(&scene.token("hr:read"), &request("acme/audit")).await.status, 403);
    assert_eq!(scene.post(&scene.token("hr:read"), &request("prompts/list")).await.status, 403);
    assert_eq!(scene.post(&scene.token("hr:prompts"), &request("prompts/list")).await.status, 200);
}

#[tokio::test]
async fn a_call_without_a_tools_name_is_invalid() {
    let scene = Scene::begin().await;
    for params in [json!({}), json!({ "name": 7 }), json!({ "name": null }), json!({ "name": ["look"] }), json!(null)] {
        let message = json!({ "jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": params });
        let answer = scene.post(&scene.token("hr:*"), &message).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (200, -32602), "{message}");
        assert_eq!(answer.json()["id"], "a");
    }
    assert_eq!(scene.ran(), [""; 0]);
}

#[tokio::test]
async fn an_answer_to_the_server_passes_and_is_the_servers_affair() {
    let scene = Scene::begin().await;
    let message = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
    assert_eq!(scene.post(&scene.token(""), &message).await.status, 400);
    assert_eq!(scene.send(post(None, message.to_string())).await.status, 401);
}
