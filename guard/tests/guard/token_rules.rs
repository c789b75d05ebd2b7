//! Every rule for tokens, over HTTP: one fault each in an otherwise good token. The same rules at the
//! pure level are core's tests.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::issuer::SigningKey;
use crate::scene::{NOW, Scene};

/// The description that a token is refused with; empty where it is accepted.
async fn refused(scene: &Scene, token: &str) -> String {
    let answer = scene.call(token, "look").await;
    match answer.status.as_u16() {
        200 => String::new(),
        401 => answer.json()["error_description"].as_str().unwrap().to_owned(),
        other => format!("status {other}"),
    }
}

async fn refused_claims(scene: &Scene, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = scene.claims("hr:look");
    change(&mut claims);
    refused(scene, &scene.key.sign(&claims)).await
}

#[tokio::test]
async fn a_good_token_of_each_algorithm_is_accepted() {
    for key in [SigningKey::rs256("rsa"), SigningKey::es256("ec"), SigningKey::eddsa("ed")] {
        let scene = Scene::with_key(key, |builder| builder).await;
        assert_eq!(refused(&scene, &scene.token("hr:look")).await, "", "{}", scene.key.alg());
    }
}

#[tokio::test]
async fn each_required_claim_is_required() {
    let scene = Scene::begin().await;
    for claim in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"] {
        let remove = |claims: &mut Value| drop(claims.as_object_mut().unwrap().remove(claim));
        assert_eq!(refused_claims(&scene, remove).await, format!("the token lacks the claim {claim}"));
        for wrong in [json!(null), json!({}), json!([]), json!(true), json!("")] {
            let described = refused_claims(&scene, |claims| claims[claim] = wrong.clone()).await;
            assert_eq!(described, format!("the token's claim {claim} is malformed"), "{wrong}");
        }
    }
    let remove = |claims: &mut Value| drop(claims.as_object_mut().unwrap().remove("nbf"));
    assert_eq!(refused_claims(&scene, remove).await, "");
}

#[tokio::test]
async fn issuer_and_audience_are_compared_to_the_character() {
    let scene = Scene::begin().await;
    let issuer = scene.issuer.url.clone();
    let slash = refused_claims(&scene, |claims| claims["iss"] = json!(format!("{issuer}/"))).await;
    assert_eq!(slash, "the token's claim iss is malformed");
    let other = refused_claims(&scene, |claims| claims["iss"] = json!("https://id.example")).await;
    assert_eq!(other, "the token was issued by another issuer");
    for audience in [
        "http://localhost:8001/mcp/",
        "http://localhost:8001",
        "https://localhost:8001/mcp",
        "http://localhost:8002/mcp",
    ] {
        let described = refused_claims(&scene, |claims| claims["aud"] = json!(audience)).await;
        assert_eq!(described, "the token is for another resource", "{audience}");
    }
    let array = refused_claims(&scene, |claims| claims["aud"] = json!([claims["aud"]])).await;
    assert_eq!(array, "the token's claim aud is malformed");
}

#[tokio::test]
async fn clocks_may_differ_by_thirty_seconds_and_not_by_one_more() {
    let scene = Scene::begin().await;
    let (expired, early) = ("the token has expired", "the token is not yet valid");
    for (claim, value, described) in [
        ("exp", NOW - 29, ""),
        ("exp", NOW - 30, expired),
        ("iat", NOW + 30, ""),
        ("iat", NOW + 31, early),
        ("nbf", NOW + 30, ""),
        ("nbf", NOW + 31, early),
    ] {
        assert_eq!(refused_claims(&scene, |claims| claims[claim] = json!(value)).await, described, "{claim} {value}");
    }
}

#[tokio::test]
async fn a_date_that_is_no_number_is_malformed_and_never_absent() {
    let scene = Scene::begin().await;
    for claim in ["exp", "nbf", "iat"] {
        for wrong in [json!("1"), json!(NOW.to_string()), json!(null), json!([NOW]), json!(1e300)] {
            let described = refused_claims(&scene, |claims| claims[claim] = wrong.clone()).await;
            assert_eq!(described, format!("the token's claim {claim} is malformed"), "{wrong}");
        }
    }
    assert_eq!(refused_claims(&scene, |claims| claims["exp"] = json!(1_790_000_060.5)).await, "");
}

#[tokio::test]
async fn a_token_is_checked_against_the_clock_at_each_use() {
    let scene = Scene::begin().await;
    let token = scene.token("hr:look");
    assert_eq!(refused(&scene, &token).await, "");
    scene.clock.set(NOW + 929);
    assert_eq!(refused(&scene, &token).await, "");
    scene.clock.set(NOW + 930);
    assert_eq!(refused(&scene, &token).await, "the token has expired");
    scene.clock.set(NOW - 31);
    assert_eq!(refused(&scene, &token).await, "the token is not yet valid");
}

