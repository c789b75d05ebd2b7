//! Headers that name the revision and the method of a message.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use crate::scene::{Answer, Scene, call, modern, post, request};

async fn named(scene: &Scene, version: &str, message: &Value) -> Answer {
    let mut request: Request<Body> = post(Some(&scene.token("hr:*")), message.to_string());
    request.headers_mut().insert("mcp-protocol-version", version.parse().unwrap());
    scene.send(request).await
}

#[tokio::test]
async fn a_revision_that_the_server_does_not_speak_is_refused_and_nothing_runs() {
    let scene = Scene::begin().await;
    for version in ["2025-03-26", "2024-11-05", "1999-01-01", "2030-01-01x", "abc", ""] {
        for message in [call("add"), request("tools/list"), request("ping")] {
            let answer = named(&scene, version, &message).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (400, -32022), "{version}: {}", answer.text());
            let expected = json!({"supported": ["2026-07-28", "2025-11-25", "2025-06-18"], "requested": version});
            assert_eq!(answer.json()["error"]["data"], expected);
            assert_eq!(answer.json()["id"], 1);
        }
        let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let answer = named(&scene, version, &notification).await;
        assert_eq!((answer.status.as_u16(), answer.json().get("id")), (400, None), "{}", answer.text());
    }
    assert_eq!(scene.ran(), Vec::<String>::new());
    for version in ["2025-11-25", "2025-06-18"] {
        assert_eq!(named(&scene, version, &call("look")).await.status, 200, "{version}");
    }
}

#[tokio::test]
async fn the_handshake_still_settles_the_revision() {
    let scene = Scene::begin().await;
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}});
    let answer = named(&scene, "2025-03-26", &initialize).await;
    assert_eq!(answer.json()["result"]["protocolVersion"], "2025-11-25", "{}", answer.text());
}

#[tokio::test]
async fn a_header_that_contradicts_the_message_stays_a_mismatch() {
    let scene = Scene::begin().await;
    let mut request = modern(&scene.token("hr:*"), "tools/list", json!({}));
    request.headers_mut().insert("mcp-protocol-version", "2025-03-26".parse().unwrap());
    let answer = scene.send(request).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, -32020), "{}", answer.text());
}

#[tokio::test]
async fn a_method_header_that_is_not_the_messages_is_a_mismatch_and_nothing_runs() {
    let scene = Scene::begin().await;
    let token = scene.token("hr:*");
    for method in ["tools/call", "tasks/get", "ping"] {
        for named in [Some("tools/list"), Some("Tools/Call"), None] {
            let mut request = modern(&token, method, json!({"name": "add"}));
            match named {
                Some(named) => drop(request.headers_mut().insert("mcp-method", named.parse().unwrap())),
                None => drop(request.headers_mut().remove("mcp-method")),
            }
            let answer = scene.send(request).await;
            assert_eq!((answer.status.as_u16(), answer.code()), (400, -32020), "{method} {named:?}: {}", answer.text());
            assert_eq!(answer.json()["id"], 1);
        }
    }
    let mut twice = modern(&token, "tools/list", json!({}));
    twice.headers_mut().append("mcp-method", "tools/call".parse().unwrap());
    assert_eq!(scene.send(twice).await.code(), -32020);
    assert_eq!(scene.ran(), Vec::<String>::new());
}

#[tokio::test]
async fn a_revision_that_nobody_knows_is_not_settled_by_a_handshake() {
    let scene = Scene::begin().await;
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}});
    let answer = named(&scene, "abc", &initialize).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, -32022), "{}", answer.text());
}

#[tokio::test]
async fn whatever_the_server_refuses_is_said_in_json_rpc() {
    let scene = Scene::begin().await;
    for (header, value, status) in [("accept", "text/html", 406), ("content-type", "text/plain", 415)] {
        let mut request = post(Some(&scene.token("hr:*")), call("look").to_string());
        request.headers_mut().insert(header, value.parse().unwrap());
        let answer = scene.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (status, -32600), "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_said_of_revisions() {
    let scene = Scene::begin().await;
    let mut request = post(None, call("look").to_string());
    request.headers_mut().insert("mcp-protocol-version", "2025-03-26".parse().unwrap());
    assert_eq!(scene.send(request).await.status, 401);
}
