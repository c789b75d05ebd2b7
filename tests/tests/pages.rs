//! The pages for people: by forms alone, without JavaScript, and against everybody who would forge,
//! frame or guess.

use bailiwick_e2e::browser::unescaped;
use bailiwick_e2e::editor::carried;
use bailiwick_e2e::{Answer, AuthService, Browser, Form, Person, Service, World, binary};
use serde_json::json;

fn url(world: &World, path: &str) -> String {
    format!("{}{path}", world.auth.issuer)
}

/// Somebody who is signed in, at the account page.
fn signed_in(world: &World, person: &Person) -> (Browser, Answer) {
    let browser = Browser::new();
    let page = browser.open(&url(world, "/account")).expect(200);
    let account = person.sign_in_at(&browser, &page).expect(200);
    assert!(account.body.contains("My agents"), "{account:#?}");
    (browser, account)
}

fn is_signed_out(browser: &Browser, world: &World) -> bool {
    browser.open(&url(world, "/account")).expect(200).body.contains("name=\"password\"")
}

#[test]
fn every_page_is_kept_from_frames_scripts_caches_and_referrers() {
    let world = World::shared();
    let (person, editor) = (world.person("headers", &["Officer"]), world.editor());
    let browser = Browser::new();
    let login = browser.open(&editor.url(&[])).expect(200);
    let consent = person.sign_in_at(&browser, &login).expect(200);
    let error = browser.get(&editor.url(&[("client_id", None)])).expect(400);
    let account = browser.open(&url(&world, "/account")).expect(200);
    let password = browser.open(&url(&world, "/account/password")).expect(200);
    let logout = browser.open(&url(&world, "/logout")).expect(200);
    for page in [&login, &consent, &error, &account, &password, &logout] {
        let policy = page.header("content-security-policy");
        for rule in ["default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(rule), "{rule}: {page:#?}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("content-type", "text/html; charset=utf-8"),
        ] {
            assert_eq!(page.header(name), value, "{page:#?}");
        }
        for never in ["<script", "style=\"", "onclick", "javascript:"] {
            assert!(!page.body.contains(never), "{never}: {page:#?}");
        }
        assert!(page.body.contains("<html lang=\"en\">") && page.body.contains("<h1>"), "{page:#?}");
    }
    let forms_of =
        |page: &Answer| page.header("content-security-policy").split("form-action ").nth(1).unwrap().to_owned();
    assert!(forms_of(&consent).starts_with("'self' http://127.0.0.1:51004;"), "{}", forms_of(&consent));
    assert!(forms_of(&account).starts_with("'self';"), "{}", forms_of(&account));
}

#[test]
fn the_stylesheet_is_there_under_the_name_that_the_pages_give() {
    let world = World::shared();
    let page = world.auth.get("/login").expect(200);
    let link = page.body.split("rel=\"stylesheet\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
    let answer = Browser::new().get(&unescaped(link.unwrap())).expect(200);
    assert_eq!(answer.header("content-type"), "text/css; charset=utf-8");
    assert!(answer.header("cache-control").contains("immutable"));
    for other in ["/assets/bailiwick-0000000000000000.css", "/assets/..%2f..%2fCargo.toml", "/assets/"] {
        let _ = world.auth.get(other).expect(404);
    }
}

#[test]
fn cookies_are_for_this_service_and_no_script() {
    let world = World::shared();
    let person = world.person("cookies", &[]);
    let browser = Browser::new();
    let page = browser.open(&url(&world, "/login")).expect(200);
    let form = Form::to(&page, "/login").with("username", &person.username).with("password", &person.password);
    let answer = browser.post(&form.action, &form.fields).expect(303);
    let cookies: Vec<&str> = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    for cookie in cookies {
        for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
}

#[test]
fn where_tls_is_on_cookies_are_bound_to_the_host_and_sent_over_tls_alone() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = ["--issuer", "https://id.example", "--tls-terminated"];
    let service = Service::start("auth-service", |port| {
        let mut command = AuthService::command_line(folder.path(), &["serve"]);
        command.args(["--listen", &format!("127.0.0.1:{port}")]).args(issuer);
        command
    });
    let arguments = ["user", "create", "--username", "ada", "--password-file", "-"];
    let mut command = AuthService::command_line(folder.path(), &arguments);
    let _ = binary::run_with_input(&mut command, "the password of ada").well();
    let browser = Browser::new();
    let here = |path: &str| format!("http://127.0.0.1:{}{path}", service.port);
    let page = browser.get(&here("/login")).expect(200);
    let form = Form::to(&page, "/login").with("username", "ada").with("password", "the password of ada");
    assert_eq!(form.action, "https://id.example/login");
    let answer = browser.post(&here("/login"), &form.fields).expect(303);
    let cookies: Vec<&str> = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    for cookie in cookies {
        assert!(
            cookie.starts_with("__Host-bailiwick_") && cookie.contains("Secure") && cookie.contains("Path=/"),
            "{cookie}"
        );
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    assert!(browser.get(&here("/account")).expect(200).body.contains("My agents"));
    let plain = Browser::new();
    plain.set_cookie("bailiwick_session", &browser.cookie("__Host-bailiwick_session"));
    let _ = plain.get(&here("/account")).expect(303);
}

#[test]
fn a_session_or_browser_that_was_planted_before_is_worth_nothing_after_signing_in() {
    let world = World::shared();
    let person = world.person("fixed", &[]);
    let attacker = Browser::new();
    let page = attacker.open(&url(&world, "/login")).expect(200);
    attacker.set_cookie("bailiwick_session", &format!("bailiwick_session_{}", "a".repeat(43)));
    let victim = attacker.copy();
    let _ = person.sign_in_at(&victim, &page).expect(200);
    for cookie in ["bailiwick_session", "bailiwick_browser"] {
        assert_ne!(victim.cookie(cookie), attacker.cookie(cookie), "{cookie} was not changed");
    }
    assert!(is_signed_out(&attacker, &world));
    assert!(!is_signed_out(&victim, &world));
}

#[test]
fn signing_in_again_ends_the_session_before() {
    let world = World::shared();
    let (person, other) = (world.person("again-1", &[]), world.person("again-2", &[]));
    let (browser, _) = signed_in(&world, &person);
    let before = browser.copy();
    let page = Browser::new();
    let login = page.open(&url(&world, "/login")).expect(200);
    page.set_cookie("bailiwick_session", &browser.cookie("bailiwick_session"));
    let _ = other.sign_in_at(&page, &login).expect(200);
    assert!(is_signed_out(&before, &world));
}

#[test]
fn a_form_from_another_site_or_without_its_proof_does_nothing() {
    let world = World::shared();
    let (person, editor) = (world.person("forged", &["Officer"]), world.editor());
    let browser = Browser::new();
    let login = browser.open(&editor.url(&[])).expect(200);
    let filled = Form::to(&login, "/login").with("username", &person.username).with("password", &person.password);
    for forged in
        [filled.clone().without("csrf"), filled.clone().with("csrf", "x"), filled.clone().with("csrf", &"A".repeat(43))]
    {
        let _ = browser.post(&forged.action, &forged.fields).expect(403);
    }
    let _ = browser.post_from_elsewhere(&filled).expect(403);
    let _ = Browser::new().post(&filled.action, &filled.fields).expect(403);
    let consent = browser.submit(&filled).expect(200);
    let allow = Form::to(&consent, "/consent").with("decision", "allow");
    for forged in [allow.clone().without("csrf"), allow.clone().with("csrf", filled.field("csrf"))] {
        let _ = browser.post(&forged.action, &forged.fields).expect(403);
    }
    let _ = browser.post_from_elsewhere(&allow).expect(403);
    let other_request = Form { action: allow.action.replace("state=some+state", "state=other"), ..allow.clone() };
    assert_ne!(other_request.action, allow.action);
    let _ = browser.post(&other_request.action, &other_request.fields).expect(403);
    assert!(!carried(&browser.submit(&allow).expect(303), "code").is_empty());
}

#[test]
fn a_consent_given_by_somebody_elses_session_counts_for_nobody() {
    let world = World::shared();
    let editor = world.editor();
    let (person, other) = (world.person("owner", &["Officer"]), world.person("intruder", &["Officer"]));
    let (browser, foreign) = (Browser::new(), Browser::new());
    let consent = person.follow(&browser, &editor.url(&[])).expect(200);
    let _ = other.follow(&foreign, &editor.url(&[])).expect(200);
    let allow = Form::to(&consent, "/consent").with("decision", "allow");
    let _ = foreign.post(&allow.action, &allow.fields).expect(403);
    let without = Browser::new().post(&allow.action, &allow.fields).expect(303);
    assert!(without.header("location").starts_with(&url(&world, "/login?")), "{without:#?}");
}

#[test]
fn markup_in_names_is_shown_and_never_run() {
    let world = World::shared();
    let nasty = "<img src=x onerror=alert(1)>\"'{client}";
    let editor = world.editor_with(&json!({"client_name": nasty}));
    let person = world.person("markup", &["Officer"]);
    let _ = world.admin().patch(&format!("/users/{}", person.user_id), &json!({"name": nasty})).expect(200);
    let browser = Browser::new();
    let login = browser.open(&editor.url(&[])).expect(200);
    let consent = person.sign_in_at(&browser, &login).expect(200);
    let _ = browser.submit(&Form::to(&consent, "/consent").with("decision", "allow"));
    let account = browser.open(&url(&world, "/account")).expect(200);
    let wrong = Form::to(&Browser::new().open(&url(&world, "/login")), "/login");
    assert!(!wrong.action.is_empty());
    for page in [&login, &consent, &account] {
        assert!(!page.body.contains("<img"), "{page:#?}");
        assert!(unescaped(&page.body).contains(nasty), "the name is not shown: {page:#?}");
    }
}

#[test]
fn what_was_typed_comes_back_escaped_and_the_password_never() {
    let world = World::shared();
    let browser = Browser::new();
    let page = browser.open(&url(&world, "/login")).expect(200);
    let form =
        Form::to(&page, "/login").with("username", "\"><script>alert(1)</script>").with("password", "my secret word");
    let answer = browser.submit(&form).expect(400);
    assert!(!answer.body.contains("<script") && !answer.body.contains("my secret word"), "{answer:#?}");
    assert!(!world.auth.process.log().contains("my secret word"));
}

#[test]
fn unknown_user_wrong_password_and_shut_out_user_are_answered_alike() {
    let world = World::shared();
    let (person, disabled) = (world.person("alike", &[]), world.person("alike-disabled", &[]));
    let _ = world.admin().patch(&format!("/users/{}", disabled.user_id), &json!({"disabled": true})).expect(200);
    let passwordless = json!({"username": "alike-passwordless"});
    let _ = world.admin().post("/users", &passwordless).expect(201);
    let answer = |username: &str, password: &str| {
        let browser = Browser::new();
        let page = browser.open(&url(&world, "/login")).expect(200);
        let form = Form::to(&page, "/login").with("username", username).with("password", password);
        let answer = browser.submit(&form).expect(400);
        answer.body.replace(username, "NAME").replace(Form::to(&answer, "/login").field("csrf"), "CSRF")
    };
    let wrong = answer(&person.username, "a wrong password");
    for (username, password) in [
        ("nobody-at-all", "a wrong password"),
        ("no name at all", "a wrong password"),
        (&disabled.username, &disabled.password),
        ("alike-passwordless", ""),
        (&person.username, ""),
    ] {
        assert_eq!(answer(username, password), wrong, "{username}");
    }
}

#[test]
fn guessing_is_slowed_and_the_owner_in_a_known_browser_still_gets_in_and_changes_the_password() {
    let world = World::start();
    let person = world.person("guessed", &[]);
    let (known, _) = signed_in(&world, &person);
    let attacker = Browser::new();
    let page = attacker.open(&url(&world, "/login")).expect(200);
    let guess = Form::to(&page, "/login").with("username", &person.username).with("password", "a wrong password");
    let statuses: Vec<u16> = (0..12).map(|_| attacker.post(&guess.action, &guess.fields).status).collect();
    assert_eq!(statuses, [vec![400; 10], vec![429; 2]].concat());
    let refused = attacker.post(&guess.action, &guess.fields).expect(429);
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0), "{refused:#?}");
    let right = guess.with("password", &person.password);
    let _ = attacker.post(&right.action, &right.fields).expect(429);
    let account = known.open(&url(&world, "/account")).expect(200);
    let _ = known.submit(&Form::to(&account, "/logout")).expect(200);
    let login = known.open(&url(&world, "/login")).expect(200);
    assert!(person.sign_in_at(&known, &login).expect(200).body.contains("My agents"));
    let page = known.open(&url(&world, "/account/password")).expect(200);
    let form = Form::to(&page, "/account/password")
        .with("current_password", &person.password)
        .with("new_password", "a password that nobody guessed")
        .with("new_password_again", "a password that nobody guessed");
    assert!(known.submit(&form).expect(200).body.contains("Your password is changed"));
}

#[test]
fn strangers_who_guess_from_many_addresses_do_not_keep_the_owner_from_changing_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let process = Service::start("auth-service", |port| {
        let mut command = AuthService::serve(folder.path(), port);
        command.env("AUTH_TRUSTED_PROXIES", "127.0.0.0/8");
        command
    });
    let auth = AuthService::with_process(process, folder.path());
    let person = Person::register(&auth.admin(&auth.make_administrator("admin")), "ada", &[]);
    let (owner, at) = (Browser::from_address("203.0.113.1"), |path: &str| format!("{}{path}", auth.issuer));
    let _ = person.sign_in_at(&owner, &owner.open(&at("/login")).expect(200)).expect(200);
    for host in 0..12 {
        let stranger = Browser::from_address(&format!("198.51.100.{host}"));
        let guess = Form::to(&stranger.open(&at("/login")).expect(200), "/login");
        let guess = guess.with("username", &person.username).with("password", "a wrong password");
        for _ in 0..10 {
            assert!(matches!(stranger.post(&guess.action, &guess.fields).status, 400 | 429));
        }
    }
    let stranger = Browser::from_address("198.51.100.99");
    let login = stranger.open(&at("/login")).expect(200);
    let _ = person.sign_in_at(&stranger, &login).expect(429);
    let form = Form::to(&owner.open(&at("/account/password")).expect(200), "/account/password")
        .with("current_password", &person.password)
        .with("new_password", "a new good password")
        .with("new_password_again", "a new good password");
    assert!(owner.submit(&form).expect(200).body.contains("Your password is changed"));
}