#[tokio::test]
async fn only_access_tokens_are_taken_for_access_tokens() {
    let scene = Scene::begin().await;
    let payload = scene.claims("hr:look").to_string();
    for (kind, described) in [
        (json!("at+jwt"), ""),
        (json!("AT+JWT"), ""),
        (json!("application/at+jwt"), ""),
        (json!("JWT"), "the token is not an access token"),
        (json!("jwt"), "the token is not an access token"),
        (json!("client-authentication+jwt"), "the token is not an access token"),
        (json!("logout+jwt"), "the token is not an access token"),
        (json!("application/application/at+jwt"), "the token is not an access token"),
        (json!(["at+jwt"]), "the token is not an access token"),
        (json!(null), "the token is not an access token"),
    ] {
        let mut header = scene.key.header();
        header["typ"] = kind.clone();
        assert_eq!(refused(&scene, &scene.key.sign_text(&header.to_string(), &payload)).await, described, "{kind}");
    }
    let bare = json!({ "alg": "ES256", "kid": "key-1" }).to_string();
    assert_eq!(refused(&scene, &scene.key.sign_text(&bare, &payload)).await, "the token is not an access token");
}

#[tokio::test]
async fn the_algorithm_is_the_keys_and_never_the_tokens_word_alone() {
    let scene = Scene::with_key(SigningKey::rs256("key-1"), |builder| builder).await;
    let payload = URL_SAFE_NO_PAD.encode(scene.claims("hr:look").to_string());
    let wrong = "the token's algorithm is not accepted";
    for alg in ["none", "None", "NONE", "", "HS256", "RS384", "PS256", "ES256", "EdDSA", "rs256"] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "typ": "at+jwt", "alg": alg, "kid": "key-1" }).to_string());
        let input = format!("{header}.{payload}");
        assert_eq!(refused(&scene, &format!("{input}.")).await, wrong, "{alg} without a signature");
        let signature = URL_SAFE_NO_PAD.encode(scene.key.signature(input.as_bytes()));
        assert_eq!(refused(&scene, &format!("{input}.{signature}")).await, wrong, "{alg} with the real signature");
        let jwk = scene.key.jwk();
        for secret in [jwk["n"].as_str().unwrap().to_owned(), jwk.to_string()] {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), input.as_bytes());
            let forged = format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag));
            assert_eq!(refused(&scene, &forged).await, wrong, "{alg} with the public key as secret");
        }
    }
    let without = json!({ "typ": "at+jwt", "kid": "key-1" }).to_string();
    let token = scene.key.sign_text(&without, &scene.claims("hr:look").to_string());
    assert_eq!(refused(&scene, &token).await, wrong);
}

#[tokio::test]
async fn critical_parameters_and_bound_tokens_are_refused() {
    let scene = Scene::begin().await;
    let payload = scene.claims("hr:look").to_string();
    for critical in [json!(["exp"]), json!([]), json!(null)] {
        let mut header = scene.key.header();
        header["crit"] = critical;
        let token = scene.key.sign_text(&header.to_string(), &payload);
        assert_eq!(refused(&scene, &token).await, "the token has critical header parameters");
    }
    for proof in [json!({ "jkt": "x" }), json!({}), json!(null)] {
        let described = refused_claims(&scene, |claims| claims["cnf"] = proof.clone()).await;
        assert_eq!(described, "the token is bound to a proof", "{proof}");
    }
}

