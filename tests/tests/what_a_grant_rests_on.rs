//! What people granted a client rests on the client, the person and the resource. What is taken away ends
//! it, and nothing that comes later brings it back: neither the refresh token, nor a code under way, nor
//! the consent without which it is asked for anew.

use bailiwick_e2e::editor::{REDIRECT_URI, carried};
use bailiwick_e2e::{AdminApi, Browser, Credentials, Editor, Person, World, http};
use serde_json::{Value, json};

const SCOPE: (&str, Option<&str>) = ("scope", Some("hr:* offline_access"));

/// How something is taken from an editor: a resource or a role, by its name.
type Take = fn(&Granted<'_>, &str);

/// How a resource leaves, by its name.
type Leave = fn(&AdminApi<'_>, &str);

/// What is done to a client or a user, by their paths.
type Deed = fn(&AdminApi<'_>, client: &str, user: &str);

/// A person, who has signed in at a browser, and an editor that was granted HR and has a second code.
struct Granted<'a> {
    world: &'a World,
    person: Person,
    browser: Browser,
    editor: Editor<'a>,
    refresh_token: String,
    code: String,
}

impl<'a> Granted<'a> {
    fn new(world: &'a World, name: &str, more: &Value) -> Self {
        Self::to(world, name, world.editor_with(more))
    }

    fn to(world: &'a World, name: &str, editor: Editor<'a>) -> Self {
        let (person, browser) = (world.person(name, &["Manager"]), Browser::new());
        let code = person.allow(&browser, &editor, &[SCOPE]);
        let refresh_token = editor.redeem(&code, &[]).expect(200).text("refresh_token");
        let code = person.allow(&browser, &editor, &[SCOPE]);
        Self { world, person, browser, editor, refresh_token, code }
    }

    fn client(&self) -> String {
        format!("/clients/{}", self.editor.client_id)
    }

    fn user(&self) -> String {
        format!("/users/{}", self.person.user_id)
    }

    fn change_client(&self, changes: &Value) {
        let _ = self.world.admin().patch(&self.client(), changes).expect(200);
    }

    fn run(&self, arguments: &[&str]) {
        let _ = self.world.auth.run(arguments).well();
    }

    /// Neither the refresh token nor the code gives anything, and nobody is passed by without being asked.
    fn is_over(&self, case: &str) {
        for answer in [self.editor.refresh(&self.refresh_token, &[]), self.editor.redeem(&self.code, &[])] {
            assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()), "{case}: {answer:#?}");
        }
        let page = self.person.follow(&self.browser, &self.editor.url(&[SCOPE]));
        assert!(page.status == 200 && page.body.contains("name=\"decision\""), "{case}: not asked again: {page:#?}");
    }
}

/// Registers a server of that name; nothing runs there.
fn register(admin: &AdminApi<'_>, name: &str) -> String {
    let uri = format!("http://localhost:1/{name}");
    admin.set_resource(name, &json!({"resource": uri, "title": name, "tools": [{"name": "look", "kind": "read"}]}));
    uri
}

#[test]
fn a_resource_that_is_taken_from_a_client_gives_nothing_any_more_and_is_not_given_back_with_it() {
    let world = World::shared();
    let elsewhere = register(&world.admin(), "elsewhere");
    let (hr, both) = (&world.hr.resource, json!({"resources": [world.hr.resource, elsewhere]}));
    let ways: [(&str, Value, Take); 3] = [
        ("over the API", both.clone(), |of, elsewhere| of.change_client(&json!({"resources": [elsewhere]}))),
        ("on the command line", both.clone(), |of, elsewhere| {
            of.run(&["client", "update", &of.editor.client_id, "--resource", elsewhere]);
        }),
        ("by the first list", json!({}), |of, elsewhere| of.change_client(&json!({"resources": [elsewhere]}))),
    ];
    for (number, (way, resources, take)) in ways.into_iter().enumerate() {
        let of = Granted::new(&world, &format!("taken-{number}"), &resources);
        take(&of, &elsewhere);
        for answer in [of.editor.refresh(&of.refresh_token, &[]), of.editor.redeem(&of.code, &[])] {
            assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()), "{way}: {answer:#?}");
        }
        of.change_client(&json!({"resources": [hr, elsewhere]}));
        of.is_over(way);
    }
}

