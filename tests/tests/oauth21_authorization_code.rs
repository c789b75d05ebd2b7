//! OAuth 2.1 section 4.1, RFC 7636, RFC 9207 and RFC 9700: what an authorization request and a code are
//! refused for, and where the refusal is told.

use std::thread;

use bailiwick_e2e::editor::{REDIRECT_URI, carried};
use bailiwick_e2e::{Answer, Browser, Editor, Form, World, http};
use serde_json::json;

/// The refusal was told to the person, and the browser stays here.
fn told_here(answer: &Answer) {
    assert_eq!((answer.status, answer.header("location")), (400, ""), "{answer:#?}");
    assert!(answer.header("content-type").starts_with("text/html"), "{answer:#?}");
}

/// The refusal was told to the client, with everything that an answer carries.
fn told_back(world: &World, answer: &Answer, error: &str) {
    assert_eq!(answer.status, 303, "{answer:#?}");
    assert!(answer.header("location").starts_with(REDIRECT_URI), "{answer:#?}");
    assert_eq!(carried(answer, "error"), error, "{answer:#?}");
    assert_eq!(carried(answer, "state"), "some state");
    assert_eq!(carried(answer, "iss"), world.auth.issuer);
    assert!(carried(answer, "code").is_empty() && !carried(answer, "error_description").is_empty(), "{answer:#?}");
}

#[test]
fn until_client_and_redirect_uri_are_proven_what_is_wrong_is_told_here() {
    let world = World::shared();
    let (editor, browser) = (world.editor(), Browser::new());
    let machine = world.client(&["Officer"]);
    let disabled = world.editor_with(&json!({"disabled": true}));
    for (name, value) in [
        ("client_id", None),
        ("client_id", Some("nobody")),
        ("client_id", Some(machine.id.as_str())),
        ("client_id", Some(disabled.client_id.as_str())),
        ("client_id", Some("<script>alert(1)</script>")),
        ("redirect_uri", None),
    ] {
        let answer = browser.get(&editor.url(&[(name, value)]));
        told_here(&answer);
        assert!(!answer.body.contains("<script"), "{answer:#?}");
    }
    let twice = format!("{}&redirect_uri=https%3A%2F%2Fevil.example%2F", editor.url(&[]));
    told_here(&browser.get(&twice));
    let head = "Host: localhost\r\nConnection: close\r\n\r\n";
    for path in ["/oauth2/authorize", "/login", "/consent"] {
        for query in ["client_id=\u{e9}", "client_id=%ff", "client_id=%0d%0aLocation:%20x"] {
            let request = format!("GET {path}?{query} HTTP/1.1\r\n{head}");
            let answer = http::send_raw(world.auth.process.port, request.as_bytes());
            assert!(answer.starts_with("HTTP/1.1 400 "), "{path}?{query}: {answer}");
        }
    }
    let long = "x".repeat(9_000);
    told_here(&browser.get(&editor.url(&[("state", Some(&long))])));
}

#[test]
fn no_spelling_of_another_redirect_uri_leads_anywhere() {
    let world = World::shared();
    let browser = Browser::new();
    let editor = world.editor_with(&json!({"redirect_uris": [
        "http://127.0.0.1/callback", "http://localhost/callback", "https://app.example/callback",
    ]}));
    for redirect_uri in [
        "https://evil.example/callback",
        "https://app.example.evil.example/callback",
        "https://app.example@evil.example/callback",
        "https://evil.example\\@app.example/callback",
        "https://app.example/callback/",
        "https://app.example/callback/../other",
        "https://app.example/callback/%2e%2e/other",
        "https://app.example/Callback",
        "https://app.example/callback?next=https://evil.example",
        "https://app.example/callback#fragment",
        "https://app.example:444/callback",
        "https://app.example:443/callback",
        "http://app.example/callback",
        "//evil.example/callback",
        "/callback",
        "javascript:alert(1)//https://app.example/callback",
        "data:text/html,hello",
        "http://127.0.0.1.evil.example/callback",
        "http://127.0.0.1:80@evil.example/callback",
        "http://127.0.0.2:51004/callback",
        "http://[::1]:51004/callback",
        "https://127.0.0.1:51004/callback",
        "http://localhost:51004/other",
        "http://LOCALHOST:51004/callback",
        "https://app.example/callback\r\nSet-Cookie: a=b",
        "https://app.example/callback%0d%0a",
        " https://app.example/callback",
    ] {
        told_here(&browser.get(&editor.url(&[("redirect_uri", Some(redirect_uri))])));
    }
    for redirect_uri in
        ["http://127.0.0.1:1/callback", "http://localhost:65535/callback", "https://app.example/callback"]
    {
        let answer = browser.get(&editor.url(&[("redirect_uri", Some(redirect_uri))])).expect(303);
        assert!(answer.header("location").starts_with(&format!("{}/login?", world.auth.issuer)), "{answer:#?}");
    }
}

