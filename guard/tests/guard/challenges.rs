//! Every row of the table of answers: status, challenge to the letter, and that nothing ran.

use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::issuer::{Behaviour, JWKS, METADATA};
use crate::scene::{HOST, METADATA_URL, NOW, Scene, call, modern, post, request};

#[tokio::test]
async fn a_foreign_host_is_forbidden_before_anything_else_is_looked_at() {
    let scene = Scene::begin().await;
    let mut asked = post(Some(&scene.token("hr:*")), call("look").to_string());
    asked.headers_mut().insert("host", "evil.example".parse().unwrap());
    let answer = scene.send(asked).await;
    assert_eq!((answer.status.as_u16(), answer.challenge()), (403, ""));
    assert_eq!(scene.ran(), [""; 0]);
}

#[tokio::test]
async fn a_request_without_host_is_bad() {
    let scene = Scene::begin().await;
    let mut asked = post(Some(&scene.token("hr:*")), call("look").to_string());
    asked.headers_mut().remove("host");
    assert_eq!(scene.send(asked).await.status, 400);
}

#[tokio::test]
async fn a_foreign_origin_is_forbidden_before_the_token_is_looked_at() {
    let scene = Scene::begin().await;
    for token in [None, Some(scene.token("hr:*"))] {
        let mut asked = post(token.as_deref(), call("look").to_string());
        asked.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
        let answer = scene.send(asked).await;
        assert_eq!((answer.status.as_u16(), answer.challenge()), (403, ""));
    }
    assert_eq!(scene.ran(), [""; 0]);
}

