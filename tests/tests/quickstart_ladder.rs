//! The quickstart server and the ways up: the seed's clients get in by each of their credentials, over HTTP with
//! SSE and over `/mcp`, and weak ways stay where nobody listens in.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use bailiwick_e2e::auth::{AuthService, Credentials};
use bailiwick_e2e::service::eventually;
use bailiwick_e2e::{Answer, Quickstart, World, binary, http, python};
use reqwest::blocking::Response;
use serde_json::{Value, json};

/// What the Python SDK sees when it does what the seed's clients do.
fn seen(server: &Quickstart, kind: &str, client: &Credentials) -> Value {
    let arguments = [&server.url("/sse"), kind, &client.id, "TimeTool", "weather_tool"];
    let mut command = python::command("seed_client.py", &arguments);
    binary::run(command.env("SECRET", &client.secret)).well().json()
}

fn gets_in_and_is_denied(seen: &Value) {
    assert_eq!(seen["server"], "Weather and Time SSE Server", "{seen}");
    assert_eq!(seen["tools"], json!(["TimeTool"]), "{seen}");
    assert!(seen["result"]["current_time"].is_string(), "{seen}");
    assert_eq!(seen["refusal"], "insufficient_scope: the scope quickstart:weather_tool is needed", "{seen}");
    assert_eq!(seen["goes_on"], true, "{seen}");
}

#[test]
fn the_seeds_clients_get_in_by_key_by_basic_and_by_a_token_of_the_shared_secret() {
    let server = Quickstart::start("hs256,basic,api-key", |_| {});
    let client = server.new_client("test_client", "Timekeeper");
    for kind in ["api-key", "basic", "jwt"] {
        gets_in_and_is_denied(&seen(&server, kind, &client));
    }
    let log = server.process.log();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for mode in ["api-key", "basic", "hs256"] {
        let of_mode = lines.iter().filter(|line| line["mode"] == mode);
        let (warnings, decisions): (Vec<&Value>, Vec<&Value>) = of_mode.partition(|line| line["level"] == "WARN");
        assert_eq!((warnings.len(), warnings[0]["message"].as_str()), (1, Some("a weak way to prove who calls is on")));
        assert!(decisions.iter().all(|line| line["client_id"] == "test_client"), "{mode}: {decisions:?}");
        let calls = decisions.iter().filter(|line| line["method"] == "tools/call");
        let calls: Vec<_> =
            calls.map(|line| (line["tool"].as_str().unwrap(), line["reason"].as_str().unwrap())).collect();
        let expected = [("TimeTool", "allowed"), ("weather_tool", "insufficient_scope"), ("TimeTool", "allowed")];
        assert_eq!(calls, expected, "{mode}");
    }
    assert!(!log.contains(&client.secret), "a secret is in the log");
}

#[test]
fn the_seeds_third_client_gets_in_by_a_key_pair_that_we_made() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("mcp_auth");
    let _ = generate(folder.path(), &keys).well();
    let public = keys.join("public.pem");
    let server = Quickstart::start("public-key", |command| {
        command.arg("--public-key").arg(&public);
        command.args(["--public-key-issuer", "https://dev-issuer.com", "--public-key-audience", "my-mcp-server"]);
    });
    // The seed's Alice is a manager; here she may do what managers may, and nothing when they may nothing.
    let alice =
        Credentials { id: "alice".to_owned(), secret: std::fs::read_to_string(keys.join("private.pem")).unwrap() };
    let seen_by_manager = seen(&server, "rsa", &alice);
    assert_eq!(seen_by_manager["tools"], json!(["TimeTool", "weather_tool"]), "{seen_by_manager}");
    server.and_sees(|| std::fs::write(server.clients_file(), "[roles]\nManager = \"quickstart:TimeTool\"\n").unwrap());
    gets_in_and_is_denied(&seen(&server, "rsa", &alice));
    assert_eq!(
        http::send(server.call("TimeTool").bearer_auth("nonsense")).expect(401).challenge(),
        concat!(
            r#"Bearer error="invalid_token", error_description="the token is not a well-formed JWT", "#,
            r#"realm="quickstart", scope="quickstart:read""#
        )
    );
}

fn generate(folder: &Path, keys: &Path) -> binary::Ended {
    binary::run(AuthService::command_line(folder, &["keys", "generate", "--out"]).arg(keys))
}

