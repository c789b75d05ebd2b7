//! RFC 7662: what the service tells of a token, and whom.

use bailiwick_e2e::{Credentials, World, jwt};
use serde_json::{Value, json};

fn guard(world: &World, resources: &[&str]) -> Credentials {
    world.admin().create_client(&json!({"roles": ["guard"], "resources": resources}))
}

#[test]
fn the_own_client_is_told_what_the_token_says() {
    let world = World::shared();
    let client = world.client(&["Reader"]);
    let token = world.auth.token(&client, &[]);
    let told = world.auth.introspect(&client, &token);
    assert_eq!(told["active"], true, "{told}");
    let claims = jwt::claims(&token);
    for name in ["iss", "sub", "aud", "client_id", "scope", "exp", "iat", "jti"] {
        assert_eq!(told[name], claims[name], "{name}");
    }
    assert_eq!(told["token_type"], "Bearer");
}

#[test]
fn no_static_claim_says_what_introspection_says_itself() {
    let world = World::shared();
    for (name, value) in [("active", json!(false)), ("token_type", json!("N_A")), ("username", json!("root"))] {
        let answer = world.admin().post("/clients", &json!({"claims": {name: value}}));
        assert_eq!(answer.refusal(), (400, "invalid_client_metadata".to_owned()), "{name}");
    }
}

#[test]
fn a_guard_of_the_resource_is_told() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    let told = world.auth.introspect(&guard(&world, &[&world.hr.resource]), &token);
    assert_eq!((&told["active"], &told["scope"]), (&json!(true), &json!("hr:*")));
}

#[test]
fn strangers_are_told_nothing() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    let elsewhere = "http://localhost:1/mcp";
    world.admin().set_resource("elsewhere", &json!({"resource": elsewhere, "title": "Elsewhere", "tools": []}));
    let elsewhere = guard(&world, &[elsewhere]);
    for stranger in [world.client(&["Officer"]), world.client(&["Manager"]), elsewhere, world.administrator.clone()] {
        assert_eq!(world.auth.introspect(&stranger, &token), json!({"active": false}), "{}", stranger.id);
    }
}

#[test]
fn a_guard_of_no_named_resource_is_told_nothing() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    assert_eq!(world.auth.introspect(&world.client(&["guard"]), &token), json!({"active": false}));
}

#[test]
fn what_is_no_valid_token_is_not_active() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    let token = world.auth.token(&client, &[]);
    let (head, signature) = token.rsplit_once('.').unwrap_or_default();
    let forged =
        [format!("{head}.{}", signature.replace(['A', 'B', 'C', 'D'], "E")), format!("{head}."), head.to_owned()];
    for nonsense in forged.iter().map(String::as_str).chain(["nonsense", "a.b.c", "...", &"x".repeat(20_000)]) {
        assert_eq!(world.auth.introspect(&client, nonsense), json!({"active": false}), "{nonsense:.40}");
    }
}

#[test]
fn a_token_of_a_disabled_client_is_not_active() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    let token = world.auth.token(&client, &[]);
    let guard = guard(&world, &[&world.hr.resource]);
    let is_active = || world.auth.introspect(&guard, &token)["active"].clone();
    assert_eq!(is_active(), Value::Bool(true));
    let _ = world.admin().patch(&format!("/clients/{}", client.id), &json!({"disabled": true})).expect(200);
    assert_eq!(is_active(), Value::Bool(false));
}

#[test]
fn a_request_without_a_token_is_refused() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    for form in [&[][..], &[("token", "")], &[("token", "a"), ("token", "b")]] {
        let answer = world.auth.post_form("/oauth2/introspect", &client, form);
        assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()), "{form:?}");
    }
}

#[test]
fn nobody_asks_without_credentials() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    let nobody = Credentials { id: "nobody".to_owned(), secret: "nothing".to_owned() };
    let answer = world.auth.post_form("/oauth2/introspect", &nobody, &[("token", &token)]);
    assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()));
    assert!(!answer.body.contains("active"), "{answer:#?}");
}

#[test]
fn an_answer_is_never_stored() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    let answer = world.auth.post_form("/oauth2/introspect", &client, &[("token", "nonsense")]).expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[test]
fn the_endpoint_takes_post_alone() {
    let world = World::shared();
    assert!(world.auth.get("/oauth2/introspect").expect(405).header("allow").contains("POST"));
}
