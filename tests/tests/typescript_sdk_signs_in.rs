//! The OAuth clients of both generations of the TypeScript SDK, unchanged from the package index, against
//! mcp-hr: a person signs in with our pages, is asked again where a tool needs more, and is not asked where a
//! token is only refused; a program does the same with its own credentials. `scripts/test` installs them.

use bailiwick_e2e::hr::{READING, leave};
use bailiwick_e2e::node::Programs;
use bailiwick_e2e::service::eventually;
use bailiwick_e2e::{Browser, Credentials, Editor, Form, HR, Person, Said, SdkClient, Site, World};
use serde_json::{Value, json};

/// The programs of both generations with their modes, and the revision that is spoken then.
const PROGRAMS: [(&str, &[&str], &str); 4] = [
    ("sign_in.mjs", &["legacy"], "2025-11-25"),
    ("sign_in.mjs", &["2026-07-28"], "2026-07-28"),
    ("sign_in.mjs", &["auto"], "2026-07-28"),
    ("sign_in_sdk1.mjs", &[], "2025-11-25"),
];

fn client_credentials(
    programs: &Programs,
    world: &World,
    client: &Credentials,
    program: &str,
    mode: &str,
) -> SdkClient {
    let mut command = programs.command(program, &[&world.hr.resource, &client.id, &world.auth.issuer, mode]);
    command.env("CLIENT_SECRET", &client.secret);
    SdkClient::start(command)
}

