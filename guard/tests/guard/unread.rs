//! What becomes of the body of a request that is refused before it is read: it is read away, so that the
//! connection serves the client's next request, or the answer says that it will not.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::{FutureExt as _, StreamExt as _, stream};
use http::header::EXPECT;
use http::{HeaderValue, Version};
use tokio::sync::mpsc;
use tokio::time;

use crate::scene::{Scene, post};

/// A body that comes piece by piece, as the test sends it; closed when the sender is gone.
fn arriving() -> (mpsc::Sender<&'static str>, Body) {
    let (sender, receiver) = mpsc::channel(8);
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        let piece: &str = receiver.recv().await?;
        Some((Ok::<_, io::Error>(Bytes::from(piece)), receiver))
    });
    (sender, Body::from_stream(pieces))
}

/// A header for which a request is refused before its body is read, and the status of the refusal.
const REFUSED_EARLY: [(&str, &str, u16); 4] = [
    ("authorization", "Basic YTpi", 401),
    ("authorization", "Bearer nonsense", 401),
    ("origin", "https://evil.example", 403),
    ("host", "evil.example", 403),
];

#[tokio::test]
async fn a_body_that_comes_after_the_head_is_read_to_its_end_before_the_answer() {
    let scene = Scene::begin().await;
    for (name, value, status) in REFUSED_EARLY {
        let (sender, body) = arriving();
        let mut request = post(None, body);
        request.headers_mut().insert(name, HeaderValue::from_static(value));
        let mut answer = pin!(scene.send(request));
        for piece in [r#"{"jsonrpc":"2.0","#, r#""id":1,"method":"ping"}"#] {
            assert!(answer.as_mut().now_or_never().is_none(), "answered before the body has come");
            sender.send(piece).await.unwrap();
        }
        assert!(answer.as_mut().now_or_never().is_none(), "answered before the body has ended");
        drop(sender);
        let answer = answer.await;
        assert_eq!((answer.status.as_u16(), answer.header("connection")), (status, None));
    }
}

#[tokio::test]
async fn a_body_that_keeps_us_waiting_ends_the_connection() {
    let scene = Scene::begin().await;
    time::pause();
    let (_sender, stalled) = arriving();
    let drops = stream::repeat("x").then(|drop| async move {
        time::sleep(Duration::from_millis(1900)).await;
        Ok::<_, io::Error>(drop)
    });
    for body in [stalled, Body::from_stream(drops)] {
        let answer = scene.send(post(None, body)).await;
        assert_eq!((answer.status.as_u16(), answer.header("connection")), (401, Some("close")));
    }
}

#[tokio::test]
async fn a_caller_that_is_let_in_and_sends_no_body_is_told_and_recorded() {
    let scene = Scene::begin().await;
    let token = scene.token("hr:look");
    assert_eq!(scene.call(&token, "look").await.status, 200);
    time::pause();
    let (_sender, stalled) = arriving();
    let answer = scene.send(post(Some(&token), stalled)).await;
    assert_eq!((answer.status.as_u16(), answer.header("connection")), (408, Some("close")));
    assert_eq!(answer.code(), -32600);
}

#[tokio::test]
async fn a_body_that_breaks_off_or_is_much_too_large_ends_the_connection() {
    let scene = Scene::begin().await;
    let broken = stream::iter([Ok("{"), Err(io::Error::other("gone"))]);
    let endless = stream::repeat("x".repeat(4096)).map(Ok::<_, io::Error>);
    for body in [Body::from_stream(broken), Body::from_stream(endless), Body::from(" ".repeat(5 * 1024 * 1024))] {
        let answer = scene.send(post(None, body)).await;
        assert_eq!((answer.status.as_u16(), answer.header("connection")), (401, Some("close")));
    }
    let token = scene.token("hr:look");
    for (mebibytes, connection) in [(2, None), (5, Some("close"))] {
        let answer = scene.send(post(Some(&token), " ".repeat(mebibytes * 1024 * 1024))).await;
        assert_eq!((answer.status.as_u16(), answer.header("connection")), (413, connection));
    }
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_for_its_body_is_not_asked() {
    let scene = Scene::begin().await;
    let (_sender, body) = arriving();
    let mut request = post(None, body);
    request.headers_mut().insert(EXPECT, HeaderValue::from_static("100-continue"));
    let answer = scene.send(request).now_or_never().unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("connection")), (401, Some("close")));
}

#[tokio::test]
async fn over_http_2_the_body_is_left_and_the_connection_goes_on() {
    let scene = Scene::begin().await;
    let (_sender, body) = arriving();
    let mut request = post(None, body);
    *request.version_mut() = Version::HTTP_2;
    let answer = scene.send(request).now_or_never().unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("connection")), (401, None));
}