#[test]
fn what_stays_of_a_clients_resources_keeps_its_grants() {
    let world = World::shared();
    let elsewhere = register(&world.admin(), "kept");
    let of = Granted::new(&world, "kept", &json!({"resources": [world.hr.resource, elsewhere]}));
    of.change_client(&json!({"resources": [world.hr.resource]}));
    let _ = of.editor.refresh(&of.refresh_token, &[]).expect(200);
    let _ = of.editor.redeem(&of.code, &[]).expect(200);
}

#[test]
fn a_client_that_is_shut_out_and_let_in_again_has_no_grant_from_before() {
    let world = World::shared();
    let of = Granted::new(&world, "client-shut-out", &json!({}));
    for disabled in [true, false] {
        of.change_client(&json!({"disabled": disabled}));
    }
    of.is_over("over the API");
    let of = Granted::new(&world, "client-shut-out-by-hand", &json!({}));
    for flag in ["--disable", "--enable"] {
        of.run(&["client", "update", &of.editor.client_id, flag]);
    }
    of.is_over("on the command line");
}

#[test]
fn a_user_who_is_shut_out_and_let_in_again_has_granted_nothing() {
    let world = World::shared();
    let of = Granted::new(&world, "user-shut-out", &json!({}));
    for disabled in [true, false] {
        let _ = world.admin().patch(&of.user(), &json!({"disabled": disabled})).expect(200);
    }
    of.is_over("over the API");
    let of = Granted::new(&world, "user-shut-out-by-hand", &json!({}));
    for flag in ["--disable", "--enable"] {
        of.run(&["user", "update", &of.person.user_id, flag]);
    }
    of.is_over("on the command line");
}

#[test]
fn a_grant_type_that_is_taken_and_given_back_brings_no_grant_back() {
    let world = World::shared();
    let of = Granted::new(&world, "grant-type", &json!({}));
    of.change_client(&json!({"grant_types": ["authorization_code"]}));
    of.change_client(&json!({"grant_types": ["authorization_code", "refresh_token"]}));
    of.is_over("refresh_token");
}

#[test]
fn a_code_that_was_sent_to_a_redirect_uri_that_is_gone_is_no_good_and_grants_stay() {
    let world = World::shared();
    let of = Granted::new(&world, "redirected", &json!({}));
    of.change_client(&json!({"redirect_uris": ["https://app.example/callback"]}));
    assert_eq!(of.editor.redeem(&of.code, &[]).refusal(), (400, "invalid_grant".to_owned()));
    let _ = of.editor.refresh(&of.refresh_token, &[]).expect(200);
}

#[test]
fn a_client_that_becomes_public_keeps_nothing_that_its_secret_was_needed_for() {
    let world = World::shared();
    let metadata = json!({"client_name": "Web", "redirect_uris": ["http://127.0.0.1/callback"]});
    let client = world.admin().create_client(&metadata);
    let (person, browser, editor) = (world.person("made-public", &["Officer"]), Browser::new(), world.editor());
    let as_client = ("client_id", Some(client.id.as_str()));
    let token = confidential(&world, &client, &person.allow(&browser, &editor, &[as_client, SCOPE]), &editor.verifier);
    let access_token = token["access_token"].as_str().unwrap_or_default();
    let code = person.allow(&browser, &editor, &[as_client, SCOPE]);
    let guard = world.admin().create_client(&json!({"roles": ["guard"], "resources": [world.hr.resource]}));
    assert_eq!(world.auth.introspect(&guard, access_token)["active"], true);
    let public = json!({"token_endpoint_auth_method": "none"});
    let _ = world.admin().patch(&format!("/clients/{}", client.id), &public).expect(200);
    let refresh = editor.refresh(token["refresh_token"].as_str().unwrap_or_default(), &[as_client]);
    for answer in [refresh, editor.redeem(&code, &[as_client])] {
        assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()), "{answer:#?}");
    }
    assert_eq!(world.auth.introspect(&guard, access_token)["active"], false);
    let page = browser.open(&editor.url(&[as_client, SCOPE])).expect(200);
    assert!(page.body.contains("name=\"decision\""), "another program can take its name now: {page:#?}");
}