#[test]
fn what_is_wrong_with_the_rest_is_told_to_the_client_before_anybody_signs_in() {
    let world = World::shared();
    let (editor, browser) = (world.editor(), Browser::new());
    let admin = world.auth.admin_resource();
    for (changes, error) in [
        (vec![("response_type", None)], "invalid_request"),
        (vec![("response_type", Some("token"))], "unsupported_response_type"),
        (vec![("response_type", Some("code id_token"))], "unsupported_response_type"),
        (vec![("response_mode", Some("fragment"))], "invalid_request"),
        (vec![("response_mode", Some("form_post"))], "invalid_request"),
        (vec![("resource", Some("https://other.example/mcp"))], "invalid_target"),
        (vec![("resource", Some(admin.as_str()))], "invalid_target"),
        (vec![("prompt", Some("none login"))], "invalid_request"),
        (vec![("prompt", Some("none"))], "login_required"),
    ] {
        told_back(&world, &browser.get(&editor.url(&changes)), error);
    }
}

#[test]
fn a_proof_key_is_needed_and_plain_or_none_is_refused() {
    let world = World::shared();
    let (editor, browser) = (world.editor(), Browser::new());
    let confidential = world.editor_with(&json!({"token_endpoint_auth_method": "client_secret_basic"}));
    for changes in [
        vec![("code_challenge", None)],
        vec![("code_challenge", None), ("code_challenge_method", None)],
        vec![("code_challenge_method", None)],
        vec![("code_challenge_method", Some("plain"))],
        vec![("code_challenge_method", Some("s256"))],
        vec![("code_challenge", Some("short"))],
        vec![("code_challenge", Some(""))],
    ] {
        for editor in [&editor, &confidential] {
            told_back(&world, &browser.get(&editor.url(&changes)), "invalid_request");
        }
    }
}

#[test]
fn what_the_user_may_not_have_is_refused_by_name() {
    let world = World::shared();
    let (person, editor, browser) = (world.person("may-not", &["Reader"]), world.editor(), Browser::new());
    let _ = person.follow(&browser, &editor.url(&[])).expect(200);
    for (scope, named) in [
        ("hr:write", "hr:write"),
        ("hr:read hr:add_employee_record", "hr:add_employee_record"),
        ("hr:no_such_tool", "hr:no_such_tool"),
        ("crm:read", "crm:read"),
        ("openid", "openid"),
    ] {
        let answer = browser.open(&editor.url(&[("scope", Some(scope))]));
        told_back(&world, &answer, "invalid_scope");
        assert!(carried(&answer, "error_description").contains(named), "{scope}: {answer:#?}");
    }
    let asked = browser.open(&editor.url(&[("scope", Some("hr:read")), ("prompt", Some("none"))]));
    told_back(&world, &asked, "consent_required");
}

#[test]
fn a_code_is_good_for_its_own_client_redirect_resource_and_verifier_alone() {
    let world = World::shared();
    let (person, browser) = (world.person("bound", &["Officer"]), Browser::new());
    let (editor, other) = (world.editor(), world.editor());
    let code = person.allow(&browser, &editor, &[]);
    let verifier = "x".repeat(43);
    for (changes, error) in [
        (vec![("code_verifier", None)], "invalid_request"),
        (vec![("code_verifier", Some(""))], "invalid_request"),
        (vec![("code_verifier", Some(verifier.as_str()))], "invalid_grant"),
        (vec![("code_verifier", Some("short"))], "invalid_grant"),
        (vec![("redirect_uri", Some("http://127.0.0.1:51005/callback"))], "invalid_grant"),
        (vec![("redirect_uri", Some("http://localhost:51004/callback"))], "invalid_grant"),
        (vec![("resource", Some("https://other.example/mcp"))], "invalid_target"),
        (vec![("client_id", Some(other.client_id.as_str()))], "invalid_grant"),
        (vec![("code", None)], "invalid_request"),
        (vec![("code", Some("nonsense"))], "invalid_grant"),
    ] {
        assert_eq!(editor.redeem(&code, &changes).refusal(), (400, error.to_owned()), "{changes:?}");
    }
    assert_eq!(editor.redeem(&code, &[("client_id", None)]).refusal(), (401, "invalid_client".to_owned()));
    let _ = editor.redeem(&code, &[]).expect(200);
}

