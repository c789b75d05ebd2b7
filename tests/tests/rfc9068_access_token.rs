//! RFC 9068: the access token, as a third party verifies it.

use std::collections::HashSet;

use bailiwick_e2e::{World, jwt};
use serde_json::json;

#[test]
fn a_third_party_verifies_the_token_with_the_published_keys() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    let claims = jwt::verify(&token, &world.auth.jwks(), &world.auth.issuer, &world.hr.resource);
    assert!(claims.is_ok_and(|claims| claims["scope"] == "hr:*"));
}

#[test]
fn a_third_party_refuses_it_for_another_audience_or_issuer() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    let jwks = world.auth.jwks();
    assert!(jwt::verify(&token, &jwks, &world.auth.issuer, "http://localhost:1/mcp").is_err());
    assert!(jwt::verify(&token, &jwks, "http://localhost:1", &world.hr.resource).is_err());
}

#[test]
fn the_header_says_that_it_is_an_access_token() {
    let world = World::shared();
    let header = jwt::header(&world.hr_token(&["Officer"], ""));
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("RS256")));
    assert!(header["kid"].is_string(), "{header}");
}

#[test]
fn the_claims_are_those_of_the_contract() {
    let world = World::shared();
    let client = world.client(&["Reader"]);
    let claims = jwt::claims(&world.auth.token(&client, &[]));
    assert_eq!(claims["iss"], json!(world.auth.issuer));
    assert_eq!(claims["sub"], json!(client.id));
    assert_eq!(claims["client_id"], json!(client.id));
    assert_eq!(claims["aud"], json!(world.hr.resource));
    assert_eq!(claims["scope"], "hr:read");
    assert_eq!(claims["roles"], json!(["Reader"]));
    assert!(claims["rev"].is_u64() && claims["jti"].is_string(), "{claims}");
    let [iat, nbf, exp] = ["iat", "nbf", "exp"].map(|name| claims[name].as_i64().unwrap_or_default());
    assert_eq!((nbf, exp), (iat, iat + 900));
    assert_eq!(claims.get("grant_id"), None);
}

#[test]
fn no_two_tokens_share_their_name() {
    let world = World::shared();
    let client = world.client(&["Reader"]);
    let names: HashSet<String> =
        (0..20).map(|_| jwt::claims(&world.auth.token(&client, &[]))["jti"].to_string()).collect();
    assert_eq!(names.len(), 20);
}

#[test]
fn a_static_claim_never_replaces_one_of_the_service() {
    let world = World::shared();
    for name in ["iss", "sub", "aud", "exp", "scope", "roles", "rev", "act", "cnf", "client_id", "groups"] {
        let answer = world.admin().post("/clients", &json!({"roles": ["Officer"], "claims": {name: "forged"}}));
        assert_eq!(answer.status, 400, "{name}: {answer:#?}");
        assert!(answer.text("error_description").contains(name), "{name}: {answer:#?}");
    }
}
