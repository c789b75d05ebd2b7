//! Every refusal is one line of the log, which says from where, who as far as that is known, what and why; and
//! nothing that somebody merely sent.

use bailiwick_e2e::service::eventually;
use bailiwick_e2e::{AuthService, Browser, Credentials, Form, World, http};
use serde_json::{Value, json};

/// Something that looks like a secret, and is nobody's.
const SENT: &str = "bw_this-was-sent-and-stays-out-of-the-log";

/// The lines that tell of refusals of `what` to `path`, once there are `count`.
fn refusals(auth: &AuthService, what: &str, path: &str, count: usize) -> Vec<Value> {
    let message = format!("{what} refused");
    let lines = || -> Vec<Value> {
        let log = auth.process.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.filter(|line: &Value| line["message"] == message.as_str() && line["path"] == path).collect()
    };
    eventually("the log tells of the refusals", || lines().len() >= count);
    assert!(!auth.process.log().contains(SENT), "what was sent is in the log");
    lines()
}

#[test]
fn a_client_that_fails_is_named_where_it_is_registered_and_never_where_it_is_not() {
    let world = World::start();
    let client = world.client(&["Officer"]);
    let wrong = Credentials { secret: SENT.to_owned(), ..client.clone() };
    let unknown = Credentials { id: SENT.to_owned(), secret: SENT.to_owned() };
    for (what, path) in
        [("token", "/oauth2/token"), ("introspection", "/oauth2/introspect"), ("revocation", "/oauth2/revoke")]
    {
        let form = [("grant_type", "client_credentials"), ("token", SENT)];
        for failing in [&wrong, &unknown] {
            let _ = world.auth.post_form(path, failing, &form).expect(401);
        }
        let refused = refusals(&world.auth, what, path, 2);
        assert_eq!(refused.len(), 2, "{refused:#?}");
        assert_eq!((&refused[0]["client_id"], refused[1].get("client_id")), (&json!(client.id), None), "{refused:#?}");
        for line in refused {
            assert_eq!((&line["outcome"], &line["address"]), (&json!("invalid_client"), &json!("127.0.0.1")), "{line}");
            assert!(line["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{line}");
        }
    }
}

#[test]
fn an_authenticated_client_that_is_refused_a_token_is_named() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    let _ = world.auth.request_token(&client, &[("scope", "crm:*")]).expect(400);
    eventually("the refusal names the client", || {
        refusals(&world.auth, "token", "/oauth2/token", 1).iter().any(|line| line["client_id"] == client.id)
    });
}

#[test]
fn whoever_may_not_administer_or_hear_the_feed_is_recorded_with_the_token_that_was_good() {
    let world = World::start();
    let officer = world.client(&["Officer"]);
    let stranger = world.auth.token(&officer, &[]);
    for (what, path) in [("administration", "/admin/v1/clients"), ("revocation feed", "/revocations")] {
        let url = format!("{}{path}", world.auth.issuer);
        let _ = http::send(world.auth.http.get(&url)).expect(401);
        let _ = http::send(world.auth.http.get(&url).bearer_auth(SENT)).expect(401);
        let _ = http::send(world.auth.http.get(&url).bearer_auth(&stranger)).expect(401);
        let refused = refusals(&world.auth, what, path, 3);
        let who: Vec<Option<&Value>> = refused.iter().map(|line| line.get("client_id")).collect();
        assert_eq!(who, [None, None, Some(&json!(officer.id))], "{refused:#?}");
        assert!(refused.iter().all(|line| line["outcome"] == "invalid_token" && line["address"] == "127.0.0.1"));
    }
}

#[test]
fn what_is_administered_says_for_whom_and_from_where() {
    let world = World::shared();
    let _ = world.admin().get("/roles").expect(200);
    eventually("the log tells of it", || {
        let log = world.auth.process.log();
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.any(|line| {
            line["message"] == "administration"
                && line["path"] == "/admin/v1/roles"
                && (&line["sub"], &line["address"]) == (&json!(world.administrator.id), &json!("127.0.0.1"))
        })
    });
}

#[test]
fn a_wrong_password_is_recorded_with_the_user_it_was_tried_for() {
    let world = World::start();
    let person = world.person("tried", &[]);
    for (username, sub) in [(person.username.as_str(), Some(json!(person.user_id))), ("nobody", None)] {
        let browser = Browser::new();
        let page = browser.open(&format!("{}/login", world.auth.issuer)).expect(200);
        let form = Form::to(&page, "/login").with("username", username).with("password", SENT);
        let _ = browser.submit(&form).expect(400);
        let count = 1 + usize::from(sub.is_none());
        let line = refusals(&world.auth, "password", "/login", count).pop().unwrap();
        assert_eq!((line.get("sub"), &line["address"]), (sub.as_ref(), &json!("127.0.0.1")), "{line}");
    }
}

#[test]
fn a_request_that_is_none_is_no_line_of_the_log() {
    let world = World::start();
    let before = world.auth.process.log();
    for nonsense in [&b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"[..], b"\0\0\0\0\r\n\r\n"] {
        let _ = http::send_raw(world.auth.process.port, nonsense);
    }
    // A line of what came after them is there, and nothing before it.
    let _ = world.admin().get("/roles").expect(200);
    eventually("the log goes on", || world.auth.process.log().contains("administration"));
    let log = world.auth.process.log();
    assert!(!log[before.len()..].contains("\"ERROR\""), "{}", &log[before.len()..]);
}