#[test]
fn a_code_that_was_made_for_a_proof_key_is_not_redeemed_without_one() {
    let world = World::shared();
    let (person, editor, browser) = (world.person("downgraded", &["Officer"]), world.editor(), Browser::new());
    let code = person.allow(&browser, &editor, &[]);
    let challenge = Editor::challenge(&editor.verifier);
    assert_eq!(
        editor.redeem(&code, &[("code_verifier", Some(&challenge))]).refusal(),
        (400, "invalid_grant".to_owned())
    );
    assert_eq!(editor.redeem(&code, &[("code_verifier", None)]).refusal(), (400, "invalid_request".to_owned()));
}

#[test]
fn a_code_that_comes_twice_ends_what_it_gave_the_first_time() {
    let world = World::shared();
    let (person, editor, browser) = (world.person("replayed", &["Officer"]), world.editor(), Browser::new());
    let guard = world.admin().create_client(&json!({"roles": ["guard"], "resources": [world.hr.resource]}));
    let code = person.allow(&browser, &editor, &[("scope", Some("hr:read offline_access"))]);
    let first = editor.redeem(&code, &[]).expect(200);
    let other = editor.redeem(&person.allow(&browser, &editor, &[("scope", Some("hr:read"))]), &[]).expect(200);
    let is_active = |answer: &Answer| world.auth.introspect(&guard, &answer.text("access_token"))["active"] == true;
    assert!(is_active(&first) && is_active(&other));
    assert_eq!(editor.redeem(&code, &[]).refusal(), (400, "invalid_grant".to_owned()));
    assert!(!is_active(&first), "the token of a replayed code is still good");
    assert!(is_active(&other), "another grant ended with it");
    let refreshed = editor.refresh(&first.text("refresh_token"), &[]);
    assert_eq!(refreshed.refusal(), (400, "invalid_grant".to_owned()));
}

#[test]
fn of_two_redemptions_at_once_one_gets_a_token_and_it_ends() {
    let world = World::shared();
    let (person, editor, browser) = (world.person("at-once", &["Officer"]), world.editor(), Browser::new());
    let guard = world.admin().create_client(&json!({"roles": ["guard"], "resources": [world.hr.resource]}));
    for _ in 0..5 {
        let code = person.allow(&browser, &editor, &[]);
        let answers: Vec<Answer> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| editor.redeem(&code, &[]))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (given, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!((given.len(), refused.len()), (1, 3));
        assert!(refused.iter().all(|answer| answer.refusal() == (400, "invalid_grant".to_owned())));
        assert_eq!(world.auth.introspect(&guard, &given[0].text("access_token"))["active"], false);
    }
}

#[test]
fn every_answer_says_who_gives_it_so_that_issuers_cannot_be_mixed_up() {
    let world = World::shared();
    let (person, editor, browser) = (world.person("issuer", &["Officer"]), world.editor(), Browser::new());
    let _ = person.allow(&browser, &editor, &[]);
    for changes in [vec![], vec![("scope", Some("hr:no_such_tool"))], vec![("response_type", Some("token"))]] {
        let answer = browser.open(&editor.url(&changes)).expect(303);
        assert_eq!(carried(&answer, "iss"), world.auth.issuer, "{changes:?}");
    }
    let metadata = world.auth.get("/.well-known/oauth-authorization-server").expect(200).json();
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(metadata["issuer"], world.auth.issuer);
}

#[test]
fn a_state_comes_back_as_it_was_and_cannot_add_to_the_answer() {
    let world = World::shared();
    let (person, editor, browser) = (world.person("state", &["Officer"]), world.editor(), Browser::new());
    let _ = person.allow(&browser, &editor, &[]);
    for state in ["a&code=forged&iss=https://evil.example", "é \u{1f511} \"<>#", "a+b%20c"] {
        let answer = browser.open(&editor.url(&[("state", Some(state))])).expect(303);
        assert_eq!(carried(&answer, "state"), state);
        assert_eq!(carried(&answer, "iss"), world.auth.issuer);
    }
    let answer = browser.open(&editor.url(&[("state", None)])).expect(303);
    assert!(!answer.header("location").contains("state="), "{answer:#?}");
}

