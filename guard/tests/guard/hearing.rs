//! When the guard knows enough to let anybody through: before the first snapshot, in a silence, when the
//! service begins anew, when clocks are wrong, when there is too much to keep.

use std::time::Duration;

use bailiwick_guard::{Guard, Hearing};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::json;

use crate::feed::{FEED, TOKENS, event};
use crate::issuer::Behaviour;
use crate::scene::{NOW, Scene, call};
use crate::time::{StoppedTime, until};

/// A token that lives for a day, so that it outlives what the tests let pass.
fn lasting(scene: &Scene, client: &str) -> String {
    let mut claims = scene.claims("hr:look");
    claims["client_id"] = json!(client);
    claims["exp"] = json!(NOW + 86_400);
    claims["rev"] = json!(0);
    scene.key.sign(&claims)
}

/// Lets the feed answer once more, refusing this client's tokens, and then break down.
async fn break_down_after(scene: &Scene, time: &StoppedTime, client: &str) {
    until(|| scene.issuer.feed.waiting() == 1).await;
    let fetches = scene.issuer.fetches(FEED);
    scene.issuer.set(FEED, Behaviour::Text(503, String::new()));
    scene.issuer.feed.revoke("client", client);
    time.pass_until(|| scene.issuer.fetches(FEED) > fetches).await;
}

#[tokio::test]
async fn nobody_is_let_through_before_the_first_snapshot_is_whole() {
    let scene = Scene::with_credentials(|builder| builder.max_staleness(None)).await;
    let token = lasting(&scene, "agent");
    assert_eq!(scene.status_of(&token).await, 503, "nothing runs the guard yet");
    let feed = &scene.issuer.feed;
    feed.page(1);
    let (first, second) = (feed.revoke("client", "one"), feed.revoke("client", "two"));
    feed.hold_at(second);
    let running = tokio::spawn(scene.guard.run());
    until(|| feed.asked().len() == 3).await;
    assert_eq!(feed.asked().iter().map(|asked| asked.after).collect::<Vec<_>>(), [None, Some(first), Some(second)]);
    let answer = scene.call(&token, "look").await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("5")));
    assert_eq!(answer.json()["error"], "temporarily_unavailable");
    assert!(answer.json()["error_description"].as_str().unwrap().contains("revoked"), "{}", answer.text());
    assert!(scene.guard.has_keys() && !scene.guard.is_ready());
    assert_eq!(scene.guard.hearing(), Hearing::NotYet);
    assert_eq!(scene.ran(), [""; 0]);
    feed.let_go();
    scene.guard.ready().await;
    assert_eq!(scene.guard.hearing(), Hearing::Heard);
    assert_eq!(scene.status_of(&token).await, 200);
    assert_eq!(scene.status_of(&lasting(&scene, "one")).await, 401);
    running.abort();
}

#[tokio::test]
async fn a_service_that_is_down_for_a_minute_is_not_noticed_by_anybody() {
    let scene = Scene::hearing().await;
    let time = StoppedTime::begin();
    let (token, revoked) = (lasting(&scene, "agent"), lasting(&scene, "revoked"));
    break_down_after(&scene, &time, "revoked").await;
    for _ in 0..60 {
        time.pass(Duration::from_secs(1)).await;
        assert_eq!((scene.status_of(&token).await, scene.status_of(&revoked).await), (200, 401));
    }
    assert!(scene.guard.is_ready());
    let tries = scene.issuer.fetches(FEED);
    // Pauses grow to between 2.5 and 5 seconds; an answer that comes after its second has passed here begins
    // the next one up to a second late.
    assert!((11..=32).contains(&tries), "{tries} tries in a minute");
    scene.issuer.remove(FEED);
    scene.issuer.feed.revoke("client", "agent");
    time.pass_until(|| scene.issuer.feed.waiting() == 1).await;
    assert_eq!(scene.status_of(&token).await, 401, "what happened meanwhile is caught up");
}