#[tokio::test]
async fn a_member_that_stands_twice_makes_a_token_malformed() {
    let scene = Scene::begin().await;
    let (header, payload) = (scene.key.header().to_string(), scene.claims("hr:look").to_string());
    let doubled = |text: &str, member: &str| format!("{},{member}}}", text.strip_suffix('}').unwrap());
    let malformed = "the token is not a well-formed JWT";
    for member in [r#""alg":"ES256""#, r#""typ":"at+jwt""#, r#""kid":"key-1""#, r#""\u006bid":"key-1""#] {
        let token = scene.key.sign_text(&doubled(&header, member), &payload);
        assert_eq!(refused(&scene, &token).await, malformed, "{member}");
    }
    for member in [r#""scope":"hr:*""#, r#""exp":99999999999"#, r#""sc\u006fpe":"hr:*""#, r#""job_role":"x""#] {
        let token = scene.key.sign_text(&header, &doubled(&payload, member));
        assert_eq!(refused(&scene, &token).await, malformed, "{member}");
    }
    let nested = doubled(&payload, r#""x":{"a":1,"a":2}"#);
    assert_eq!(refused(&scene, &scene.key.sign_text(&header, &nested)).await, malformed);
}

#[tokio::test]
async fn what_is_no_compact_jws_is_malformed() {
    let scene = Scene::begin().await;
    let token = scene.token("hr:look");
    let parts: Vec<&str> = token.split('.').collect();
    let (header, payload) = (scene.key.header().to_string(), scene.claims("hr:look").to_string());
    let long = scene.key.sign_text(&header, &json!({ "x": "x".repeat(16 * 1024) }).to_string());
    for wrong in [
        parts[0].to_owned(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}.{}", parts[2]),
        format!(".{token}"),
        format!("{token}="),
        format!("{}.{}.{}+/", parts[0], parts[1], parts[2]),
        long,
        scene.key.sign_text("[]", &payload),
        scene.key.sign_text("nonsense", &payload),
        scene.key.sign_text(&header, "[]"),
        scene.key.sign_text(&header, &format!("{payload}{payload}")),
        scene.key.sign_text(&header, ""),
    ] {
        assert_eq!(refused(&scene, &wrong).await, "the token is not a well-formed JWT", "{wrong}");
    }
}

#[tokio::test]
async fn only_the_signature_of_the_named_key_counts() {
    let scene = Scene::begin().await;
    let other = SigningKey::es256("key-1");
    let claims = scene.claims("hr:look");
    assert_eq!(refused(&scene, &other.sign(&claims)).await, "the token's signature is not valid");
    let mut token = scene.token("hr:look");
    let with_more = token.replace(
        &URL_SAFE_NO_PAD.encode(claims.to_string()),
        &URL_SAFE_NO_PAD.encode(scene.claims("hr:*").to_string()),
    );
    assert_ne!(token, with_more);
    assert_eq!(refused(&scene, &with_more).await, "the token's signature is not valid");
    token.truncate(token.rfind('.').unwrap() + 1);
    assert_eq!(refused(&scene, &token).await, "the token's signature is not valid");
}

#[tokio::test]
async fn a_token_names_its_key_and_only_published_keys_count() {
    let scene = Scene::begin().await;
    let payload = scene.claims("hr:look").to_string();
    let unknown = "the token's key is not known";
    assert_eq!(refused(&scene, &SigningKey::es256("key-2").sign(&scene.claims("hr:look"))).await, unknown);
    for header in [json!({ "typ": "at+jwt", "alg": "ES256" }), json!({ "typ": "at+jwt", "alg": "ES256", "kid": 1 })] {
        let token = scene.key.sign_text(&header.to_string(), &payload);
        assert_eq!(refused(&scene, &token).await, "the token is not a well-formed JWT");
    }
    // A key in the token itself, or an address of one, is the caller's word for himself.
    let own = SigningKey::es256("own");
    let mut header = own.header();
    header["jwk"] = own.jwk();
    header["jku"] = json!("https://evil.example/jwks");
    header["x5u"] = json!("https://evil.example/cert");
    assert_eq!(refused(&scene, &own.sign_text(&header.to_string(), &payload)).await, unknown);
}

#[tokio::test]
async fn published_keys_that_are_weak_or_for_something_else_are_ignored() {
    let scene = Scene::begin().await;
    let rsa = SigningKey::rs256("rsa");
    let changed = |kid: &str, change: fn(&mut Value)| {
        let mut jwk = rsa.jwk();
        jwk["kid"] = json!(kid);
        change(&mut jwk);
        jwk
    };
    let weak = |jwk: &mut Value| jwk["n"] = json!(URL_SAFE_NO_PAD.encode([0xd1; 128]));
    scene.issuer.publish_jwks(&[
        scene.key.jwk(),
        changed("enc", |jwk| jwk["use"] = json!("enc")),
        changed("rs512", |jwk| jwk["alg"] = json!("RS512")),
        changed("hs256", |jwk| jwk["alg"] = json!("HS256")),
        changed("weak", weak),
        changed("oct", |jwk| *jwk = json!({ "kty": "oct", "kid": "oct", "k": "AAAA" })),
        json!({ "kty": "RSA" }),
        json!(7),
        changed("good", |_| {}),
    ]);
    let signed_as = |kid: &str| {
        let header = json!({ "typ": "at+jwt", "alg": "RS256", "kid": kid }).to_string();
        rsa.sign_text(&header, &scene.claims("hr:look").to_string())
    };
    for kid in ["enc", "rs512", "hs256", "weak", "oct"] {
        assert_eq!(refused(&scene, &signed_as(kid)).await, "the token's key is not known", "{kid}");
    }
    assert_eq!(refused(&scene, &signed_as("good")).await, "");
    assert_eq!(refused(&scene, &scene.token("hr:look")).await, "");
}

#[tokio::test]
async fn a_scope_that_is_not_of_the_grammar_makes_the_token_invalid() {
    let scene = Scene::begin().await;
    for scope in [json!("openid"), json!("hr"), json!(["hr:look"]), json!(7)] {
        let described = refused_claims(&scene, |claims| claims["scope"] = scope.clone()).await;
        assert_eq!(described, "the token's claim scope is malformed", "{scope}");
    }
    let mut claims = scene.claims("");
    claims.as_object_mut().unwrap().remove("scope");
    assert_eq!(scene.status_of(&scene.key.sign(&claims)).await, 403);
}
