//! RFC 6749 sections 2.3, 4.4 and 5: the client credentials grant at the token endpoint.

use bailiwick_e2e::http::{self, Answer};
use bailiwick_e2e::{Credentials, World};
use reqwest::blocking::RequestBuilder;

const FORM: &str = "application/x-www-form-urlencoded";
const GRANT: &str = "grant_type=client_credentials";

/// A request to the token endpoint with this body, not authenticated yet.
fn request(world: &World, body: &str) -> RequestBuilder {
    let url = format!("{}/oauth2/token", world.auth.issuer);
    world.auth.http.post(url).header("Content-Type", FORM).body(body.to_owned())
}

fn with_basic(world: &World, client: &Credentials, body: &str) -> Answer {
    http::send(request(world, body).basic_auth(&client.id, Some(&client.secret)))
}

fn with_post(world: &World, client: &Credentials, body: &str) -> Answer {
    let Credentials { id, secret } = client;
    http::send(request(world, &format!("{body}&client_id={id}&client_secret={secret}")))
}

fn officer(world: &World) -> Credentials {
    world.client(&["Officer"])
}

#[test]
fn a_client_authenticates_by_basic_or_by_post() {
    let world = World::shared();
    let client = officer(&world);
    for answer in [with_basic(&world, &client, GRANT), with_post(&world, &client, GRANT)] {
        let token = answer.expect(200).json();
        assert_eq!(token["token_type"], "Bearer");
        assert_eq!(token["expires_in"], 900);
        assert_eq!(token["scope"], "hr:*");
        assert!(token["access_token"].is_string() && token.get("refresh_token").is_none(), "{token}");
    }
}

#[test]
fn an_answer_with_a_token_is_json_and_is_never_stored() {
    let world = World::shared();
    let answer = with_basic(&world, &officer(&world), GRANT).expect(200);
    assert!(answer.header("content-type").starts_with("application/json"), "{answer:#?}");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[test]
fn a_refusal_is_never_stored_either() {
    let world = World::shared();
    let answer = with_basic(&world, &officer(&world), "grant_type=nonsense").expect(400);
    assert!(answer.header("content-type").starts_with("application/json"), "{answer:#?}");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[test]
fn id_and_secret_are_form_encoded_inside_basic() {
    let world = World::shared();
    let client = world.admin().create_client(&serde_json::json!({"client_id": "with~tilde", "roles": ["Officer"]}));
    let encoded = Credentials { id: "with%7Etilde".to_owned(), secret: client.secret.clone() };
    let _ = with_basic(&world, &encoded, GRANT).expect(200);
    let _ = with_basic(&world, &client, GRANT).expect(200);
    let broken = Credentials { id: "with%ZZtilde".to_owned(), secret: client.secret };
    assert_eq!(with_basic(&world, &broken, GRANT).refusal(), (400, "invalid_request".to_owned()));
}

#[test]
fn two_ways_of_authenticating_at_once_are_refused() {
    let world = World::shared();
    let client = officer(&world);
    let body = format!("{GRANT}&client_id={}&client_secret={}", client.id, client.secret);
    assert_eq!(with_basic(&world, &client, &body).refusal(), (400, "invalid_request".to_owned()));
}

#[test]
fn a_client_id_in_the_body_beside_basic_must_be_the_same() {
    let world = World::shared();
    let client = officer(&world);
    let _ = with_basic(&world, &client, &format!("{GRANT}&client_id={}", client.id)).expect(200);
    let answer = with_basic(&world, &client, &format!("{GRANT}&client_id=somebody-else"));
    assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()));
}

#[test]
fn an_unknown_client_and_a_wrong_secret_get_the_same_answer() {
    let world = World::shared();
    let client = officer(&world);
    let wrong = Credentials { secret: client.secret.replace(|_: char| true, "x"), ..client.clone() };
    let unknown = Credentials { id: "nobody-here".to_owned(), ..client };
    for send in [with_basic, with_post] {
        let (wrong, unknown) = (send(&world, &wrong, GRANT), send(&world, &unknown, GRANT));
        assert_eq!(wrong.refusal(), (401, "invalid_client".to_owned()));
        assert_eq!((wrong.status, &wrong.body), (unknown.status, &unknown.body));
        assert_eq!(wrong.challenge(), unknown.challenge());
    }
}

