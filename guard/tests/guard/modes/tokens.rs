//! Tokens that no token service issued: of a secret that is shared, and of a key pair.

use std::io;

use bailiwick_guard::PublicKey;
use futures::stream;

use super::*;
use crate::issuer::SigningKey;

#[tokio::test]
async fn a_token_is_given_for_a_name_and_its_secret_and_lives_an_hour() {
    let scene = scene(&[Mode::Hs256], |builder| builder).await;
    let asked = json!({"client_id": "reader", "client_secret": READERS_KEY}).to_string();
    let answer = token_answer(&scene, asked.clone()).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let given = answer.json();
    assert_eq!((&given["token_type"], &given["expires_in"]), (&json!("Bearer"), &json!(3600)));
    let shown = Shown::Bearer(given["access_token"].as_str().unwrap().to_owned());
    assert_eq!(shown.calls(&scene, "look").await.status, 200);
    scene.clock.set(NOW + 3630);
    let expired = shown.calls(&scene, "look").await;
    assert!(challenges(&expired)[0].starts_with(r#"Bearer error="invalid_token""#), "{:?}", challenges(&expired));
    for (wrong, status, error) in [
        (r#"{"client_id":"reader","client_secret":"wrong"}"#, 401, "invalid_client"),
        (r#"{"client_id":"nobody","client_secret":"wrong"}"#, 401, "invalid_client"),
        (r#"{"client_id":"reader"}"#, 400, "invalid_request"),
        (r#"{"client_id":"reader","client_id":"clerk","client_secret":"x"}"#, 400, "invalid_request"),
        ("client_id=reader", 400, "invalid_request"),
        ("", 400, "invalid_request"),
    ] {
        let answer = token_answer(&scene, wrong).await;
        assert_eq!((answer.status.as_u16(), answer.json()["error"].as_str()), (status, Some(error)), "{wrong}");
    }
    let huge = json!({"client_id": "x".repeat(16 * 1024), "client_secret": "x"}).to_string();
    assert_eq!(token_answer(&scene, huge).await.status, 413);
    let broken = stream::iter([Ok("{"), Err(io::Error::other("gone"))]);
    let answer = token_answer(&scene, Body::from_stream(broken)).await;
    assert_eq!((answer.status.as_u16(), answer.json()["error"].as_str()), (400, Some("invalid_request")));
    for _ in 0..19 {
        token_answer(&scene, r#"{"client_id":"reader","client_secret":"wrong"}"#).await;
    }
    let limited = token_answer(&scene, r#"{"client_id":"reader","client_secret":"wrong"}"#).await;
    assert_eq!((limited.status.as_u16(), limited.header("retry-after")), (429, Some("1")));
    assert_eq!(token_answer(&scene, asked.clone()).await.status, 200);
}

#[tokio::test]
async fn a_token_of_the_shared_secret_is_for_this_server_and_a_known_client() {
    let scene = scene(&ALL, |builder| builder).await;
    assert_eq!(hs256(&own_claims()).calls(&scene, "look").await.status, 200);
    let other_secret = SharedSecret::new(&[1; 32]).unwrap().sign(&own_claims()).unwrap();
    let mut without_end = own_claims();
    without_end.as_object_mut().unwrap().remove("exp");
    for wrong in [
        hs256(&with(own_claims(), "iss", scene.issuer.url.clone())),
        hs256(&with(own_claims(), "aud", "http://localhost:8002/mcp")),
        hs256(&with(own_claims(), "sub", "nobody")),
        hs256(&with(own_claims(), "exp", NOW - 30)),
        hs256(&without_end),
        Shown::Bearer(other_secret),
    ] {
        assert_eq!(wrong.calls(&scene, "look").await.status, 401, "{wrong:?}");
    }
    // What such a token says beyond the name opens nothing.
    let boasting = hs256(&with(with(own_claims(), "scope", "hr:*"), "roles", json!(["Manager"])));
    assert_eq!(boasting.calls(&scene, "add").await.status, 403);
}

#[test]
fn only_an_rsa_key_of_two_thousand_bits_and_more_is_a_public_key() {
    let of = |pem: &str| PublicKey::from_pem(pem.as_bytes(), "issuer", "audience").is_ok();
    assert!(of(&pem(&SigningKey::rs256("unused"))));
    // 1024 bits; then P-256; then no key.
    for wrong in [
        "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDD7D4k49ERd6MSr/Z6+U2vAXtvMPAwcRGAzRzvIHSL+IHPJpbWpzv+FVCjlazD5C+/\
         VSwXmh78f4yS2nfs1dmzccjQflmpCdd/PykYRsHgRukQDf5zzeV32mlP0sZwZTdizr40Zl0AW8KVhZeD4q6YvpAv81MBuqAJ3edw3D0SRQID\
         AQAB",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEHA0oQjj9getMar2OvPXRMHmEjVAkWZXiJQygsmcb2mcxCDkSxgyNz53rn98JjLn/KPtXM1cw\
         TNYgHcw1r2h52w==",
        "AAAA",
    ] {
        assert!(!of(&format!("-----BEGIN PUBLIC KEY-----\n{wrong}\n-----END PUBLIC KEY-----\n")), "{wrong}");
    }
    assert!(!of(""));
}

/// The header and the claims of the seed's third way.
fn seeds_token(key: &SigningKey, header: &Value, claims: &Value) -> Shown {
    Shown::Bearer(key.sign_text(&header.to_string(), &claims.to_string()))
}

fn alice() -> Value {
    json!({
        "iss": "https://dev-issuer.com", "aud": "my-mcp-server", "sub": "alice", "iat": NOW, "exp": NOW + 3600,
        "job_role": "Manager", "id": "123", "name": "Alice"
    })
}

fn pem(key: &SigningKey) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(key.spki()))
}

async fn with_public_key(modes: &[Mode], key: &SigningKey) -> Scene {
    let public = PublicKey::from_pem(pem(key).as_bytes(), "https://dev-issuer.com", "my-mcp-server").unwrap();
    scene(modes, |builder| builder.public_key(public)).await
}

#[tokio::test]
async fn a_token_of_a_key_pair_brings_roles_that_this_server_knows() {
    let key = SigningKey::rs256("unused");
    let scene = with_public_key(&[Mode::PublicKey], &key).await;
    let rs256 = json!({"alg": "RS256"});
    let manager = seeds_token(&key, &rs256, &alice());
    let who = manager.calls(&scene, "whoami").await;
    assert_eq!(who.json()["result"]["content"][0]["text"], "alice alice hr:* false");
    for (role, status) in [("Reader", 403), ("Clerk", 200), ("Unheard-of", 403)] {
        let shown = seeds_token(&key, &rs256, &with(alice(), "job_role", role));
        assert_eq!(shown.calls(&scene, "add").await.status, status, "{role}");
    }
    let another = SigningKey::rs256("unused");
    for wrong in [
        seeds_token(&another, &rs256, &alice()),
        seeds_token(&key, &rs256, &with(alice(), "aud", "another")),
        seeds_token(&key, &rs256, &with(alice(), "iss", "https://dev-issuer.com/")),
        seeds_token(&key, &rs256, &with(alice(), "exp", NOW - 30)),
        seeds_token(&key, &json!({"alg": "none"}), &alice()),
    ] {
        assert_eq!(wrong.calls(&scene, "look").await.status, 401, "{wrong:?}");
    }
}

#[tokio::test]
async fn a_public_key_is_nobodys_shared_secret() {
    let key = SigningKey::rs256("unused");
    let scene = with_public_key(&[Mode::OAuth, Mode::PublicKey, Mode::Hs256], &key).await;
    let forged = |secret: &[u8], claims: &Value| SharedSecret::new(secret).unwrap().sign(claims).unwrap();
    for secret in [key.spki(), STANDARD.encode(key.spki()).into_bytes(), pem(&key).into_bytes()] {
        for claims in [alice(), own_claims()] {
            let shown = Shown::Bearer(forged(&secret, &claims));
            assert_eq!(shown.calls(&scene, "look").await.status, 401);
        }
    }
    // Each mode takes its own: an access token beside a token of the seed beside one of the secret.
    let access_token = Shown::Bearer(scene.token("hr:look"));
    for shown in [access_token, seeds_token(&key, &json!({"alg": "RS256"}), &alice()), hs256(&own_claims())] {
        assert_eq!(shown.calls(&scene, "look").await.status, 200, "{shown:?}");
    }
    let as_access_token = seeds_token(&key, &json!({"alg": "RS256", "typ": "at+jwt", "kid": "unused"}), &alice());
    assert_eq!(as_access_token.calls(&scene, "look").await.status, 401);
}
