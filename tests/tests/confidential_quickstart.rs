//! No secret is told by mcp-quickstart, however talkative its log is: not that of a caller, whichever way it is shown
//! and whether or not it is right, and not that of the operator at the weather service, whatever happens there.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::fmt::Write as _;

use bailiwick_e2e::auth::Credentials;
use bailiwick_e2e::quickstart::SHARED_SECRET;
use bailiwick_e2e::service::{eventually, free_port};
use bailiwick_e2e::{Answer, Asked, Confidential, Quickstart, Reply, ScriptedServer, TestIssuer, http};
use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};

/// The operator's key at the weather service.
const WEATHER_KEY: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

/// What is wrong at the weather service, by the place that is asked for, and what the caller is told of it.
const TROUBLES: [(&str, &str); 7] = [
    ("refused", "refuses this server's key"),
    ("redirected", "something else than a report"),
    ("nonsense", "something else than a report"),
    ("unknown", "no place that the weather service knows"),
    ("busy", "asked too often"),
    ("broken", "cannot be reached"),
    ("slow", "did not answer in time"),
];

/// A weather service that is in trouble, and tells everybody the key that it was shown.
fn troubled_service() -> ScriptedServer {
    ScriptedServer::start(|origin, asked: &Asked| {
        let echo = format!("{} {:?}", asked.what, asked.headers);
        let status = |status| Reply::status(status).with("X-Asked", &asked.what).body(echo.clone());
        match asked.what.split(['=', '&']).nth(1) {
            Some("refused") => status("401 Unauthorized"),
            Some("redirected") => {
                status("302 Found").with("Location", &format!("{origin}/elsewhere?appid={WEATHER_KEY}"))
            }
            Some("unknown") => status("404 Not Found"),
            Some("busy") => status("429 Too Many Requests"),
            Some("broken") => status("503 Service Unavailable"),
            Some("slow") => status("200 OK").unfinished(),
            _ => status("200 OK"),
        }
    })
}

/// A server that takes every kind of credential, and tells all that it can.
fn talkative(issuer: &str, weather_url: &str) -> Quickstart {
    Quickstart::start("oauth,hs256,basic,api-key", |command| {
        command.args(["--issuer", issuer, "--weather-url", weather_url, "--calls-per-second", "0"]);
        command.env("MCP_LOG", "trace").env("OPENWEATHERMAP_API_KEY", WEATHER_KEY);
    })
}

/// What is told to callers, all of it.
#[derive(Default)]
struct Told(String);

impl Told {
    fn hear(&mut self, request: RequestBuilder) -> Answer {
        let answer = http::send(request);
        // A String takes all that is written to it.
        let _ = writeln!(self.0, "{} {:?}\n{}", answer.status, answer.headers, answer.body);
        answer
    }
}

/// Adds to a request what shows who sends it.
type Shown = Box<dyn Fn(RequestBuilder) -> RequestBuilder>;

fn by_key(key: &str) -> Shown {
    let key = key.to_owned();
    Box::new(move |request| request.header("x-api-key", &key))
}

fn by_basic(name: &str, secret: &str) -> Shown {
    let (name, secret) = (name.to_owned(), secret.to_owned());
    Box::new(move |request| request.basic_auth(&name, Some(&secret)))
}

fn by_token(token: &str) -> Shown {
    let token = token.to_owned();
    Box::new(move |request| request.bearer_auth(&token))
}

fn token_request(server: &Quickstart, body: String) -> RequestBuilder {
    server.http.post(server.url("/token")).header("content-type", "application/json").body(body)
}

/// A token of the mode hs256.
fn token(server: &Quickstart, client: &Credentials, confidential: &Confidential) -> String {
    let asked = json!({"client_id": client.id, "client_secret": client.secret}).to_string();
    let answer = http::send(token_request(server, asked)).expect(200);
    // It is told to whom it belongs; nothing else is.
    let token = answer.text("access_token");
    confidential.is_unknown_to("the answer with a token", &answer.body.replace(&token, ""));
    token
}

/// A token whose signature is another's.
fn forged(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap();
    format!("{input}.{}", signature.chars().rev().collect::<String>())
}

fn weather(server: &Quickstart, location: &str) -> RequestBuilder {
    let params = json!({"name": "weather_tool", "arguments": {"location": location}});
    server.post("/mcp", &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}))
}

/// The log of a server that has stopped, once it is seen that it told all that it could.
fn whole_log(server: Quickstart) -> String {
    let (status, log) = server.process.stop();
    assert!(status.success());
    let is_talkative =
        log.lines().any(|line| serde_json::from_str::<Value>(line).is_ok_and(|line| line["level"] == "TRACE"));
    assert!(is_talkative, "the log is not as talkative as it can be:\n{log:.2000}");
    log
}

