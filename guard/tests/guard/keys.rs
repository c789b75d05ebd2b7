//! The issuer's keys: where they are found, who is believed, when they are fetched, and what happens
//! while they cannot be had.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use crate::issuer::{Behaviour, Issuer, JWKS, METADATA, OPENID, SigningKey};
use crate::scene::{NOW, Scene, builder, call};
use crate::time::{StoppedTime, pass_a_second, until};

#[tokio::test]
async fn running_the_guard_makes_it_ready() {
    let scene = Scene::begin().await;
    assert!(!scene.guard.is_ready());
    let running = tokio::spawn(scene.guard.run());
    scene.guard.ready().await;
    assert!(scene.guard.is_ready());
    assert_eq!((scene.issuer.fetches(METADATA), scene.issuer.fetches(JWKS)), (1, 1));
    running.abort();
}

#[tokio::test]
async fn keys_are_fetched_for_the_first_request_that_needs_them_and_then_kept() {
    let scene = Scene::begin().await;
    for _ in 0..5 {
        assert_eq!(scene.status_of(&scene.token("hr:look")).await, 200);
    }
    assert_eq!((scene.issuer.fetches(METADATA), scene.issuer.fetches(JWKS)), (1, 1));
}

#[tokio::test]
async fn many_requests_wait_for_one_fetch() {
    let scene = Scene::begin().await;
    scene.issuer.set(JWKS, Behaviour::Held(json!({ "keys": [scene.key.jwk()] })));
    let token = scene.token("hr:look");
    let requests = join_all((0..50).map(|_| scene.status_of(&token)));
    let let_go = async {
        scene.issuer.until_held().await;
        scene.issuer.let_go();
    };
    let (statuses, ()) = tokio::join!(requests, let_go);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(scene.issuer.fetches(JWKS), 1);
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_take_the_fetch_from_the_others() {
    let scene = Arc::new(Scene::begin().await);
    scene.issuer.set(JWKS, Behaviour::Held(json!({ "keys": [scene.key.jwk()] })));
    let token = scene.token("hr:look");
    let gone = tokio::spawn({
        let (scene, token) = (Arc::clone(&scene), token.clone());
        async move { scene.status_of(&token).await }
    });
    scene.issuer.until_held().await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    let (status, ()) = tokio::join!(scene.status_of(&token), async { scene.issuer.let_go() });
    assert_eq!(status, 200);
    assert_eq!(scene.issuer.fetches(JWKS), 1);
}

#[tokio::test]
async fn a_new_key_is_picked_up_by_one_fetch() {
    let scene = Scene::begin().await;
    assert_eq!(scene.status_of(&scene.token("hr:look")).await, 200);
    let next = SigningKey::es256("key-2");
    scene.issuer.publish(&[&scene.key, &next]);
    pass_a_second().await;
    let token = next.sign(&scene.claims("hr:look"));
    let statuses = join_all((0..20).map(|_| scene.status_of(&token))).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(scene.status_of(&scene.token("hr:look")).await, 200);
    assert_eq!(scene.issuer.fetches(JWKS), 2);
}

#[tokio::test]
async fn unknown_keys_cause_at_most_one_fetch_a_second() {
    let scene = Scene::begin().await;
    assert_eq!(scene.status_of(&scene.token("hr:look")).await, 200);
    for fetches in [2, 3] {
        let tokens = (0..20).map(|number| SigningKey::es256(&format!("unknown-{number}")).sign(&scene.claims("hr:*")));
        let tokens: Vec<String> = tokens.collect();
        let requests = join_all(tokens.iter().map(|token| scene.status_of(token)));
        let (statuses, ()) = tokio::join!(requests, pass_a_second());
        assert!(statuses.iter().all(|status| *status == 401), "{statuses:?}");
        assert_eq!(scene.issuer.fetches(JWKS), fetches);
    }
}

#[tokio::test]
async fn a_token_of_a_key_that_was_published_a_moment_ago_waits_for_the_next_fetch() {
    let scene = Scene::begin().await;
    assert_eq!(scene.status_of(&scene.token("hr:look")).await, 200);
    let next = SigningKey::es256("key-2");
    scene.issuer.publish(&[&scene.key, &next]);
    let token = next.sign(&scene.claims("hr:look"));
    let requests = join_all((0..20).map(|_| scene.status_of(&token)));
    let (statuses, ()) = tokio::join!(requests, pass_a_second());
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(scene.issuer.fetches(JWKS), 2);
}

#[tokio::test]
async fn a_key_that_is_published_while_a_fetch_is_under_way_is_found_by_the_next() {
    let scene = Scene::begin().await;
    scene.issuer.set(JWKS, Behaviour::Held(json!({ "keys": [scene.key.jwk()] })));
    let (first, next) = (scene.token("hr:look"), SigningKey::es256("key-2"));
    let token = next.sign(&scene.claims("hr:look"));
    let late = async {
        scene.issuer.until_held().await;
        let mut late = Box::pin(scene.status_of(&token));
        assert!(futures::poll!(&mut late).is_pending());
        scene.issuer.publish(&[&scene.key, &next]);
        scene.issuer.let_go();
        late.await
    };
    let (first, late) = tokio::join!(scene.status_of(&first), late);
    assert_eq!((first, late), (200, 200));
    assert_eq!(scene.issuer.fetches(JWKS), 2);
}

#[tokio::test]
async fn no_more_than_1024_callers_wait_for_a_fetch_and_the_next_is_refused_at_once() {
    let scene = Scene::begin().await;
    assert_eq!(scene.status_of(&scene.token("hr:look")).await, 200);
    let time = StoppedTime::begin();
    let token = SigningKey::es256("unknown").sign(&scene.claims("hr:look"));
    let mut waiting = Box::pin(join_all((0..1024).map(|_| scene.status_of(&token))));
    assert!(futures::poll!(&mut waiting).is_pending());
    assert_eq!(scene.status_of(&token).await, 401, "time stands still: it has not waited");
    assert_eq!(scene.issuer.fetches(JWKS), 1);
    let (statuses, ()) = tokio::join!(waiting, time.pass(Duration::from_secs(1)));
    assert!(statuses.iter().all(|status| *status == 401), "{statuses:?}");
    assert_eq!(scene.issuer.fetches(JWKS), 2);
}

#[tokio::test]
async fn a_token_dies_with_its_key_although_it_was_verified_before() {
    let scene = Scene::begin().await;
    let token = scene.token("hr:look");
    assert_eq!(scene.status_of(&token).await, 200);
    let next = SigningKey::es256("key-2");
    scene.issuer.publish(&[&next]);
    pass_a_second().await;
    assert_eq!(scene.status_of(&next.sign(&scene.claims("hr:look"))).await, 200);
    assert_eq!(scene.status_of(&token).await, 401);
}

#[tokio::test]
async fn a_token_dies_when_its_key_is_replaced_under_the_same_name() {
    let scene = Scene::begin().await;
    let token = scene.token("hr:look");
    assert_eq!(scene.status_of(&token).await, 200);
    let (same_name, next) = (SigningKey::es256("key-1"), SigningKey::es256("key-2"));
    scene.issuer.publish(&[&same_name, &next]);
    pass_a_second().await;
    assert_eq!(scene.status_of(&next.sign(&scene.claims("hr:look"))).await, 200);
    assert_eq!(scene.status_of(&token).await, 401);
    assert_eq!(scene.status_of(&same_name.sign(&scene.claims("hr:look"))).await, 200);
}

#[tokio::test]
async fn stale_keys_count_for_an_hour_and_not_a_second_longer() {
    let scene = Scene::begin().await;
    let mut claims = scene.claims("hr:look");
    claims["exp"] = json!(NOW + 10_000);
    let token = scene.key.sign(&claims);
    assert_eq!(scene.status_of(&token).await, 200);
    break_down(&scene.issuer);
    scene.clock.set(NOW + 3600);
    assert!(scene.guard.is_ready());
    assert_eq!(scene.status_of(&token).await, 200);
    scene.clock.set(NOW + 3601);
    assert!(!scene.guard.is_ready());
    assert_eq!(scene.status_of(&token).await, 503);
    scene.issuer.set(METADATA, Behaviour::Json(scene.issuer.metadata()));
    scene.issuer.publish(&[&scene.key]);
    pass_a_second().await;
    assert_eq!(scene.status_of(&token).await, 200);
    assert!(scene.guard.is_ready());
}

#[tokio::test]
async fn keys_that_are_withdrawn_altogether_leave_nothing_open() {
    let scene = Scene::begin().await;
    let token = scene.token("hr:look");
    assert_eq!(scene.status_of(&token).await, 200);
    scene.issuer.publish(&[]);
    pass_a_second().await;
    assert_eq!(scene.status_of(&SigningKey::es256("key-2").sign(&scene.claims("hr:look"))).await, 503);
    assert_eq!(scene.status_of(&token).await, 503);
    assert!(!scene.guard.is_ready());
}

#[tokio::test]
async fn the_running_guard_refreshes_every_five_minutes_and_tries_again_after_a_failure() {
    let scene = Scene::begin().await;
    let time = StoppedTime::begin();
    let running = tokio::spawn(scene.guard.run());
    scene.guard.ready().await;
    time.pass(Duration::from_secs(299)).await;
    assert_eq!(scene.issuer.fetches(JWKS), 1);
    let next = SigningKey::es256("key-2");
    scene.issuer.set(JWKS, Behaviour::Text(500, String::new()));
    time.pass(Duration::from_secs(1)).await;
    until(|| scene.issuer.fetches(JWKS) == 2).await;
    scene.issuer.publish(&[&next]);
    time.pass(Duration::from_secs(1)).await;
    until(|| scene.issuer.fetches(JWKS) == 3).await;
    assert_eq!(scene.issuer.fetches(METADATA), 2, "after a failure the address is looked up anew");
    let token = next.sign(&scene.claims("hr:look"));
    assert_eq!(scene.status_of(&token).await, 200);
    assert_eq!(scene.issuer.fetches(JWKS), 3);
    running.abort();
}

type Lie<'a> = Box<dyn Fn(&Issuer) -> Behaviour + 'a>;

#[tokio::test]
async fn an_issuer_that_lies_or_breaks_is_not_believed() {
    let elsewhere = SigningKey::es256("key-1");
    let liar = Issuer::start(&[&elsewhere]).await;
    let metadata = |change: fn(&mut serde_json::Value, &Issuer), own: &Issuer, other: &Issuer| {
        let mut metadata = own.metadata();
        change(&mut metadata, other);
        Behaviour::Json(metadata)
    };
    let huge = format!("{}{}", " ".repeat(512 * 1024), json!({ "keys": [] }));
    let scene = || Scene::with_key(SigningKey::es256("key-1"), |builder| builder);
    let cases: Vec<(&str, &str, Lie<'_>)> = vec![
        ("another issuer", METADATA, Box::new(|_| Behaviour::Json(liar.metadata()))),
        (
            "a slash more",
            METADATA,
            Box::new(|own| {
                Behaviour::Json(json!({ "issuer": format!("{}/", own.url), "jwks_uri": format!("{}{JWKS}", own.url) }))
            }),
        ),
        ("no jwks_uri", METADATA, Box::new(|own| Behaviour::Json(json!({ "issuer": own.url })))),
        (
            "keys by plain http",
            METADATA,
            Box::new(|own| metadata(|metadata, _| metadata["jwks_uri"] = json!("http://192.0.2.1/jwks"), own, &liar)),
        ),
        (
            "keys from a file",
            METADATA,
            Box::new(|own| metadata(|metadata, _| metadata["jwks_uri"] = json!("file:///etc/passwd"), own, &liar)),
        ),
        ("a redirect of the metadata", METADATA, Box::new(|_| Behaviour::Redirect(format!("{}{METADATA}", liar.url)))),
        ("garbage for metadata", METADATA, Box::new(|_| Behaviour::Text(200, "<html>".to_owned()))),
        (
            "an error with good metadata inside",
            METADATA,
            Box::new(|own| Behaviour::Text(500, own.metadata().to_string())),
        ),
        ("a redirect of the keys", JWKS, Box::new(|_| Behaviour::Redirect(format!("{}{JWKS}", liar.url)))),
        ("garbage for keys", JWKS, Box::new(|_| Behaviour::Text(200, "garbage".to_owned()))),
        ("no keys member", JWKS, Box::new(|_| Behaviour::Json(json!({})))),
        ("keys without end", JWKS, Box::new(move |_| Behaviour::Text(200, huge.clone()))),
    ];
    for (name, path, lie) in cases {
        let scene = scene().await;
        scene.issuer.set(path, lie(&scene.issuer));
        assert_eq!(scene.status_of(&scene.token("hr:look")).await, 503, "{name}");
        assert_eq!(scene.status_of(&elsewhere.sign(&scene.claims("hr:look"))).await, 503, "{name}");
        assert!(!scene.guard.is_ready(), "{name}");
        assert_eq!(scene.ran(), [""; 0], "{name}");
    }
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_closes_everything() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let mut scene = Scene::begin().await;
    let unreachable = Issuer::at(format!("http://{address}"));
    let guard = builder(&unreachable, &scene.clock).build().unwrap();
    scene.put_behind(guard.protect({
        let server = crate::server::Server::new(Arc::clone(&scene.ran));
        move || Ok(server.clone())
    }));
    assert_eq!(scene.status_of(&scene.token("hr:look")).await, 503);
    assert_eq!(scene.ran(), [""; 0]);
}

#[tokio::test]
async fn an_issuer_that_never_answers_is_given_up() {
    let scene = Scene::begin().await;
    scene.issuer.set(METADATA, Behaviour::Held(scene.issuer.metadata()));
    let time = StoppedTime::begin();
    let token = scene.token("hr:look");
    let (status, ()) = tokio::join!(scene.status_of(&token), async {
        scene.issuer.until_held().await;
        time.pass(Duration::from_secs(5)).await;
    });
    assert_eq!(status, 503);
}

#[tokio::test]
async fn openid_configuration_will_do_where_the_other_document_is_not() {
    let scene = Scene::begin().await;
    scene.issuer.remove(METADATA);
    scene.issuer.set(OPENID, Behaviour::Json(scene.issuer.metadata()));
    assert_eq!(scene.status_of(&scene.token("hr:look")).await, 200);
    assert_eq!((scene.issuer.fetches(METADATA), scene.issuer.fetches(OPENID)), (1, 1));
}

#[tokio::test]
async fn an_issuer_with_a_path_is_found_in_each_place() {
    for place in [
        "/.well-known/oauth-authorization-server/tenant",
        "/.well-known/openid-configuration/tenant",
        "/tenant/.well-known/openid-configuration",
    ] {
        let mut scene = Scene::begin().await;
        let tenant = Issuer::at(format!("{}/tenant", scene.issuer.url));
        let jwks_uri = format!("{}{JWKS}", scene.issuer.url);
        scene.issuer.set(place, Behaviour::Json(json!({ "issuer": tenant.url, "jwks_uri": jwks_uri })));
        let guard = builder(&tenant, &scene.clock).build().unwrap();
        let server = crate::server::Server::new(Arc::clone(&scene.ran));
        scene.put_behind(guard.protect(move || Ok(server.clone())));
        let mut claims = scene.claims("hr:look");
        claims["iss"] = json!(tenant.url);
        let answer = scene.post(&scene.key.sign(&claims), &call("look")).await;
        assert_eq!(answer.status, 200, "{place}: {}", answer.text());
    }
}

fn break_down(issuer: &Issuer) {
    issuer.set(METADATA, Behaviour::Text(500, String::new()));
    issuer.set(JWKS, Behaviour::Text(500, String::new()));
}
