//! A feed that is slow, broken or lying is survived: nothing is believed in part, nothing that was known
//! is lost, the log says what is wrong and what to do, and hearing resumes by itself.

use std::time::Duration;

use bailiwick_guard::{Credentials, Hearing};
use serde_json::{Value, json};

use crate::feed::{FEED, SECRET, TOKENS, event};
use crate::issuer::Behaviour;
use crate::logs::{Lines, listen};
use crate::scene::Scene;
use crate::time::{StoppedTime, until};

fn token(scene: &Scene, client: &str) -> String {
    let mut claims = scene.claims("hr:look");
    claims["client_id"] = json!(client);
    claims["rev"] = json!(0);
    scene.key.sign(&claims)
}

/// The warnings of hearing.
fn warnings(lines: &Lines) -> Vec<Value> {
    let all = lines.all();
    let lines = all.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["target"] == "bailiwick_guard::revocations" && line["level"] != "INFO").collect()
}

/// Lets the feed answer so from now on, and gives what the guard logs of it.
async fn hear(scene: &Scene, lines: &Lines, time: &StoppedTime, behaviour: Behaviour) -> String {
    time.pass_until(|| scene.issuer.feed.waiting() == 1).await;
    let before = warnings(lines).len();
    scene.issuer.set(FEED, behaviour);
    // The question under way ends, and the next meets the lie.
    scene.issuer.feed.revoke("client", &format!("one-of-many-{before}"));
    time.pass_until(|| warnings(lines).len() > before).await;
    warnings(lines)[before].to_string()
}

#[tokio::test]
async fn what_is_not_whole_or_not_meant_is_not_believed_and_costs_nothing_that_was_known() {
    let (lines, _listening) = listen();
    let scene = Scene::hearing().await;
    let (honest, revoked) = (token(&scene, "honest"), token(&scene, "revoked"));
    scene.issuer.feed.revoke("client", "revoked");
    let time = StoppedTime::begin();
    let lie = |events: Vec<Value>, next: u64| json!({ "events": events, "next": next }).to_string();
    let against_honest = || event(40_000_000, "client", "honest");
    let whole = lie(vec![against_honest(), against_honest()], 40_000_000);
    let cut = whole[..whole.len() - 30].to_owned();
    let mut absurd = against_honest();
    absurd["retain_until"] = json!(i64::MAX);
    let many = vec![against_honest(); 10_001];
    let huge = format!("{}{whole}", " ".repeat(16 * 1024 * 1024));
    let cases = [
        ("cut off", Behaviour::Text(200, cut.clone()), "cut off or not the feed's JSON"),
        ("broken off", Behaviour::BreaksOff(cut), "cannot be reached"),
        ("garbage", Behaviour::Text(200, "<html>".to_owned()), "cut off or not the feed's JSON"),
        ("huge", Behaviour::Text(200, huge), "more than 16777216 bytes"),
        ("too many events", Behaviour::Text(200, lie(many, 40_000_000)), "more than 10000 events"),
        ("backwards", Behaviour::Text(200, lie(vec![against_honest()], 39_000_000)), "lies before 40000000"),
        ("beyond counting", Behaviour::Text(200, lie(vec![against_honest()], (1 << 53) + 1)), "beyond 2^53"),
        ("an absurd time", Behaviour::Text(200, lie(vec![absurd], 40_000_000)), "after 9999"),
        ("a redirect", Behaviour::Redirect("http://127.0.0.1:1/".to_owned()), "302"),
        ("an error", Behaviour::Text(500, whole), "500"),
        ("forbidden", Behaviour::Text(403, String::new()), "give its client the role guard"),
        ("no feed", Behaviour::Text(404, String::new()), "has no revocation feed"),
        ("another place", Behaviour::Text(410, String::new()), "is read anew"),
    ];
    for (name, behaviour, expected) in cases {
        let told = hear(&scene, &lines, &time, behaviour).await;
        assert!(told.contains(expected), "{name}: {told}");
        assert_eq!((scene.status_of(&honest).await, scene.status_of(&revoked).await), (200, 401), "{name}");
        scene.issuer.remove(FEED);
        time.pass_until(|| scene.issuer.feed.waiting() == 1).await;
        assert_eq!((scene.status_of(&honest).await, scene.status_of(&revoked).await), (200, 401), "{name}");
        assert_eq!(scene.guard.hearing(), Hearing::Heard, "{name}: hearing resumes by itself");
    }
}