#[tokio::test]
async fn without_a_token_the_challenge_says_where_to_get_one_and_names_no_error() {
    let scene = Scene::begin().await;
    let expected = format!(r#"Bearer resource_metadata="{METADATA_URL}", scope="hr:read""#);
    let answer = scene.send(post(None, call("add").to_string())).await;
    assert_eq!((answer.status.as_u16(), answer.challenge()), (401, expected.as_str()));
    for method in ["GET", "DELETE"] {
        let asked = Request::builder().method(method).uri("/mcp").header("host", HOST).body(Body::empty()).unwrap();
        let answer = scene.send(asked).await;
        assert_eq!((answer.status.as_u16(), answer.challenge()), (401, expected.as_str()), "{method}");
    }
    let mut basic = post(None, call("add").to_string());
    basic.headers_mut().insert("authorization", "Basic dXNlcjpwYXNz".parse().unwrap());
    let answer = scene.send(basic).await;
    assert_eq!((answer.status.as_u16(), answer.challenge()), (401, expected.as_str()));
    assert_eq!(scene.ran(), [""; 0]);
}

#[tokio::test]
async fn the_tool_that_the_headers_name_gives_the_challenge_its_scope() {
    let scene = Scene::begin().await;
    for (method, name, scope) in [
        (Some("tools/call"), "add", "hr:add"),
        (Some("tools/call"), "look", "hr:look"),
        (None, "add", "hr:add"),
        (Some("tools/call"), "nothing", "hr:read"),
        (Some("tools/call"), "", "hr:read"),
        (Some("tools/call"), "\" , x=\"", "hr:read"),
        (Some("prompts/get"), "add", "hr:read"),
    ] {
        let mut asked = post(None, "not even JSON");
        if let Some(method) = method {
            asked.headers_mut().insert("mcp-method", method.parse().unwrap());
        }
        asked.headers_mut().insert("mcp-name", name.parse().unwrap());
        let expected = format!(r#"Bearer resource_metadata="{METADATA_URL}", scope="{scope}""#);
        assert_eq!(scene.send(asked).await.challenge(), expected, "{method:?} {name}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_accepted_is_answered_with_a_short_reason() {
    let scene = Scene::begin().await;
    let mut claims = scene.claims("hr:*");
    claims["exp"] = json!(NOW - 31);
    let mut foreign = scene.claims("hr:*");
    foreign["aud"] = json!("http://localhost:8002/mcp");
    for (token, description) in [
        ("nonsense".to_owned(), "the token is not a well-formed JWT"),
        (scene.key.sign(&claims), "the token has expired"),
        (scene.key.sign(&foreign), "the token is for another resource"),
    ] {
        let answer = scene.call(&token, "look").await;
        let expected = format!(
            r#"Bearer error="invalid_token", error_description="{description}", resource_metadata="{METADATA_URL}", scope="hr:read""#
        );
        assert_eq!((answer.status.as_u16(), answer.challenge()), (401, expected.as_str()));
        assert_eq!(answer.json(), json!({ "error": "invalid_token", "error_description": description }));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    assert_eq!(scene.ran(), [""; 0]);
}

#[tokio::test]
async fn a_malformed_authorization_request_is_a_bad_request() {
    let scene = Scene::begin().await;
    let token = scene.token("hr:*");
    let with_query = |query: &str| {
        let mut asked = post(Some(&token), call("look").to_string());
        *asked.uri_mut() = format!("/mcp?{query}").parse().unwrap();
        asked
    };
    let with_header = |value: &[u8]| {
        let mut asked = post(None, call("look").to_string());
        asked.headers_mut().insert("authorization", http::HeaderValue::from_bytes(value).unwrap());
        asked
    };
    let mut twice = post(Some(&token), call("look").to_string());
    twice.headers_mut().append("authorization", format!("Bearer {token}").parse().unwrap());
    let spaced = format!("Bearer {token} {token}");
    let requests = [
        with_query(&format!("access_token={token}")),
        with_query("access%5ftoken=x"),
        twice,
        with_header(b"Bearer"),
        with_header(b"Bearer "),
        with_header(spaced.as_bytes()),
        with_header(b"Bearer \xff\xfe"),
        with_header(b""),
    ];
    for (number, asked) in requests.into_iter().enumerate() {
        let answer = scene.send(asked).await;
        assert_eq!(answer.status, 400, "request {number}");
        assert!(answer.challenge().starts_with(r#"Bearer error="invalid_request", error_description=""#));
        assert_eq!(answer.json()["error"], "invalid_request");
        assert!(!answer.text().contains(&token));
    }
    assert_eq!(scene.ran(), [""; 0]);
}

#[tokio::test]
async fn a_tool_that_is_not_allowed_is_answered_with_its_scope_and_does_not_run() {
    let scene = Scene::begin().await;
    let answer = scene.call(&scene.token("hr:read"), "add").await;
    let expected = format!(r#"Bearer error="insufficient_scope", scope="hr:add", resource_metadata="{METADATA_URL}""#);
    assert_eq!((answer.status.as_u16(), answer.challenge()), (403, expected.as_str()));
    assert_eq!(answer.json()["error"], "insufficient_scope");
    assert_eq!(answer.json()["scope"], "hr:add");
    assert_eq!(scene.ran(), [""; 0]);
}

#[tokio::test]
async fn an_unknown_tool_is_the_protocols_own_error_and_never_a_challenge() {
    let scene = Scene::begin().await;
    let token = scene.token("hr:* hr:drop_everything");
    for asked in [
        post(Some(&token), call("drop_everything").to_string()),
        modern(&token, "tools/call", json!({ "name": "drop_everything" })),
    ] {
        let answer = scene.send(asked).await;
        assert_eq!((answer.status.as_u16(), answer.code(), answer.challenge()), (200, -32602, ""));
        assert_eq!(answer.json()["id"], 1);
    }
    let mut notification = call("drop_everything");
    notification.as_object_mut().unwrap().remove("id");
    let answer = scene.post(&token, &notification).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, -32602));
    assert_eq!(answer.json().get("id"), None);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413() {
    let scene = Scene::begin().await;
    let token = scene.token("hr:*");
    let mut message = call("add");
    message["params"]["arguments"]["name"] = json!("x".repeat(1024 * 1024));
    let answer = scene.post(&token, &message).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (413, -32600));
    let chunks = (0..17).map(|_| Ok::<_, std::io::Error>(vec![b' '; 64 * 1024]));
    let unannounced = Body::from_stream(futures::stream::iter(chunks));
    assert_eq!(scene.send(post(Some(&token), unannounced)).await.status, 413);
    assert_eq!(scene.ran(), [""; 0]);
}

#[tokio::test]
async fn a_body_of_the_largest_size_passes() {
    let scene = Scene::begin().await;
    let mut body = call("look").to_string();
    body.push_str(&" ".repeat(1024 * 1024 - body.len()));
    assert_eq!(scene.send(post(Some(&scene.token("hr:*")), body)).await.status, 200);
    assert_eq!(scene.ran(), ["look"]);
}

#[tokio::test]
async fn what_is_not_one_json_rpc_message_is_bad_and_runs_nothing() {
    let scene = Scene::begin().await;
    let token = scene.token("hr:*");
    let batch = json!([call("look"), call("add")]).to_string();
    for (body, code) in [("", -32700), ("{", -32700), ("{}", -32600), ("7", -32600), (batch.as_str(), -32600)] {
        let answer = scene.send(post(Some(&token), body.to_owned())).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, code), "{body}");
    }
    let broken = Body::from_stream(futures::stream::iter([Err::<Vec<u8>, _>(std::io::Error::other("gone"))]));
    assert_eq!(scene.send(post(Some(&token), broken)).await.status, 400);
    assert_eq!(scene.ran(), [""; 0]);
}

#[tokio::test]
async fn without_usable_keys_every_token_is_503_and_the_rest_as_ever() {
    let scene = Scene::begin().await;
    scene.issuer.set(METADATA, Behaviour::Text(500, "broken".to_owned()));
    scene.issuer.set(JWKS, Behaviour::Text(500, "broken".to_owned()));
    let answer = scene.call(&scene.token("hr:*"), "look").await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("5")));
    assert!(!scene.guard.is_ready());
    assert_eq!(scene.ran(), [""; 0]);
    assert_eq!(scene.send(post(None, call("look").to_string())).await.status, 401);
    assert_eq!(scene.call("nonsense", "look").await.status, 401);
}

#[tokio::test]
async fn the_order_is_token_size_json_decision() {
    let scene = Scene::begin().await;
    let huge = "x".repeat(1024 * 1024 + 1);
    assert_eq!(scene.send(post(None, huge.clone())).await.status, 401);
    assert_eq!(scene.send(post(Some("nonsense"), huge.clone())).await.status, 401);
    assert_eq!(scene.send(post(Some(&scene.token("")), huge)).await.status, 413);
    assert_eq!(scene.send(post(Some(&scene.token("")), "not JSON")).await.status, 400);
    assert_eq!(scene.call(&scene.token(""), "look").await.status, 403);
}

#[tokio::test]
async fn what_is_allowed_reaches_the_server_in_both_eras() {
    let scene = Scene::begin().await;
    let token = scene.token("hr:look");
    assert_eq!(scene.call(&token, "look").await.json()["result"]["content"][0]["text"], "look ran");
    let answer = scene.send(modern(&token, "tools/call", json!({ "name": "look", "arguments": {} }))).await;
    assert_eq!(answer.json()["result"]["content"][0]["text"], "look ran");
    assert_eq!(scene.ran(), ["look", "look"]);
    assert_eq!(scene.post(&token, &request("ping")).await.status, 200);
}
