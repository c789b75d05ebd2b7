//! A key that a server knows and a secret that the token service knows are one: a team moves its servers first and
//! its clients later, and changes such a key while nobody stands outside.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::fs;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use bailiwick_e2e::auth::Credentials;
use bailiwick_e2e::service::eventually;
use bailiwick_e2e::{Quickstart, World, binary, http};
use serde_json::Value;

/// A server that takes keys beside the tokens of the world's token service, and is registered there.
fn bridged_server(world: &World) -> Quickstart {
    let server = Quickstart::start("oauth,api-key", |command| {
        command.args(["--issuer", &world.auth.issuer, "--calls-per-second", "0"]);
    });
    let mut manifest = binary::command("mcp-quickstart");
    let manifest = binary::run(manifest.args(["manifest", "--resource", &server.url("/mcp")])).well().json();
    let admin = world.admin();
    admin.set_resource("quickstart", &manifest);
    admin.set_role("Timekeeper", "quickstart:TimeTool");
    server
}

/// A client of the world whose secret the server knows as its key.
fn bridged_client(world: &World, server: &Quickstart) -> Credentials {
    let made = world.auth.run(&["client", "create", "--id", "ci", "--role", "Timekeeper", "--api-key", "--json"]);
    let made = made.well().json();
    let client = Credentials::read(&made);
    server.know(entry_without(&client.secret, &made));
    client
}

/// The entry for the server's file, which does not hold the secret.
fn entry_without<'a>(secret: &str, made: &'a Value) -> &'a str {
    let entry = made["clients_file_entry"].as_str().unwrap();
    assert!(!entry.contains(secret), "the entry holds the secret: {entry}");
    entry
}

#[test]
fn one_key_opens_a_server_and_gets_tokens_of_the_token_service() {
    let world = World::start();
    let server = bridged_server(&world);
    // Servers first: they know the key before the client knows of tokens.
    let client = bridged_client(&world, &server);
    let with_key = http::send(server.call("TimeTool").header("x-api-key", &client.secret)).expect(200);
    assert_eq!(with_key.json()["result"]["isError"], false, "{with_key:#?}");
    // Clients later: the same secret, at the token endpoint.
    let token = world.auth.token(&client, &[("resource", &server.url("/mcp"))]);
    eventually("the server has the issuer's keys", || {
        http::send(server.call("TimeTool").bearer_auth(&token)).status == 200
    });
    for asked in [
        server.call("weather_tool").bearer_auth(&token),
        server.call("weather_tool").header("x-api-key", &client.secret),
    ] {
        let denied = http::send(asked).expect(403);
        assert!(denied.challenge().contains(r#"scope="quickstart:weather_tool""#), "{denied:#?}");
    }
    // When all clients have moved, the key is withdrawn here and the tokens stay.
    server.and_sees(|| fs::write(server.clients_file(), "").unwrap());
    let _ = http::send(server.call("TimeTool").header("x-api-key", &client.secret)).expect(401);
    let _ = http::send(server.call("TimeTool").bearer_auth(&token)).expect(200);
}

#[test]
fn a_key_is_changed_without_a_gap_at_the_server_and_at_the_token_service() {
    let world = World::start();
    let server = bridged_server(&world);
    let first = bridged_client(&world, &server);
    let shown = world.auth.run(&["client", "show", "ci", "--json"]).well().json();
    let oldest = shown["secrets"][0]["secret_id"].as_str().unwrap();
    let with_key = |key: &str| http::send(server.call("TimeTool").header("x-api-key", key));
    let next = OnceLock::<Credentials>::new();
    let [by_first, by_next] = [const { AtomicUsize::new(0) }; 2];
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let caller = scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                let (client, calls) = next.get().map_or((&first, &by_first), |next| (next, &by_next));
                let _ = with_key(&client.secret).expect(200);
                calls.fetch_add(1, Ordering::SeqCst);
            }
        });
        let goes_on = |calls: &AtomicUsize| {
            let before = calls.load(Ordering::SeqCst);
            eventually("the caller goes on", || {
                let _ = http::send(server.http.get(server.url("/health")));
                caller.is_finished() || calls.load(Ordering::SeqCst) > before
            });
        };
        goes_on(&by_first);
        let added = world.auth.run(&["client", "secret", "add", "ci", "--api-key", "--json"]).well().json();
        let added_secret = added["client_secret"].as_str().unwrap().to_owned();
        server.know(entry_without(&added_secret, &added));
        let added = Credentials { id: first.id.clone(), secret: added_secret };
        for client in [&first, &added] {
            let _ = with_key(&client.secret).expect(200);
            let _ = world.auth.token(client, &[]);
        }
        goes_on(&by_first);
        next.set(added).unwrap();
        goes_on(&by_next);
        let _ = world.auth.run(&["client", "secret", "retire", "ci", oldest]).well();
        server.and_sees(|| take_first_entry_out(&server));
        goes_on(&by_next);
        is_over.store(true, Ordering::SeqCst);
        caller.join().unwrap();
    });
    let _ = with_key(&first.secret).expect(401);
    assert_eq!(world.auth.request_token(&first, &[]).refusal(), (401, "invalid_client".to_owned()));
    let next = next.into_inner().unwrap();
    let _ = with_key(&next.secret).expect(200);
    let _ = world.auth.token(&next, &[]);
}

fn take_first_entry_out(server: &Quickstart) {
    let text = fs::read_to_string(server.clients_file()).unwrap();
    let [roles, _, newer] = text.split("[[clients.").collect::<Vec<_>>().try_into().unwrap();
    fs::write(server.clients_file(), format!("{roles}[[clients.{newer}")).unwrap();
}

#[test]
fn a_further_secret_is_shown_in_the_words_of_the_first() {
    let world = World::start();
    world.admin().set_role("Timekeeper", "hr:read");
    let created = world.auth.run(&["client", "create", "--id", "ci", "--role", "Timekeeper", "--api-key"]).well();
    let added = world.auth.run(&["client", "secret", "add", "ci", "--api-key"]).well();
    let words = |text: &str| text.split_once("\nKeep the secret now").unwrap().1.to_owned();
    let without_digest = |text: &str| {
        let (before, after) = text.split_once("secret_sha256 = \"").unwrap();
        format!("{before}{}", after.split_once('"').unwrap().1)
    };
    let [of_created, of_added] = [&created, &added].map(|ended| words(&ended.stdout));
    assert_ne!(of_created, of_added, "two secrets have one digest");
    assert_eq!(without_digest(&of_created), without_digest(&of_added));
    let plain = world.auth.run(&["client", "secret", "add", "ci"]).well();
    assert_eq!(words(&plain.stdout), ": it is not shown again.\n");
    let unknown = world.auth.run(&["client", "secret", "add", "nobody", "--api-key"]);
    assert!(unknown.code == 1 && unknown.stdout.is_empty() && unknown.stderr.contains("nobody"), "{unknown:#?}");
}
