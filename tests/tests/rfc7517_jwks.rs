//! RFC 7517: the published keys.

use bailiwick_e2e::{World, http, jwt};

const JWKS: &str = "/.well-known/jwks.json";

#[test]
fn the_key_set_may_be_kept_for_five_minutes_and_read_by_any_page() {
    let world = World::shared();
    let request = world.auth.http.get(format!("{}{JWKS}", world.auth.issuer));
    let answer = http::send(request.header("Origin", "https://inspector.example")).expect(200);
    assert!(answer.header("cache-control").contains("max-age=300"), "{answer:#?}");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.header("content-type").contains("json"), "{answer:#?}");
}

#[test]
fn the_key_of_every_token_is_published() {
    let world = World::shared();
    let kid = jwt::header(&world.hr_token(&["Officer"], ""))["kid"].clone();
    let jwks = world.auth.jwks();
    assert!(jwks["keys"].as_array().into_iter().flatten().any(|key| key["kid"] == kid), "{kid} in {jwks}");
}

#[test]
fn every_key_says_what_it_is_for() {
    let world = World::shared();
    for key in world.auth.jwks()["keys"].as_array().into_iter().flatten() {
        assert_eq!((&key["use"], &key["alg"], &key["kty"]), (&"sig".into(), &"RS256".into(), &"RSA".into()));
        assert!(key["kid"].is_string() && key["n"].is_string() && key["e"].is_string(), "{key}");
    }
}

#[test]
fn nothing_private_is_published() {
    let world = World::shared();
    for key in world.auth.jwks()["keys"].as_array().into_iter().flatten() {
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert_eq!(key.get(private), None, "{private}");
        }
    }
}

#[test]
fn a_key_is_at_least_2048_bits_long() {
    use base64::Engine as _;
    let world = World::shared();
    for key in world.auth.jwks()["keys"].as_array().into_iter().flatten() {
        let modulus = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap_or_default());
        assert!(modulus.is_ok_and(|modulus| modulus.len() >= 256), "{key}");
    }
}
