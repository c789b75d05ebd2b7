//! Users, made and changed by administrators: over the API and on the command line.

use bailiwick_e2e::binary::{self, Ended};
use bailiwick_e2e::{AuthService, Browser, Person, World};
use serde_json::{Value, json};

#[test]
fn a_user_is_made_read_changed_and_deleted_and_the_password_never_comes_out() {
    let world = World::shared();
    let admin = world.admin();
    let user =
        json!({"username": "Ada@Example.com", "name": "Ada", "roles": ["Officer"], "password": "a password of ada"});
    let made = admin.post("/users", &user).expect(201);
    let user_id = made.text("user_id");
    assert!(user_id.starts_with("usr_"), "{made:#?}");
    assert_eq!(made.header("location"), format!("/admin/v1/users/{user_id}"));
    let path = format!("/users/{user_id}");
    let shown = admin.get(&path).expect(200);
    assert_eq!((shown.text("username"), shown.text("name")), ("ada@example.com".to_owned(), "Ada".to_owned()));
    for answer in [&made, &shown, &admin.get("/users?limit=1000").expect(200)] {
        assert!(!answer.body.contains("argon2") && !answer.body.contains("a password"), "{answer:#?}");
    }
    let changed =
        admin.patch(&path, &json!({"name": "Ada L.", "roles": ["Reader"], "disabled": true})).expect(200).json();
    assert_eq!(
        (&changed["name"], &changed["roles"], &changed["disabled"]),
        (&json!("Ada L."), &json!(["Reader"]), &json!(true))
    );
    assert_eq!(changed["username"], "ada@example.com", "what a change does not name stays");
    let _ = admin.delete(&path).expect(204);
    assert_eq!(admin.get(&path).refusal(), (404, "not_found".to_owned()));
    assert_eq!(admin.delete(&path).refusal(), (404, "not_found".to_owned()));
}

#[test]
fn what_cannot_be_accepted_is_told_and_nothing_is_done() {
    let world = World::shared();
    let admin = world.admin();
    let _ = admin.post("/users", &json!({"username": "taken", "user_id": "usr_taken"})).expect(201);
    for (user, status) in [
        (json!({}), 400),
        (json!({"username": "bad 1"}), 400),
        (json!({"username": "bad2", "password": "short"}), 400),
        (json!({"username": "bad3", "roles": ["nobody"]}), 400),
        (json!({"username": "bad4", "user_id": "client-like"}), 400),
        (json!({"username": "bad5", "password_hash": "x"}), 400),
        (json!({"username": "TAKEN"}), 409),
        (json!({"username": "bad6", "user_id": "usr_taken"}), 409),
    ] {
        let answer = admin.post("/users", &user).expect(status);
        assert!(!answer.text("error_description").is_empty(), "{user}: {answer:#?}");
    }
    let list = admin.get("/users?limit=1000").expect(200).json();
    let names: Vec<&str> =
        list["users"].as_array().into_iter().flatten().filter_map(|user| user["username"].as_str()).collect();
    assert!(names.iter().all(|name| !name.starts_with("bad")), "{names:?}");
}

#[test]
fn the_identifier_of_a_user_who_was_deleted_is_given_to_nobody_else() {
    let world = World::shared();
    let admin = world.admin();
    let user = |username: &str| json!({"username": username, "user_id": "usr_former"});
    let _ = admin.post("/users", &user("former")).expect(201);
    let _ = admin.delete("/users/usr_former").expect(204);
    let answer = admin.post("/users", &user("successor"));
    assert_eq!(answer.refusal(), (409, "conflict".to_owned()));
    assert!(answer.text("error_description").contains("deleted"), "{answer:#?}");
    let by_hand = world.auth.run(&["user", "create", "--id", "usr_former", "--username", "by-hand", "--no-password"]);
    assert!(by_hand.code == 1 && by_hand.stderr.contains("deleted"), "{by_hand:#?}");
    let again = admin.post("/users", &json!({"username": "former"})).expect(201);
    assert_ne!(again.text("user_id"), "usr_former", "a name may be taken anew");
}

