//! The OAuth client of the Python SDK, unchanged from the package index, against mcp-hr: a person signs in
//! with our pages, is asked again where a tool needs more, and is not asked where a token only expired; a
//! program does the same with its own credentials. `scripts/test` makes its environment.

use bailiwick_e2e::hr::{READING, leave};
use bailiwick_e2e::service::eventually;
use bailiwick_e2e::{Browser, Credentials, SdkClient, World, python};
use serde_json::{Value, json};

/// How the SDK is told to speak in either era, and the revision that it speaks then.
const ERAS: [(&str, &str); 2] = [("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28")];

fn sign_in(world: &World, client_id: &str, mode: &str) -> SdkClient {
    SdkClient::start(python::command("sign_in.py", &[&world.hr.resource, client_id, mode]))
}

fn client_credentials(world: &World, client: &Credentials, mode: &str) -> SdkClient {
    let arguments = [&world.hr.resource, &client.id, &world.auth.issuer, mode];
    let mut command = python::command("client_credentials.py", &arguments);
    command.env("CLIENT_SECRET", &client.secret);
    SdkClient::start(command)
}

#[test]
fn a_person_signs_in_at_a_server_that_the_sdk_knows_by_its_url_alone() {
    let world = World::shared();
    for (mode, version) in ERAS {
        let (person, editor) = (world.person(&format!("whole-{mode}"), &["Officer"]), world.editor());
        let mut client = sign_in(&world, &editor.client_id, mode);
        let page = client.page();
        assert!(page.url.starts_with(&format!("{}/oauth2/authorize?", world.auth.issuer)), "{page:#?}");
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", &editor.client_id),
            ("resource", &world.hr.resource),
            ("code_challenge_method", "S256"),
            // What the challenge names, and what the token service's metadata says is to be had besides.
            ("scope", "hr:read offline_access"),
            ("prompt", "consent"),
        ] {
            assert_eq!(page.parameter(name), value, "{name}: {page:#?}");
        }
        person.agree_and_return(&Browser::new(), &page.url);
        assert_eq!(client.answer(), json!({"version": version, "tools": READING, "scope": "hr:read"}));
        let summary = client.call("get_hr_summary", &json!({}));
        assert!(summary["result"]["total_employees"].is_number(), "{summary}");
        client.finish();
        let issued = world.auth.await_issued(&editor.client_id, 1);
        let of_person = |token: &Value| token["sub"] == person.user_id && token["aud"] == world.hr.resource;
        assert!(issued.len() == 1 && issued.iter().all(of_person), "{issued:#?}");
    }
}

#[test]
fn a_tool_that_needs_more_asks_the_person_again_and_keeps_what_was_held() {
    let world = World::shared();
    for (mode, _) in ERAS {
        let (person, editor) = (world.person(&format!("more-{mode}"), &["Officer"]), world.editor());
        let (mut client, browser) = (sign_in(&world, &editor.client_id, mode), Browser::new());
        person.agree_and_return(&browser, &client.page().url);
        let _ = client.answer();
        client.begin("create_leave_request", &leave());
        let page = client.page();
        assert_eq!(page.parameter("scope"), "hr:read offline_access hr:create_leave_request", "{page:#?}");
        person.agree_and_return(&browser, &page.url);
        let answer = client.answer();
        assert_eq!((&answer["is_error"], &answer["result"]["status"]), (&json!(false), &json!("pending")), "{answer}");
        assert_eq!(answer["tools"], json!(["create_leave_request", READING[0], READING[1]]), "{answer}");
        assert_eq!(client.call("create_leave_request", &leave())["is_error"], false, "the same again asks nobody");
        client.finish();
    }
}

#[test]
fn a_token_that_has_expired_is_refreshed_without_asking_the_person() {
    let world = World::shared();
    let person = world.person("refreshed", &["Reader"]);
    let editor = world.editor_with(&json!({"access_token_ttl": 1}));
    let mut client = sign_in(&world, &editor.client_id, "auto");
    person.agree_and_return(&Browser::new(), &client.page().url);
    assert_eq!(client.answer()["version"], "2026-07-28", "left to itself it finds the newest revision");
    // It goes by its own clock. The second refresh takes the refresh token that the first one brought.
    eventually("the SDK refreshes twice", || {
        let answer = client.call("get_hr_summary", &json!({}));
        assert_eq!((&answer["is_error"], &answer["scope"]), (&json!(false), &json!("hr:read")), "{answer}");
        world.auth.issued_to(&editor.client_id).len() >= 3
    });
    client.finish();
}

#[test]
fn a_program_gets_tokens_with_its_own_credentials_and_asks_for_more_by_itself() {
    let world = World::shared();
    for (mode, _) in ERAS {
        let mut client = client_credentials(&world, &world.client(&["Officer"]), mode);
        let connected = client.answer();
        assert_eq!((&connected["tools"], &connected["scope"]), (&json!(READING), &json!("hr:read")), "{connected}");
        let answer = client.call("create_leave_request", &leave());
        assert_eq!((&answer["is_error"], &answer["result"]["status"]), (&json!(false), &json!("pending")), "{answer}");
        assert_eq!(answer["tools"], json!(["create_leave_request", READING[0], READING[1]]), "{answer}");
        client.finish();
    }
}

#[test]
fn a_program_that_may_not_have_more_is_told_what_is_not_allowed() {
    let world = World::shared();
    let mut client = client_credentials(&world, &world.client(&["Reader"]), "auto");
    let _ = client.answer();
    client.begin("create_leave_request", &leave());
    // The SDK ends the connection then, and the program with it, in words that are ours.
    let ended = client.end();
    assert_ne!(ended.code, 0, "{ended:#?}");
    for words in ["OAuthTokenError", "invalid_scope", "scope hr:create_leave_request is not allowed"] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
}