#[test]
fn a_key_pair_is_written_for_its_owner_alone_and_never_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let _ = generate(folder.path(), &keys).well();
    let mode = |name: &str| std::fs::metadata(keys.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("private.pem"), mode("public.pem")), (0o600, 0o644));
    let before = std::fs::read(keys.join("private.pem")).unwrap();
    let again = generate(folder.path(), &keys);
    assert!(again.code == 1 && again.stderr.contains("is there already"), "{again:#?}");
    assert_eq!(std::fs::read(keys.join("private.pem")).unwrap(), before);
    assert!(!folder.path().join("auth.db").exists(), "no database is needed for it");
    std::fs::remove_file(keys.join("private.pem")).unwrap();
    let half = generate(folder.path(), &keys);
    assert!(half.code == 1 && !keys.join("private.pem").exists(), "{half:#?}");
}

#[test]
fn a_deployment_signs_with_the_key_that_it_brings() {
    let world = World::start();
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let _ = generate(folder.path(), &keys).well();
    let private = keys.join("private.pem").display().to_string();
    let rotate = |path: &str| world.auth.run(&["keys", "rotate", "--now", "--key-file", path, "--json"]);
    let kid = rotate(&private).well().json()["kid"].as_str().unwrap().to_owned();
    let token = world.hr_token(&["Reader"], "");
    let header = bailiwick_e2e::jwt::header(&token);
    assert_eq!((&header["kid"], &header["alg"]), (&json!(kid), &json!("RS256")));
    assert!(world.auth.jwks()["keys"].as_array().unwrap().iter().any(|key| key["kid"] == kid.as_str()));
    assert_eq!(world.hr.caller(&token, bailiwick_e2e::Era::July2026).list().len(), 2);
    // Once is enough, others may not read it, and it has to be a key.
    let again = rotate(&private);
    assert!(again.code == 1 && again.stderr.contains("is there already"), "{again:#?}");
    std::fs::set_permissions(&private, std::fs::Permissions::from_mode(0o640)).unwrap();
    let exposed = rotate(&private);
    assert!(exposed.code == 1 && exposed.stderr.contains("chmod 600"), "{exposed:#?}");
    let public = keys.join("public.pem");
    std::fs::set_permissions(&public, std::fs::Permissions::from_mode(0o600)).unwrap();
    let no_key = rotate(&public.display().to_string());
    assert!(no_key.code == 1 && no_key.stderr.contains("no private RSA key"), "{no_key:#?}");
}

#[test]
fn weak_ways_are_refused_where_somebody_may_listen_in_unless_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let checked = |more: &[&str]| {
        let mut command = Quickstart::command(folder.path(), 0);
        std::fs::write(folder.path().join("clients.toml"), "").unwrap();
        command.args(["check-config", "--resource", "https://quickstart.example/mcp", "--tls-terminated"]);
        binary::run(command.args(more))
    };
    for mode in ["api-key", "basic", "hs256"] {
        let everywhere = ["--listen", "0.0.0.0:8100", "--authentication", mode];
        let refused = checked(&everywhere);
        assert_eq!(refused.code, 2, "{refused:#?}");
        let words = [mode, "0.0.0.0:8100 without TLS", "MCP_ALLOW_WEAK_AUTHENTICATION=true"];
        assert!(words.iter().all(|word| refused.stderr.contains(word)), "{refused:#?}");
        let _ = checked(&[&everywhere[..], &["--allow-weak-authentication"]].concat()).well();
        let _ = checked(&["--listen", "127.0.0.1:8100", "--authentication", mode]).well();
    }
    let _ = checked(&["--listen", "0.0.0.0:8100", "--authentication", "oauth"]).well();
}

