//! The list shows exactly what a call would allow, whatever form the server answers in.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::{Value, json};
use tower::service_fn;

use crate::scene::{HOST, Scene, call, modern, post, request};
use crate::server::Server;

const ALL: [&str; 4] = ["add", "list", "look", "whoami"];

/// A scene whose server answers everything with this.
async fn answering(content_type: &'static str, body: &'static str) -> Scene {
    answering_with(move |_| Response::builder().header("content-type", content_type).body(Body::from(body)).unwrap())
        .await
}

async fn answering_with(answer: impl Fn(Request<Body>) -> Response<Body> + Clone + Send + Sync + 'static) -> Scene {
    let mut scene = Scene::begin().await;
    let service = service_fn(move |request| std::future::ready(Ok::<_, std::convert::Infallible>(answer(request))));
    scene.put_behind(Router::new().route_service("/mcp", service).layer(scene.guard.layer()));
    scene
}

#[tokio::test]
async fn the_list_is_what_a_call_would_allow_for_every_scope() {
    let scene = Scene::begin().await;
    for scope in
        ["", "hr:*", "hr:read", "hr:write", "hr:add", "hr:look hr:add", "hr:list hr:write", "project:*", "hr:gone"]
    {
        let token = scene.token(scope);
        let listed = scene.post(&token, &request("tools/list")).await.tools();
        let modern_list = scene.send(modern(&token, "tools/list", json!({}))).await;
        assert_eq!(modern_list.tools(), listed, "{scope}");
        for tool in ALL {
            let called = scene.call(&token, tool).await.status == 200;
            assert_eq!(called, listed.contains(&tool.to_owned()), "{tool} under {scope}");
        }
    }
    assert_eq!(scene.post(&scene.token("hr:*"), &request("tools/list")).await.tools(), ALL);
}

#[tokio::test]
async fn what_a_list_says_of_a_tool_stays_and_its_cache_is_private() {
    let scene = Scene::begin().await;
    let answer = scene.send(modern(&scene.token("hr:look"), "tools/list", json!({}))).await.json();
    assert_eq!(answer["result"]["cacheScope"], "private");
    assert_eq!(answer["result"]["resultType"], "complete");
    let look = &answer["result"]["tools"][0];
    assert_eq!((&look["name"], &look["description"]), (&json!("look"), &json!("Looks")));
    assert_eq!(look["annotations"]["readOnlyHint"], true);
    let legacy = scene.post(&scene.token("hr:look"), &request("tools/list")).await.json();
    assert_eq!(legacy["result"].get("cacheScope"), None);
}

#[tokio::test]
async fn a_list_that_comes_as_an_event_stream_is_filtered_too() {
    let mut scene = Scene::begin().await;
    let (ran, config) = (Arc::clone(&scene.ran), StreamableHttpServerConfig::default().with_legacy_session_mode(false));
    let server = Server::new(ran);
    let service =
        StreamableHttpService::new(move || Ok(server.clone()), Arc::new(NeverSessionManager::default()), config);
    scene.put_behind(Router::new().route_service("/mcp", service).layer(scene.guard.layer()));
    let answer = scene.post(&scene.token("hr:look"), &request("tools/list")).await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let messages: Vec<Value> = answer
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| !data.is_empty())
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["result"]["tools"].as_array().unwrap().len(), 1);
    assert_eq!(messages[0]["result"]["tools"][0]["name"], "look");
    assert_eq!(scene.call(&scene.token("hr:look"), "look").await.status, 200);
    assert_eq!(scene.ran(), ["look"]);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_not_passed_on() {
    for (content_type, body) in [
        ("application/json; charset=utf-8", "nonsense add"),
        ("application/json", "{\"result\":{\"tools\":[{\"name\":\"add\"}]}"),
        ("application/json", "[{\"result\":{\"tools\":[{\"name\":\"add\"}]}}]"),
        ("text/html", "{\"result\":{\"tools\":[{\"name\":\"add\"}]}}"),
        ("application/cbor", "add"),
    ] {
        let scene = answering(content_type, body).await;
        let answer = scene.post(&scene.token("hr:look"), &request("tools/list")).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (500, -32603), "{content_type} {body}");
        assert!(!answer.text().contains("add"));
        assert_eq!(scene.call(&scene.token("hr:look"), "look").await.text(), body);
    }
}

#[tokio::test]
async fn a_compressed_list_is_neither_asked_for_nor_passed_on() {
    let scene = answering_with(|request| {
        let asked = request.headers().contains_key("accept-encoding");
        let response =
            Response::builder().header("content-type", "application/json").header("content-encoding", "gzip");
        response.body(Body::from(format!("asked: {asked}"))).unwrap()
    })
    .await;
    let token = scene.token("hr:look");
    let with_encoding = |mut asked: Request<Body>| {
        asked.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
        asked
    };
    let list = post(Some(&token), request("tools/list").to_string());
    assert_eq!(scene.send(with_encoding(list)).await.status, 500);
    let call = modern(&token, "tools/call", json!({ "name": "look" }));
    assert_eq!(scene.send(with_encoding(call)).await.text(), "asked: true");
}

#[tokio::test]
async fn a_servers_error_passes_as_it_is() {
    let scene = answering_with(|_| Response::builder().status(406).body(Body::from("not acceptable")).unwrap()).await;
    let answer = scene.post(&scene.token("hr:look"), &request("tools/list")).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (406, "not acceptable"));
}

#[tokio::test]
async fn a_stream_on_which_a_list_could_be_sent_again_is_filtered() {
    let stream = "id: 1\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"add\"},{\"name\":\"look\"}]}}\n\n\
                  data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n";
    let scene = answering("text/event-stream", stream).await;
    let resume = Request::get("/mcp").header("host", HOST).header("last-event-id", "0");
    let resume = resume.header("authorization", format!("Bearer {}", scene.token("hr:look")));
    let text = scene.send(resume.body(Body::empty()).unwrap()).await.text();
    assert!(text.contains("look") && text.contains("notifications/message") && !text.contains("add"), "{text}");
    let text = scene.post(&scene.token("hr:look"), &call("look")).await.text();
    assert!(text.contains("look") && !text.contains("add"), "within a session answers may be mixed up: {text}");
    let text = scene.send(modern(&scene.token("hr:look"), "tools/call", json!({ "name": "look" }))).await.text();
    assert_eq!(text, stream, "what answers another request is not touched");
}

#[tokio::test]
async fn nothing_but_the_list_is_rewritten() {
    let result = "{\"jsonrpc\":\"2.0\", \"id\":1,\"result\":{\"tools\":[{\"name\":\"add\"}], \"content\":[]}}";
    let scene = answering("application/json", result).await;
    assert_eq!(scene.call(&scene.token("hr:look"), "look").await.text(), result);
}