#[test]
fn a_confidential_client_redeems_its_code_with_its_secret_alone() {
    let world = World::shared();
    let (person, browser) = (world.person("confidential", &["Officer"]), Browser::new());
    let metadata = json!({
        "client_id": "web-app", "redirect_uris": ["http://127.0.0.1/callback"], "client_name": "Web app",
        "grant_types": ["authorization_code", "client_credentials"], "roles": ["Officer"],
    });
    let credentials = world.admin().create_client(&metadata);
    let editor = world.editor();
    let code = person.allow(&browser, &editor, &[("client_id", Some("web-app"))]);
    let form =
        [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", editor.verifier.as_str())];
    let without = editor.redeem(&code, &[("client_id", Some("web-app"))]);
    assert_eq!(without.refusal(), (401, "invalid_client".to_owned()));
    let token = world.auth.post_form("/oauth2/token", &credentials, &form).expect(200);
    assert_eq!(token.text("scope"), "hr:*");
}

#[test]
fn a_client_uses_no_grant_that_it_is_not_registered_for() {
    let world = World::shared();
    let editor = world.editor();
    let machine = world.client(&["Officer"]);
    let form = [("grant_type", "authorization_code"), ("code", "x"), ("code_verifier", "x")];
    let answer = world.auth.post_form("/oauth2/token", &machine, &form);
    assert_eq!(answer.refusal(), (400, "unauthorized_client".to_owned()));
    let answer = editor.redeem("x", &[("grant_type", Some("client_credentials"))]);
    assert_eq!(answer.refusal(), (400, "unauthorized_client".to_owned()));
    let answer = editor.redeem("x", &[("grant_type", Some("password"))]);
    assert_eq!(answer.refusal(), (400, "unsupported_grant_type".to_owned()));
}

#[test]
fn without_a_resource_the_only_one_is_meant_and_among_several_none() {
    let world = World::shared();
    let (person, browser) = (world.person("resource", &["Officer"]), Browser::new());
    let only = world.editor_with(&json!({"resources": [world.hr.resource]}));
    let code = person.allow(&browser, &only, &[("resource", None)]);
    let token = only.redeem(&code, &[("resource", None)]).expect(200);
    let claims = bailiwick_e2e::jwt::claims(&token.text("access_token"));
    assert_eq!(claims["aud"], world.hr.resource);
}

#[test]
fn a_parameter_that_stands_twice_is_told_to_the_client_once_that_is_proven() {
    let world = World::shared();
    let (editor, browser) = (world.editor(), Browser::new());
    let twice = |more: &str| browser.get(&format!("{}&{more}", editor.url(&[])));
    told_back(&world, &twice("resource=https%3A%2F%2Fother.example"), "invalid_target");
    told_back(&world, &twice("scope=hr%3Aread&scope=hr%3A*"), "invalid_request");
    told_back(&world, &twice("code_challenge=x"), "invalid_request");
    let answer = twice("state=another").expect(303);
    assert_eq!(carried(&answer, "error"), "invalid_request");
    assert!(!answer.header("location").contains("state="), "neither of the two is the state: {answer:#?}");
    told_here(&twice("client_id=other"));
    told_here(&twice("redirect_uri=https%3A%2F%2Fevil.example%2F"));
}

#[test]
fn a_client_that_wants_the_person_to_sign_in_anew_gets_no_code_before() {
    let world = World::shared();
    let (person, editor, browser) = (world.person("anew", &["Officer"]), world.editor(), Browser::new());
    let _ = person.allow(&browser, &editor, &[]);
    for (name, value) in
        [("prompt", "login"), ("prompt", "select_account"), ("max_age", "0"), ("prompt", "login consent")]
    {
        let before = browser.cookie("bailiwick_session");
        let url = editor.url(&[(name, Some(value))]);
        let page = browser.open(&url).expect(200);
        assert!(page.body.contains("name=\"password\""), "{name}={value}: {page:#?}");
        let consent = browser.open(&url.replace("/oauth2/authorize", "/consent")).expect(200);
        assert!(consent.body.contains("name=\"password\""), "{name}={value}: {consent:#?}");
        let mut answer = person.sign_in_at(&browser, &page);
        if value.contains("consent") {
            answer = browser.submit(&Form::to(&answer, "/consent").with("decision", "allow"));
        }
        assert!(!carried(&answer, "code").is_empty(), "{name}={value}: {answer:#?}");
        assert_ne!(browser.cookie("bailiwick_session"), before, "{name}={value}");
    }
    let recently = browser.get(&editor.url(&[("max_age", Some("3600"))])).expect(303);
    assert!(!carried(&recently, "code").is_empty(), "{recently:#?}");
    let unasked = browser.get(&editor.url(&[("max_age", Some("0")), ("prompt", Some("none"))]));
    told_back(&world, &unasked, "login_required");
    for nonsense in ["-1", "soon"] {
        told_back(&world, &browser.get(&editor.url(&[("max_age", Some(nonsense))])), "invalid_request");
    }
}