#[tokio::test]
async fn events_that_come_again_or_out_of_order_are_taken_and_told_once_an_answer() {
    let (lines, _listening) = listen();
    let scene = Scene::hearing().await;
    let time = StoppedTime::begin();
    let events = [
        event(9_000_002, "client", "twice"),
        event(9_000_001, "client", "early"),
        event(9_000_002, "client", "twice"),
        event(9_000_001, "client", "twice"),
    ];
    let answer = json!({ "events": events, "next": 9_000_002 });
    let told = hear(&scene, &lines, &time, Behaviour::Json(answer)).await;
    assert!(told.contains("out of order"), "{told}");
    for client in ["twice", "early"] {
        assert_eq!(scene.status_of(&token(&scene, client)).await, 401, "{client}");
    }
    let mut claims = scene.claims("hr:look");
    claims["client_id"] = json!("twice");
    for (rev, status) in [(9_000_001, 401), (9_000_002, 200)] {
        claims["rev"] = json!(rev);
        assert_eq!(scene.status_of(&scene.key.sign(&claims)).await, status, "{rev}");
    }
}

#[tokio::test]
async fn a_kind_of_later_days_is_told_and_passed_over() {
    let (lines, _listening) = listen();
    let scene = Scene::hearing().await;
    let time = StoppedTime::begin();
    let events = [event(9_000_001, "tenant", "agent"), event(9_000_002, "client", "other")];
    let answer = json!({ "events": events, "next": 9_000_002 });
    let told = hear(&scene, &lines, &time, Behaviour::Json(answer)).await;
    assert!(told.contains("tenant") && told.contains("renew the guard"), "{told}");
    assert_eq!(scene.status_of(&token(&scene, "agent")).await, 200);
    assert_eq!(scene.status_of(&token(&scene, "other")).await, 401);
}

#[tokio::test]
async fn a_feed_that_answers_at_once_with_nothing_new_is_not_asked_as_fast_as_it_answers() {
    let scene = Scene::hearing().await;
    until(|| scene.issuer.feed.waiting() == 1).await;
    let time = StoppedTime::begin();
    let seq = scene.issuer.feed.revoke("client", "somebody");
    let again = json!({ "events": [event(seq, "client", "somebody")], "next": seq });
    scene.issuer.set(FEED, Behaviour::Json(again));
    assert_restful(&scene, &time).await;
    // And one that goes on all the time and has nothing to say.
    scene.issuer.set(FEED, Behaviour::Json(json!({ "events": [], "next": seq + 1 })));
    assert_restful(&scene, &time).await;
}

/// That the feed is asked, and not more than four times a second.
async fn assert_restful(scene: &Scene, time: &StoppedTime) {
    let (fetches, began) = (scene.issuer.fetches(FEED), tokio::time::Instant::now());
    time.pass_until(|| began.elapsed() > Duration::from_secs(10)).await;
    let fetches = scene.issuer.fetches(FEED) - fetches;
    assert!((5..=41).contains(&fetches), "{fetches} questions in ten seconds");
}

#[tokio::test]
async fn a_snapshot_that_does_not_go_on_is_given_up() {
    let (lines, _listening) = listen();
    let scene = Scene::with_credentials(|builder| builder).await;
    scene.issuer.set(FEED, Behaviour::Json(json!({ "events": [event(7, "client", "somebody")], "next": 7 })));
    tokio::spawn(scene.guard.run());
    until(|| warnings(&lines).iter().any(|line| line.to_string().contains("gives no end of events"))).await;
    assert_eq!(scene.status_of(&token(&scene, "agent")).await, 503);
}