#[test]
fn failed_basic_authentication_is_answered_with_a_basic_challenge() {
    let world = World::shared();
    let unknown = Credentials { id: "nobody".to_owned(), secret: "wrong".to_owned() };
    assert!(with_basic(&world, &unknown, GRANT).expect(401).challenge().starts_with("Basic realm="));
}

#[test]
fn an_assertion_is_no_second_way_to_authenticate_and_none_that_there_is() {
    let world = World::shared();
    let client = officer(&world);
    for assertion in ["client_assertion=x", "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Ajwt-bearer"] {
        let body = format!("{GRANT}&{assertion}");
        assert_eq!(with_basic(&world, &client, &body).refusal(), (400, "invalid_request".to_owned()), "{assertion}");
        let posted = format!("{body}&client_id={}&client_secret={}", client.id, client.secret);
        assert_eq!(http::send(request(&world, &posted)).refusal(), (400, "invalid_request".to_owned()));
        let alone = format!("{body}&client_id={}", world.editor().client_id);
        assert_eq!(http::send(request(&world, &alone)).refusal(), (401, "invalid_client".to_owned()));
    }
}

#[test]
fn no_authentication_at_all_is_an_invalid_client() {
    let world = World::shared();
    assert_eq!(http::send(request(&world, GRANT)).refusal(), (401, "invalid_client".to_owned()));
    let only_id = format!("{GRANT}&client_id={}", officer(&world).id);
    assert_eq!(http::send(request(&world, &only_id)).refusal(), (401, "invalid_client".to_owned()));
}

#[test]
fn a_malformed_authorization_header_authenticates_nobody() {
    let world = World::shared();
    for header in ["Basic", "Basic !!!", "Basic bm9jb2xvbg==", "Basic //8=", "Bearer x", "Nonsense x"] {
        let answer = http::send(request(&world, GRANT).header("Authorization", header));
        assert!(matches!(answer.status, 400 | 401), "{header}: {answer:#?}");
        assert!(
            ["invalid_client", "invalid_request"].contains(&answer.text("error").as_str()),
            "{header}: {answer:#?}"
        );
    }
}

#[test]
fn two_authorization_headers_are_refused() {
    let world = World::shared();
    let client = officer(&world);
    let once = request(&world, GRANT).basic_auth(&client.id, Some(&client.secret));
    let answer = http::send(once.header("Authorization", "Basic eDp5"));
    assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()));
}

#[test]
fn a_parameter_that_is_sent_twice_is_refused_by_name() {
    let world = World::shared();
    let client = officer(&world);
    for twice in ["grant_type=client_credentials", "scope=hr:read&scope=hr:read", "client_id=a&client_id=a"] {
        let answer = with_basic(&world, &client, &format!("{GRANT}&{twice}"));
        assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()), "{twice}");
        let name = twice.split('=').next().unwrap_or_default();
        assert!(answer.text("error_description").contains(name), "{answer:#?}");
    }
}

#[test]
fn a_parameter_without_a_value_counts_as_not_sent() {
    let world = World::shared();
    let answer = with_basic(&world, &officer(&world), &format!("{GRANT}&scope=&resource=")).expect(200);
    assert_eq!(answer.text("scope"), "hr:*");
}

#[test]
fn an_unknown_parameter_is_passed_over() {
    let world = World::shared();
    let _ = with_basic(&world, &officer(&world), &format!("{GRANT}&colour=green&%F0%9F%A6%80=crab")).expect(200);
}

#[test]
fn grants_that_are_missing_or_unknown_are_told_apart() {
    let world = World::shared();
    let client = officer(&world);
    let cases = [
        ("", "invalid_request"),
        ("grant_type=", "invalid_request"),
        ("scope=hr:read", "invalid_request"),
        ("grant_type=password", "unsupported_grant_type"),
        ("grant_type=CLIENT_CREDENTIALS", "unsupported_grant_type"),
        ("grant_type=client_credentials%20", "unsupported_grant_type"),
    ];
    for (body, error) in cases {
        assert_eq!(with_basic(&world, &client, body).refusal(), (400, error.to_owned()), "{body}");
    }
}

