//! OAuth 2.1 section 4.3 and RFC 9700 section 4.14: refresh tokens are used once, and a stolen one ends
//! the grant for the thief too.

use std::thread;

use bailiwick_e2e::jwt;
use bailiwick_e2e::{Answer, Browser, Credentials, Editor, Person, World};
use serde_json::json;

const OFFLINE: [(&str, Option<&str>); 1] = [("scope", Some("hr:* offline_access"))];

/// An editor with a grant that has refresh tokens, and the first answer.
fn granted<'a>(world: &'a World, name: &str) -> (Person, Editor<'a>, Answer) {
    let (person, editor) = (world.person(name, &["Officer"]), world.editor());
    let code = person.allow(&Browser::new(), &editor, &OFFLINE);
    let answer = editor.redeem(&code, &[]).expect(200);
    (person, editor, answer)
}

fn guard(world: &World) -> Credentials {
    world.admin().create_client(&json!({"roles": ["guard"], "resources": [world.hr.resource]}))
}

fn refused(answer: &Answer) {
    assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()), "{answer:#?}");
}

#[test]
fn a_refresh_token_gives_the_next_of_both_tokens() {
    let world = World::shared();
    let (person, editor, first) = granted(&world, "next");
    assert_eq!(first.text("scope"), "hr:*", "offline_access is no scope of an access token");
    let mut token = first.text("refresh_token");
    for _ in 0..3 {
        let answer = editor.refresh(&token, &[]).expect(200);
        assert_eq!(answer.header("cache-control"), "no-store");
        let claims = bailiwick_e2e::jwt::claims(&answer.text("access_token"));
        assert_eq!((&claims["sub"], &claims["aud"]), (&json!(person.user_id), &json!(world.hr.resource)));
        assert_ne!(answer.text("refresh_token"), token);
        token = answer.text("refresh_token");
    }
}

#[test]
fn without_offline_access_or_the_grant_there_is_no_refresh_token() {
    let world = World::shared();
    let (person, browser) = (world.person("none", &["Officer"]), Browser::new());
    let editor = world.editor();
    let code = person.allow(&browser, &editor, &[]);
    assert_eq!(editor.redeem(&code, &[]).expect(200).json().get("refresh_token"), None);
    let without = world.editor_with(&json!({"grant_types": ["authorization_code"]}));
    let code = person.allow(&browser, &without, &OFFLINE);
    assert_eq!(without.redeem(&code, &[]).expect(200).json().get("refresh_token"), None);
}

#[test]
fn a_refresh_never_goes_beyond_the_grant_and_may_ask_for_less() {
    let world = World::shared();
    let (person, editor) = (world.person("within", &["Officer"]), world.editor());
    let code = person.allow(&Browser::new(), &editor, &[("scope", Some("hr:read offline_access"))]);
    let first = editor.redeem(&code, &[]).expect(200);
    let token = first.text("refresh_token");
    let beyond = editor.refresh(&token, &[("scope", Some("hr:write"))]);
    assert_eq!(beyond.refusal(), (400, "invalid_scope".to_owned()));
    let elsewhere = editor.refresh(&token, &[("resource", Some("https://other.example/mcp"))]);
    assert_eq!(elsewhere.refusal(), (400, "invalid_target".to_owned()));
    let less = editor.refresh(&token, &[("scope", Some("hr:get_hr_summary"))]).expect(200);
    assert_eq!(less.text("scope"), "hr:get_hr_summary");
    let all = editor.refresh(&less.text("refresh_token"), &[("resource", Some(&world.hr.resource))]).expect(200);
    assert_eq!(all.text("scope"), "hr:read", "less once is not less for good");
}

#[test]
fn a_refresh_may_name_all_that_was_granted_as_it_was() {
    let world = World::shared();
    let (_, editor, first) = granted(&world, "as-granted");
    let mut token = first.text("refresh_token");
    for (scope, given) in
        [("hr:* offline_access", "hr:*"), ("offline_access", "hr:*"), ("hr:read offline_access", "hr:read")]
    {
        let answer = editor.refresh(&token, &[("scope", Some(scope))]).expect(200);
        assert_eq!(answer.text("scope"), given, "{scope}");
        token = answer.text("refresh_token");
    }
}

#[test]
fn a_grant_of_which_nothing_is_left_is_an_invalid_grant_and_no_question_of_scopes() {
    let world = World::shared();
    let (person, editor, first) = granted(&world, "nothing-left");
    let (token, browser) = (first.text("refresh_token"), Browser::new());
    let code = person.allow(&browser, &editor, &OFFLINE);
    let path = format!("/users/{}", person.user_id);
    let _ = world.admin().patch(&path, &json!({"roles": []})).expect(200);
    for changes in [&[][..], &[("scope", Some("hr:read"))]] {
        refused(&editor.refresh(&token, changes));
    }
    refused(&editor.redeem(&code, &[]));
    let _ = world.admin().patch(&path, &json!({"roles": ["Reader"]})).expect(200);
    assert_eq!(editor.refresh(&token, &[]).expect(200).text("scope"), "hr:read", "the grant itself has not ended");
}

#[test]
fn a_retry_after_a_lost_answer_gets_the_same_successor() {
    let world = World::shared();
    let (_, editor, first) = granted(&world, "retry");
    let token = first.text("refresh_token");
    let [lost, again] = [(); 2].map(|()| editor.refresh(&token, &[]).expect(200));
    assert_eq!(lost.text("refresh_token"), again.text("refresh_token"));
    let _ = editor.refresh(&again.text("refresh_token"), &[]).expect(200);
}

