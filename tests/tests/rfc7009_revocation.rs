//! RFC 7009: a client takes back its own token.

use bailiwick_e2e::{Answer, Credentials, World};
use serde_json::json;

fn revoke(world: &World, client: &Credentials, form: &[(&str, &str)]) -> Answer {
    world.auth.post_form("/oauth2/revoke", client, form)
}

fn is_active(world: &World, client: &Credentials, token: &str) -> bool {
    world.auth.introspect(client, token)["active"] == true
}

#[test]
fn a_token_that_its_client_revokes_is_no_longer_active() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    let (token, other) = (world.auth.token(&client, &[]), world.auth.token(&client, &[]));
    assert!(is_active(&world, &client, &token));
    let answer = revoke(&world, &client, &[("token", &token), ("token_type_hint", "access_token")]).expect(200);
    assert_eq!(answer.body, "");
    assert_eq!(world.auth.introspect(&client, &token), json!({"active": false}));
    assert!(is_active(&world, &client, &other), "only the one token was revoked");
}

#[test]
fn revoking_twice_is_as_good_as_once() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    let token = world.auth.token(&client, &[]);
    for _ in 0..2 {
        let _ = revoke(&world, &client, &[("token", &token)]).expect(200);
    }
    assert!(!is_active(&world, &client, &token));
}

#[test]
fn somebody_elses_token_stays_as_it_is() {
    let world = World::shared();
    let (owner, other) = (world.client(&["Officer"]), world.client(&["Manager"]));
    let token = world.auth.token(&owner, &[]);
    let answer = revoke(&world, &other, &[("token", &token)]);
    assert!(matches!(answer.status, 200 | 400), "{answer:#?}");
    assert!(is_active(&world, &owner, &token));
}

#[test]
fn what_is_no_token_of_ours_is_revoked_already() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    let token = world.auth.token(&client, &[]);
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    for nonsense in ["nonsense", "a.b.c", forged.as_str(), &"x".repeat(20_000)] {
        let _ = revoke(&world, &client, &[("token", nonsense)]).expect(200);
    }
    assert!(is_active(&world, &client, &token), "a token with a broken signature revoked the real one");
}

#[test]
fn an_unknown_hint_is_passed_over() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    let token = world.auth.token(&client, &[]);
    let _ = revoke(&world, &client, &[("token", &token), ("token_type_hint", "carrier_pigeon")]).expect(200);
    assert!(!is_active(&world, &client, &token));
}

#[test]
fn a_request_without_a_token_is_refused() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    for form in [&[][..], &[("token", "")], &[("token", "a"), ("token", "b")]] {
        assert_eq!(revoke(&world, &client, form).refusal(), (400, "invalid_request".to_owned()), "{form:?}");
    }
}

#[test]
fn a_client_that_does_not_authenticate_revokes_nothing() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    let token = world.auth.token(&client, &[]);
    let wrong = Credentials { secret: "wrong".to_owned(), ..client.clone() };
    assert_eq!(revoke(&world, &wrong, &[("token", &token)]).refusal(), (401, "invalid_client".to_owned()));
    assert!(is_active(&world, &client, &token));
}

#[test]
fn the_endpoint_takes_post_alone() {
    let world = World::shared();
    assert!(world.auth.get("/oauth2/revoke").expect(405).header("allow").contains("POST"));
}
