//! HTTP with SSE, the transport of MCP 2024-11-05: a session speaks the revision of its time, is its caller's own at
//! both ends, begins once, shows what its caller may call, and holds no more than it says.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bailiwick_e2e::auth::Credentials;
use bailiwick_e2e::service::eventually;
use bailiwick_e2e::{Answer, Quickstart, Reply, ScriptedServer, World, binary, http};
use reqwest::blocking::{RequestBuilder, Response};
use serde_json::{Value, json};

/// The stream of a session, and where its messages go.
struct Stream {
    lines: std::io::Lines<BufReader<Response>>,
    messages: String,
}

impl Stream {
    fn open(server: &Quickstart, client: &Credentials) -> Self {
        Self::opened(server.http.get(server.url("/sse")).header("x-api-key", &client.secret))
    }

    fn opened(request: RequestBuilder) -> Self {
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

/// A session that has begun.
fn begun(server: &Quickstart, client: &Credentials) -> Stream {
    let mut stream = Stream::open(server, client);
    let _ = send(server, &stream, client, &hello("2024-11-05")).expect(202);
    assert_eq!(stream.next()["id"], 0);
    stream
}

/// A ping whose answer is as large as itself.
fn large_ping(number: usize) -> Value {
    json!({"jsonrpc": "2.0", "id": format!("{number}{}", "x".repeat(900_000)), "method": "ping"})
}

#[test]
fn a_client_that_reads_no_answers_is_told_to_and_nobody_else_is() {
    let server = Quickstart::start("api-key", |_| {});
    let (deaf, other) = (server.new_client("deaf", "Timekeeper"), server.new_client("other", "Timekeeper"));
    let mut stream = begun(&server, &deaf);
    let second = begun(&server, &deaf);
    // What is on its way to the client takes no room here; that is some megabytes.
    let answers: Vec<_> = (0..100).map(|number| send(&server, &stream, &deaf, &large_ping(number))).collect();
    let taken: Vec<_> = (0..100).filter(|number| answers[*number].status == 202).collect();
    assert!((1..50).contains(&taken.len()), "{} of 100", taken.len());
    let refused = answers.iter().find(|answer| answer.status != 202).unwrap();
    assert_eq!(refused.refusal(), (429, "temporarily_unavailable".to_owned()));
    assert_eq!(refused.header("retry-after"), "5");
    // It is the caller's bound, whichever of its sessions it uses.
    let _ = send(&server, &second, &deaf, &large_ping(0)).expect(429);
    let mut of_other = begun(&server, &other);
    let _ = send(&server, &of_other, &other, &large_ping(0)).expect(202);
    assert_eq!(of_other.next()["result"], json!({}));
    // All that was taken is answered, in whatever order, and what is read makes room.
    let mut awaited: BTreeSet<String> = taken.iter().map(|number| large_ping(*number)["id"].to_string()).collect();
    while !awaited.is_empty() {
        assert!(awaited.remove(&stream.next()["id"].to_string()), "an answer to nothing that was taken");
    }
    eventually("what is read makes room", || send(&server, &second, &deaf, &large_ping(0)).status == 202);
}

#[test]
fn a_session_begins_once_and_with_initialize() {
    let server = Quickstart::start("api-key", |_| {});
    let client = server.new_client("orderly", "Timekeeper");
    let mut stream = Stream::open(&server, &client);
    let mut told = |message: &Value| {
        let _ = send(&server, &stream, &client, message).expect(202);
        stream.next()
    };
    let early = told(&request(1, "tools/list", &json!({})));
    assert_eq!(early["error"]["message"], "initialize comes first: this session has not begun", "{early}");
    let lacking = told(&request(2, "initialize", &json!({"protocolVersion": "2024-11-05", "capabilities": {}})));
    assert_eq!(
        lacking["error"],
        json!({"code": -32602, "message":
            "the params of initialize need clientInfo.name, a string; clientInfo.version, a string"})
    );
    assert_eq!(told(&request(3, "ping", &json!({})))["result"], json!({}), "a ping may come before");
    assert_eq!(told(&hello("2024-11-05"))["result"]["protocolVersion"], "2024-11-05");
    for version in ["2026-07-28", "2024-11-05"] {
        let again = told(&hello(version));
        assert_eq!(
            again["error"]["message"], "this session is initialized already: open a new one with GET /sse",
            "{version}"
        );
    }
    assert_eq!(told(&request(4, "ping", &json!({})))["result"], json!({}), "the revision is the one agreed on");
    let list = told(&request(5, "tools/list", &json!({})));
    assert_eq!(list["result"].as_object().unwrap().keys().collect::<Vec<_>>(), ["tools"], "{list}");
}

#[test]
fn a_session_lists_what_it_may_call_whatever_tokens_of_its_client_there_are() {
    let world = World::start();
    let server = Quickstart::start("oauth", |command| {
        command.args(["--issuer", &world.auth.issuer]);
    });
    let mut manifest = binary::command("mcp-quickstart");
    let manifest = binary::run(manifest.args(["manifest", "--resource", &server.url("/mcp")])).well().json();
    let admin = world.admin();
    admin.set_resource("quickstart", &manifest);
    admin.set_role("Everything", "quickstart:*");
    let client = world.client(&["Everything"]);
    let token = |scope: &str| world.auth.token(&client, &[("resource", &server.url("/mcp")), ("scope", scope)]);
    let (narrow, broad) = (token("quickstart:TimeTool"), token("quickstart:*"));
    eventually("the server has the issuer's keys", || {
        http::send(server.call("TimeTool").bearer_auth(&broad)).status == 200
    });
    let call = request(7, "tools/call", &json!({"name": "TimeTool", "arguments": {}}));
    for (opener, poster) in [(&narrow, &broad), (&broad, &narrow)] {
        let mut stream = Stream::opened(server.http.get(server.url("/sse")).bearer_auth(opener));
        let send = |stream: &Stream, token: &str, message: &Value| {
            http::send(server.post(&stream.messages, message).bearer_auth(token))
        };
        let _ = send(&stream, opener, &hello("2024-11-05")).expect(202);
        let _ = stream.next();
        let _ = send(&stream, poster, &call).expect(202);
        let refused = stream.next();
        let words = refused["error"]["message"].as_str().unwrap();
        assert!(["quickstart:*", "quickstart:TimeTool"].iter().all(|scope| words.contains(scope)), "{refused}");
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(send(&stream, poster, &initialized).expect(400).refusal(), (400, "invalid_request".to_owned()));
        // Another token of the same scope is as good as the one that opened it.
        let renewed = if opener == &narrow { token("quickstart:TimeTool") } else { token("quickstart:*") };
        let _ = send(&stream, &renewed, &call).expect(202);
        assert_eq!(stream.next()["result"]["isError"], false);
    }
}

#[test]
fn the_transport_can_be_switched_off_by_its_flag() {
    let server = Quickstart::start("api-key", |command| {
        command.arg("--http-sse=false");
    });
    let client = server.new_client("late", "Timekeeper");
    for path in ["/sse", "/messages/"] {
        let _ = http::send(server.http.get(server.url(path)).header("x-api-key", &client.secret)).expect(404);
    }
    let _ = http::send(server.call("TimeTool").header("x-api-key", &client.secret)).expect(200);
    let log = server.process.log();
    assert!(log.contains("no tokens of a token service are taken") && !log.contains("until exp"), "{log}");
}

#[test]
fn a_client_that_hangs_up_is_no_fault_of_the_server() {
    // A weather service that answers when it is told to.
    let (asked, is_asked) = mpsc::channel();
    let (answer, answers) = mpsc::channel();
    let weather = ScriptedServer::start(move |_, _| {
        asked.send(()).unwrap();
        answers.recv_timeout(Duration::from_secs(30)).unwrap();
        Reply::json(&json!({}))
    });
    let server = Quickstart::start("api-key", |command| {
        command.env("OPENWEATHERMAP_API_KEY", "key").args(["--weather-url", &weather.origin]);
    });
    let client = server.new_client("hasty", "Forecaster");
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "weather_tool", "arguments": {"location": "London"}}});
    let body = message.to_string();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost:{}\r\nx-api-key: {}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n",
        server.process.port,
        client.secret,
        body.len()
    );
    let mut connection = TcpStream::connect(("127.0.0.1", server.process.port)).unwrap();
    connection.write_all((head + &body).as_bytes()).unwrap();
    is_asked.recv_timeout(Duration::from_secs(30)).unwrap();
    drop(connection);
    let mut stream = begun(&server, &client);
    let ping = request(1, "ping", &json!({}));
    let _ = send(&server, &stream, &client, &ping).expect(202);
    let _ = stream.next();
    answer.send(()).unwrap();
    eventually("the call has ended", || server.process.log().contains("the weather service gives no report"));
    let (_, log) = server.process.stop();
    assert!(!log.contains(r#""level":"ERROR""#), "{log}");
}
