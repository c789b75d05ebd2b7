//! Web pages: which may call, and what their browsers are told.

use axum::body::Body;
use http::Request;

use crate::scene::{HOST, Scene, call, post};

const INSPECTOR: &str = "http://localhost:6274";

async fn scene() -> Scene {
    Scene::built(|builder| builder.allowed_origins([INSPECTOR]).allowed_hosts(["127.0.0.1:8001"])).await
}

fn preflight(origin: &str, headers: &str) -> Request<Body> {
    let asked = Request::options("/mcp").header("host", HOST).header("origin", origin);
    let asked = asked.header("access-control-request-method", "POST").header("access-control-request-headers", headers);
    asked.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_ask_without_a_token() {
    let scene = scene().await;
    for origin in [INSPECTOR, "http://localhost:8001"] {
        let answer =
            scene.send(preflight(origin, "authorization, mcp-param-region, x-evil, mcp-param-, mcp-param-a b")).await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("access-control-allow-methods"), Some("POST, GET, DELETE"));
        assert_eq!(answer.header("vary"), Some("Origin"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        let headers = answer.header("access-control-allow-headers").unwrap();
        assert!(headers.contains("authorization") && headers.contains("mcp-param-region"), "{headers}");
        assert!(!headers.contains("x-evil") && !headers.contains('*'), "{headers}");
    }
    assert_eq!(scene.ran(), [""; 0]);
}

#[tokio::test]
async fn a_page_of_another_origin_may_not() {
    let scene = scene().await;
    for origin in ["https://evil.example", "null", "http://localhost:6275"] {
        let answer = scene.send(preflight(origin, "authorization")).await;
        assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (403, None));
    }
}

#[tokio::test]
async fn answers_and_challenges_can_be_read_by_an_allowed_page_and_no_other() {
    let scene = scene().await;
    let token = scene.token("hr:look");
    for (token, status) in [(Some(token.as_str()), 200), (None, 401)] {
        let mut asked = post(token, call("look").to_string());
        asked.headers_mut().insert("origin", INSPECTOR.parse().unwrap());
        let answer = scene.send(asked).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(INSPECTOR));
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("WWW-Authenticate") && exposed.contains("Mcp-Session-Id"), "{exposed}");
        let without_page = scene.send(post(token, call("look").to_string())).await;
        assert_eq!(without_page.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn an_allowed_host_reaches_the_server() {
    let scene = scene().await;
    for (host, status) in [("127.0.0.1:8001", 200), ("127.0.0.1", 403), ("[::1]:8001", 403)] {
        let mut asked = post(Some(&scene.token("hr:look")), call("look").to_string());
        asked.headers_mut().insert("host", host.parse().unwrap());
        assert_eq!(scene.send(asked).await.status, status, "{host}");
    }
}