#[test]
fn a_person_signs_in_at_a_server_that_the_sdk_knows_by_its_url_alone() {
    let (world, programs) = (World::shared(), Programs::new());
    for (index, (program, mode, version)) in PROGRAMS.into_iter().enumerate() {
        let (person, editor) = (world.person(&format!("whole-{index}"), &["Officer"]), world.editor());
        let arguments = [&[world.hr.resource.as_str(), &editor.client_id], mode].concat();
        let mut client = SdkClient::start(programs.command(program, &arguments));
        let page = client.page();
        assert!(page.url.starts_with(&format!("{}/oauth2/authorize?", world.auth.issuer)), "{page:#?}");
        // The first generation asks for what the challenge names and for nothing besides.
        let scope = if program == "sign_in.mjs" { "hr:read offline_access" } else { "hr:read" };
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", &editor.client_id),
            ("resource", &world.hr.resource),
            ("code_challenge_method", "S256"),
            ("scope", scope),
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
    let (world, programs) = (World::shared(), Programs::new());
    for mode in ["legacy", "2026-07-28"] {
        let (person, editor) = (world.person(&format!("more-{mode}"), &["Officer"]), world.editor());
        let arguments = [&world.hr.resource, &editor.client_id, mode];
        let (mut client, browser) = (SdkClient::start(programs.command("sign_in.mjs", &arguments)), Browser::new());
        person.agree_and_return(&browser, &client.page().url);
        let _ = client.answer();
        client.begin("create_leave_request", &leave());
        let page = client.page();
        assert_eq!(page.parameter("scope"), "hr:read hr:create_leave_request offline_access", "{page:#?}");
        person.agree_and_return(&browser, &page.url);
        let answer = client.answer();
        assert_eq!((&answer["is_error"], &answer["result"]["status"]), (&json!(false), &json!("pending")), "{answer}");
        assert_eq!(answer["tools"], json!(["create_leave_request", READING[0], READING[1]]), "{answer}");
        assert_eq!(client.call("create_leave_request", &leave())["is_error"], false, "the same again asks nobody");
        client.finish();
    }
}

#[test]
fn the_first_generation_holds_only_the_new_scope_after_it_has_asked_again() {
    let (world, programs) = (World::shared(), Programs::new());
    let (person, editor, browser) = (world.person("more-sdk1", &["Officer"]), world.editor(), Browser::new());
    let command = programs.command("sign_in_sdk1.mjs", &[&world.hr.resource, &editor.client_id]);
    let mut client = SdkClient::start(command);
    person.agree_and_return(&browser, &client.page().url);
    let _ = client.answer();
    client.begin("create_leave_request", &leave());
    let page = client.page();
    // It takes the challenge for the whole of what it needs; since 2026-07-28 the union is the client's to build.
    assert_eq!(page.parameter("scope"), "hr:create_leave_request", "{page:#?}");
    person.agree_and_return(&browser, &page.url);
    let answer = client.answer();
    assert_eq!((&answer["is_error"], &answer["result"]["status"]), (&json!(false), &json!("pending")), "{answer}");
    assert_eq!(answer["tools"], json!(["create_leave_request"]), "{answer}");
    client.finish();
}

#[test]
fn a_client_whose_person_says_no_is_told_so_and_gets_nothing() {
    let (world, programs) = (World::shared(), Programs::new());
    let (person, editor, browser) = (world.person("unwilling", &["Officer"]), world.editor(), Browser::new());
    let command = programs.command("sign_in.mjs", &[&world.hr.resource, &editor.client_id, "auto"]);
    let mut client = SdkClient::start(command);
    let page = person.follow(&browser, &client.page().url);
    let answer = browser.submit(&Form::to(&page, "/consent").with("decision", "deny")).expect(303);
    let _ = Browser::new().get(answer.header("location")).expect(200);
    let ended = client.end();
    assert!(ended.code != 0 && ended.stderr.contains("access_denied"), "{ended:#?}");
    assert!(world.auth.issued_to(&editor.client_id).is_empty());
}

/// A site with a client of a person who has signed in there, and has a token.
struct SignedIn {
    site: Site,
    client: SdkClient,
    client_id: String,
    browser: Browser,
    _programs: Programs,
}

impl SignedIn {
    fn with(program: &str, mode: &[&str]) -> Self {
        let (site, programs, browser) = (Site::hearing(), Programs::new(), Browser::new());
        let hr = &site.servers[0].resource;
        let admin = site.admin();
        let client_id = Editor::register(&site.auth, &admin, hr, &json!({})).client_id;
        let mut client = SdkClient::start(programs.command(program, &[&[hr, client_id.as_str()], mode].concat()));
        Person::register(&admin, "ada", &["Reader"]).agree_and_return(&browser, &client.page().url);
        let _ = client.answer();
        Self { site, client, client_id, browser, _programs: programs }
    }

    /// Takes the last of so many tokens back.
    fn revoke_last(&self, count: usize) {
        let issued = self.site.auth.await_issued(&self.client_id, count);
        let subject = json!({"kind": "token", "id": issued[count - 1]["jti"]});
        let _ = self.site.admin().post("/revocations", &json!({"subject": subject})).expect(202);
    }
}

#[test]
fn a_token_that_is_refused_is_refreshed_without_asking_the_person() {
    let mut signed_in = SignedIn::with("sign_in.mjs", &["auto"]);
    // The second refresh takes the refresh token that the first one brought.
    for count in [1, 2] {
        signed_in.revoke_last(count);
        eventually("the SDK refreshes", || {
            let answer = signed_in.client.call("get_hr_summary", &json!({}));
            assert_eq!((&answer["is_error"], &answer["scope"]), (&json!(false), &json!("hr:read")), "{answer}");
            signed_in.site.auth.issued_to(&signed_in.client_id).len() > count
        });
    }
    signed_in.client.finish();
}

#[test]
fn the_first_generation_asks_for_no_refresh_token_and_sends_the_person_once_more() {
    let mut signed_in = SignedIn::with("sign_in_sdk1.mjs", &[]);
    // It asks for a stream too, and would begin a second sign-in were that refused meanwhile.
    let server = &signed_in.site.servers[0].process;
    eventually("the stream is answered", || server.log().contains(r#""method":"GET""#));
    signed_in.revoke_last(1);
    let mut page = None;
    eventually("the token is refused", || {
        signed_in.client.begin("get_hr_summary", &json!({}));
        match signed_in.client.says() {
            Said::Page(asked) => page = Some(asked),
            Said::Answer(answer) => assert_eq!(answer["is_error"], false, "{answer}"),
        }
        page.is_some()
    });
    // Who is still signed in, and has allowed it before, is sent back without a question.
    let url = page.map(|page| page.url).unwrap_or_default();
    let answer = signed_in.browser.get(&url).expect(303);
    let _ = Browser::new().get(answer.header("location")).expect(200);
    assert_eq!(signed_in.client.answer()["is_error"], false);
    signed_in.client.finish();
}

#[test]
fn a_program_gets_tokens_with_its_own_credentials_and_asks_for_more_by_itself() {
    let (world, programs) = (World::shared(), Programs::new());
    for mode in ["legacy", "2026-07-28"] {
        let client = world.client(&["Officer"]);
        let mut client = client_credentials(&programs, &world, &client, "client_credentials.mjs", mode);
        let connected = client.answer();
        assert_eq!((&connected["tools"], &connected["scope"]), (&json!(READING), &json!("hr:read")), "{connected}");
        let answer = client.call("create_leave_request", &leave());
        assert_eq!((&answer["is_error"], &answer["result"]["status"]), (&json!(false), &json!("pending")), "{answer}");
        assert_eq!(answer["tools"], json!(["create_leave_request", READING[0], READING[1]]), "{answer}");
        client.finish();
    }
}

#[test]
fn a_program_of_the_first_generation_asks_for_no_scope_and_gets_all_that_it_may() {
    let (world, programs) = (World::shared(), Programs::new());
    let client = world.client(&["Officer"]);
    let mut client = client_credentials(&programs, &world, &client, "client_credentials_sdk1.mjs", "legacy");
    let connected = client.answer();
    assert_eq!((&connected["tools"], &connected["scope"]), (&json!(HR.tools()), &json!("hr:*")), "{connected}");
    assert_eq!(client.call("create_leave_request", &leave())["is_error"], false);
    client.finish();
}

#[test]
fn a_program_that_may_not_have_more_is_told_what_is_not_allowed() {
    let (world, programs) = (World::shared(), Programs::new());
    let client = world.client(&["Reader"]);
    let mut client = client_credentials(&programs, &world, &client, "client_credentials.mjs", "auto");
    let _ = client.answer();
    let answer = client.call("create_leave_request", &leave());
    let words = "scope hr:create_leave_request is not allowed";
    assert_eq!((&answer["is_error"], &answer["result"]), (&json!(true), &json!(words)), "{answer}");
    assert_eq!(answer["tools"], json!(READING), "what was held is held: {answer}");
    client.finish();
}