#[test]
fn a_body_that_is_not_a_form_is_refused() {
    let world = World::shared();
    let client = officer(&world);
    for content_type in ["application/json", "text/plain", "multipart/form-data; boundary=x", ""] {
        let url = format!("{}/oauth2/token", world.auth.issuer);
        let request = world.auth.http.post(url).header("Content-Type", content_type).body(GRANT);
        let answer = http::send(request.basic_auth(&client.id, Some(&client.secret)));
        assert_eq!(answer.refusal(), (400, "invalid_request".to_owned()), "{content_type}");
    }
}

#[test]
fn a_form_may_name_its_character_set() {
    let world = World::shared();
    let client = officer(&world);
    let url = format!("{}/oauth2/token", world.auth.issuer);
    let request = world.auth.http.post(url).header("Content-Type", format!("{FORM}; charset=UTF-8")).body(GRANT);
    let _ = http::send(request.basic_auth(&client.id, Some(&client.secret))).expect(200);
}

#[test]
fn a_malformed_form_is_refused_and_nothing_breaks() {
    let world = World::shared();
    let client = officer(&world);
    for body in [&b"grant_type=client_credentials&scope=%ff%fe"[..], b"\xff\xfe\x00=1&grant_type=client_credentials"] {
        let url = format!("{}/oauth2/token", world.auth.issuer);
        let request = world.auth.http.post(url).header("Content-Type", FORM).body(body.to_vec());
        let answer = http::send(request.basic_auth(&client.id, Some(&client.secret)));
        assert_eq!(answer.refusal().0, 400, "{answer:#?}");
    }
    let _ = with_basic(&world, &client, GRANT).expect(200);
}

#[test]
fn secrets_and_grants_in_the_query_do_not_count() {
    let world = World::shared();
    let client = officer(&world);
    let url = format!("{}/oauth2/token?{GRANT}", world.auth.issuer);
    let in_query = world.auth.http.post(&url).header("Content-Type", FORM).basic_auth(&client.id, Some(&client.secret));
    assert_eq!(http::send(in_query).refusal().0, 400);
    let url = format!("{url}&client_id={}&client_secret={}", client.id, client.secret);
    let answer = http::send(world.auth.http.post(url).header("Content-Type", FORM).body(GRANT));
    assert!(matches!(answer.status, 400 | 401), "{answer:#?}");
}

#[test]
fn a_body_above_64_kib_is_refused_with_413() {
    let world = World::shared();
    let client = officer(&world);
    let body = |length: usize| format!("{GRANT}&padding={}", "x".repeat(length));
    let _ = with_basic(&world, &client, &body(60 * 1024)).expect(200);
    let _ = with_basic(&world, &client, &body(64 * 1024)).expect(413);
}

#[test]
fn the_endpoint_takes_post_alone() {
    let world = World::shared();
    let answer = world.auth.get("/oauth2/token").expect(405);
    assert!(answer.header("allow").contains("POST"), "{answer:#?}");
}

#[test]
fn a_client_gets_tokens_of_its_own_lifetime_and_claims() {
    let world = World::shared();
    let client = world.admin().create_client(&serde_json::json!({
        "roles": ["Officer"], "access_token_ttl": 60, "claims": {"job_role": "Officer", "name": "Ada"},
    }));
    let answer = with_basic(&world, &client, GRANT).expect(200);
    assert_eq!(answer.json()["expires_in"], 60);
    let claims = bailiwick_e2e::jwt::claims(&answer.text("access_token"));
    assert_eq!((&claims["job_role"], &claims["name"]), (&"Officer".into(), &"Ada".into()));
}

#[test]
fn a_disabled_client_is_as_good_as_unknown() {
    let world = World::shared();
    let client = officer(&world);
    let _ = with_basic(&world, &client, GRANT).expect(200);
    let answer = world.admin().patch(&format!("/clients/{}", client.id), &serde_json::json!({"disabled": true}));
    let _ = answer.expect(200);
    assert_eq!(with_basic(&world, &client, GRANT).refusal(), (401, "invalid_client".to_owned()));
}

#[test]
fn a_browser_may_read_the_answer_but_sends_no_credentials_of_its_own() {
    let world = World::shared();
    let client = officer(&world);
    let request = request(&world, GRANT).basic_auth(&client.id, Some(&client.secret));
    let answer = http::send(request.header("Origin", "https://app.example")).expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}
