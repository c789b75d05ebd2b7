//! A person logs in with mcp-agent: through their browser, against the real token service and mcp-hr.
//! What comes of it, how long it lasts, how it ends, and every way in which it does not come about.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};

use bailiwick_e2e::agent::LoggingIn;
use bailiwick_e2e::binary::Ended;
use bailiwick_e2e::markdown;
use bailiwick_e2e::{Agent, Answer, Browser, Credentials, Editor, Form, Person, Reply, ScriptedServer, World};
use serde_json::{Value, json};

/// A person at a machine of their own, and the public client that may act for them.
struct AtHome<'a> {
    person: Person,
    browser: Browser,
    editor: Editor<'a>,
    agent: Agent,
}

impl<'a> AtHome<'a> {
    fn new(world: &'a World, username: &str, roles: &[&str]) -> Self {
        let editor = world.editor_with(&json!({"client_name": "Person's agent"}));
        let agent = Agent::new().with("MCP_AGENT_SERVER", &world.hr.resource);
        Self { person: world.person(username, roles), browser: Browser::new(), editor, agent }
    }

    /// Begins to log in, with `more` flags.
    fn begin(&self, more: &[&str]) -> LoggingIn {
        self.agent.begin_login(&[&["--client-id", &self.editor.client_id], more].concat())
    }

    /// Decides and goes where that leads: the page that mcp-agent shows.
    fn decide(&self, login: &LoggingIn, decision: &str) -> Answer {
        self.browser.get(self.person.decide(&self.browser, &login.url, decision).header("location"))
    }

    /// Logs in, and gives what mcp-agent tells.
    fn log_in(&self, more: &[&str]) -> Value {
        let login = self.begin(more);
        let _ = self.decide(&login, "allow").expect(200);
        login.end().well().json()
    }

    /// The address that the decision leads to, changed by somebody in between.
    fn come_back_with(&self, login: &LoggingIn, change: impl FnOnce(&mut Vec<(String, String)>)) -> Answer {
        let answer = self.person.decide(&self.browser, &login.url, "allow");
        let mut url = reqwest::Url::parse(answer.header("location")).unwrap();
        let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        change(&mut pairs);
        url.query_pairs_mut().clear().extend_pairs(pairs);
        self.browser.get(url.as_str())
    }

    /// What comes of a refresh token when it is used now.
    fn refreshed(&self, login: &Value) -> Answer {
        self.editor.refresh(login["refresh_token"].as_str().unwrap(), &[])
    }
}

fn set(pairs: &mut [(String, String)], name: &str, value: &str) {
    for pair in pairs.iter_mut().filter(|pair| pair.0 == name) {
        value.clone_into(&mut pair.1);
    }
}

