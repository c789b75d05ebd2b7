//! No secret is told by the token service, however talkative its log is, and none by its command line beside what it
//! is asked for: not in the flows of clients and of people, and not where something in them is wrong.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::fmt::Write as _;
use std::fs;

use bailiwick_e2e::auth::{AuthService, Credentials};
use bailiwick_e2e::binary::{self, Ended};
use bailiwick_e2e::editor::carried;
use bailiwick_e2e::{AdminApi, Answer, Browser, Confidential, Editor, Form, HR, Person, Service, http};
use serde_json::json;
use tempfile::TempDir;

/// The resource that tokens are asked for.
const RESOURCE: &str = "http://localhost:8001/mcp";

/// A token service that tells all that it can.
struct Talkative {
    auth: AuthService,
    administrator: Credentials,
    folder: TempDir,
}

/// What nobody may be told, and what was told.
#[derive(Default)]
struct Told {
    confidential: Confidential,
    /// Answers in which no secret belongs.
    answers: String,
    /// What commands have told beside their results.
    commands: String,
}

impl Told {
    /// An answer in which no secret belongs.
    fn hear(&mut self, answer: Answer, status: u16) -> Answer {
        let answer = answer.expect(status);
        // A String takes all that is written to it.
        let _ = writeln!(self.answers, "{:?}\n{}", answer.headers, answer.body);
        answer
    }

    /// Keeps the tokens that an answer holds.
    fn keep_tokens(&mut self, what: &str, answer: &Answer) {
        self.confidential.keep_token(&format!("the access token of {what}"), &answer.text("access_token"));
        if let Some(refresh) = answer.json()["refresh_token"].as_str() {
            self.confidential.keep(&format!("the refresh token of {what}"), refresh);
        }
    }

    /// That nobody was told anything of what was kept, until the end.
    fn has_nothing_of(self, service: Talkative) {
        let (status, log) = service.auth.process.stop();
        assert!(status.success());
        assert!(log.contains(r#""level":"TRACE""#), "the log is not as talkative as it can be:\n{log:.2000}");
        self.confidential.is_unknown_to("an answer", &self.answers);
        self.confidential.is_unknown_to("the log of a command", &self.commands);
        self.confidential.is_unknown_to("the log", &log);
    }
}

impl Talkative {
    fn start() -> (Self, Told) {
        let folder = tempfile::tempdir().unwrap();
        let process = Service::start("auth-service", |port| {
            let mut command = AuthService::serve(folder.path(), port);
            command.env("AUTH_LOG", "trace");
            command
        });
        let auth = AuthService::with_process(process, folder.path());
        let administrator = auth.make_administrator("admin");
        let service = Self { auth, administrator, folder };
        service.admin().set_resource("hr", &HR.manifest(RESOURCE));
        service.admin().set_role("Officer", "hr:*");
        let mut told = Told::default();
        let master_key = fs::read_to_string(service.folder.path().join("master.key")).unwrap();
        told.confidential.keep("the master key", master_key.trim());
        let Credentials { id, secret } = &service.administrator;
        told.confidential.keep_credentials("the administrator's secret", id, secret);
        (service, told)
    }

    fn admin(&self) -> AdminApi<'_> {
        self.auth.admin(&self.administrator)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.auth.issuer)
    }

    /// Runs a command of auth-service that tells all that it can.
    fn command(&self, told: &mut Told, arguments: &[&str], input: &str) -> Ended {
        let mut command = AuthService::command_line(self.folder.path(), arguments);
        command.env("AUTH_ISSUER", &self.auth.issuer).env("AUTH_LOG", "trace");
        let ended = binary::run_with_input(&mut command, input).well();
        told.commands += &ended.stderr;
        ended
    }
}

#[test]
fn no_secret_or_token_of_a_client_is_told() {
    let (service, mut told) = Talkative::start();
    let (auth, http) = (&service.auth, &service.auth.http);
    let client = service.admin().client_with_roles(&["Officer"]);
    let added = service.admin().post(&format!("/clients/{}/secrets", client.id), &json!({})).expect(201);
    let second = Credentials { id: client.id.clone(), secret: added.text("client_secret") };
    for (what, secret) in [("the client's secret", &client.secret), ("a further secret", &second.secret)] {
        told.confidential.keep_credentials(what, &client.id, secret);
    }
    for arguments in [&["client", "secret", "add", &client.id, "--json"][..], &["client", "create", "--json"]] {
        let shown = service.command(&mut told, arguments, "").json();
        told.confidential.keep("a secret of a command", shown["client_secret"].as_str().unwrap());
    }
    // Tokens, by the header and by the form.
    let first = auth.request_token(&client, &[("resource", RESOURCE)]).expect(200);
    let form = [
        ("grant_type", "client_credentials"),
        ("resource", RESOURCE),
        ("client_id", &second.id),
        ("client_secret", &second.secret),
    ];
    let other = http::send(http.post(service.url("/oauth2/token")).form(&form)).expect(200);
    told.keep_tokens("the header", &first);
    told.keep_tokens("the form", &other);
    let token = first.text("access_token");
    // What is wrong, and what is in the wrong place.
    let wrong = Credentials { id: client.id.clone(), secret: client.secret.chars().rev().collect() };
    told.confidential.keep_credentials("a wrong secret", &wrong.id, &wrong.secret);
    let longer = Credentials { id: client.id.clone(), secret: format!("{}x", client.secret) };
    let swapped = Credentials { id: client.secret.clone(), secret: client.id.clone() };
    for refused in [&wrong, &longer, &swapped] {
        told.hear(auth.request_token(refused, &[]), 401);
    }
    told.hear(auth.request_token(&client, &[("resource", &token)]), 400);
    told.hear(auth.post_form("/oauth2/token", &client, &[("grant_type", &client.secret)]), 400);
    for bearer in [&client.secret, &token] {
        let answer = http::send(http.get(service.url("/admin/v1/clients")).bearer_auth(bearer));
        told.hear(answer, 401);
    }
    // Who looks, and who takes back.
    told.hear(auth.post_form("/oauth2/introspect", &client, &[("token", &token)]), 200);
    told.hear(service.admin().get(&format!("/clients/{}", client.id)), 200);
    told.hear(auth.post_form("/oauth2/revoke", &client, &[("token", &token)]), 200);
    let retire = ["client", "secret", "retire", &client.id, &added.text("secret_id"), "--and-its-tokens"];
    let _ = service.command(&mut told, &retire, "");
    told.hear(auth.request_token(&second, &[]), 401);
    told.has_nothing_of(service);
}