#[tokio::test]
async fn a_silence_that_is_too_long_closes_the_server_until_the_feed_answers() {
    let scene = Scene::hearing().await;
    let time = StoppedTime::begin();
    let (token, revoked) = (lasting(&scene, "agent"), lasting(&scene, "revoked"));
    break_down_after(&scene, &time, "revoked").await;
    time.pass(Duration::from_secs(298)).await;
    assert_eq!((scene.status_of(&token).await, scene.status_of(&revoked).await), (200, 401));
    assert_eq!(scene.guard.hearing(), Hearing::Heard);
    time.pass(Duration::from_secs(2)).await;
    let answer = scene.call(&token, "look").await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("5")));
    assert_eq!(scene.guard.hearing(), Hearing::TooOld);
    assert!(!scene.guard.is_ready() && !scene.guard.hears_revocations());
    assert_eq!(scene.status_of(&revoked).await, 401, "what is known to be revoked stays refused");
    scene.issuer.remove(FEED);
    let back = tokio::time::Instant::now();
    time.pass_until(|| scene.guard.is_ready()).await;
    assert!(back.elapsed() < Duration::from_secs(6), "{:?} after the feed was there again", back.elapsed());
    assert_eq!((scene.status_of(&token).await, scene.status_of(&revoked).await), (200, 401));
}

#[tokio::test]
async fn without_a_limit_no_silence_is_too_long() {
    let scene = Scene::with_credentials(|builder| builder.max_staleness(None)).await;
    scene.run().await;
    let time = StoppedTime::begin();
    break_down_after(&scene, &time, "somebody").await;
    time.pass(Duration::from_hours(23)).await;
    assert_eq!(scene.status_of(&lasting(&scene, "agent")).await, 200);
    assert!(scene.guard.revocation_policy().contains("however long"), "{}", scene.guard.revocation_policy());
}

#[tokio::test]
async fn the_feed_is_asked_three_times_as_often_as_its_silence_is_too_long() {
    for (most, wait) in [(None, 25), (Some(300), 25), (Some(30), 10), (Some(5), 1)] {
        let scene = Scene::with_credentials(|builder| builder.max_staleness(most.map(Duration::from_secs))).await;
        scene.run().await;
        until(|| scene.issuer.feed.asked().len() == 2).await;
        let waits: Vec<_> = scene.issuer.feed.asked().iter().map(|asked| asked.wait).collect();
        assert_eq!(waits, [0, wait], "a snapshot is not waited for");
    }
    let built = Guard::builder(
        "https://hr.example/mcp".parse().unwrap(),
        "https://id.example".parse().unwrap(),
        "hr".parse().unwrap(),
    )
    .max_staleness(Some(Duration::from_secs(4)))
    .build();
    assert!(built.unwrap_err().to_string().contains("at least 5 s"));
}

#[tokio::test]
async fn a_service_that_begins_anew_is_read_anew_and_what_was_known_counts_until_that_is_whole() {
    let scene = Scene::hearing().await;
    let feed = &scene.issuer.feed;
    let (old, new) = (lasting(&scene, "old"), lasting(&scene, "new"));
    feed.revoke("client", "old");
    until(|| feed.asked().len() == 3).await;
    assert_eq!((scene.status_of(&old).await, scene.status_of(&new).await), (401, 200));
    // Another database: other events, other positions.
    feed.page(1);
    feed.begin_anew_at(50_000_000);
    let first = feed.revoke("client", "new");
    feed.hold_at(first);
    until(|| feed.asked().last().unwrap().after == Some(first)).await;
    assert_eq!((scene.status_of(&old).await, scene.status_of(&new).await), (401, 200), "half of it counts for nothing");
    assert!(scene.guard.is_ready());
    feed.let_go();
    until(|| scene.issuer.feed.asked().last().unwrap().wait > 0).await;
    assert_eq!((scene.status_of(&old).await, scene.status_of(&new).await), (200, 401));
}

#[tokio::test]
async fn a_service_that_gives_a_snapshot_and_then_does_not_know_it_is_asked_a_few_times_a_second() {
    let scene = Scene::hearing().await;
    let time = StoppedTime::begin();
    until(|| scene.issuer.feed.asked().len() == 2).await;
    scene.issuer.set(FEED, Behaviour::Gone);
    scene.issuer.feed.revoke("client", "somebody");
    for _ in 0..120 {
        time.pass(Duration::from_secs(1)).await;
        let fetches = scene.issuer.fetches(FEED);
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert!(scene.issuer.fetches(FEED) - fetches <= 4);
    }
    let fetches = scene.issuer.fetches(FEED);
    assert!((100..600).contains(&fetches), "{fetches} questions in two minutes");
}

