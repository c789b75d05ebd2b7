//! A server that keeps sessions: each belongs to whoever opened it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};

use crate::scene::{Answer, HOST, Scene, call, modern, post};
use crate::server::Server;

/// A scene whose server keeps sessions.
async fn with_sessions() -> Scene {
    let mut scene = Scene::begin().await;
    let server = Server::new(Arc::clone(&scene.ran));
    let config = StreamableHttpServerConfig::default();
    let service =
        StreamableHttpService::new(move || Ok(server.clone()), Arc::new(LocalSessionManager::default()), config);
    scene.put_behind(Router::new().route_service("/mcp", service).layer(scene.guard.layer()));
    scene
}

fn token(scene: &Scene, subject: &str, client: &str) -> String {
    let mut claims = scene.claims("hr:look");
    claims["sub"] = json!(subject);
    claims["client_id"] = json!(client);
    claims["jti"] = json!(format!("{subject}-{client}"));
    scene.key.sign(&claims)
}

/// Opens a session and gives its id.
async fn open(scene: &Scene, token: &str) -> String {
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } } });
    let answer = scene.post(token, &initialize).await;
    let id = answer.header("mcp-session-id").unwrap().to_owned();
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(in_session(scene, token, &id, &initialized).await.status, 202);
    id
}

async fn in_session(scene: &Scene, token: &str, id: &str, message: &Value) -> Answer {
    let mut asked = post(Some(token), message.to_string());
    asked.headers_mut().insert("mcp-session-id", id.parse().unwrap());
    scene.send(asked).await
}

fn without_body(method: &str, token: &str, id: &str) -> Request<Body> {
    let request =
        Request::builder().method(method).uri("/mcp").header("host", HOST).header("accept", "text/event-stream");
    let request = request.header("authorization", format!("Bearer {token}")).header("mcp-session-id", id);
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_session_serves_its_owner_with_any_of_his_tokens() {
    let scene = with_sessions().await;
    let id = open(&scene, &token(&scene, "usr_1", "agent")).await;
    let mut renewed = scene.claims("hr:look");
    renewed["sub"] = json!("usr_1");
    renewed["jti"] = json!("renewed");
    let answer = in_session(&scene, &scene.key.sign(&renewed), &id, &call("look")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(scene.ran(), ["look"]);
}

#[tokio::test]
async fn another_callers_session_and_none_are_answered_alike() {
    let scene = with_sessions().await;
    let owner = token(&scene, "usr_1", "agent");
    let id = open(&scene, &owner).await;
    let none = in_session(&scene, &owner, "no-such-session", &call("look")).await;
    assert_eq!(none.status, 404);
    for thief in
        [token(&scene, "usr_2", "agent"), token(&scene, "usr_1", "other-agent"), token(&scene, "agent", "agent")]
    {
        let answer = in_session(&scene, &thief, &id, &call("look")).await;
        assert_eq!((answer.status, &answer.body), (none.status, &none.body));
        for method in ["GET", "DELETE"] {
            assert_eq!(scene.send(without_body(method, &thief, &id)).await.status, 404, "{method}");
        }
    }
    assert_eq!(scene.ran(), [""; 0]);
    assert_eq!(in_session(&scene, &owner, &id, &call("look")).await.status, 200);
}

#[tokio::test]
async fn two_session_headers_are_no_session() {
    let scene = with_sessions().await;
    let (owner, thief) = (token(&scene, "usr_1", "agent"), token(&scene, "usr_2", "agent"));
    let (id, own) = (open(&scene, &owner).await, open(&scene, &thief).await);
    for pair in [[&own, &id], [&id, &own]] {
        let mut asked = post(Some(&thief), call("look").to_string());
        for id in pair {
            asked.headers_mut().append("mcp-session-id", id.parse().unwrap());
        }
        assert_eq!(scene.send(asked).await.status, 404);
    }
    assert_eq!(scene.ran(), [""; 0]);
}

#[tokio::test]
async fn the_new_era_cannot_reach_into_a_session() {
    let scene = with_sessions().await;
    let id = open(&scene, &token(&scene, "usr_1", "agent")).await;
    let thief = token(&scene, "usr_2", "agent");
    for version in ["2026-07-28", "2027-01-01", "9999-99-99"] {
        let mut asked = post(Some(&thief), call("look").to_string());
        asked.headers_mut().insert("mcp-session-id", id.parse().unwrap());
        asked.headers_mut().insert("mcp-protocol-version", version.parse().unwrap());
        asked.headers_mut().insert("mcp-method", "tools/call".parse().unwrap());
        asked.headers_mut().insert("mcp-name", "look".parse().unwrap());
        assert_eq!(scene.send(asked).await.status, 400, "{version}");
    }
    let mut asked = modern(&thief, "tools/call", json!({ "name": "look", "arguments": {} }));
    asked.headers_mut().insert("mcp-session-id", id.parse().unwrap());
    let answer = scene.send(asked).await;
    assert_eq!((answer.status.as_u16(), answer.header("mcp-session-id")), (200, None));
}

#[tokio::test]
async fn a_server_without_sessions_ignores_their_header() {
    let scene = Scene::begin().await;
    let answer = in_session(&scene, &scene.token("hr:look"), "left-over", &call("look")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(scene.ran(), ["look"]);
}

#[tokio::test]
async fn an_open_stream_is_its_owners_and_ends_with_his_token() {
    let scene = with_sessions().await;
    let owner = token(&scene, "usr_1", "agent");
    let id = open(&scene, &owner).await;
    let response = scene.open(without_body("GET", &owner, &id)).await;
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    assert!(body.frame().await.is_some(), "the stream makes itself known");
    tokio::time::pause();
    scene.clock.set(crate::scene::NOW + 900);
    let rest = tokio::time::timeout(std::time::Duration::from_millis(1001), body.collect()).await;
    assert!(rest.is_ok(), "the stream is still open a second after the token's end");
}