#[test]
fn what_a_mode_lacks_is_told_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let problem = |arguments: &[&str], secret: &str| {
        let mut command = binary::command("mcp-quickstart");
        command.current_dir(folder.path()).arg("check-config").args(arguments);
        if !secret.is_empty() {
            command.env("MCP_SHARED_SECRET", secret);
        }
        let ended = binary::run(&mut command);
        assert!(ended.code == 2 && !ended.stderr.contains("hush"), "{ended:#?}");
        ended.stderr
    };
    let written = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).display().to_string()
    };
    let clients = written("clients.toml", "");
    let no_key = written("public.pem", "no key");
    assert!(problem(&["--authentication", "api-key"], "").contains("the mode api-key needs clients"));
    assert!(problem(&["--authentication", "hs256", "--clients-file", &clients], "").contains("needs a shared secret"));
    assert!(problem(&["--authentication", "hs256", "--clients-file", &clients], "hush").contains("at least 32 bytes"));
    assert!(problem(&["--authentication", "digest"], "").contains("a mode is one of oauth, public-key"));
    assert!(problem(&["--public-key", &no_key], "").contains("no RSA public key"));
    assert!(problem(&["--clients-file", "/nowhere"], "").contains("/nowhere: cannot be read"));
    let wrong = written("wrong.toml", "[clients.ci]\nsecret = \"hush\"\n");
    assert!(problem(&["--clients-file", &wrong], "").contains("line 2: unknown field `secret`"));
}

/// The stream of a session, and where its messages go.
struct Stream {
    lines: std::io::Lines<BufReader<Response>>,
    messages: String,
}

impl Stream {
    fn open(server: &Quickstart, client: &Credentials) -> Self {
        let request = server.http.get(server.url("/sse")).header("x-api-key", &client.secret);
        let response = request.send().unwrap();
        assert_eq!(response.status(), 200);
        let mut lines = BufReader::new(response).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "event: endpoint");
        let endpoint = lines.next().unwrap().unwrap();
        Self { lines, messages: endpoint.strip_prefix("data: ").unwrap().to_owned() }
    }

    /// The next message on the stream.
    fn next(&mut self) -> Value {
        let line = self.lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("data: ")).unwrap();
        serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap()
    }
}

fn send(server: &Quickstart, stream: &Stream, client: &Credentials, message: &Value) -> Answer {
    http::send(server.post(&stream.messages, message).header("x-api-key", &client.secret))
}

