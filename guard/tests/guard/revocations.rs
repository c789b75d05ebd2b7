//! What is taken back is refused: which tokens, how soon, on every path, and no others.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use futures::stream;
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tower::service_fn;

use crate::feed::{FEED, event};
use crate::issuer::{Behaviour, SigningKey};
use crate::logs::listen;
use crate::scene::{NOW, RESOURCE, Scene, call, post, request};
use crate::time::{StoppedTime, until};

impl Scene {
    /// A token of this client that says how far its issuer had read the feed.
    fn token_of(&self, client: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims("hr:look");
        for (name, value) in [("sub", client), ("client_id", client), ("jti", &format!("token-of-{client}"))] {
            claims[name] = json!(value);
        }
        change(&mut claims);
        self.key.sign(&claims)
    }

    /// Revokes, and waits until the guard has heard of it.
    async fn revoke(&self, kind: &str, id: &str) -> u64 {
        let seq = self.issuer.feed.revoke(kind, id);
        until(|| self.issuer.feed.asked().last().is_some_and(|asked| asked.after == Some(seq))).await;
        seq
    }
}

#[tokio::test]
async fn a_revocation_of_each_kind_refuses_the_tokens_of_its_subject_and_no_others() {
    type Change = fn(&mut Value);
    let scene = Scene::hearing().await;
    let subjects: [(&str, &str, Change); 6] = [
        ("token", "token-1", |claims| claims["jti"] = json!("token-1")),
        ("grant", "grant-1", |claims| claims["grant_id"] = json!("grant-1")),
        ("client", "client-1", |claims| claims["client_id"] = json!("client-1")),
        ("user", "usr_1", |claims| claims["sub"] = json!("usr_1")),
        ("role", "Auditor", |claims| claims["roles"] = json!(["Officer", "Auditor"])),
        ("resource", RESOURCE, |_| ()),
    ];
    for (kind, id, change) in subjects {
        let (concerned, other) = (scene.token_of("agent", change), scene.token_of("other", |_| ()));
        assert_eq!(scene.status_of(&concerned).await, 200, "{kind}");
        let seq = scene.revoke(kind, id).await;
        let answer = scene.call(&concerned, "look").await;
        assert_eq!(answer.status, 401, "{kind}");
        assert!(answer.challenge().contains(r#"error="invalid_token""#), "{}", answer.challenge());
        assert!(answer.challenge().contains("the token was revoked"), "{}", answer.challenge());
        assert_eq!(scene.status_of(&other).await, if kind == "resource" { 401 } else { 200 }, "{kind}");
        let renewed = scene.token_of("agent", |claims| {
            change(claims);
            claims["rev"] = json!(seq);
        });
        assert_eq!(scene.status_of(&renewed).await, 200, "{kind}: issued from state as new as the event");
        let unsaid = scene.token_of("agent", |claims| {
            change(claims);
            claims.as_object_mut().unwrap().remove("rev");
        });
        assert_eq!(scene.status_of(&unsaid).await, 401, "{kind}: without a position, older than every event");
    }
}

#[tokio::test]
async fn a_withdrawn_key_refuses_whatever_its_thief_signs() {
    let thief = SigningKey::es256("key-1");
    let scene = Scene::hearing().await;
    let next = SigningKey::es256("key-2");
    scene.issuer.publish(&[&scene.key, &next]);
    let token = |key: &SigningKey, rev: u64| {
        let mut claims = scene.claims("hr:look");
        claims["rev"] = json!(rev);
        key.sign(&claims)
    };
    assert_eq!(scene.status_of(&token(&scene.key, 1 << 53)).await, 200);
    scene.revoke("key", "key-1").await;
    assert_eq!(scene.status_of(&token(&scene.key, 1 << 53)).await, 401);
    assert_eq!(scene.status_of(&token(&thief, 0)).await, 401);
    crate::time::pass_a_second().await;
    assert_eq!(scene.status_of(&token(&next, 0)).await, 200, "another key's tokens are as good as they were");
}

#[tokio::test]
async fn what_is_for_another_resource_concerns_nobody_here() {
    let scene = Scene::hearing().await;
    scene.revoke("resource", "http://localhost:8002/mcp").await;
    assert_eq!(scene.status_of(&scene.token("hr:look")).await, 200);
}

#[tokio::test]
async fn what_was_revoked_before_the_start_is_known_from_the_first_request_on() {
    let scene = Scene::with_credentials(|builder| builder).await;
    let seq = scene.issuer.feed.revoke("client", "agent");
    scene.run().await;
    let status = async |rev| scene.status_of(&scene.token_of("agent", |claims| claims["rev"] = json!(rev))).await;
    assert_eq!((status(seq - 1).await, status(seq).await), (401, 200));
}

#[tokio::test]
async fn every_request_of_a_revoked_token_is_refused_and_nothing_of_it_is_read() {
    let (lines, _listening) = listen();
    let scene = Scene::hearing().await;
    let token = scene.token("hr:*");
    scene.revoke("client", "agent").await;
    for message in [call("look"), call("add"), request("tools/list"), request("ping"), json!("nonsense")] {
        assert_eq!(scene.post(&token, &message).await.status, 401, "{message}");
    }
    assert_eq!(scene.ran(), [""; 0]);
    let decisions = lines.decisions();
    for decision in &decisions {
        let told = ["reason", "client_id", "jti"].map(|name| decision[name].as_str().unwrap());
        assert_eq!(told, ["token_revoked", "agent", "token-1"], "the log says whose it was");
    }
    assert_eq!(decisions.len(), 5);
}

#[tokio::test]
async fn a_storm_of_revocations_is_heard_page_by_page() {
    let scene = Scene::with_credentials(|builder| builder).await;
    scene.issuer.feed.page(10);
    for number in 0..95 {
        scene.issuer.feed.revoke("client", &format!("client-{number}"));
    }
    scene.run().await;
    for number in 95..200 {
        scene.issuer.feed.revoke("client", &format!("client-{number}"));
    }
    scene.revoke("client", "the-last").await;
    for client in ["client-0", "client-94", "client-95", "client-199", "the-last"] {
        assert_eq!(scene.status_of(&scene.token_of(client, |claims| claims["rev"] = json!(0))).await, 401, "{client}");
    }
    assert_eq!(scene.status_of(&scene.token_of("client-200", |claims| claims["rev"] = json!(0))).await, 200);
}

/// Sends the head of a call, lets something happen, and only then sends the body.
async fn late_body(scene: &Scene, token: &str, meanwhile: impl AsyncFnOnce(&Scene)) -> u16 {
    let (sender, receiver) = oneshot::channel();
    let body = stream::once(async { receiver.await.map(Bytes::from) });
    let sent = scene.send(post(Some(token), Body::from_stream(body)));
    let happens = async {
        // The other is polled first: its head is checked by now, and it waits for the body.
        meanwhile(scene).await;
        sender.send(call("look").to_string()).unwrap();
    };
    futures::future::join(sent, happens).await.0.status.as_u16()
}

#[tokio::test]
async fn a_request_whose_token_is_taken_back_before_its_body_has_come_does_nothing() {
    let scene = Scene::hearing().await;
    let token = scene.token_of("agent", |_| ());
    assert_eq!(scene.status_of(&token).await, 200);
    assert_eq!(late_body(&scene, &token, async |_| ()).await, 200);
    let expires = async |scene: &Scene| scene.clock.set(NOW + 930);
    assert_eq!(late_body(&scene, &token, expires).await, 401);
    scene.clock.set(NOW);
    let is_revoked = async |scene: &Scene| {
        scene.revoke("client", "agent").await;
    };
    assert_eq!(late_body(&scene, &token, is_revoked).await, 401);
    assert_eq!(scene.ran(), ["look", "look"]);
}

/// A scene whose server answers with a stream that never says anything and never ends.
async fn with_streams() -> Scene {
    let mut scene = Scene::hearing().await;
    let service = service_fn(|_: Request<Body>| async {
        let silence = stream::pending::<Result<Bytes, std::convert::Infallible>>();
        let response = Response::builder().header("content-type", "text/event-stream");
        Ok::<_, std::convert::Infallible>(response.body(Body::from_stream(silence)).unwrap())
    });
    scene.put_behind(Router::new().route_service("/mcp", service).layer(scene.guard.layer()));
    scene
}

/// Opens a stream and reads it on a task of its own, which ends when the stream does.
async fn open(scene: &Scene, token: &str) -> tokio::task::JoinHandle<()> {
    let response = scene.open(post(Some(token), call("look").to_string())).await;
    assert_eq!(response.status(), 200);
    tokio::spawn(async move { drop(response.into_body().collect().await) })
}

#[tokio::test]
async fn open_streams_end_with_the_event_that_refuses_their_token_and_no_others() {
    let scene = with_streams().await;
    let mut streams = Vec::new();
    for client in ["agent", "agent", "other"] {
        streams.push(open(&scene, &scene.token_of(client, |_| ())).await);
    }
    // But for the guard's own pauses time stands still: what ends them is the event, and no look at a clock.
    let time = StoppedTime::begin();
    scene.issuer.feed.revoke("client", "agent");
    until(|| streams[0].is_finished() && streams[1].is_finished()).await;
    let seq = scene.issuer.feed.revoke("client", "yet-another");
    time.pass_until(|| scene.issuer.feed.asked().last().is_some_and(|asked| asked.after == Some(seq))).await;
    assert!(!streams[2].is_finished());
    scene.issuer.feed.revoke("client", "other");
    until(|| streams[2].is_finished()).await;
}

#[tokio::test]
async fn open_streams_end_when_nothing_was_heard_for_too_long() {
    let scene = with_streams().await;
    let mut claims = scene.claims("hr:look");
    claims["exp"] = json!(NOW + 86_400);
    let stream = open(&scene, &scene.key.sign(&claims)).await;
    let time = StoppedTime::begin();
    until(|| scene.issuer.feed.waiting() == 1).await;
    scene.issuer.set(FEED, Behaviour::Text(503, String::new()));
    time.pass(Duration::from_secs(299)).await;
    assert!(!stream.is_finished());
    time.pass_until(|| stream.is_finished()).await;
}

#[tokio::test]
async fn a_token_that_is_revoked_while_its_stream_opens_leaves_none_open() {
    let scene = with_streams().await;
    let response = scene.open(post(Some(&scene.token_of("agent", |_| ())), call("look").to_string())).await;
    scene.revoke("client", "agent").await;
    // Nobody has looked at the stream before the event was heard.
    let _time = StoppedTime::begin();
    let stream = tokio::spawn(async move { drop(response.into_body().collect().await) });
    until(|| stream.is_finished()).await;
}

/// A race: requests all the while, one event among them. Once one is refused, all after it are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_refused_once_is_never_let_through_again() {
    let scene = Arc::new(Scene::hearing().await);
    let token = scene.token_of("agent", |claims| claims["rev"] = json!(0));
    assert_eq!(scene.status_of(&token).await, 200);
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (scene, token) = (Arc::clone(&scene), token.clone());
            tokio::spawn(async move {
                let mut refused = 0;
                while refused < 50 {
                    match scene.status_of(&token).await {
                        401 => refused += 1,
                        status => assert_eq!((status, refused), (200, 0)),
                    }
                }
            })
        })
        .collect();
    for number in 0..20 {
        scene.issuer.feed.revoke("client", &format!("before-{number}"));
    }
    scene.issuer.feed.append(event(1000, "client", "agent"));
    for caller in callers {
        caller.await.unwrap();
    }
    let renewed = scene.token_of("agent", |claims| claims["rev"] = json!(1000));
    assert_eq!(scene.status_of(&renewed).await, 200);
}
