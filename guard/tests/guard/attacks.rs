//! Requests that are made to be read one way by the guard and another way by the server behind it, or
//! to smuggle something past. Proof is always what ran.

use axum::body::Body;
use futures::stream;
use serde_json::json;

use crate::scene::{Scene, call, modern, post};

/// Sends under a token that may look and may not add, and says what ran.
async fn ran_with(body: &str) -> Vec<String> {
    let scene = Scene::begin().await;
    let token = scene.token("hr:look");
    scene.send(post(Some(&token), body.to_owned())).await;
    scene.ran()
}

#[tokio::test]
async fn a_second_method_name_or_id_never_reaches_the_server() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"add"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping","params":{"name":"add"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call","params":{"name":"add"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","name":"add"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","name":"look"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","\u006eame":"add"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look"},"params":{"name":"add"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add"},"params":{"name":"look"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/call","params":{"name":"look"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look"},"result":{}}"#,
    ] {
        assert_eq!(ran_with(body).await, [""; 0], "{body}");
    }
}

#[tokio::test]
async fn a_name_in_another_spelling_is_another_tool() {
    for name in ["Add", "ADD", "add ", " add", "add\\u0000", "\\u0430dd", "look\\u0000add", "look add"] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}"}}}}"#);
        assert_eq!(ran_with(&body).await, [""; 0], "{name}");
    }
    let escaped = r#"{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"name":"\u006cook","arguments":{}}}"#;
    assert_eq!(ran_with(escaped).await, ["look"]);
}

#[tokio::test]
async fn the_name_that_counts_is_that_of_the_call_and_not_one_deeper() {
    let decoy = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","name":"look","params":{"_meta":{"name":"look"},"arguments":{"name":"look"},"name":"add"}}"#;
    assert_eq!(ran_with(decoy).await, [""; 0]);
    let reverse = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","name":"add","params":{"arguments":{"name":"add"},"name":"look"}}"#;
    assert_eq!(ran_with(reverse).await, ["look"]);
}

#[tokio::test]
async fn the_headers_never_decide() {
    let scene = Scene::begin().await;
    let token = scene.token("hr:look");
    for (method, name) in [("tools/call", "look"), ("ping", "look"), ("tools/list", "")] {
        let mut asked = modern(&token, "tools/call", json!({ "name": "add", "arguments": {} }));
        asked.headers_mut().insert("mcp-method", method.parse().unwrap());
        asked.headers_mut().insert("mcp-name", name.parse().unwrap());
        assert_eq!(scene.send(asked).await.status, 403, "{method} {name}");
    }
    assert_eq!(scene.ran(), [""; 0]);
}

#[tokio::test]
async fn a_batch_is_not_executed_in_part() {
    let batch = json!([call("look"), call("add")]).to_string();
    assert_eq!(ran_with(&batch).await, [""; 0]);
    assert_eq!(ran_with(&format!("{}{}", call("look"), call("add"))).await, [""; 0]);
    assert_eq!(ran_with(&format!("{}\n{}", call("look"), call("look"))).await, [""; 0]);
}

#[tokio::test]
async fn a_call_sent_as_a_notification_is_decided_like_any_other() {
    let scene = Scene::begin().await;
    let mut message = call("add");
    message.as_object_mut().unwrap().remove("id");
    let answer = scene.post(&scene.token("hr:look"), &message).await;
    assert_eq!(answer.status, 403);
    assert!(answer.challenge().contains(r#"scope="hr:add""#));
    assert_eq!(scene.ran(), [""; 0]);
}

#[tokio::test]
async fn a_body_in_pieces_is_read_whole() {
    let scene = Scene::begin().await;
    let text = call("add").to_string();
    let pieces = |text: &str| {
        let bytes: Vec<_> = text.bytes().map(|byte| Ok::<_, std::io::Error>(vec![byte])).collect();
        Body::from_stream(stream::iter(bytes))
    };
    assert_eq!(scene.send(post(Some(&scene.token("hr:look")), pieces(&text))).await.status, 403);
    assert_eq!(scene.ran(), [""; 0]);
    assert_eq!(scene.send(post(Some(&scene.token("hr:add")), pieces(&text))).await.status, 200);
    assert_eq!(scene.ran(), ["add"]);
}

#[tokio::test]
async fn the_server_sees_the_caller_and_never_the_token() {
    let scene = Scene::begin().await;
    let answer = scene.call(&scene.token("hr:whoami"), "whoami").await;
    assert_eq!(answer.json()["result"]["content"][0]["text"], "agent agent hr:whoami false");
}

#[tokio::test]
async fn two_callers_with_one_guard_are_never_taken_for_each_other() {
    let scene = Scene::begin().await;
    let token = |subject: &str, scope: &str| {
        let mut claims = scene.claims(scope);
        claims["sub"] = json!(subject);
        scene.key.sign(&claims)
    };
    let (may, may_not) = (token("one", "hr:whoami hr:add"), token("two", "hr:whoami"));
    for _ in 0..3 {
        for (token, subject, status) in [(&may, "one", 200), (&may_not, "two", 403)] {
            let text = scene.call(token, "whoami").await.json()["result"]["content"][0]["text"].clone();
            assert!(text.as_str().unwrap().starts_with(subject), "{text}");
            assert_eq!(scene.call(token, "add").await.status, status);
        }
    }
}

#[tokio::test]
async fn other_http_methods_and_other_tricks_with_them_are_refused() {
    let scene = Scene::begin().await;
    let token = scene.token("hr:*");
    for method in ["PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "POSTS", "post"] {
        let mut asked = post(Some(&token), call("look").to_string());
        *asked.method_mut() = method.parse().unwrap();
        asked.headers_mut().insert("x-http-method-override", "POST".parse().unwrap());
        let answer = scene.send(asked).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some("POST")), "{method}");
    }
    assert_eq!(scene.ran(), [""; 0]);
}

#[tokio::test]
async fn a_get_with_a_call_in_its_body_runs_nothing() {
    let scene = Scene::begin().await;
    for method in ["GET", "DELETE"] {
        let mut asked = post(Some(&scene.token("hr:*")), call("look").to_string());
        *asked.method_mut() = method.parse().unwrap();
        assert_eq!(scene.send(asked).await.status, 405);
    }
    assert_eq!(scene.ran(), [""; 0]);
}
