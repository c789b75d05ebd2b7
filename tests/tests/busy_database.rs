//! Another process holds the write lock for longer than a request waits: whoever has to write is told to come
//! again, everywhere in the words of that place, and nothing is done.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use bailiwick_e2e::{Answer, Browser, Form, World};
use rusqlite::Connection;
use serde_json::json;

/// A connection that holds the write lock until it is dropped.
fn lock(world: &World) -> Connection {
    let [_, (_, url)] = world.auth.environment();
    let connection = Connection::open(url.strip_prefix("sqlite://").unwrap()).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

fn is_told_to_come_again(answer: &Answer) {
    assert_eq!(answer.status, 503, "{answer:#?}");
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0), "{answer:#?}");
}

#[test]
fn whoever_has_to_write_to_a_busy_database_is_told_to_come_again_and_may() {
    let world = World::start();
    let (person, editor, browser) = (world.person("waits", &["Officer"]), world.editor(), Browser::new());
    let code = person.allow(&browser, &editor, &[("scope", Some("hr:read offline_access"))]);
    let refresh_token = editor.redeem(&code, &[]).expect(200).text("refresh_token");
    let newcomer = Browser::new();
    let page = newcomer.open(&format!("{}/login", world.auth.issuer)).expect(200);
    let login = Form::to(&page, "/login").with("username", &person.username).with("password", &person.password);
    let role = json!({"scope": "hr:read"});
    let admin = world.admin();
    let lock = lock(&world);
    std::thread::scope(|scope| {
        let refreshed = scope.spawn(|| editor.refresh(&refresh_token, &[]));
        let signed_in = scope.spawn(|| newcomer.post(&login.action, &login.fields));
        let put = scope.spawn(|| admin.put("/roles/Late", &role));
        let answers = [refreshed, put].map(|waiting| waiting.join().unwrap());
        for answer in &answers {
            is_told_to_come_again(answer);
            assert_eq!(answer.text("error"), "temporarily_unavailable");
        }
        is_told_to_come_again(&signed_in.join().unwrap());
    });
    drop(lock);
    let _ = editor.refresh(&refresh_token, &[]).expect(200);
    let _ = admin.put("/roles/Late", &role).expect(201);
    let _ = newcomer.post(&login.action, &login.fields).expect(303);
}