#[test]
fn a_resource_that_is_deleted_or_moved_comes_back_without_its_grants() {
    let world = World::shared();
    let admin = world.admin();
    let ways: [(&str, Leave); 2] = [
        ("deleted", |admin, name| drop(admin.delete(&format!("/resources/{name}")).expect(204))),
        ("moving", |admin, name| admin.set_resource(name, &json!({"resource": "http://localhost:1/moved-away"}))),
    ];
    for (name, leave) in ways {
        let uri = register(&admin, name);
        admin.set_role(name, &format!("{name}:*"));
        let (person, browser, editor) = (world.person(name, &[name]), Browser::new(), world.editor());
        let scope = format!("{name}:* offline_access");
        let request = [("resource", Some(uri.as_str())), ("scope", Some(scope.as_str()))];
        let token = editor.redeem(&person.allow(&browser, &editor, &request), &request[..1]).expect(200);
        let code = person.allow(&browser, &editor, &request);
        leave(&admin, name);
        assert_eq!(register(&admin, name), uri);
        for answer in [editor.refresh(&token.text("refresh_token"), &[]), editor.redeem(&code, &request[..1])] {
            assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()), "{name}: {answer:#?}");
        }
        let page = browser.open(&editor.url(&request)).expect(200);
        assert!(page.body.contains("name=\"decision\""), "{name}: {page:#?}");
    }
}

#[test]
fn a_client_that_loses_its_last_role_may_do_nothing_for_people_however_it_is_lost() {
    let world = World::shared();
    let ways: [(&str, Take); 4] = [
        ("deleted", |of, role| drop(of.world.admin().delete(&format!("/roles/{role}")).expect(204))),
        ("deleted by hand", |of, role| of.run(&["role", "delete", role])),
        ("taken", |of, _| of.change_client(&json!({"roles": []}))),
        ("taken by hand", |of, _| of.run(&["client", "update", &of.editor.client_id, "--no-roles"])),
    ];
    for (number, (way, take)) in ways.into_iter().enumerate() {
        let role = format!("Agents{number}");
        world.admin().set_role(&role, "hr:*");
        let of = Granted::new(&world, &format!("last-role-{number}"), &json!({"roles": [role]}));
        world.admin().set_role(&role, "hr:get_hr_summary");
        let narrowed = of.editor.refresh(&of.refresh_token, &[]).expect(200);
        assert_eq!(narrowed.text("scope"), "hr:get_hr_summary");
        take(&of, &role);
        let refreshed = of.editor.refresh(&narrowed.text("refresh_token"), &[]);
        for answer in [refreshed, of.editor.redeem(&of.code, &[])] {
            assert_eq!(answer.refusal(), (400, "invalid_grant".to_owned()), "{way}: {answer:#?}");
        }
        for resource in [Some(world.hr.resource.as_str()), None] {
            let answer = of.browser.get(&of.editor.url(&[("resource", resource), ("prompt", Some("none"))]));
            assert_eq!(carried(&answer, "error"), "invalid_target", "{way}: {answer:#?}");
        }
        let shown = world.admin().get(&of.client()).expect(200).json();
        assert_eq!((&shown["roles"], &shown["limited_to_roles"]), (&json!([]), &json!(true)), "{way}");
        assert!(world.auth.run(&["client", "show", &of.editor.client_id]).well().stdout.contains("none any more"));
        of.run(&["client", "update", &of.editor.client_id, "--no-role-limit"]);
        assert_eq!(of.editor.refresh(&narrowed.text("refresh_token"), &[]).expect(200).text("scope"), "hr:*", "{way}");
    }
}

#[test]
fn a_file_that_names_no_roles_any_more_lifts_no_limit_and_what_is_exported_keeps_it() {
    let world = World::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bailiwick.toml");
    let apply = |text: &str| {
        std::fs::write(&file, text).unwrap();
        world.auth.run(&["apply", &file.display().to_string()]).well()
    };
    let client = "[clients.filed]\ntoken_endpoint_auth_method = \"none\"\nredirect_uris = [\"http://127.0.0.1/cb\"]\n";
    let limit = || world.admin().get("/clients/filed").expect(200).json()["limited_to_roles"].clone();
    let _ = apply(&format!("{client}roles = [\"Officer\"]\n"));
    let _ = apply(&format!("{client}roles = []\n"));
    assert_eq!(limit(), true);
    let exported = world.auth.run(&["export"]).well().stdout;
    assert!(exported.contains("limited_to_roles = true"), "{exported}");
    let _ = world.admin().delete("/clients/filed").expect(204);
    let _ = apply(&exported);
    assert_eq!(limit(), true);
    let _ = apply(&format!("{client}limited_to_roles = false\n"));
    assert_eq!(limit(), false);
}