#[test]
fn no_secret_is_told_where_the_weather_service_is_in_trouble() {
    let (issuer, service) = (TestIssuer::start(), troubled_service());
    let server = talkative(&issuer.issuer, &format!("{}/weather", service.origin));
    let client = server.new_client("test_client", "Forecaster");
    let mut confidential = Confidential::new();
    confidential.keep("the key of the weather service", WEATHER_KEY);
    confidential.keep("the shared secret", SHARED_SECRET);
    confidential.keep_credentials("the client's secret", &client.id, &client.secret);
    let by_shared_secret = token(&server, &client, &confidential);
    let by_issuer = issuer.sign(&issuer.claims(&server.url("/mcp"), "quickstart:*"));
    confidential.keep_token("the token of the shared secret", &by_shared_secret);
    confidential.keep_token("the access token", &by_issuer);
    let ways = [
        by_key(&client.secret),
        by_basic(&client.id, &client.secret),
        by_token(&by_shared_secret),
        by_token(&by_issuer),
    ];
    eventually("the server has the issuer's keys", || http::send(ways[3](server.call("TimeTool"))).status == 200);
    let mut told = Told::default();
    for (trouble, words) in TROUBLES {
        // To wait for an answer takes as long for everybody.
        let ways = if trouble == "slow" { &ways[..1] } else { &ways[..] };
        for way in ways {
            let answer = told.hear(way(weather(&server, trouble))).expect(200);
            assert!(answer.body.contains(words), "{trouble}: {answer:#?}");
        }
        let asked = service.asked().iter().filter(|asked| asked.what.contains(WEATHER_KEY)).count();
        assert!(asked > 0, "the key was never sent");
    }
    assert_eq!(service.asked().iter().filter(|asked| asked.what.contains("elsewhere")).count(), 0, "it was sent on");
    confidential.is_unknown_to("an answer", &told.0);
    confidential.is_unknown_to("the log", &whole_log(server));
}

#[test]
fn no_secret_is_told_where_the_weather_service_is_down() {
    let (issuer, weather_url) = (TestIssuer::start(), format!("http://127.0.0.1:{}/weather", free_port()));
    let server = talkative(&issuer.issuer, &weather_url);
    let client = server.new_client("test_client", "Forecaster");
    let mut confidential = Confidential::new();
    confidential.keep("the key of the weather service", WEATHER_KEY);
    confidential.keep_credentials("the client's secret", &client.id, &client.secret);
    let mut told = Told::default();
    for way in [by_key(&client.secret), by_basic(&client.id, &client.secret)] {
        let answer = told.hear(way(weather(&server, "London"))).expect(200);
        assert!(answer.body.contains("cannot be reached"), "{answer:#?}");
    }
    confidential.is_unknown_to("an answer", &told.0);
    confidential.is_unknown_to("the log", &whole_log(server));
}

#[test]
fn no_secret_of_a_caller_is_told_where_it_is_wrong_or_in_the_wrong_place() {
    let issuer = TestIssuer::start();
    let server = talkative(&issuer.issuer, "http://127.0.0.1:1/weather");
    let client = server.new_client("test_client", "Timekeeper");
    let wrong = "bailiwick_secret_the-secret-of-somebody-else-and-no-one-here";
    let mut confidential = Confidential::new();
    confidential.keep("the shared secret", SHARED_SECRET);
    confidential.keep_credentials("the client's secret", &client.id, &client.secret);
    confidential.keep_credentials("a wrong secret", &client.id, wrong);
    let good = token(&server, &client, &confidential);
    let foreign = issuer.sign(&issuer.claims("http://localhost:1/mcp", "quickstart:*"));
    for (what, token) in [("a token", &good), ("a forged token", &forged(&good)), ("a foreign token", &foreign)] {
        confidential.keep_token(what, token);
    }
    let mut told = Told::default();
    let (secret, call) = (&client.secret, || server.call("TimeTool"));
    for (shown, status) in [
        (by_key(wrong), 401),
        (by_basic(&client.id, wrong), 401),
        (by_basic(secret, secret), 401),
        (by_token(&forged(&good)), 401),
        (by_token(&foreign), 401),
        (by_token(secret), 401),
    ] {
        let _ = told.hear(shown(call())).expect(status);
        let _ = told.hear(shown(server.http.get(server.url("/sse")))).expect(status);
    }
    let header = |name: &'static str, value: String| call().header(name, value);
    for (misplaced, status) in [
        (by_basic(&client.id, secret)(header("x-api-key", secret.clone())), 400),
        (header("x-api-key", secret.clone()).header("x-api-key", wrong), 400),
        (header("authorization", format!("Basic {secret}")), 400),
        (header("authorization", format!("ApiKey {secret}")), 401),
        (header("authorization", secret.clone()), 401),
        (server.post(&format!("/mcp?access_token={good}"), &json!({})), 400),
        (header("mcp-name", secret.clone()), 401),
        (header("mcp-session-id", secret.clone()), 401),
        (header("origin", format!("https://{secret}.example")), 403),
        (token_request(&server, json!({"client_id": client.id, "client_secret": wrong}).to_string()), 401),
        (token_request(&server, json!({"client_id": secret, "client_secret": secret}).to_string()), 401),
        (token_request(&server, format!(r#"{{"client_id": "test_client", "client_secret": "{secret}" "#)), 400),
        (token_request(&server, format!("client_id=test_client&client_secret={secret}")), 400),
        (server.post(&format!("/messages/?session_id={secret}"), &json!({})), 401),
    ] {
        let _ = told.hear(misplaced).expect(status);
    }
    confidential.is_unknown_to("an answer", &told.0);
    confidential.is_unknown_to("the log", &whole_log(server));
}