#[test]
fn signing_out_ends_the_session_for_every_copy_of_it() {
    let world = World::shared();
    let person = world.person("out", &[]);
    let (browser, account) = signed_in(&world, &person);
    let copy = browser.copy();
    let asked = browser.open(&url(&world, "/logout")).expect(200);
    assert!(asked.body.contains("Sign out?") && !is_signed_out(&copy, &world), "a link alone signed out");
    let _ = browser.post(&url(&world, "/logout"), &[]).expect(403);
    let done = browser.submit(&Form::to(&account, "/logout")).expect(200);
    assert!(done.body.contains("Signed out"), "{done:#?}");
    assert_eq!(browser.cookie("bailiwick_session"), "");
    assert!(is_signed_out(&copy, &world));
    assert!(browser.open(&url(&world, "/logout")).expect(200).body.contains("Signed out"));
}

#[test]
fn my_agents_shows_who_acts_for_me_and_one_button_ends_it() {
    let world = World::shared();
    let person = world.person("agents", &["Officer"]);
    let (browser, empty) = signed_in(&world, &person);
    assert!(empty.body.contains("Nobody acts for you"), "{empty:#?}");
    let (editor, other) = (world.editor_with(&json!({"client_name": "First editor"})), world.editor());
    let guard = world.admin().create_client(&json!({"roles": ["guard"], "resources": [world.hr.resource]}));
    let token =
        editor.redeem(&person.allow(&browser, &editor, &[("scope", Some("hr:* offline_access"))]), &[]).expect(200);
    let kept = other.redeem(&person.allow(&browser, &other, &[("scope", Some("hr:read"))]), &[]).expect(200);
    let pending = person.allow(&browser, &editor, &[]);
    let account = browser.open(&url(&world, "/account")).expect(200);
    for shown in ["First editor", "Test editor", &editor.client_id, "changes things", "Last used"] {
        assert!(account.body.contains(shown), "{shown}: {account:#?}");
    }
    let forms = Form::all(&account);
    let form = forms.iter().find(|form| form.field("client_id") == editor.client_id).unwrap();
    let foreign = form.clone().with("client_id", &other.client_id);
    let _ = browser.post(&foreign.action, &foreign.fields).expect(403);
    let done = browser.submit(form).expect(200);
    assert!(done.body.contains("First editor does not act for you any more"), "{done:#?}");
    assert!(!done.body.contains(&editor.client_id), "{done:#?}");
    let is_active = |answer: &Answer| world.auth.introspect(&guard, &answer.text("access_token"))["active"] == true;
    assert!(!is_active(&token) && is_active(&kept));
    assert_eq!(editor.refresh(&token.text("refresh_token"), &[]).refusal(), (400, "invalid_grant".to_owned()));
    assert_eq!(editor.redeem(&pending, &[]).refusal(), (400, "invalid_grant".to_owned()));
    assert!(browser.open(&editor.url(&[])).expect(200).body.contains("decision"), "it is asked again");
}