#[test]
fn the_first_role_of_a_client_ends_what_it_could_do_without_one() {
    let world = World::shared();
    let guard = world.admin().create_client(&json!({"roles": ["guard"], "resources": [world.hr.resource]}));
    let of = Granted::new(&world, "first-role", &json!({}));
    let before = of.editor.refresh(&of.refresh_token, &[]).expect(200);
    assert_eq!(world.auth.introspect(&guard, &before.text("access_token"))["active"], true);
    of.change_client(&json!({"roles": ["Reader"]}));
    assert_eq!(world.auth.introspect(&guard, &before.text("access_token"))["active"], false);
    assert_eq!(of.editor.refresh(&before.text("refresh_token"), &[]).expect(200).text("scope"), "hr:read");
}

#[test]
fn introspection_calls_no_refresh_token_active_that_the_token_endpoint_would_refuse() {
    let world = World::shared();
    let admin = world.admin();
    let deeds: [(&str, Deed); 5] = [
        ("user disabled", |admin, _, user| drop(admin.patch(user, &json!({"disabled": true})).expect(200))),
        ("user without roles", |admin, _, user| drop(admin.patch(user, &json!({"roles": []})).expect(200))),
        ("user deleted", |admin, _, user| drop(admin.delete(user).expect(204))),
        ("grant type taken", |admin, client, _| {
            drop(admin.patch(client, &json!({"grant_types": ["authorization_code"]})).expect(200));
        }),
        ("resource taken", |admin, client, _| drop(admin.patch(client, &json!({"resources": []})).expect(200))),
    ];
    for (number, (case, deed)) in deeds.into_iter().enumerate() {
        let metadata = json!({"redirect_uris": ["http://127.0.0.1/callback"]});
        let client = admin.create_client(&metadata);
        let (person, editor) = (world.person(&format!("looked-up-{number}"), &["Officer"]), world.editor());
        let code = person.allow(&Browser::new(), &editor, &[("client_id", Some(&client.id)), SCOPE]);
        let token = confidential(&world, &client, &code, &editor.verifier);
        let token = token["refresh_token"].as_str().unwrap_or_default();
        assert_eq!(world.auth.introspect(&client, token)["active"], true, "{case}");
        deed(&admin, &format!("/clients/{}", client.id), &format!("/users/{}", person.user_id));
        assert_eq!(world.auth.introspect(&client, token), json!({"active": false}), "{case}");
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        let refused = world.auth.post_form("/oauth2/token", &client, &form).expect(400);
        assert!(["invalid_grant", "unauthorized_client"].contains(&refused.text("error").as_str()), "{case}");
    }
}

#[test]
fn of_a_code_that_is_asked_for_while_its_client_is_shut_out_nothing_is_left() {
    let world = World::shared();
    let of = Granted::new(&world, "in-the-middle", &json!({}));
    for round in 0..10 {
        let answers: Vec<http::Answer> = std::thread::scope(|scope| {
            let asking = scope.spawn(|| (0..8).map(|_| of.browser.get(&of.editor.url(&[SCOPE]))).collect());
            of.change_client(&json!({"disabled": true}));
            asking.join().unwrap()
        });
        of.change_client(&json!({"disabled": false}));
        let came_back = |answer: &&http::Answer| answer.header("location").starts_with(REDIRECT_URI);
        for answer in answers.iter().filter(came_back).filter(|answer| !carried(answer, "code").is_empty()) {
            let redeemed = of.editor.redeem(&carried(answer, "code"), &[]);
            assert_eq!(redeemed.refusal(), (400, "invalid_grant".to_owned()), "round {round}");
        }
        let code = of.person.allow(&of.browser, &of.editor, &[SCOPE]);
        let _ = of.editor.redeem(&code, &[]).expect(200);
    }
}

/// What a client with a secret gets for a code.
fn confidential(world: &World, client: &Credentials, code: &str, verifier: &str) -> Value {
    let form = [("grant_type", "authorization_code"), ("code", code), ("code_verifier", verifier)];
    world.auth.post_form("/oauth2/token", client, &form).expect(200).json()
}
