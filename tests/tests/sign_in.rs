//! A person signs in by forms, lets an editor act for them, and the editor calls a tool.

use bailiwick_e2e::editor::{REDIRECT_URI, carried};
use bailiwick_e2e::{Browser, Form, World, jwt};
use serde_json::json;

#[test]
fn an_editor_that_knows_nothing_of_us_gets_a_token_for_exactly_that_server_and_calls_a_tool() {
    let world = World::shared();
    let (person, editor) = (world.person("whole", &["Officer"]), world.editor());
    let challenge = world.stranger(bailiwick_e2e::Era::July2026).call("get_hr_summary", &json!({})).expect(401);
    assert!(challenge.challenge().contains("resource_metadata="), "{challenge:#?}");
    let browser = Browser::new();
    let page = browser.open(&editor.url(&[])).expect(200);
    assert!(page.body.contains("Test editor"), "the page names who asks: {page:#?}");
    let page = person.sign_in_at(&browser, &page).expect(200);
    let answer = browser.submit(&Form::to(&page, "/consent").with("decision", "allow")).expect(303);
    assert!(answer.header("location").starts_with(REDIRECT_URI), "{answer:#?}");
    assert_eq!(carried(&answer, "state"), "some state");
    assert_eq!(carried(&answer, "iss"), world.auth.issuer);
    let token = editor.redeem(&carried(&answer, "code"), &[]).expect(200);
    assert_eq!(token.header("cache-control"), "no-store");
    assert_eq!(token.text("scope"), "hr:*");
    assert_eq!(token.json().get("refresh_token"), None, "nobody asked for one");
    let token = token.text("access_token");
    let claims = jwt::verify(&token, &world.auth.jwks(), &world.auth.issuer, &world.hr.resource).unwrap();
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(person.user_id), &json!(editor.client_id)));
    assert_eq!(claims["roles"], json!(["Officer"]));
    assert!(claims["grant_id"].as_str().is_some_and(|grant| !grant.is_empty()), "{claims}");
    let summary = world.hr_caller(&token).result("get_hr_summary", &json!({}));
    assert!(summary["total_employees"].is_number(), "{summary}");
}

#[test]
fn what_was_allowed_once_is_not_asked_again_until_it_widens() {
    let world = World::shared();
    let (person, editor, browser) = (world.person("remembered", &["Officer"]), world.editor(), Browser::new());
    let _ = person.allow(&browser, &editor, &[("scope", Some("hr:read"))]);
    for scope in ["hr:read", "hr:get_hr_summary"] {
        let answer = browser.open(&editor.url(&[("scope", Some(scope))])).expect(303);
        assert!(!carried(&answer, "code").is_empty(), "{scope}: {answer:#?}");
    }
    for scope in ["hr:write", "hr:read hr:add_employee_record", "hr:read offline_access"] {
        let page = browser.open(&editor.url(&[("scope", Some(scope))])).expect(200);
        assert!(page.body.contains("decision"), "{scope}: {page:#?}");
    }
    let asked = browser.open(&editor.url(&[("scope", Some("hr:read")), ("prompt", Some("consent"))])).expect(200);
    assert!(asked.body.contains("decision"), "{asked:#?}");
    let other = world.editor();
    assert!(browser.open(&other.url(&[("scope", Some("hr:read"))])).expect(200).body.contains("decision"));
}

#[test]
fn a_scope_that_is_unticked_is_not_granted() {
    let world = World::shared();
    let (person, editor, browser) = (world.person("unticked", &["Officer"]), world.editor(), Browser::new());
    let page = person.follow(&browser, &editor.url(&[])).expect(200);
    let form = Form::to(&page, "/consent").with("decision", "allow");
    let answer = browser.submit(&form.clone().without("hr:write"));
    let token = editor.redeem(&carried(&answer, "code"), &[]).expect(200);
    assert_eq!(token.text("scope"), "hr:read");
    let caller = world.hr_caller(&token.text("access_token"));
    let _ = caller.call("add_employee_record", &json!({})).expect(403);
    let nothing = browser.submit(&form.without("hr:write").without("hr:read"));
    assert!(nothing.expect(400).body.contains("Nothing is ticked"));
}