#[test]
fn a_password_is_changed_by_who_knows_it_and_ends_what_was_chosen() {
    let world = World::shared();
    for (name, chosen) in [("change-all", true), ("change-none", false)] {
        let (person, editor) = (world.person(name, &["Officer"]), world.editor());
        let (browser, _) = signed_in(&world, &person);
        let (elsewhere, _) = signed_in(&world, &person);
        let before = browser.copy();
        let code = person.allow(&browser, &editor, &[("scope", Some("hr:read offline_access"))]);
        let token = editor.redeem(&code, &[]).expect(200);
        let page = browser.open(&url(&world, "/account/password")).expect(200);
        let form = Form::to(&page, "/account/password")
            .with("current_password", &person.password)
            .with("new_password", "a new good password")
            .with("new_password_again", "a new good password");
        for (field, value, problem) in [
            ("current_password", "a wrong password", "current password is wrong"),
            ("new_password_again", "another", "differ"),
        ] {
            let answer = browser.submit(&form.clone().with(field, value)).expect(400);
            assert!(answer.body.contains(problem), "{answer:#?}");
        }
        let short = form.clone().with("new_password", "short").with("new_password_again", "short");
        assert!(browser.submit(&short).expect(400).body.contains("At least 12"));
        let form = if chosen { form } else { form.without("end_sessions").without("end_grants") };
        assert!(browser.submit(&form).expect(200).body.contains("Your password is changed"));
        assert!(is_signed_out(&before, &world), "the session was not replaced");
        assert!(!is_signed_out(&browser, &world));
        assert_eq!(is_signed_out(&elsewhere, &world), chosen);
        let refreshed = editor.refresh(&token.text("refresh_token"), &[]).status;
        assert_eq!(refreshed, if chosen { 400 } else { 200 });
        let fresh = Browser::new();
        let login = fresh.open(&url(&world, "/login")).expect(200);
        let _ = person.sign_in_at(&fresh, &login).expect(400);
        let renewed = Person { password: "a new good password".to_owned(), ..person };
        let _ = renewed.sign_in_at(&fresh, &login).expect(200);
    }
}