fn request(id: i64, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn hello(version: &str) -> Value {
    request(
        0,
        "initialize",
        &json!({
            "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}
        }),
    )
}

#[test]
fn a_session_of_the_old_transport_speaks_the_revision_of_its_time() {
    let server = Quickstart::start("api-key", |_| {});
    let client = server.new_client("old", "Timekeeper");
    for (asked, spoken) in [("2024-11-05", "2024-11-05"), ("2025-11-25", "2025-11-25"), ("1999-01-01", "2025-11-25")] {
        let mut stream = Stream::open(&server, &client);
        let _ = send(&server, &stream, &client, &hello(asked)).expect(202);
        assert_eq!(stream.next()["result"]["protocolVersion"], spoken, "{asked}");
    }
    let mut stream = Stream::open(&server, &client);
    let _ = send(&server, &stream, &client, &hello("2024-11-05")).expect(202);
    let _ = stream.next();
    let _ = send(&server, &stream, &client, &json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    let _ = send(&server, &stream, &client, &request(1, "tools/list", &json!({}))).expect(202);
    let listed = stream.next();
    assert_eq!(listed["result"]["tools"].as_array().unwrap().len(), 1, "{listed}");
    // What the guard refuses is told on the stream too, with the request's own id.
    for (method, params, code) in [
        ("tools/call", json!({"name": "weather_tool", "arguments": {}}), -32600),
        ("tools/call", json!({"name": "nothing", "arguments": {}}), -32602),
        ("logging/setLevel", json!({}), -32601),
    ] {
        let _ = send(&server, &stream, &client, &request(7, method, &params)).expect(202);
        let told = stream.next();
        assert_eq!((&told["id"], &told["error"]["code"]), (&json!(7), &json!(code)), "{told}");
    }
}

#[test]
fn both_ends_of_a_session_are_its_callers_own() {
    let server = Quickstart::start("basic,api-key", |_| {});
    let (mine, other) = (server.new_client("mine", "Timekeeper"), server.new_client("other", "Manager"));
    let _ = http::send(server.http.get(server.url("/sse"))).expect(401);
    let mut stream = Stream::open(&server, &mine);
    let nobody = http::send(server.post(&stream.messages, &hello("2024-11-05")));
    assert_eq!((nobody.status, nobody.headers.get_all("www-authenticate").iter().count()), (401, 2));
    let wrong = Credentials { secret: "wrong".to_owned(), ..mine.clone() };
    let _ = send(&server, &stream, &wrong, &hello("2024-11-05")).expect(401);
    // Another's session and none are one answer, and nothing comes of it on the stream.
    let others = send(&server, &stream, &other, &hello("2024-11-05")).expect(404);
    let none =
        http::send(server.post("/messages/?session_id=0", &hello("2024-11-05")).header("x-api-key", &other.secret));
    assert_eq!((none.status, &none.body), (404, &others.body));
    let refused = request(5, "tools/call", &json!({"name": "nothing", "arguments": {}}));
    let _ = send(&server, &stream, &other, &refused).expect(200);
    let _ = send(&server, &stream, &mine, &hello("2024-11-05")).expect(202);
    assert_eq!(stream.next()["id"], 0, "the first thing on the stream answers its own caller");
    for wrong in ["/messages/", "/messages/?session_id=", "/messages/?session_id=a&session_id=b"] {
        let answer = http::send(server.post(wrong, &hello("2024-11-05")).header("x-api-key", &mine.secret));
        assert_eq!(answer.status, 404, "{wrong}");
    }
    let foreign =
        server.http.get(server.url("/sse")).header("x-api-key", &mine.secret).header("origin", "https://evil.example");
    let _ = http::send(foreign).expect(403);
}

#[test]
fn sessions_are_bounded_for_each_caller_and_a_closed_one_makes_room() {
    let server = Quickstart::start("api-key", |_| {});
    let (greedy, other) = (server.new_client("greedy", "Timekeeper"), server.new_client("other", "Timekeeper"));
    let mut streams: Vec<_> = (0..16).map(|_| Stream::open(&server, &greedy)).collect();
    let open = || http::send(server.http.get(server.url("/sse")).header("x-api-key", &greedy.secret));
    let full = open().expect(429);
    assert_eq!(full.header("retry-after"), "5");
    drop(Stream::open(&server, &other));
    drop(streams.pop());
    eventually("a closed session makes room", || {
        let request = server.http.get(server.url("/sse")).header("x-api-key", &greedy.secret);
        request.send().unwrap().status() == 200
    });
}

#[test]
fn a_stream_ends_when_its_client_is_withdrawn_and_when_the_server_stops() {
    let server = Quickstart::start("api-key", |_| {});
    let (gone, stays) = (server.new_client("gone", "Timekeeper"), server.new_client("stays", "Timekeeper"));
    let (of_gone, of_stays) = (Stream::open(&server, &gone), Stream::open(&server, &stays));
    let text = std::fs::read_to_string(server.clients_file()).unwrap();
    let without = text.split("\n[").filter(|part| !part.contains(r#"clients."gone""#)).collect::<Vec<_>>().join("\n[");
    server.and_sees(|| std::fs::write(server.clients_file(), without).unwrap());
    assert_eq!(of_gone.lines.count(), 1, "the rest of the first event, and the end");
    let _ = http::send(server.call("TimeTool").header("x-api-key", &gone.secret)).expect(401);
    let _ = http::send(server.call("TimeTool").header("x-api-key", &stays.secret)).expect(200);
    // A file that is not good changes nothing.
    std::fs::write(server.clients_file(), "[clients").unwrap();
    eventually("the bad file is told of", || server.process.log().contains("the file of clients is not used"));
    let _ = http::send(server.call("TimeTool").header("x-api-key", &stays.secret)).expect(200);
    let began = Instant::now();
    let (status, _) = server.process.stop();
    assert!(status.success());
    assert!(began.elapsed() < Duration::from_secs(8), "the open stream held the server up: {:?}", began.elapsed());
    drop(of_stays);
}

#[test]
fn a_caller_that_calls_too_often_is_told_when_to_go_on() {
    let server = Quickstart::start("api-key", |command| {
        command.args(["--calls-per-second", "2"]);
    });
    let client = server.new_client("eager", "Timekeeper");
    let call = || http::send(server.call("TimeTool").header("x-api-key", &client.secret));
    let limited = (0..100).map(|_| call()).find(|answer| answer.status != 200).unwrap().expect(429);
    assert_eq!((limited.header("retry-after"), limited.text("error").as_str()), ("1", "temporarily_unavailable"));
    eventually("after a while it goes on", || call().status == 200);
    let health = http::send(server.http.get(server.url("/health"))).expect(200);
    assert_eq!(health.text("status"), "ok");
}