#[test]
fn a_form_cannot_ask_for_more_than_the_request_did() {
    let world = World::shared();
    let (person, editor, browser) = (world.person("more", &["Officer"]), world.editor(), Browser::new());
    let page = person.follow(&browser, &editor.url(&[("scope", Some("hr:read"))])).expect(200);
    let form =
        Form::to(&page, "/consent").with("decision", "allow").with("hr:write", "on").with("offline_access", "on");
    let token = editor.redeem(&carried(&browser.submit(&form), "code"), &[]).expect(200);
    assert_eq!(token.text("scope"), "hr:read");
    assert_eq!(token.json().get("refresh_token"), None);
}

#[test]
fn who_says_no_is_sent_back_with_nothing() {
    let world = World::shared();
    let (person, editor, browser) = (world.person("no", &["Officer"]), world.editor(), Browser::new());
    let page = person.follow(&browser, &editor.url(&[])).expect(200);
    let answer = browser.submit(&Form::to(&page, "/consent").with("decision", "deny")).expect(303);
    assert_eq!(carried(&answer, "error"), "access_denied");
    assert_eq!(
        (carried(&answer, "iss"), carried(&answer, "state")),
        (world.auth.issuer.clone(), "some state".to_owned())
    );
    assert!(carried(&answer, "code").is_empty());
    assert!(browser.open(&editor.url(&[])).expect(200).body.contains("decision"), "a no is not remembered");
}

#[test]
fn a_users_token_never_does_more_than_user_and_client_both_may() {
    let world = World::shared();
    let browser = Browser::new();
    let person = world.person("both", &["Reader"]);
    for (roles, scope) in [
        (json!([]), "hr:read"),
        (json!(["Officer"]), "hr:read"),
        (json!(["LookUp"]), "hr:get_employee_records hr:get_hr_summary"),
    ] {
        let editor = world.editor_with(&json!({"roles": roles}));
        let code = person.allow(&browser, &editor, &[]);
        assert_eq!(editor.redeem(&code, &[]).expect(200).text("scope"), scope, "{roles}");
    }
    let writer = world.editor_with(&json!({"roles": ["Writer"]}));
    let answer = browser.open(&writer.url(&[])).expect(303);
    assert_eq!(carried(&answer, "error"), "invalid_scope");
}

#[test]
fn what_is_taken_from_a_user_ends_what_clients_do_for_them() {
    let world = World::shared();
    let admin = world.admin();
    for (name, change) in [
        ("narrowed", json!({"roles": ["Reader"]})),
        ("disabled", json!({"disabled": true})),
        ("new-password", json!({"password": "another good password"})),
    ] {
        let (person, editor, browser) = (world.person(name, &["Officer"]), world.editor(), Browser::new());
        let code = person.allow(&browser, &editor, &[("scope", Some("hr:* offline_access"))]);
        let token = editor.redeem(&code, &[]).expect(200);
        let guard = world.admin().create_client(&json!({"roles": ["guard"], "resources": [world.hr.resource]}));
        let is_active = || world.auth.introspect(&guard, &token.text("access_token"))["active"] == true;
        assert!(is_active(), "{name}");
        let _ = admin.patch(&format!("/users/{}", person.user_id), &change).expect(200);
        assert!(!is_active(), "{name}");
        let refreshed = editor.refresh(&token.text("refresh_token"), &[]);
        if name == "narrowed" {
            assert_eq!(refreshed.expect(200).text("scope"), "hr:read");
        } else {
            assert_eq!(refreshed.refusal(), (400, "invalid_grant".to_owned()), "{name}");
            assert!(
                browser.open(&editor.url(&[])).expect(200).body.contains("name=\"password\""),
                "{name}: signed out"
            );
        }
    }
}