#[test]
fn other_sessions_end_where_that_is_asked_for() {
    let world = World::shared();
    let person = world.person("sessions", &[]);
    let (elsewhere, _) = signed_in(&world, &person);
    let (browser, account) = signed_in(&world, &person);
    assert!(account.body.contains("signed in in 2 browsers"), "{account:#?}");
    let done = browser.submit(&Form::to(&account, "/account/sessions")).expect(200);
    assert!(done.body.contains("signed out everywhere else"), "{done:#?}");
    assert!(is_signed_out(&elsewhere, &world) && !is_signed_out(&browser, &world));
}

#[test]
fn the_consent_page_says_in_words_what_is_asked_and_warns_of_clients_on_this_computer() {
    let world = World::shared();
    let (person, browser) = (world.person("words", &["Officer"]), Browser::new());
    let page = person.follow(&browser, &world.editor().url(&[("scope", Some("hr:* offline_access"))])).expect(200);
    for shown in
        ["It may look", "It may change things", "While you are away", "127.0.0.1", "Did you start this yourself?"]
    {
        assert!(page.body.contains(shown), "{shown}: {page:#?}");
    }
    let manifest = world.hr.manifest();
    for tool in manifest["tools"].as_array().unwrap() {
        let title = tool["title"].as_str().unwrap();
        assert!(!title.is_empty() && unescaped(&page.body).contains(title), "{title}: {page:#?}");
    }
    let web =
        world.editor_with(&json!({"redirect_uris": ["http://127.0.0.1/callback", "https://app.example/callback"]}));
    let page = person.follow(&browser, &web.url(&[("redirect_uri", Some("https://app.example/callback"))])).expect(200);
    assert!(page.body.contains("app.example") && !page.body.contains("Did you start this yourself?"), "{page:#?}");
}

#[test]
fn the_login_page_leads_nowhere_but_to_the_request_that_it_belongs_to() {
    let world = World::shared();
    let person = world.person("nowhere", &[]);
    for query in ["return_to=https://evil.example/", "next=//evil.example", "redirect_uri=https://evil.example/"] {
        let browser = Browser::new();
        let answer = browser.get(&url(&world, &format!("/login?{query}"))).expect(400);
        assert_eq!(answer.header("location"), "");
    }
    let (browser, _) = signed_in(&world, &person);
    for path in ["/login?return_to=https://evil.example/", "/login?//evil.example", "/login?%0d%0aLocation:x"] {
        let answer = browser.get(&url(&world, path));
        let location = answer.header("location");
        assert!(location.is_empty() || location.starts_with(&world.auth.issuer), "{path}: {answer:#?}");
    }
    let _ = person.user_id;
}
