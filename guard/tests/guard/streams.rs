//! Open streams end with the token that opened them.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use futures::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::BodyExt;
use serde_json::json;
use tokio::time::Instant;
use tower::service_fn;

use crate::scene::{NOW, Scene, call, post};

/// A scene whose server answers with a stream that speaks every hundred milliseconds and never ends.
async fn endless(content_type: &'static str) -> Scene {
    let mut scene = Scene::begin().await;
    let service = service_fn(move |_: Request<Body>| async move {
        let ticks = stream::repeat(()).then(|()| async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok::<_, std::convert::Infallible>(Bytes::from_static(b": tick\n\n"))
        });
        let response = Response::builder().header("content-type", content_type).body(Body::from_stream(ticks));
        Ok::<_, std::convert::Infallible>(response.unwrap())
    });
    scene.put_behind(Router::new().route_service("/mcp", service).layer(scene.guard.layer()));
    // Keys are fetched over the network, so before time is stopped.
    assert_eq!(scene.open(post(Some(&scene.token("hr:look")), call("look").to_string())).await.status(), 200);
    scene
}

/// How long the stream goes on that is opened at `opened`, where the clock goes with tokio's.
async fn lives(scene: &Scene, expires: i64, opened: i64) -> Duration {
    let mut claims = scene.claims("hr:look");
    claims["exp"] = json!(expires);
    scene.clock.set(opened);
    let response = scene.open(post(Some(&scene.key.sign(&claims)), call("look").to_string())).await;
    assert_eq!(response.status(), 200);
    tokio::time::pause();
    let began = Instant::now();
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        frame.unwrap();
        let seconds = i64::try_from(began.elapsed().as_secs()).unwrap();
        scene.clock.set(opened + seconds);
        assert!(seconds < 3600, "the stream does not end");
    }
    let lived = began.elapsed();
    tokio::time::resume();
    lived
}

#[tokio::test]
async fn a_stream_ends_within_a_second_of_its_tokens_end() {
    let scene = endless("text/event-stream; charset=utf-8").await;
    let lived = lives(&scene, NOW + 10, NOW).await;
    assert!((Duration::from_secs(10)..=Duration::from_secs(11)).contains(&lived), "{lived:?}");
}

#[tokio::test]
async fn a_stream_that_is_opened_within_the_skew_ends_with_it() {
    let scene = endless("text/event-stream").await;
    let lived = lives(&scene, NOW, NOW + 10).await;
    assert!((Duration::from_secs(20)..=Duration::from_secs(21)).contains(&lived), "{lived:?}");
}

#[tokio::test]
async fn a_clock_that_jumps_is_noticed_within_a_second() {
    let scene = endless("text/event-stream").await;
    let response = scene.open(post(Some(&scene.token("hr:look")), call("look").to_string())).await;
    tokio::time::pause();
    scene.clock.set(NOW + 900);
    let began = Instant::now();
    response.into_body().collect().await.unwrap();
    assert!(began.elapsed() <= Duration::from_secs(1), "{:?}", began.elapsed());
}
