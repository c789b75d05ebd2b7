//! Limits: what is too much is refused, and only failures are counted against a client.

#![expect(clippy::panic, reason = "a test may panic; that is how it fails")]

use std::time::{Duration, Instant};

use bailiwick_e2e::http::{self, Answer};
use bailiwick_e2e::{Credentials, Era, World};
use serde_json::json;

/// How many failures of one client from one address are answered before the limit is felt.
const BURST: usize = 20;

fn fail(world: &World, id: &str) -> Answer {
    let client = Credentials { id: id.to_owned(), secret: "wrong".to_owned() };
    world.auth.request_token(&client, &[])
}

/// Fails until the limit is felt; gives the answer that says so.
fn fail_until_limited(world: &World, id: &str) -> Answer {
    for attempt in 0..3 * BURST {
        let answer = fail(world, id);
        if answer.status == 429 {
            assert!(attempt >= BURST, "limited after {attempt} failures");
            return answer;
        }
        assert_eq!(answer.refusal(), (401, "invalid_client".to_owned()));
    }
    panic!("{} failures and no limit", 3 * BURST);
}

#[test]
fn failures_are_limited_and_told_when_to_come_back() {
    let world = World::shared();
    let answer = fail_until_limited(&world, &world.client(&["Officer"]).id);
    let seconds: u32 = answer.header("retry-after").parse().unwrap_or_default();
    assert!((1..=60).contains(&seconds), "{answer:#?}");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[test]
fn the_right_secret_is_never_limited() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    let _ = fail_until_limited(&world, &client.id);
    for _ in 0..3 * BURST {
        let _ = world.auth.token(&client, &[]);
    }
    assert_eq!(fail(&world, &client.id).status, 429, "successes forgave the failures");
}

#[test]
fn another_client_at_the_same_address_is_not_concerned() {
    let world = World::shared();
    let (attacked, other) = (world.client(&["Officer"]), world.client(&["Officer"]));
    let _ = fail_until_limited(&world, &attacked.id);
    assert_eq!(fail(&world, &other.id).refusal(), (401, "invalid_client".to_owned()));
    let _ = world.auth.token(&other, &[]);
}

#[test]
fn an_unknown_client_is_limited_as_a_known_one_is() {
    let world = World::shared();
    let known = fail_until_limited(&world, &world.client(&["Officer"]).id);
    let unknown = fail_until_limited(&world, "nobody-by-this-name");
    assert_eq!((known.status, known.body), (unknown.status, unknown.body));
}

#[test]
fn the_limit_is_one_for_all_endpoints_that_take_a_secret() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    let _ = fail_until_limited(&world, &client.id);
    let wrong = Credentials { secret: "wrong".to_owned(), ..client.clone() };
    for path in ["/oauth2/introspect", "/oauth2/revoke"] {
        let _ = world.auth.post_form(path, &wrong, &[("token", "x")]).expect(429);
        let _ = world.auth.post_form(path, &client, &[("token", "x")]).expect(200);
    }
}

#[test]
fn a_flood_of_wrong_secrets_does_not_lock_the_others_out() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let world = &world;
            scope.spawn(move || {
                for attempt in 0..50 {
                    let answer = fail(world, &format!("flood-{thread}-{attempt}"));
                    assert!(matches!(answer.status, 401 | 429 | 503), "{answer:#?}");
                    assert!(answer.status == 401 || !answer.header("retry-after").is_empty(), "{answer:#?}");
                }
            });
        }
        for _ in 0..50 {
            let _ = world.auth.token(&client, &[]);
        }
    });
}

#[test]
fn every_oauth_endpoint_refuses_a_body_above_64_kib() {
    let world = World::shared();
    let client = world.client(&["Officer"]);
    let long = "x".repeat(64 * 1024);
    for path in ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"] {
        let _ = world.auth.post_form(path, &client, &[("token", &long)]).expect(413);
    }
}

#[test]
fn a_body_without_an_announced_length_is_measured_as_it_comes() {
    let world = World::shared();
    let port = world.auth.process.port;
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
    let request = format!(
        "POST /oauth2/token HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n{chunk}{chunk}0\r\n\r\n"
    );
    assert!(http::send_raw(port, request.as_bytes()).starts_with("HTTP/1.1 413 "));
}