#[test]
fn no_password_code_session_or_token_of_a_person_is_told() {
    let (service, mut told) = Talkative::start();
    let person = Person::register(&service.admin(), "ada", &["Officer"]);
    let editor = Editor::register(&service.auth, &service.admin(), RESOURCE, &json!({}));
    let stranger = Person { password: "the password of nobody at all".to_owned(), ..person.clone() };
    for (what, password) in [("the password", &person.password), ("a wrong password", &stranger.password)] {
        told.confidential.keep(what, password);
        told.confidential.keep(&format!("{what} in a form"), &password.replace(' ', "+"));
    }
    told.confidential.keep("the proof key", &editor.verifier);
    // The person signs in, wrongly first, and says yes; then once more, being signed in.
    let (browser, url) = (Browser::new(), editor.url(&[("scope", Some("hr:* offline_access"))]));
    let page = browser.open(&url).expect(200);
    let refused = stranger.sign_in_at(&browser, &page);
    let status = refused.status;
    let page = told.hear(refused, status);
    let consent = person.sign_in_at(&browser, &page).expect(200);
    let allowed = browser.submit(&Form::to(&consent, "/consent").with("decision", "allow"));
    let codes = [carried(&allowed.expect(303), "code"), carried(&person.agree(&browser, &url), "code")];
    for code in &codes {
        told.confidential.keep("a code", code);
    }
    for cookie in ["bailiwick_session", "bailiwick_browser"] {
        told.confidential.keep(cookie, &browser.cookie(cookie));
    }
    // A code without its proof, a code with it, and refresh tokens; then what was used already.
    told.hear(editor.redeem(&codes[0], &[("code_verifier", Some(&"x".repeat(43)))]), 400);
    let first = editor.redeem(&codes[1], &[]).expect(200);
    let second = editor.refresh(&first.text("refresh_token"), &[]).expect(200);
    let third = editor.refresh(&second.text("refresh_token"), &[]).expect(200);
    for (what, answer) in [("the code", &first), ("the refresh", &second), ("the next refresh", &third)] {
        told.keep_tokens(what, answer);
    }
    told.hear(editor.refresh(&first.text("refresh_token"), &[]), 400);
    told.hear(editor.refresh(&third.text("refresh_token"), &[]), 400);
    told.hear(editor.redeem(&codes[1], &[]), 400);
    for token in ["refresh_token", "access_token"] {
        let form = [("token", third.text(token)), ("client_id", editor.client_id.clone())];
        told.hear(http::send(service.auth.http.post(service.url("/oauth2/revoke")).form(&form)), 200);
    }
    // A new password, from the command line.
    let next = "another one that ada made up";
    told.confidential.keep("the new password", next);
    let _ = service.command(&mut told, &["user", "password", &person.user_id, "--password-file", "-"], next);
    told.has_nothing_of(service);
}

#[test]
fn no_private_key_is_told() {
    let (service, mut told) = Talkative::start();
    let keys = service.folder.path().join("keys");
    let private = keys.join("private.pem").display().to_string();
    let _ = service.command(&mut told, &["keys", "generate", "--out", &keys.display().to_string()], "");
    let pem = fs::read_to_string(&private).unwrap();
    // The first line says what kind of key it is, as those of all do; the last may be a few characters.
    for line in pem.lines().filter(|line| !line.starts_with("-----") && line.len() == 64).skip(1) {
        told.confidential.keep("the private key", line);
    }
    let _ = service.command(&mut told, &["keys", "rotate", "--now", "--key-file", &private], "");
    let resource = service.auth.admin_resource();
    let signed = service.auth.request_token(&service.administrator, &[("resource", &resource)]).expect(200);
    told.keep_tokens("the new key", &signed);
    told.has_nothing_of(service);
}
