//! How many requests are with the server at one time, and what becomes of those that wait.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use bailiwick_guard::MOST_IN_HAND_OF_ONE;
use futures::future::{FutureExt as _, join_all};
use http::{Request, Response};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::unconstrained;
use tower::service_fn;

use crate::scene::{NOW, Scene, call, post};

/// A scene whose server keeps every request until it is let go, and how many it has got.
async fn keeping() -> (Scene, Arc<Semaphore>, Arc<AtomicUsize>) {
    let mut scene = Scene::begin().await;
    let (let_go, got) = (Arc::new(Semaphore::new(1)), Arc::new(AtomicUsize::new(0)));
    let both = (Arc::clone(&let_go), Arc::clone(&got));
    let service = service_fn(move |_: Request<Body>| {
        let (let_go, got) = both.clone();
        async move {
            got.fetch_add(1, Ordering::SeqCst);
            let_go.acquire().await.unwrap().forget();
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }
    });
    scene.put_behind(Router::new().route_service("/mcp", service).layer(scene.guard.layer()));
    (scene, let_go, got)
}

/// As many calls of one caller as it has places and one more, each as far as it gets by itself.
async fn one_too_many<'a>(scene: &'a Scene, token: &'a str) -> Vec<Pin<Box<dyn Future<Output = Response<Body>> + 'a>>> {
    // The keys and the token are known from here on, so that nothing but a place is waited for.
    assert_eq!(scene.open(post(Some(token), call("look").to_string())).await.status(), 200);
    let mut calls: Vec<_> = Vec::new();
    for _ in 0..=MOST_IN_HAND_OF_ONE {
        // Without the budget that makes a task of tokio's give way to others after so many waits.
        let mut call = unconstrained(scene.open(post(Some(token), call("look").to_string()))).boxed_local();
        assert!(call.as_mut().now_or_never().is_none());
        calls.push(call);
    }
    calls
}

#[tokio::test]
async fn one_caller_has_so_many_requests_in_hand_and_its_next_waits_for_a_place() {
    let (scene, let_go, got) = keeping().await;
    let token = scene.token("hr:look");
    let calls = one_too_many(&scene, &token).await;
    assert_eq!(got.load(Ordering::SeqCst), 1 + MOST_IN_HAND_OF_ONE);
    let_go.add_permits(1 + MOST_IN_HAND_OF_ONE);
    assert!(join_all(calls).await.iter().all(|answer| answer.status() == 200));
    assert_eq!(got.load(Ordering::SeqCst), 2 + MOST_IN_HAND_OF_ONE);
}

#[tokio::test]
async fn who_waits_for_a_place_is_judged_by_what_holds_when_there_is_one() {
    let (scene, let_go, got) = keeping().await;
    let mut claims = scene.claims("hr:look");
    claims["exp"] = json!(NOW + 60);
    let token = scene.key.sign(&claims);
    let mut calls = one_too_many(&scene, &token).await;
    let waiting = calls.pop().unwrap();
    scene.clock.set(NOW + 120);
    let_go.add_permits(MOST_IN_HAND_OF_ONE);
    assert!(join_all(calls).await.iter().all(|answer| answer.status() == 200));
    assert_eq!(waiting.await.status(), 401);
    assert_eq!(got.load(Ordering::SeqCst), 1 + MOST_IN_HAND_OF_ONE);
}

#[tokio::test]
async fn nobody_waits_for_a_caller_that_has_all_it_may_and_that_one_is_told_to() {
    let (scene, let_go, _) = keeping().await;
    let token = scene.token("hr:look");
    let mut calls = one_too_many(&scene, &token).await;
    let mut claims = scene.claims("hr:look");
    claims["sub"] = json!("another");
    let other = scene.key.sign(&claims);
    let mut asked = unconstrained(scene.open(post(Some(&other), call("look").to_string()))).boxed_local();
    assert!(asked.as_mut().now_or_never().is_none());
    tokio::time::pause();
    let refused = calls.pop().unwrap().await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    let_go.add_permits(1 + MOST_IN_HAND_OF_ONE);
    assert_eq!(asked.await.status(), 200);
    assert!(join_all(calls).await.iter().all(|answer| answer.status() == 200));
}
