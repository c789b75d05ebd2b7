//! One log line and one count per decision, from the same words; never a token.

use std::sync::Arc;

use futures::FutureExt;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::unconstrained;

use crate::issuer::SigningKey;
use crate::logs::listen;
use crate::scene::{Scene, call, post, request};

/// A scene whose records are written one by one, each when the log is given another turn.
async fn written_by_turns() -> (Scene, Arc<Semaphore>) {
    let turns = Arc::new(Semaphore::new(0));
    let log = Arc::clone(&turns);
    let scene = Scene::built(|builder| {
        builder.records_written(move || {
            let log = Arc::clone(&log);
            async move { log.acquire().await.unwrap().forget() }
        })
    });
    (scene.await, turns)
}

#[tokio::test]
async fn no_tool_runs_and_no_refusal_is_answered_before_the_record_is_written() {
    let (lines, _listening) = listen();
    let (scene, turns) = written_by_turns().await;
    let token = scene.token("hr:look");
    // Knows the keys from here on, so that the log is all that is waited for.
    turns.add_permits(1);
    scene.call(&token, "look").await;
    for (number, tool) in ["look", "add"].into_iter().enumerate() {
        let mut answer = unconstrained(scene.call(&token, tool)).boxed_local();
        assert!(answer.as_mut().now_or_never().is_none(), "{tool} is answered");
        assert_eq!(lines.decisions().len(), 2 + number, "{tool} is told of");
        assert_eq!(scene.ran(), if number == 0 { ["look"].as_slice() } else { &["look"; 2] });
        turns.add_permits(1);
        answer.await;
    }
    assert_eq!(scene.ran(), ["look"; 2]);
}

#[tokio::test]
async fn each_decision_is_one_line_with_its_reason_and_its_caller() {
    let (lines, _listening) = listen();
    let scene = Scene::begin().await;
    let token = scene.token("hr:look");
    scene.call(&token, "look").await;
    scene.call(&token, "add").await;
    scene.call(&token, "dröp everything\n").await;
    scene.post(&token, &request("acme/unknown")).await;
    scene.send(post(None, "")).await;
    let other = SigningKey::es256("stolen").sign(&scene.claims("hr:*"));
    scene.call(&other, "look").await;
    let caller = |mut fields: Value| {
        for (name, value) in
            [("server", "hr"), ("sub", "agent"), ("client_id", "agent"), ("jti", "token-1"), ("mode", "oauth")]
        {
            fields[name] = json!(value);
        }
        fields
    };
    let line = |decision: &str, reason: &str, method: &str, tool: &str| json!({ "decision": decision, "reason": reason, "method": method, "tool": tool, "server": "hr" });
    let mut denied = caller(line("deny", "insufficient_scope", "tools/call", "add"));
    denied["needed"] = json!("hr:add");
    let mut unknown_key = line("deny", "token_key_unknown", "none", "none");
    unknown_key["detail"] = json!("UnknownKey(KeyId(\"stolen\"))");
    let expected = vec![
        caller(line("allow", "allowed", "tools/call", "look")),
        denied,
        caller(line("deny", "unknown_tool", "tools/call", "other")),
        caller(line("deny", "undeclared_method", "other", "none")),
        line("deny", "token_missing", "none", "none"),
        unknown_key,
    ];
    assert_eq!(lines.decisions(), expected);
}

#[tokio::test]
async fn no_log_line_of_any_level_holds_a_token() {
    let (lines, _listening) = listen();
    let scene = Scene::begin().await;
    let tokens = [
        scene.token("hr:look"),
        SigningKey::es256("key-1").sign(&scene.claims("hr:*")),
        SigningKey::es256("stolen").sign(&scene.claims("hr:*")),
        "nonsense-that-is-secret".to_owned(),
    ];
    for token in &tokens {
        scene.call(token, "look").await;
        let mut asked = post(Some(token), call("look").to_string());
        *asked.uri_mut() = format!("/mcp?access_token={token}").parse().unwrap();
        scene.send(asked).await;
    }
    let all = lines.all();
    assert!(all.contains("token_malformed"));
    for token in &tokens {
        let end = &token[token.len() - 16..];
        assert!(!all.contains(end), "a token is in the log");
    }
}

#[tokio::test]
async fn each_decision_is_counted_under_names_that_no_caller_invents() {
    let mut registry = Registry::default();
    let scene = Scene::built(|builder| builder.metrics(&mut registry)).await;
    let token = scene.token("hr:look");
    scene.call(&token, "look").await;
    scene.call(&token, "look").await;
    scene.call(&token, "add").await;
    for number in 0..20 {
        scene.call(&token, &format!("invented-{number}")).await;
        scene.post(&token, &request(&format!("invented/{number}"))).await;
    }
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    for expected in [
        r#"bailiwick_guard_decisions_total{server="hr",method="tools/call",tool="look",decision="allow",reason="allowed"} 2"#,
        r#"bailiwick_guard_decisions_total{server="hr",method="tools/call",tool="add",decision="allow",reason="allowed"} 0"#,
        r#"bailiwick_guard_decisions_total{server="hr",method="tools/call",tool="add",decision="deny",reason="insufficient_scope"} 1"#,
        r#"bailiwick_guard_decisions_total{server="hr",method="tools/call",tool="other",decision="deny",reason="unknown_tool"} 20"#,
        r#"bailiwick_guard_decisions_total{server="hr",method="other",tool="none",decision="deny",reason="undeclared_method"} 20"#,
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    let (none, some): (Vec<_>, Vec<_>) = text
        .lines()
        .filter(|line| line.starts_with("bailiwick_guard_decisions_total{"))
        .partition(|line| line.ends_with(" 0"));
    assert_eq!(some.len(), 4, "{text}");
    // Of the server's four tools, those that nobody was allowed to call so far.
    assert_eq!(none.len(), 3, "{text}");
    assert!(none.iter().all(|line| line.contains(r#"decision="allow""#)), "{text}");
}