#[tokio::test]
async fn an_answer_that_never_comes_is_given_up_ten_seconds_after_its_time() {
    let (lines, _listening) = listen();
    let scene = Scene::hearing().await;
    until(|| scene.issuer.feed.waiting() == 1).await;
    let time = StoppedTime::begin();
    scene.issuer.set(FEED, Behaviour::Held(json!({})));
    scene.issuer.feed.revoke("client", "somebody");
    until(|| scene.issuer.feed.waiting() == 0).await;
    time.pass(Duration::from_millis(50)).await;
    scene.issuer.until_held().await;
    time.pass(Duration::from_secs(34)).await;
    assert_eq!(warnings(&lines).len(), 0);
    time.pass(Duration::from_secs(1)).await;
    until(|| warnings(&lines).len() == 1).await;
    let told = warnings(&lines)[0].to_string();
    assert!(told.contains("cannot be reached"), "{told}");
}

#[tokio::test]
async fn credentials_that_are_not_accepted_are_told_with_what_to_do_and_nobody_is_let_through() {
    let refused = |status, error: &str| {
        let body = json!({ "error": error, "error_description": "said the service" });
        Some(Behaviour::Text(status, body.to_string()))
    };
    let cases = [
        ("wrong", None, "check the guard's client_id and client_secret"),
        (SECRET, refused(400, "invalid_scope"), "give that client the role guard"),
        (SECRET, refused(400, "invalid_target"), "give that client the role guard"),
        (SECRET, refused(429, "temporarily_unavailable"), "said the service"),
        (SECRET, Some(Behaviour::Text(500, String::new())), "answers with 500"),
        (SECRET, Some(Behaviour::Text(200, "{}".to_owned())), "gives no usable token"),
        (SECRET, Some(Behaviour::Text(200, " ".repeat(64 * 1024 + 1))), "more than 65536 bytes"),
    ];
    for (secret, behaviour, expected) in cases {
        let (lines, _listening) = listen();
        let scene =
            Scene::built(|builder| builder.credentials(Credentials::new("guard-1".parse().unwrap(), secret))).await;
        if let Some(behaviour) = behaviour {
            scene.issuer.set(TOKENS, behaviour);
        }
        tokio::spawn(scene.guard.run());
        until(|| !warnings(&lines).is_empty()).await;
        let told = warnings(&lines)[0].to_string();
        assert!(told.contains(expected), "{expected}: {told}");
        assert_eq!(scene.status_of(&token(&scene, "agent")).await, 503, "{expected}");
        assert_eq!(scene.guard.hearing(), Hearing::NotYet);
    }
}

#[tokio::test]
async fn a_token_endpoint_that_is_not_safe_is_never_told_the_secret() {
    for (member, expected) in [(json!("http://192.0.2.1/token"), "192.0.2.1"), (Value::Null, "names no token_endpoint")]
    {
        let (lines, _listening) = listen();
        let scene = Scene::with_credentials(|builder| builder).await;
        let mut metadata = scene.issuer.metadata();
        metadata["token_endpoint"] = member;
        scene.issuer.set(crate::issuer::METADATA, Behaviour::Json(metadata));
        tokio::spawn(scene.guard.run());
        until(|| !warnings(&lines).is_empty()).await;
        let told = warnings(&lines)[0].to_string();
        assert!(told.contains(expected), "{told}");
    }
}

#[tokio::test]
async fn what_is_heard_lost_and_heard_again_is_told_and_no_secret_with_it() {
    let (lines, _listening) = listen();
    let scene = Scene::hearing().await;
    let time = StoppedTime::begin();
    let down = || Behaviour::Text(503, String::new());
    hear(&scene, &lines, &time, down()).await;
    scene.issuer.remove(FEED);
    hear(&scene, &lines, &time, down()).await;
    time.pass(Duration::from_secs(301)).await;
    until(|| lines.all().contains("nothing was heard of revocations for too long")).await;
    scene.issuer.remove(FEED);
    time.pass_until(|| scene.guard.is_ready()).await;
    let all = lines.all();
    let told =
        ["a snapshot of the revocation feed is read", "cannot be heard", "heard again", "for too long", "heard again"];
    let mut rest = all.as_str();
    for line in told {
        let at = rest.find(line).unwrap_or_else(|| panic!("{line} is not in its place in {all}"));
        rest = &rest[at + line.len()..];
    }
    assert!(!all.contains("hush") && !all.contains("feed-token"), "a secret is in the log");
}