#[test]
fn lists_of_users_are_paged() {
    let world = World::shared();
    let admin = world.admin();
    for number in 0..3 {
        let _ = admin.post("/users", &json!({"username": format!("paged-{number}")})).expect(201);
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = admin.get(&format!("/users?limit=2&after={after}")).expect(200).json();
        let users = page["users"].as_array().cloned().unwrap_or_default();
        seen.extend(users.iter().filter_map(|user| user["username"].as_str().map(str::to_owned)));
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    for number in 0..3 {
        assert_eq!(seen.iter().filter(|name| **name == format!("paged-{number}")).count(), 1, "{seen:?}");
    }
}

#[test]
fn deleting_a_role_takes_it_from_users_and_a_clients_narrower_role_ends_what_it_does_for_them() {
    let world = World::start();
    let admin = world.admin();
    admin.set_role("Wide", "hr:*");
    let (person, editor) = (world.person("roles", &["Officer"]), world.editor_with(&json!({"roles": ["Wide"]})));
    let guard = admin.create_client(&json!({"roles": ["guard"], "resources": [world.hr.resource]}));
    let token = editor.redeem(&person.allow(&Browser::new(), &editor, &[]), &[]).expect(200).text("access_token");
    assert_eq!(world.auth.introspect(&guard, &token)["active"], true);
    admin.set_role("Wide", "hr:read");
    assert_eq!(world.auth.introspect(&guard, &token)["active"], false);
    let _ = admin.delete("/roles/Officer").expect(204);
    let shown = admin.get(&format!("/users/{}", person.user_id)).expect(200).json();
    assert_eq!(shown["roles"], json!([]));
}

fn with_input(world: &World, arguments: &[&str], folder: &std::path::Path, input: &str) -> Ended {
    let mut command = AuthService::command_line(folder, arguments);
    binary::run_with_input(command.env("AUTH_ISSUER", &world.auth.issuer), input)
}

#[test]
fn the_command_line_makes_a_user_whose_password_is_never_on_it() {
    let world = World::shared();
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["user", "create", "--username", "cli", "--role", "guard", "--password-file", "-", "--json"];
    let made = with_input(&world, &arguments, folder.path(), "the password of cli\n").well();
    let user: Value = made.json();
    assert!(!made.text().contains("the password"), "{made:#?}");
    assert!(user["password_changed_at"].is_number(), "{user}");
    let id = user["user_id"].as_str().unwrap();
    let run = |arguments: &[&str]| with_input(&world, arguments, folder.path(), "");
    assert!(run(&["user", "list"]).well().stdout.contains("cli"));
    assert!(run(&["user", "update", id, "--disable", "--name", "Cli"]).well().stdout.contains("disabled"));
    assert!(run(&["user", "show", id]).well().stdout.contains("Cli"));
    let short = with_input(&world, &["user", "password", id, "--password-file", "-"], folder.path(), "short\n");
    assert!(short.code == 1 && short.stderr.contains("12 characters"), "{short:#?}");
    let unasked = run(&["user", "password", id]);
    assert!(unasked.code == 1 && unasked.stderr.contains("--password-file"), "{unasked:#?}");
    assert!(run(&["user", "create", "--username", "CLI", "--no-password"]).stderr.contains("taken"));
    let _ = run(&["user", "delete", id]).well();
    assert_eq!(run(&["user", "show", id]).code, 1);
}

#[test]
fn what_the_command_line_does_is_felt_by_the_running_service() {
    let world = World::shared();
    let person = world.person("felt", &["Officer"]);
    let browser = Browser::new();
    let page = browser.open(&format!("{}/account", world.auth.issuer)).expect(200);
    let _ = person.sign_in_at(&browser, &page).expect(200);
    let _ = world.auth.run(&["user", "update", &person.user_id, "--disable"]).well();
    let after = browser.open(&format!("{}/account", world.auth.issuer)).expect(200);
    assert!(after.body.contains("name=\"password\""), "{after:#?}");
    let _: Person = person;
}

#[test]
fn a_public_client_is_registered_over_the_api_the_command_line_and_a_file() {
    let world = World::shared();
    let admin = world.admin();
    let metadata = json!({
        "client_id": "public-1", "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "redirect_uris": ["http://127.0.0.1/callback"],
    });
    let made = admin.post("/clients", &metadata).expect(201).json();
    assert_eq!((made.get("client_secret"), &made["token_endpoint_auth_method"]), (None, &json!("none")));
    assert_eq!(made["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(made["redirect_uris"], json!(["http://127.0.0.1/callback"]));
    assert_eq!(admin.post("/clients/public-1/secrets", &json!({})).refusal(), (409, "conflict".to_owned()));
    let changed = admin.patch("/clients/public-1", &json!({"redirect_uris": ["https://app.example/cb"]})).expect(200);
    assert_eq!(changed.json()["redirect_uris"], json!(["https://app.example/cb"]));
    for wrong in [
        json!({"redirect_uris": ["http://app.example/cb"]}),
        json!({"redirect_uris": []}),
        json!({"grant_types": ["client_credentials"]}),
        json!({"grant_types": ["implicit"]}),
        json!({"token_endpoint_auth_method": "carrier_pigeon"}),
    ] {
        assert_eq!(
            admin.patch("/clients/public-1", &wrong).refusal(),
            (400, "invalid_client_metadata".to_owned()),
            "{wrong}"
        );
    }
    let by_command =
        ["client", "create", "--id", "public-2", "--public", "--redirect-uri", "http://localhost/callback", "--json"];
    let made = world.auth.run(&by_command).well().json();
    assert_eq!((made.get("client_secret"), &made["redirect_uris"]), (None, &json!(["http://localhost/callback"])));
    let exported = world.auth.run(&["export"]).well().stdout;
    for line in ["[clients.public-2]", "token_endpoint_auth_method = \"none\""] {
        assert!(exported.contains(line), "{exported}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bailiwick.toml");
    std::fs::write(&file, exported).unwrap();
    let applied = world.auth.run(&["apply", file.to_str().unwrap()]).well();
    assert!(applied.stdout.contains("nothing differs"), "{applied:#?}");
}

#[test]
fn a_client_that_becomes_public_loses_its_secrets() {
    let world = World::shared();
    let admin = world.admin();
    let metadata = json!({"redirect_uris": ["https://app.example/cb"], "roles": ["Officer"]});
    let client = admin.create_client(&metadata);
    let path = format!("/clients/{}", client.id);
    let changed = admin.patch(&path, &json!({"token_endpoint_auth_method": "none"})).expect(200).json();
    assert_eq!(changed["secrets"], json!([]));
    let answer =
        world.auth.post_form("/oauth2/token", &client, &[("grant_type", "refresh_token"), ("refresh_token", "x")]);
    assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()));
}