fn names(list: &Value) -> Vec<&str> {
    list["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

fn says(ended: &Ended, code: i32, words: &str) {
    assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{ended:#?}");
    assert!(ended.stderr.contains(words), "{words}: {ended:#?}");
}

#[test]
fn a_person_logs_in_and_then_lists_and_calls_as_themselves() {
    let world = World::shared();
    let home = AtHome::new(&world, "logs-in", &["Officer"]);
    let told = home.log_in(&[]);
    for (member, expected) in [
        ("subject", json!(home.person.user_id)),
        ("client_id", json!(home.editor.client_id)),
        ("issuer", json!(world.auth.issuer)),
        ("server", json!(world.hr.resource)),
        ("roles", json!(["Officer"])),
        ("scope", json!("hr:*")),
        ("offline_access", json!(true)),
    ] {
        assert_eq!(told[member], expected, "{member}: {told}");
    }
    let shown = home.agent.run(&["whoami", "--json"]).well();
    let me = shown.json();
    assert_eq!((&me["token_subject"], &me["subject"]), (&json!(home.person.user_id), &json!(home.person.user_id)));
    assert_eq!((&me["token_client_id"], &me["client_id"]), (&told["client_id"], &told["client_id"]), "{me}");
    assert_eq!(names(&home.agent.run(&["tools", "--json"]).well().json()).len(), 4);
    assert_eq!(home.agent.run(&["call", "get_hr_summary"]).well().code, 0);
    let kept = std::fs::read_to_string(&home.agent.kept_tokens()[0]).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    for secret in [&kept["access_token"], &home.agent.login()["refresh_token"]] {
        assert!(!shown.text().contains(secret.as_str().unwrap()), "{shown:#?}");
        assert!(!told.to_string().contains(secret.as_str().unwrap()), "{told}");
    }
    for file in home.agent.logins().iter().chain(&home.agent.kept_tokens()) {
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
}

#[test]
fn the_page_that_ends_it_may_be_closed_and_runs_nothing() {
    let world = World::shared();
    let home = AtHome::new(&world, "sees-the-page", &["Reader"]);
    let login = home.begin(&[]);
    let url = reqwest::Url::parse(&login.url).unwrap();
    let redirect_uri = url.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1.into_owned();
    let origin = redirect_uri.strip_suffix("/callback").unwrap();
    assert!(origin.starts_with("http://127.0.0.1:"), "{origin}");
    for path in ["/", "/favicon.ico", "/callback/x"] {
        assert_eq!(home.browser.get(&format!("{origin}{path}")).status, 404, "{path}");
    }
    let page = home.decide(&login, "allow").expect(200);
    assert!(page.body.contains("You can close this window") && !page.body.contains("<script"), "{page:#?}");
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), ("no-store", "no-referrer"));
    let _ = login.end().well();
}

#[test]
fn the_commands_of_the_guide_log_a_person_in_and_out() {
    let world = World::shared();
    let home = AtHome::new(&world, "reads-the-guide", &["Reader"]);
    let blocks = markdown::blocks(&markdown::read("docs/guides/use-mcp-agent.md"));
    let commands = blocks.into_iter().find(|block| block.section == "Log in as yourself").unwrap().text;
    let mut command = home.agent.shell(&commands);
    command.env("HR_URL", &world.hr.resource).env("PUBLIC_CLIENT_ID", &home.editor.client_id);
    let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(process.stderr.take().unwrap());
    let mut lines = told.by_ref().lines().map_while(Result::ok);
    let url = lines.find(|line| line.starts_with(&world.auth.issuer)).unwrap();
    let answer = home.person.decide(&home.browser, &url, "allow");
    let _ = home.browser.get(answer.header("location")).expect(200);
    let ended = Ended::of(process.wait_with_output().unwrap()).well();
    let subject = |line: &str| line.starts_with("token subject") && line.ends_with(&home.person.user_id);
    assert!(ended.stdout.lines().any(subject), "{ended:#?}");
    assert!(ended.stdout.contains("total_employees") && ended.stdout.contains("logged out of"), "{ended:#?}");
}

#[test]
fn what_was_not_allowed_names_the_login_that_would_allow_it() {
    let world = World::shared();
    let home = AtHome::new(&world, "narrow", &["Officer"]);
    assert_eq!(home.log_in(&["--scope", "hr:read"])["scope"], "hr:read");
    assert_eq!(names(&home.agent.run(&["tools", "--json"]).well().json()), ["get_employee_records", "get_hr_summary"]);
    let denied = home.agent.run(&["call", "create_leave_request", "--client-id", &home.editor.client_id]);
    says(&denied, 4, "needed: the scope hr:create_leave_request\n");
    let command = format!(
        "log in again with it: mcp-agent login --server {} --client-id {} --scope 'hr:create_leave_request hr:read'",
        world.hr.resource, home.editor.client_id
    );
    says(&denied, 4, &command);
    let told = home.agent.run(&["call", "create_leave_request", "--json"]);
    let told: Value = serde_json::from_str(&told.stderr).unwrap();
    assert!(command.ends_with(told["log_in"].as_str().unwrap()), "{told}");
    assert_eq!(
        home.log_in(&["--scope", "hr:create_leave_request hr:read"])["scope"],
        "hr:create_leave_request hr:read"
    );
    assert_eq!(home.agent.run(&["call", "create_leave_request"]).code, 1, "the tool itself wants arguments");
}

#[test]
fn a_narrower_token_is_to_be_had_and_widened_within_the_login() {
    let world = World::shared();
    let home = AtHome::new(&world, "narrows", &["Officer"]);
    let _ = home.log_in(&[]);
    let listed = home.agent.run(&["tools", "--scope", "hr:get_hr_summary", "--json"]).well().json();
    assert_eq!(names(&listed), ["get_hr_summary"]);
    let called = home.agent.run(&["call", "create_leave_request", "--scope", "hr:get_hr_summary"]);
    assert_eq!(called.code, 1, "the tool itself wants arguments: {called:#?}");
}

#[test]
fn nobody_is_asked_again_while_the_login_lasts() {
    let world = World::shared();
    let home = AtHome::new(&world, "renews", &["Reader"]);
    let _ = home.log_in(&[]);
    let first = home.agent.login();
    home.agent.change_kept_token(|kept| kept["use_until"] = json!(1));
    let _ = home.agent.run(&["tools"]).well();
    let second = home.agent.login();
    assert_ne!(first["refresh_token"], second["refresh_token"], "each is used once");
    home.agent.change_kept_token(|kept| kept["access_token"] = json!("e30.e30.broken"));
    let _ = home.agent.run(&["tools"]).well();
    let _ = home.agent.run(&["tools", "--fresh"]).well();
    assert_ne!(second["refresh_token"], home.agent.login()["refresh_token"]);
}

#[test]
fn a_refresh_token_is_used_by_one_process_at_a_time() {
    let world = World::shared();
    let home = AtHome::new(&world, "many-at-once", &["Reader"]);
    let _ = home.log_in(&[]);
    for _ in 0..3 {
        home.agent.change_kept_token(|kept| kept["use_until"] = json!(1));
        let begin = |_| home.agent.command(&["tools", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let all: Vec<Child> = (0..6).map(begin).collect();
        for process in all {
            let ended = Ended::of(process.wait_with_output().unwrap()).well();
            assert_eq!(names(&ended.json()).len(), 2);
        }
    }
    let log = world.auth.process.log();
    let of_client = format!(r#""client_id":"{}""#, home.editor.client_id);
    let issued = log.lines().filter(|line| line.contains("token issued") && line.contains(&of_client)).count();
    assert!(issued <= 4, "the first, and one for each time that it had expired: {issued}");
    let _ = home.refreshed(&home.agent.login()).expect(200);
}

#[test]
fn two_logins_at_once_are_both_answered_and_the_last_one_is_kept() {
    let world = World::shared();
    let home = AtHome::new(&world, "twice-at-once", &["Reader"]);
    let (one, other) = (home.begin(&[]), home.begin(&[]));
    let _ = home.decide(&other, "allow").expect(200);
    let _ = home.decide(&one, "allow").expect(200);
    let _ = (one.end().well(), other.end().well());
    let _ = home.agent.run(&["tools"]).well();
    assert_eq!(home.agent.logins().len(), 1);
}

#[test]
fn who_says_no_is_not_logged_in() {
    let world = World::shared();
    let home = AtHome::new(&world, "says-no", &["Reader"]);
    let login = home.begin(&[]);
    let page = home.decide(&login, "deny");
    assert_eq!(page.status, 400);
    assert!(page.body.contains("You are not logged in"), "{page:#?}");
    says(&login.end(), 3, "access_denied");
    assert!(home.agent.logins().is_empty() && home.agent.kept_tokens().is_empty());
    says(&home.agent.run(&["tools"]), 3, "mcp-agent login --server");
}

#[test]
fn a_scope_that_the_person_may_not_have_is_named() {
    let world = World::shared();
    let home = AtHome::new(&world, "asks-for-more", &["Reader"]);
    let login = home.begin(&["--scope", "hr:create_leave_request"]);
    let back = home.person.decide(&home.browser, &login.url, "allow");
    let _ = home.browser.get(back.header("location")).expect(400);
    says(&login.end(), 4, "hr:create_leave_request");
}

#[test]
fn an_answer_to_another_login_is_not_taken_and_ends_this_one() {
    let world = World::shared();
    let home = AtHome::new(&world, "other-state", &["Reader"]);
    let (login, other) = (home.begin(&[]), home.begin(&[]));
    let state = reqwest::Url::parse(&other.url).unwrap();
    let state = state.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let page = home.come_back_with(&login, |pairs| set(pairs, "state", &state));
    assert_eq!(page.status, 400);
    says(&login.end(), 5, "belongs to another login");
    assert!(home.agent.logins().is_empty() && home.agent.kept_tokens().is_empty());
    let _ = home.decide(&other, "allow").expect(200);
    let _ = other.end().well();
}

#[test]
fn an_answer_of_another_issuer_is_not_taken() {
    let world = World::shared();
    let home = AtHome::new(&world, "mixed-up", &["Reader"]);
    let refused = |login: LoggingIn| {
        says(&login.end(), 5, &format!("and {} was asked (RFC 9207)", world.auth.issuer));
    };
    let login = home.begin(&[]);
    assert_eq!(home.come_back_with(&login, |pairs| set(pairs, "iss", "https://evil.example")).status, 400);
    refused(login);
    let login = home.begin(&[]);
    assert_eq!(home.come_back_with(&login, |pairs| pairs.retain(|(name, _)| name != "iss")).status, 400);
    refused(login);
    assert!(home.agent.logins().is_empty() && home.agent.kept_tokens().is_empty());
}

#[test]
fn one_answer_is_taken_and_then_no_other() {
    let world = World::shared();
    let home = AtHome::new(&world, "comes-twice", &["Reader"]);
    let login = home.begin(&[]);
    let back = home.person.decide(&home.browser, &login.url, "allow");
    let _ = home.browser.get(back.header("location")).expect(200);
    let again = bailiwick_e2e::Http::new().get(back.header("location")).send();
    assert!(again.is_err() || again.unwrap().status() == 410, "it listens no more, or answers nobody");
    let _ = login.end().well();
}

#[test]
fn who_does_not_come_back_is_not_waited_for_for_ever() {
    let world = World::shared();
    let home = AtHome::new(&world, "stays-away", &["Reader"]);
    let login = home.begin(&["--wait", "1"]);
    says(&login.end(), 3, "nobody came back from the browser within 1 s");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let world = World::shared();
    let home = AtHome::new(&world, "taken-port", &["Reader"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended =
        home.agent.run(&["login", "--client-id", &home.editor.client_id, "--no-browser", "--callback-port", &port]);
    says(&ended, 2, &format!("127.0.0.1:{port} is taken"));
}

#[test]
fn logging_out_ends_it_at_the_service_and_here() {
    let world = World::shared();
    let home = AtHome::new(&world, "logs-out", &["Reader"]);
    let _ = home.log_in(&[]);
    let login = home.agent.login();
    let ended = home.agent.run(&["logout", "--json"]).well();
    assert_eq!(ended.json()["logged_out"], json!(world.hr.resource));
    assert_eq!(home.refreshed(&login).expect(400).text("error"), "invalid_grant");
    assert!(home.agent.logins().is_empty() && home.agent.kept_tokens().is_empty());
    says(&home.agent.run(&["tools", "--client-id", &home.editor.client_id]), 3, "you are not logged in at");
    says(&home.agent.run(&["logout"]), 2, "there is no such login");
}

#[test]
fn logging_out_without_the_service_forgets_and_says_what_is_left() {
    let world = World::start();
    let home = AtHome::new(&world, "logs-out-alone", &["Reader"]);
    let _ = home.log_in(&[]);
    let agent = home.agent;
    world.auth.process.kill();
    says(&agent.run(&["logout"]), 5, "the login is forgotten here");
    assert!(agent.logins().is_empty() && agent.kept_tokens().is_empty());
}

#[test]
fn logging_in_again_ends_the_login_before() {
    let world = World::shared();
    let home = AtHome::new(&world, "again", &["Reader"]);
    let _ = home.log_in(&["--scope", "hr:get_hr_summary"]);
    let first = home.agent.login();
    let _ = home.log_in(&[]);
    assert_eq!(home.refreshed(&first).expect(400).text("error"), "invalid_grant");
    assert_eq!(names(&home.agent.run(&["tools", "--json"]).well().json()).len(), 2);
}

#[test]
fn a_login_that_the_person_has_withdrawn_is_over_and_says_so() {
    let world = World::shared();
    let home = AtHome::new(&world, "withdraws", &["Reader"]);
    let _ = home.log_in(&[]);
    let account = home.browser.open(&format!("{}/account", world.auth.issuer)).expect(200);
    let _ = home.browser.submit(&Form::to(&account, "/account/withdraw"));
    home.agent.change_kept_token(|kept| kept["use_until"] = json!(1));
    says(&home.agent.run(&["tools"]), 3, "your login at");
    says(&home.agent.run(&["tools"]), 3, "log in again with mcp-agent login --server");
    let _ = home.log_in(&[]);
    let _ = home.agent.run(&["tools"]).well();
}

#[test]
fn a_profile_may_be_of_a_client_without_a_secret() {
    let world = World::shared();
    let home = AtHome::new(&world, "has-a-profile", &["Reader"]);
    let client_id = home.editor.client_id.as_str();
    let _ = home.agent.run(&["profile", "add", "hr", "--client-id", client_id, "--issuer", &world.auth.issuer]).well();
    says(&home.agent.run(&["tools", "--profile", "hr"]), 3, "--profile hr");
    let login = home.agent.begin_login(&["--profile", "hr"]);
    let _ = home.decide(&login, "allow").expect(200);
    let _ = login.end().well();
    let me = home.agent.run(&["whoami", "--profile", "hr", "--json"]).well().json();
    assert_eq!((&me["profile"], &me["token_subject"]), (&json!("hr"), &json!(home.person.user_id)), "{me}");
    let _ = home.agent.run(&["logout", "--profile", "hr"]).well();
}

#[test]
fn a_client_with_a_secret_acts_for_the_person_until_they_log_out() {
    let world = World::shared();
    let admin = world.admin();
    let metadata = json!({
        "client_name": "Confidential", "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "redirect_uris": ["http://127.0.0.1/callback"], "roles": ["Officer"],
    });
    let client = Credentials::read(&admin.post("/clients", &metadata).expect(201).json());
    let (person, browser) = (world.person("confidential", &["Reader"]), Browser::new());
    let agent = Agent::of(&client, &world.auth.issuer, &world.hr.resource);
    let tools = || names(&agent.run(&["tools", "--json"]).well().json()).len();
    assert_eq!(tools(), 4, "all that the client may do itself");
    let login = agent.begin_login(&[]);
    let back = person.decide(&browser, &login.url, "allow");
    let _ = browser.get(back.header("location")).expect(200);
    assert_eq!(login.end().well().json()["subject"], json!(person.user_id));
    assert_eq!(tools(), 2, "what the person may do through it");
    let path = &agent.logins()[0];
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    says(&agent.run(&["tools"]), 2, "chmod 600");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let _ = agent.run(&["logout"]).well();
    assert_eq!(tools(), 4);
}

/// A server and issuers as its own documents describe them.
fn scripted(issuers: Value, metadata: Value) -> ScriptedServer {
    ScriptedServer::start(move |origin, asked| match asked.what.as_str() {
        "GET /.well-known/oauth-protected-resource/mcp" => {
            let issuers = if issuers.is_null() { json!([origin]) } else { issuers.clone() };
            Reply::json(&json!({"resource": format!("{origin}/mcp"), "authorization_servers": issuers}))
        }
        "GET /.well-known/oauth-authorization-server" => {
            let mut document = json!({"issuer": origin, "token_endpoint": format!("{origin}/token")});
            document.as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
            Reply::json(&document)
        }
        _ => Reply::status("401 Unauthorized").with("WWW-Authenticate", "Bearer"),
    })
}

#[test]
fn a_server_that_asks_for_no_token_has_nothing_to_log_in_to() {
    let server = ScriptedServer::start(|_, asked| match asked.what.as_str() {
        "POST /mcp" => Reply::status("400 Bad Request"),
        _ => Reply::status("404 Not Found"),
    });
    let url = format!("{}/mcp", server.origin);
    let ended = Agent::new().run(&["login", "--client-id", "x", "--server", &url, "--no-browser"]);
    says(&ended, 2, "asks for no token");
}

#[test]
fn nobody_is_sent_to_an_issuer_that_cannot_do_it_safely() {
    let login = |issuers: Value, metadata: Value, code: i32, words: &str| {
        let server = scripted(issuers, metadata);
        let url = format!("{}/mcp", server.origin);
        let ended = Agent::new().run(&["login", "--client-id", "x", "--server", &url, "--no-browser"]);
        says(&ended, code, words);
    };
    let endpoint = "http://localhost:1/authorize";
    login(Value::Null, json!({}), 5, "does not offer signing in");
    login(Value::Null, json!({"authorization_endpoint": endpoint}), 5, "PKCE with S256");
    let plain = json!({"authorization_endpoint": endpoint, "code_challenge_methods_supported": ["plain"]});
    login(Value::Null, plain, 5, "PKCE with S256");
    let unsafe_one = "http://id.example.com/authorize";
    let open = json!({"authorization_endpoint": unsafe_one, "code_challenge_methods_supported": ["S256"]});
    login(Value::Null, open, 5, "which is not https");
    login(json!(["https://a.example.com", "https://b.example.com"]), json!({}), 2, "--issuer");
    login(json!(["ftp://a.example.com"]), json!({}), 5, "which is no issuer");
}