#[tokio::test]
async fn a_wall_clock_that_is_an_hour_off_makes_nothing_too_old() {
    let scene = Scene::hearing().await;
    let token = lasting(&scene, "agent");
    assert_eq!(scene.status_of(&token).await, 200);
    for wrong in [NOW + 3600, NOW] {
        scene.clock.set(wrong);
        assert_eq!(scene.guard.hearing(), Hearing::Heard);
        assert_eq!(scene.status_of(&token).await, 200);
    }
}

/// How many live revocations the metrics show.
fn live(registry: &Registry) -> u64 {
    let mut text = String::new();
    encode(&mut text, registry).unwrap();
    let line = text.lines().find(|line| line.starts_with("bailiwick_guard_revocations_live{")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// `NOW`, and a moment after the events of the tests have had their time.
const DATE_NOW: &str = "Mon, 21 Sep 2026 14:13:20 GMT";
const DATE_AFTER: &str = "Mon, 21 Sep 2026 15:13:51 GMT";

#[tokio::test]
async fn an_event_is_let_go_when_both_clocks_have_passed_its_time() {
    for (own, service, is_let_go) in [
        (NOW + 3631, DATE_NOW, false),
        (NOW, DATE_AFTER, false),
        (NOW + 3630, DATE_AFTER, false),
        (NOW + 3631, DATE_AFTER, true),
    ] {
        let mut registry = Registry::default();
        let scene = Scene::with_credentials(|builder| builder.metrics(&mut registry)).await;
        scene.issuer.feed.date(service);
        scene.issuer.feed.revoke("client", "agent");
        scene.run().await;
        assert_eq!(live(&registry), 1);
        let time = StoppedTime::begin();
        scene.clock.set(own);
        // Let go in passing, at most once a minute: the next answer comes after 25 seconds.
        for round in 2..5 {
            until(|| scene.issuer.feed.waiting() == 1 && scene.issuer.feed.asked().len() == round + 1).await;
            time.pass(Duration::from_secs(25)).await;
        }
        until(|| scene.issuer.feed.waiting() == 1 && scene.issuer.feed.asked().len() == 6).await;
        assert_eq!(live(&registry), u64::from(!is_let_go), "{own} {service}");
        scene.clock.set(NOW);
        assert_eq!(scene.status_of(&lasting(&scene, "agent")).await, if is_let_go { 200 } else { 401 });
    }
}

#[tokio::test]
async fn more_live_revocations_than_may_be_close_the_server_until_some_have_had_their_time() {
    let scene = Scene::with_credentials(|builder| builder.most_revocations(3)).await;
    let feed = &scene.issuer.feed;
    for client in ["a", "b", "c"] {
        feed.revoke("client", client);
    }
    scene.run().await;
    let token = lasting(&scene, "agent");
    assert_eq!(scene.status_of(&token).await, 200);
    let time = StoppedTime::begin();
    until(|| feed.waiting() == 1).await;
    feed.append(event(100, "client", "a"));
    time.pass_until(|| feed.asked().last().unwrap().after == Some(100) || !scene.guard.is_ready()).await;
    assert!(scene.guard.is_ready(), "a subject that is held already takes no room");
    feed.append(event(101, "client", "d"));
    until(|| scene.guard.hearing() == Hearing::TooMany).await;
    assert_eq!(scene.status_of(&token).await, 503);
    assert_eq!(scene.status_of(&lasting(&scene, "a")).await, 401);
    scene.clock.set(NOW + 3631);
    time.pass_until(|| scene.guard.hearing() == Hearing::Heard).await;
    // The keys are an hour old too, and fetched anew at most once a second.
    time.pass(Duration::from_secs(1)).await;
    assert_eq!((scene.status_of(&token).await, scene.status_of(&lasting(&scene, "d")).await), (200, 401));
}

#[tokio::test]
async fn however_often_a_guard_is_run_it_asks_once_and_the_next_takes_over() {
    let scene = Scene::with_credentials(|builder| builder).await;
    let first = tokio::spawn(scene.guard.run());
    scene.guard.ready().await;
    let second = tokio::spawn(scene.guard.clone().run());
    let feed = &scene.issuer.feed;
    until(|| feed.waiting() == 1).await;
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!((feed.asked().len(), feed.waiting()), (2, 1));
    first.abort();
    until(|| feed.asked().len() == 4 && feed.waiting() == 1).await;
    feed.revoke("client", "agent");
    until(|| feed.asked().len() == 5).await;
    assert_eq!(scene.status_of(&lasting(&scene, "agent")).await, 401);
    second.abort();
}

#[tokio::test]
async fn many_requests_ask_the_feed_for_nothing() {
    let scene = Scene::hearing().await;
    until(|| scene.issuer.feed.waiting() == 1).await;
    for number in 0..100 {
        let mut claims = scene.claims("hr:look");
        claims["jti"] = json!(format!("token-{number}"));
        assert_eq!(scene.status_of(&scene.key.sign(&claims)).await, 200);
    }
    assert_eq!(scene.issuer.feed.asked().len(), 2);
}

#[tokio::test]
async fn the_guards_own_token_is_renewed_in_time() {
    let scene = Scene::with_credentials(|builder| builder).await;
    let feed = &scene.issuer.feed;
    feed.life(100);
    scene.run().await;
    let time = StoppedTime::begin();
    for round in 2..6 {
        until(|| feed.waiting() == 1 && feed.asked().len() == round).await;
        assert_eq!(feed.granted(), 1);
        time.pass(Duration::from_secs(25)).await;
    }
    until(|| feed.asked().len() == 6).await;
    assert_eq!(feed.granted(), 2, "its fifth question comes after 100 - 20 seconds");
    assert_eq!(feed.asked().last().unwrap().token, "feed-token-2");
}

#[tokio::test]
async fn a_token_that_the_feed_does_not_accept_any_more_is_replaced_at_once() {
    let scene = Scene::hearing().await;
    let feed = &scene.issuer.feed;
    until(|| feed.waiting() == 1).await;
    let time = StoppedTime::begin();
    let began = tokio::time::Instant::now();
    feed.withdraw_tokens();
    feed.revoke("client", "somebody-else");
    time.pass_until(|| feed.granted() == 2 && feed.waiting() == 1).await;
    assert!(began.elapsed() < Duration::from_millis(500), "without the pause of a failure");
    assert!(scene.guard.is_ready());
}

#[tokio::test]
async fn the_numbers_of_hearing_are_measured() {
    let mut registry = Registry::default();
    let scene = Scene::with_credentials(|builder| builder.metrics(&mut registry)).await;
    let read = || {
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text
    };
    assert!(read().contains(r#"bailiwick_guard_revocations_answer_age_seconds{server="hr"} NaN"#), "{}", read());
    scene.issuer.set(TOKENS, Behaviour::Text(500, String::new()));
    let running = tokio::spawn(scene.guard.run());
    until(|| scene.issuer.fetches(TOKENS) == 1).await;
    scene.issuer.remove(TOKENS);
    let seq = scene.issuer.feed.revoke("client", "agent");
    scene.guard.ready().await;
    let mut claims = scene.claims("hr:look");
    claims["rev"] = json!(0);
    assert_eq!(scene.post(&scene.key.sign(&claims), &call("look")).await.status, 401);
    let text = read();
    for expected in [
        format!(r#"bailiwick_guard_revocations_position{{server="hr"}} {seq}"#),
        r#"bailiwick_guard_revocations_live{server="hr"} 1"#.to_owned(),
        r#"bailiwick_guard_revocations_failures_total{server="hr"} 1"#.to_owned(),
        r#"bailiwick_guard_revocations_answer_age_seconds{server="hr"} 0"#.to_owned(),
        r#"reason="token_revoked"} 1"#.to_owned(),
    ] {
        assert!(text.contains(&expected), "{expected} is not in {text}");
    }
    running.abort();
}