#[test]
fn a_retry_finds_the_same_successor_in_another_process() {
    let world = World::shared();
    let (_, editor, first) = granted(&world, "elsewhere");
    let token = first.text("refresh_token");
    let lost = editor.refresh(&token, &[]).expect(200);
    let replica = world.auth.replica();
    let url = format!("http://127.0.0.1:{}/oauth2/token", replica.port);
    let form = [("grant_type", "refresh_token"), ("client_id", &editor.client_id), ("refresh_token", &token)];
    let again = bailiwick_e2e::http::send(world.auth.http.post(url).form(&form)).expect(200);
    assert_eq!(lost.text("refresh_token"), again.text("refresh_token"));
    let _ = editor.refresh(&again.text("refresh_token"), &[]).expect(200);
}

#[test]
fn two_at_once_get_the_same_successor() {
    let world = World::shared();
    let (_, editor, first) = granted(&world, "race");
    let mut token = first.text("refresh_token");
    for _ in 0..5 {
        let answers: Vec<Answer> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| editor.refresh(&token, &[]).expect(200))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let next = answers[0].text("refresh_token");
        assert!(answers.iter().all(|answer| answer.text("refresh_token") == next));
        token = next;
    }
}

#[test]
fn a_token_that_comes_after_its_successor_was_used_ends_the_grant_for_everybody() {
    let world = World::shared();
    let guard = guard(&world);
    let (_, editor, first) = granted(&world, "stolen");
    let stolen = first.text("refresh_token");
    let second = editor.refresh(&stolen, &[]).expect(200);
    let third = editor.refresh(&second.text("refresh_token"), &[]).expect(200);
    assert_eq!(world.auth.introspect(&guard, &third.text("access_token"))["active"], true);
    refused(&editor.refresh(&stolen, &[]));
    refused(&editor.refresh(&third.text("refresh_token"), &[]));
    for answer in [&first, &second, &third] {
        assert_eq!(world.auth.introspect(&guard, &answer.text("access_token"))["active"], false);
    }
}

#[test]
fn a_refresh_token_is_good_for_its_own_client_alone() {
    let world = World::shared();
    let (_, editor, first) = granted(&world, "own-client");
    let other = world.editor();
    let token = first.text("refresh_token");
    refused(&editor.refresh(&token, &[("client_id", Some(&other.client_id))]));
    let _ = editor.refresh(&token, &[]).expect(200);
    for wrong in ["nonsense", &token[..token.len() - 1], &first.text("access_token")] {
        refused(&editor.refresh(wrong, &[]));
    }
}

#[test]
fn a_client_that_is_shut_out_or_deleted_refreshes_nothing() {
    let world = World::shared();
    let (_, editor, first) = granted(&world, "shut-out");
    let path = format!("/clients/{}", editor.client_id);
    let _ = world.admin().patch(&path, &json!({"disabled": true})).expect(200);
    assert_eq!(editor.refresh(&first.text("refresh_token"), &[]).refusal(), (401, "invalid_client".to_owned()));
    let _ = world.admin().patch(&path, &json!({"disabled": false})).expect(200);
    refused(&editor.refresh(&first.text("refresh_token"), &[]));
    let _ = world.admin().delete(&path).expect(204);
    assert_eq!(editor.refresh(&first.text("refresh_token"), &[]).refusal(), (401, "invalid_client".to_owned()));
}

#[test]
fn revoking_a_refresh_token_ends_its_grant() {
    let world = World::shared();
    let guard = guard(&world);
    let (_, editor, first) = granted(&world, "revoked");
    let token = first.text("refresh_token");
    let revoke = |client_id: &str, token: &str| {
        let url = format!("{}/oauth2/revoke", world.auth.issuer);
        bailiwick_e2e::http::send(world.auth.http.post(url).form(&[("client_id", client_id), ("token", token)]))
    };
    let other = world.editor();
    assert_eq!(revoke(&other.client_id, &token).refusal(), (400, "unauthorized_client".to_owned()));
    assert_eq!(world.auth.introspect(&guard, &first.text("access_token"))["active"], true);
    for _ in 0..2 {
        let _ = revoke(&editor.client_id, &token).expect(200);
    }
    refused(&editor.refresh(&token, &[]));
    assert_eq!(world.auth.introspect(&guard, &first.text("access_token"))["active"], false);
}

#[test]
fn an_operator_that_revokes_a_grant_ends_its_refresh_token_too() {
    let world = World::shared();
    let (_, editor, first) = granted(&world, "by-operator");
    let grant = jwt::claims(&first.text("access_token"))["grant_id"].clone();
    let body = json!({"subject": {"kind": "grant", "id": grant}});
    let _ = world.admin().post("/revocations", &body).expect(202);
    refused(&editor.refresh(&first.text("refresh_token"), &[]));
    // It is gone now, and whoever says so again is heard all the same.
    let _ = world.admin().post("/revocations", &body).expect(202);
}

#[test]
fn introspection_tells_a_refresh_token_to_its_own_client_alone() {
    let world = World::shared();
    let (person, browser) = (world.person("looked-into", &["Officer"]), Browser::new());
    let metadata = json!({"client_id": "looker", "redirect_uris": ["http://127.0.0.1/callback"]});
    let credentials = world.admin().create_client(&metadata);
    let editor = world.editor();
    let code = person.allow(&browser, &editor, &[("client_id", Some("looker")), OFFLINE[0]]);
    let form =
        [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", editor.verifier.as_str())];
    let token = world.auth.post_form("/oauth2/token", &credentials, &form).expect(200).text("refresh_token");
    let told = world.auth.introspect(&credentials, &token);
    assert_eq!(
        (&told["active"], &told["client_id"], &told["sub"]),
        (&json!(true), &json!("looker"), &json!(person.user_id))
    );
    assert_eq!(world.auth.introspect(&guard(&world), &token), json!({"active": false}));
}
