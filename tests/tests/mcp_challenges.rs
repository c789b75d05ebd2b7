//! Every row of the table of answers of a guarded server (docs/reference/errors.md), in each era. Tokens
//! that are not accepted have a file of their own, `mcp_tokens.rs`.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use bailiwick_e2e::http;
use bailiwick_e2e::service::free_port;
use bailiwick_e2e::{Caller, Era, HrServer, TestIssuer, World};
use serde_json::json;

/// The head of a request with a body of that length.
fn head(world: &World, header: &str, length: usize) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost:{}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{header}\r\n",
        world.hr.process.port
    )
}

/// The next answer of a connection that goes on after it; empty where the connection ended instead.
fn next_answer(stream: &mut TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut answer = String::new();
    while !answer.ends_with("\r\n\r\n") && reader.read_line(&mut answer).unwrap() > 0 {}
    let length = answer.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    answer
}

#[test]
fn without_a_token_the_challenge_names_metadata_and_scope_and_no_error() {
    let world = World::shared();
    for era in Era::ALL {
        let answer = world.stranger(era).request("tools/list", json!({})).expect(401);
        let metadata = world.hr.metadata_url();
        assert_eq!(answer.challenge(), format!(r#"Bearer resource_metadata="{metadata}", scope="hr:read""#), "{era}");
    }
}

#[test]
fn without_a_token_the_mcp_name_header_chooses_the_scope_of_the_challenge() {
    let world = World::shared();
    let call = |name: &str| {
        let caller = world.stranger(Era::July2026);
        let answer = http::send(caller.post("tools/call", Some(name)).body("never read"));
        answer.expect(401).challenge().to_owned()
    };
    assert!(call("add_employee_record").ends_with(r#"scope="hr:add_employee_record""#));
    assert!(call("no_such_tool").ends_with(r#"scope="hr:read""#));
    assert!(call("bad\"name, scope=\"admin:*").ends_with(r#"scope="hr:read""#));
}

#[test]
fn another_scheme_is_answered_as_no_token() {
    let world = World::shared();
    for header in ["Basic YTpi", "DPoP abc", "Negotiate"] {
        let request = world.stranger(Era::November2025).post("tools/list", None);
        let answer = http::send(request.header("Authorization", header).body("{}")).expect(401);
        assert!(!answer.challenge().contains("error="), "{header}: {answer:#?}");
    }
}

#[test]
fn the_body_of_an_unknown_caller_is_not_waited_for_for_long() {
    let world = World::shared();
    let mut stream = TcpStream::connect(("127.0.0.1", world.hr.process.port)).unwrap();
    stream.write_all(head(&world, "", 1_000_000).as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("connection: close\r\n"), "{answer}");
}

#[test]
fn a_connection_serves_the_next_request_after_a_refusal() {
    let world = World::shared();
    let bodies = [r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, &"x".repeat(100_000)];
    for (header, status) in [("", 401), ("Authorization: Bearer nonsense\r\n", 401), ("Origin: null\r\n", 403)] {
        let mut stream = TcpStream::connect(("127.0.0.1", world.hr.process.port)).unwrap();
        stream.set_nodelay(true).unwrap();
        // Head and body in two writes, as many clients do: which of them the server meets is a race.
        for attempt in 0..100 {
            let body = bodies[attempt % bodies.len()];
            stream.write_all(head(&world, header, body.len()).as_bytes()).unwrap();
            stream.write_all(body.as_bytes()).unwrap();
            let answer = next_answer(&mut stream);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{header}, attempt {attempt}: {answer:?}");
            assert!(!answer.contains("connection: close"), "{header}, attempt {attempt}: {answer:?}");
        }
    }
}

#[test]
fn a_foreign_host_is_forbidden() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    let caller = world.hr.caller(&token, Era::July2026);
    for host in ["evil.example", "localhost:1", "localhost.evil.example", "127.0.0.1.nip.example:8001"] {
        let request = caller.post("tools/list", None).header("Host", host);
        assert_eq!(http::send(request.json(&caller.message("tools/list", json!({})))).status, 403, "{host}");
    }
}

#[test]
fn a_foreign_origin_is_forbidden_and_the_own_one_is_not() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    let caller = world.hr.caller(&token, Era::July2026);
    let with = |origin: &str| {
        let request = caller.post("tools/list", None).header("Origin", origin);
        http::send(request.json(&caller.message("tools/list", json!({})))).status
    };
    for origin in ["https://evil.example", "null", "http://localhost:1", "nonsense"] {
        assert_eq!(with(origin), 403, "{origin}");
    }
    assert_eq!(with(&world.hr.url("")), 200);
}

#[test]
fn host_and_origin_are_checked_before_the_token() {
    let world = World::shared();
    let caller = world.stranger(Era::November2025);
    let host = http::send(caller.post("tools/list", None).header("Host", "evil.example").body("{}"));
    let origin = http::send(caller.post("tools/list", None).header("Origin", "https://evil.example").body("{}"));
    assert_eq!((host.status, origin.status), (403, 403));
}

#[test]
fn a_token_for_another_resource_of_the_same_issuer_is_invalid() {
    let world = World::shared();
    let token = world.auth.token(&world.administrator, &[("resource", &world.auth.admin_resource())]);
    let answer = world.hr.caller(&token, Era::November2025).request("tools/list", json!({}));
    world.hr.has_refused_token(&answer, "a token for the admin API");
}

#[test]
fn malformed_authorization_is_a_bad_request() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    let caller = world.hr.caller(&token, Era::November2025);
    let message = caller.message("tools/list", json!({}));
    let twice = caller.post("tools/list", None).header("Authorization", format!("Bearer {token}"));
    let stranger = world.stranger(Era::November2025);
    let with = |header: String| stranger.post("tools/list", None).header("Authorization", header);
    let requests = [
        ("two headers", twice),
        ("no token", with("Bearer".to_owned())),
        ("two tokens", with(format!("Bearer {token} {token}"))),
        ("a list", with(format!("Bearer {token}, Bearer {token}"))),
    ];
    for (what, request) in requests {
        let answer = http::send(request.json(&message));
        assert_eq!(answer.status, 400, "{what}: {answer:#?}");
        assert!(answer.challenge().contains(r#"error="invalid_request""#), "{what}: {answer:#?}");
    }
}

#[test]
fn a_token_in_the_query_is_a_bad_request_even_beside_a_good_header() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    let url = format!("{}?access_token={token}", world.hr.resource);
    for header in [None, Some(token.as_str())] {
        let caller = Caller::new(&world.hr.http, &url, header, Era::November2025);
        let answer = caller.request("tools/list", json!({})).expect(400);
        assert!(answer.challenge().contains(r#"error="invalid_request""#), "{answer:#?}");
        assert!(!answer.body.contains(&token) && !answer.challenge().contains(&token));
    }
}

#[test]
fn a_tool_that_is_not_allowed_is_forbidden_and_its_scope_named() {
    let world = World::shared();
    let token = world.hr_token(&["Reader"], "");
    for era in Era::ALL {
        let answer = world.hr.caller(&token, era).call("add_employee_record", &json!({})).expect(403);
        let challenge = answer.challenge();
        assert!(
            challenge.starts_with(r#"Bearer error="insufficient_scope", scope="hr:add_employee_record""#),
            "{challenge}"
        );
        assert!(challenge.contains(&format!(r#"resource_metadata="{}""#, world.hr.metadata_url())), "{challenge}");
    }
}

#[test]
fn the_body_decides_and_never_the_header() {
    let world = World::shared();
    let token = world.hr_token(&["Reader"], "");
    let caller = world.hr.caller(&token, Era::July2026);
    let message = caller.message("tools/call", json!({"name": "add_employee_record", "arguments": {}}));
    let request = caller.post("tools/call", Some("get_hr_summary")).json(&message);
    assert!(matches!(http::send(request).status, 400 | 403));
    let before = caller.result("get_hr_summary", &json!({}));
    assert_eq!(before["total_employees"], 2);
}

#[test]
fn an_unknown_tool_is_the_protocols_own_error_and_promises_no_scope() {
    let world = World::shared();
    for role in ["Officer", "Reader"] {
        let token = world.hr_token(&[role], "");
        for era in Era::ALL {
            let answer = world.hr.caller(&token, era).call("drop_everything", &json!({}));
            assert_eq!(answer.json()["error"]["code"], -32602, "{era}: {answer:#?}");
            assert_eq!(answer.challenge(), "", "{era}");
        }
    }
}

#[test]
fn methods_that_are_not_declared_are_refused() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    for era in Era::ALL {
        for method in ["logging/setLevel", "tasks/list", "tools/delete", "nonsense"] {
            let answer = world.hr.caller(&token, era).request(method, json!({}));
            let refused = answer.status >= 400 || answer.json()["error"]["code"].is_i64();
            assert!(refused, "{era} {method}: {answer:#?}");
        }
    }
}

#[test]
fn other_lists_need_the_read_scope() {
    let world = World::shared();
    let token = world.hr_token(&["LeaveClerk"], "");
    for method in ["resources/list", "prompts/list"] {
        let answer = world.hr.caller(&token, Era::November2025).request(method, json!({})).expect(403);
        assert!(answer.challenge().contains(r#"scope="hr:read""#), "{method}: {answer:#?}");
    }
}

#[test]
fn a_body_above_one_mebibyte_is_too_large() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    let caller = world.hr.caller(&token, Era::November2025);
    let call = |length: usize| caller.call("get_employee_records", &json!({"department": "x".repeat(length)}));
    let _ = call(1000 * 1000).expect(200);
    let _ = call(1024 * 1024).expect(413);
}

#[test]
fn what_is_no_json_rpc_request_is_refused_with_a_json_rpc_error() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    let caller = world.hr.caller(&token, Era::November2025);
    let list = caller.message("tools/list", json!({}));
    let batch = json!([list, list]).to_string();
    let bodies = [
        "",
        "{",
        "[]",
        "null",
        "7",
        "\"tools/list\"",
        "{}",
        "\u{0}",
        r#"{"jsonrpc": "1.0", "id": 1, "method": "tools/list"}"#,
        r#"{"jsonrpc": "2.0", "id": 1, "method": 7}"#,
        r#"{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "method": "tools/call", "params": {"name": "get_hr_summary"}}"#,
        batch.as_str(),
    ];
    for body in bodies {
        let answer = http::send(
            caller.post("tools/list", None).header("Content-Type", "application/json").body(body.to_owned()),
        );
        assert_eq!(answer.status, 400, "{body}: {answer:#?}");
        assert!(answer.json()["error"]["code"].is_i64(), "{body}: {answer:#?}");
    }
}

#[test]
fn a_call_that_names_no_tool_is_invalid() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    for era in Era::ALL {
        for params in [json!({}), json!({"name": 7}), json!({"name": null, "arguments": {}})] {
            let answer = world.hr.caller(&token, era).request("tools/call", params.clone());
            assert_eq!(answer.json()["error"]["code"], -32602, "{era} {params}: {answer:#?}");
        }
    }
}

#[test]
fn a_batch_is_never_executed_in_part() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    let caller = world.hr.caller(&token, Era::November2025);
    let leave = json!({
        "employee_id": "EMP-001", "leave_type": "sick", "start_date": "2026-01-05", "end_date": "2026-01-05",
        "reason": "never to be stored",
    });
    let call = caller.message("tools/call", json!({"name": "create_leave_request", "arguments": leave}));
    let before = caller.result("get_hr_summary", &json!({}));
    let _ = http::send(caller.post("tools/call", None).json(&json!([call, call]))).expect(400);
    assert_eq!(caller.result("get_hr_summary", &json!({})), before);
}

#[test]
fn an_issuer_that_cannot_be_reached_closes_the_server_and_never_opens_it() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = format!("http://localhost:{}", free_port());
    let hr = HrServer::start(folder.path(), &nobody);
    let issuer = TestIssuer::start();
    let mut claims = issuer.claims(&hr.resource, "hr:*");
    claims["iss"] = json!(nobody);
    let answer = hr.caller(&issuer.sign(&claims), Era::July2026).request("tools/list", json!({})).expect(503);
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1), "{answer:#?}");
    let _ = http::send(hr.http.get(hr.url("/health/ready"))).expect(503);
    let _ = http::send(hr.http.get(hr.url("/health/live"))).expect(200);
    let without = Caller::new(&hr.http, &hr.resource, None, Era::July2026).request("tools/list", json!({}));
    assert!(matches!(without.status, 401 | 503), "{without:#?}");
}

#[test]
fn the_metadata_of_the_resource_is_open_to_any_page() {
    let world = World::shared();
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let request = world.hr.http.get(world.hr.url(path)).header("Origin", "https://inspector.example");
        let answer = http::send(request).expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let metadata = answer.json();
        assert_eq!(metadata["resource"], json!(world.hr.resource));
        assert_eq!(metadata["authorization_servers"], json!([world.auth.issuer]));
        assert_eq!(metadata["bearer_methods_supported"], json!(["header"]));
        let scopes = metadata["scopes_supported"].to_string();
        assert!(scopes.contains("hr:read") && !scopes.contains("offline_access"), "{scopes}");
    }
}

#[test]
fn the_endpoint_takes_post_alone() {
    let world = World::shared();
    let token = world.hr_token(&["Officer"], "");
    for method in [reqwest::Method::GET, reqwest::Method::DELETE] {
        let request = world.hr.http.request(method.clone(), &world.hr.resource).bearer_auth(&token);
        let answer = http::send(request.header("Accept", "application/json, text/event-stream"));
        assert_eq!(answer.status, 405, "{method}: {answer:#?}");
    }
}