/// The heads of requests whose bodies do not come, and the status that each is answered with.
fn heads_without_bodies(world: &World) -> Vec<(String, u16)> {
    let administrator = world.auth.make_administrator("waits-for-bodies");
    let token = world.auth.token(&administrator, &[("resource", &world.auth.admin_resource())]);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let (length, chunked) = ("Content-Length: 100\r\n\r\ng", "Transfer-Encoding: chunked\r\n\r\n10\r\ngrant");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let read = ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke", "/login"].into_iter();
    let read = read.flat_map(|path| [length, chunked].map(|body| (format!("POST {path}"), form, body, 408)));
    let refused = [length, chunked].into_iter().flat_map(|body| {
        [
            ("POST /admin/v1/clients".to_owned(), bearer.as_str(), body, 408),
            ("POST /admin/v1/clients".to_owned(), "", body, 401),
            ("GET /health/live".to_owned(), "", body, 200),
            ("POST /nowhere".to_owned(), form, body, 404),
        ]
    });
    let head = |(line, headers, body, status): (String, &str, &str, u16)| {
        (format!("{line} HTTP/1.1\r\nHost: localhost\r\n{headers}{body}"), status)
    };
    read.chain(refused).map(head).collect()
}

#[test]
fn whoever_sends_half_a_body_anywhere_is_answered_within_ten_seconds_and_heard_no_further() {
    let world = World::shared();
    let heads = heads_without_bodies(&world);
    let (port, started) = (world.auth.process.port, Instant::now());
    std::thread::scope(|scope| {
        for (head, status) in &heads {
            scope.spawn(move || {
                let answer = http::send_beginning(port, head.as_bytes());
                let told = answer.to_ascii_lowercase();
                assert!(told.starts_with(&format!("http/1.1 {status} ")), "{head}: {answer}");
                assert!(told.contains("\r\nconnection: close\r\n"), "{head}: {answer}");
            });
        }
    });
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn the_admin_api_refuses_a_body_above_its_limit() {
    let world = World::shared();
    let body = json!({"client_name": "x".repeat(2 * 1024 * 1024)});
    assert!(matches!(world.admin().post("/clients", &body).status, 400 | 413));
}

#[test]
fn headers_that_are_too_large_or_too_many_are_refused_and_the_service_lives_on() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    for (port, path) in [(world.auth.process.port, "/oauth2/token"), (world.hr.process.port, "/mcp")] {
        let large = format!("X-Large: {}\r\n", "x".repeat(300 * 1024));
        let many = "X-Many: x\r\n".repeat(500);
        for headers in [large, many] {
            let request =
                format!("POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n{headers}\r\n");
            let answer = http::send_raw(port, request.as_bytes());
            let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
            assert!(answer.is_empty() || status.starts_with('4'), "{path}: {answer:.200}");
        }
    }
    assert_eq!(world.hr.caller(&token, Era::July2026).list().len(), 4);
    let _ = world.auth.get("/health/ready").expect(200);
}

#[test]
fn what_is_not_http_is_refused_and_the_service_lives_on() {
    let world = World::shared();
    for port in [world.auth.process.port, world.hr.process.port] {
        for nonsense in [
            &b"\x16\x03\x01\x02\x00\x01\x00\x01"[..],
            b"GET\r\n\r\n",
            b"\0\0\0\0\r\n\r\n",
            b"POST /mcp HTTP/9.9\r\n\r\n",
        ] {
            let answer = http::send_raw(port, nonsense);
            assert!(
                answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 505"),
                "{answer:.200}"
            );
        }
    }
    let _ = world.auth.get("/health/live").expect(200);
    let _ = http::send(world.hr.http.get(world.hr.url("/health/live"))).expect(200);
}

#[test]
fn a_token_that_is_too_long_to_be_one_is_refused() {
    let world = World::shared();
    let answer = world.hr.caller(&"x".repeat(20 * 1024), Era::November2025).request("tools/list", json!({}));
    assert!(matches!(answer.status, 400 | 401 | 431), "{answer:#?}");
}

#[test]
fn a_scope_parameter_with_too_many_words_is_refused() {
    let world = World::shared();
    let client = world.client(&["Manager"]);
    let scope: Vec<String> = (0..3000).map(|number| format!("hr:t{number}")).collect();
    let answer = world.auth.request_token(&client, &[("scope", &scope.join(" "))]);
    assert!(matches!(answer.refusal().1.as_str(), "invalid_scope" | "invalid_request"), "{answer:#?}");
    assert!(answer.body.len() < 4096, "the refusal repeats what it was sent");
}
