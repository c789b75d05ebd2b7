//! The quickstart tools as a client meets them. It is 2024-02-01T12:00:00Z.

use serde_json::{Value, json};

use super::*;

#[path = "../../../../tests/tool_server/mod.rs"]
#[expect(dead_code, reason = "servers that keep data are tested by more of it")]
mod tool_server;

mod time_tests;
mod weather_tests;

type Server = tool_server::Server<Quickstart>;

#[tokio::test]
async fn each_tool_only_reads_and_says_what_it_is() {
    let tools = Server::empty().await.tools().await;
    assert_eq!(tool_server::effects(&tools), [("TimeTool", true, false), ("weather_tool", true, false)]);
    tool_server::are_described(&tools);
}

#[tokio::test]
async fn the_server_names_itself_as_the_seed_does() {
    let server = Server::empty().await;
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}
    });
    let answer = server.ask("initialize", hello).await;
    let expected = json!({"name": "Weather and Time SSE Server", "version": env!("CARGO_PKG_VERSION")});
    assert_eq!(answer["result"]["serverInfo"], expected);
}

/// The words of a call that failed elsewhere.
async fn unavailable(server: &Server, arguments: Value) -> String {
    let result = server.call("weather_tool", arguments).await;
    assert_eq!((&result["isError"], &result["structuredContent"]["error"]), (&json!(true), &json!("unavailable")));
    let text = result["content"][0]["text"].as_str().unwrap();
    assert_eq!(result["structuredContent"]["message"], text, "text and structure say the same");
    text.to_owned()
}
