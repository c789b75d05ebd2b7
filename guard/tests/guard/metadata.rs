//! Protected resource metadata (RFC 9728): where it is and what it says, to everybody.

use axum::body::Body;
use bailiwick_guard::Guard;
use http::Request;
use serde_json::json;
use tower::ServiceExt;

use crate::scene::{METADATA_URL, RESOURCE, Scene};

#[tokio::test]
async fn both_places_give_the_document_to_everybody() {
    let scene = Scene::begin().await;
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let answer =
            scene.send(Request::get(path).header("origin", "https://any.example").body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let expected = json!({
            "resource": RESOURCE,
            "authorization_servers": [scene.issuer.url],
            "scopes_supported": ["hr:read"],
            "bearer_methods_supported": ["header"],
            "resource_name": "The test server",
        });
        assert_eq!(answer.json(), expected);
    }
    assert!(METADATA_URL.ends_with("/.well-known/oauth-protected-resource/mcp"));
}

#[tokio::test]
async fn a_browser_may_ask_first() {
    let scene = Scene::begin().await;
    let asked = Request::options("/.well-known/oauth-protected-resource/mcp")
        .header("origin", "https://any.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "mcp-protocol-version");
    let answer = scene.send(asked.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("*"));
}

#[tokio::test]
async fn a_resource_without_a_path_has_its_metadata_at_the_root() {
    let issuer = "https://id.example".parse().unwrap();
    let guard = Guard::builder("https://api.example".parse().unwrap(), issuer, "hr".parse().unwrap()).build().unwrap();
    let asked = Request::get("/.well-known/oauth-protected-resource").body(Body::empty()).unwrap();
    assert_eq!(guard.metadata_routes().oneshot(asked).await.unwrap().status(), 200);
    let asked = Request::post("/").header("host", "api.example").body(Body::empty()).unwrap();
    let service = tower::service_fn(|_| {
        std::future::ready(Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty())))
    });
    let answer = tower::Layer::layer(&guard.layer(), service).oneshot(asked).await.unwrap();
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains(r#"resource_metadata="https://api.example/.well-known/oauth-protected-resource""#));
}
