//! The ways to prove who calls, beside access tokens: each ends in the same principal and the same decision,
//! each is challenged in its own words, and nothing of a credential is told to anybody.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use bailiwick_guard::{
    GuardBuilder, GuardError, InvalidLocalClients, LocalClient, LocalClients, Mode, SecretDigest, SharedSecret,
    UnixSeconds,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http_body_util::BodyExt;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use crate::issuer::{JWKS, METADATA};
use crate::logs::listen;
use crate::scene::{Answer, HOST, METADATA_URL, NOW, RESOURCE, Scene, call, post, request};

mod tokens;

const READERS_KEY: &str = "bailiwick_secret_of-the-reader-0000000000000000000000000000";
const CLERKS_KEY: &str = "bailiwick_secret_of-the-clerk-00000000000000000000000000000";
const SHARED: &[u8] = b"a secret that both sides share, long enough";

/// Who stands for the server where a token of its own names its issuer.
const OWN_ISSUER: &str = "http://localhost:8001";

fn client(secret: &str, role: &str, expires_at: Option<i64>) -> LocalClient {
    let (secret, roles) = (SecretDigest::of(secret), vec![role.parse().unwrap()]);
    LocalClient { secret, roles, expires_at: expires_at.map(UnixSeconds) }
}

fn roles() -> BTreeMap<bailiwick_guard::RoleName, bailiwick_guard::ScopeSet> {
    let roles = [("Reader", "hr:read"), ("Clerk", "hr:add"), ("Manager", "hr:* project:*")];
    roles.map(|(role, scope)| (role.parse().unwrap(), scope.parse().unwrap())).into()
}

/// These clients, with the roles of this test.
fn clients<const COUNT: usize>(clients: [(&str, LocalClient); COUNT]) -> LocalClients {
    let clients = clients.map(|(client_id, client)| (client_id.parse().unwrap(), client));
    LocalClients::new(roles(), clients).unwrap()
}

fn both() -> LocalClients {
    clients([("reader", client(READERS_KEY, "Reader", None)), ("clerk", client(CLERKS_KEY, "Clerk", Some(NOW + 100)))])
}

async fn scene<'a>(modes: &[Mode], adjust: impl FnOnce(GuardBuilder<'a>) -> GuardBuilder<'a>) -> Scene {
    let modes = modes.to_vec();
    Scene::built(|builder| {
        let secret = SharedSecret::new(SHARED).unwrap();
        adjust(builder.modes(modes).local_clients(both()).shared_secret(secret))
    })
    .await
}

/// How a request shows who sends it.
#[derive(Clone, Debug)]
enum Shown {
    Key(String),
    Basic(String, String),
    Bearer(String),
}

fn key(key: &str) -> Shown {
    Shown::Key(key.to_owned())
}

fn basic(name: &str, secret: &str) -> Shown {
    Shown::Basic(name.to_owned(), secret.to_owned())
}

impl Shown {
    fn on(&self, mut request: Request<Body>) -> Request<Body> {
        let (name, value) = match self {
            Self::Key(key) => ("x-api-key", key.clone()),
            Self::Basic(name, secret) => {
                ("authorization", format!("Basic {}", STANDARD.encode(format!("{name}:{secret}"))))
            }
            Self::Bearer(token) => ("authorization", format!("Bearer {token}")),
        };
        request.headers_mut().append(name, value.parse().unwrap());
        request
    }

    async fn calls(&self, scene: &Scene, tool: &str) -> Answer {
        scene.send(self.on(post(None, call(tool).to_string()))).await
    }
}

fn challenges(answer: &Answer) -> Vec<&str> {
    answer.headers.get_all("www-authenticate").iter().map(|value| value.to_str().unwrap()).collect()
}

/// Asks for a token of the mode hs256.
async fn token_answer(scene: &Scene, body: impl Into<Body>) -> Answer {
    let routes = scene.guard.token_route();
    let asked = Request::post("/token").header("host", HOST).header("content-type", "application/json");
    Scene::send_to(routes, asked.body(body.into()).unwrap()).await
}

async fn token(scene: &Scene, client_id: &str, secret: &str) -> Shown {
    let answer = token_answer(scene, json!({"client_id": client_id, "client_secret": secret}).to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    Shown::Bearer(answer.json()["access_token"].as_str().unwrap().to_owned())
}

fn hs256(claims: &Value) -> Shown {
    Shown::Bearer(SharedSecret::new(SHARED).unwrap().sign(claims).unwrap())
}

fn own_claims() -> Value {
    json!({"iss": OWN_ISSUER, "aud": RESOURCE, "sub": "reader", "exp": NOW + 60})
}

fn with(mut claims: Value, name: &str, value: impl Into<Value>) -> Value {
    claims[name] = value.into();
    claims
}

const ALL: [Mode; 4] = [Mode::OAuth, Mode::Hs256, Mode::Basic, Mode::ApiKey];

#[tokio::test]
async fn every_mode_ends_in_the_same_caller_the_same_list_and_the_same_decision() {
    let scene = scene(&ALL, |builder| builder).await;
    let claims = with(scene.claims("hr:read"), "sub", "reader");
    let access_token = Shown::Bearer(scene.key.sign(&with(claims, "client_id", "reader")));
    let hs256 = token(&scene, "reader", READERS_KEY).await;
    for shown in [access_token, hs256, basic("reader", READERS_KEY), key(READERS_KEY)] {
        let who = shown.calls(&scene, "whoami").await;
        let text = &who.json()["result"]["content"][0]["text"];
        assert_eq!(text, "reader reader hr:read false", "{shown:?}");
        let listed = scene.send(shown.on(post(None, request("tools/list").to_string()))).await;
        assert_eq!(listed.tools(), ["list", "look", "whoami"], "{shown:?}");
        let denied = shown.calls(&scene, "add").await;
        assert_eq!((denied.status.as_u16(), denied.json()["scope"].as_str()), (403, Some("hr:add")), "{shown:?}");
        let expected =
            format!(r#"Bearer error="insufficient_scope", scope="hr:add", resource_metadata="{METADATA_URL}""#);
        assert_eq!(challenges(&denied), [expected], "{shown:?}");
    }
    assert!(!scene.ran().contains(&"add".to_owned()));
    assert_eq!(key(CLERKS_KEY).calls(&scene, "add").await.status, 200);
}

#[tokio::test]
async fn the_audit_line_is_the_same_and_tells_the_mode() {
    let (lines, _listening) = listen();
    let scene = scene(&ALL, |builder| builder).await;
    for shown in [hs256(&with(own_claims(), "jti", "token-9")), basic("reader", READERS_KEY), key(READERS_KEY)] {
        shown.calls(&scene, "look").await;
    }
    key("wrong").calls(&scene, "look").await;
    let line = |mode: &str, name: &str| {
        json!({
            "decision": "allow", "reason": "allowed", "method": "tools/call", "tool": "look", "server": "hr",
            "sub": "reader", "client_id": "reader", "jti": name, "mode": mode
        })
    };
    let wrong = json!({
        "decision": "deny", "reason": "credentials_wrong", "method": "none", "tool": "none", "server": "hr",
        "mode": "api-key"
    });
    let expected = [line("hs256", "token-9"), line("basic", "reader"), line("api-key", "reader"), wrong];
    assert_eq!(lines.decisions(), expected);
}

#[tokio::test]
async fn wrong_credentials_are_one_answer_that_names_every_way_in() {
    let scene = scene(&ALL, |builder| builder).await;
    let bearer = format!(r#"Bearer resource_metadata="{METADATA_URL}", scope="hr:look""#);
    let expected =
        [bearer.as_str(), r#"Basic realm="hr", charset="UTF-8""#, r#"ApiKey realm="hr", header="x-api-key""#];
    let mut wrong = vec![];
    for shown in [
        key("unknown"),
        key(&READERS_KEY[1..]),
        key(&format!("{READERS_KEY}0")),
        basic("reader", "wrong"),
        basic("reader", CLERKS_KEY),
        basic("nobody", READERS_KEY),
        basic("", ""),
    ] {
        let mut asked = shown.on(post(None, call("look").to_string()));
        asked.headers_mut().insert("mcp-name", "look".parse().unwrap());
        let answer = scene.send(asked).await;
        assert_eq!((answer.status.as_u16(), challenges(&answer)), (401, expected.to_vec()), "{shown:?}");
        wrong.push(answer.text());
    }
    wrong.dedup();
    assert_eq!(wrong, [r#"{"error":"invalid_client","error_description":"the credentials are not accepted"}"#]);
    let none = scene.send(post(None, call("look").to_string())).await;
    assert_eq!((none.status.as_u16(), challenges(&none).len()), (401, 3));
    assert!(scene.ran().is_empty());
}

#[tokio::test]
async fn a_mode_that_is_off_takes_nothing_and_is_not_named() {
    let only_keys = scene(&[Mode::ApiKey], |builder| builder).await;
    let refused = [basic("reader", READERS_KEY), hs256(&own_claims()), Shown::Bearer(only_keys.token("hr:*"))];
    for shown in refused {
        let answer = shown.calls(&only_keys, "look").await;
        let expected = vec![r#"ApiKey realm="hr", header="x-api-key""#];
        assert_eq!((answer.status.as_u16(), challenges(&answer)), (401, expected), "{shown:?}");
    }
    assert_eq!(key(READERS_KEY).calls(&only_keys, "look").await.status, 200);
    assert_eq!(token_answer(&only_keys, "{}").await.status, 404);
    let only_oauth = Scene::begin().await;
    for shown in [key(READERS_KEY), basic("reader", READERS_KEY), hs256(&own_claims())] {
        assert_eq!(shown.calls(&only_oauth, "look").await.status, 401, "{shown:?}");
    }
}

#[tokio::test]
async fn without_access_tokens_no_token_service_is_asked_or_named() {
    let scene = scene(&[Mode::Hs256, Mode::Basic], |builder| builder).await;
    scene.guard.ready().await;
    let metadata = Request::get("/.well-known/oauth-protected-resource/mcp").header("host", HOST);
    assert_eq!(scene.send(metadata.body(Body::empty()).unwrap()).await.status, 404);
    let denied = basic("reader", READERS_KEY).calls(&scene, "add").await;
    assert_eq!(challenges(&denied), [r#"Basic error="insufficient_scope", scope="hr:add""#]);
    let none = scene.send(post(None, "")).await;
    let expected = [r#"Bearer realm="hr", scope="hr:read""#, r#"Basic realm="hr", charset="UTF-8""#];
    assert_eq!(challenges(&none), expected);
    assert_eq!(scene.issuer.fetches(METADATA) + scene.issuer.fetches(JWKS), 0);
}

#[tokio::test]
async fn two_credentials_or_malformed_ones_are_no_request() {
    let scene = scene(&ALL, |builder| builder).await;
    let two = key(READERS_KEY).on(basic("reader", READERS_KEY).on(post(None, call("look").to_string())));
    let twice = key(READERS_KEY).on(key(READERS_KEY).on(post(None, call("look").to_string())));
    let mut not_base64 = post(None, call("look").to_string());
    not_base64.headers_mut().insert("authorization", "Basic reader:secret".parse().unwrap());
    let endless = key(&"x".repeat(1025)).on(post(None, call("look").to_string()));
    for asked in [two, twice, not_base64, endless] {
        let answer = scene.send(asked).await;
        assert_eq!((answer.status.as_u16(), answer.json()["error"].as_str()), (400, Some("invalid_request")));
    }
    assert!(scene.ran().is_empty());
}

#[tokio::test]
async fn failures_are_limited_for_each_name_and_address_and_successes_never() {
    let from = |host: u8| {
        move |mut asked: Request<Body>| {
            asked.extensions_mut().insert(ConnectInfo(SocketAddr::from(([198, 51, 100, host], 9))));
            asked
        }
    };
    let scene = scene(&ALL, |builder| builder).await;
    let asked = |shown: &Shown| shown.on(post(None, call("look").to_string()));
    let (here, there) = (from(1), from(2));
    for number in 0..30 {
        let answer = scene.send(here(asked(&basic("reader", "wrong")))).await;
        assert_eq!(answer.status, if number < 20 { 401 } else { 429 }, "{number}");
        if answer.status == 429 {
            assert_eq!((answer.header("retry-after"), challenges(&answer).len()), (Some("1"), 0));
        }
    }
    assert_eq!(scene.send(here(asked(&basic("reader", READERS_KEY)))).await.status, 200);
    assert_eq!(scene.send(here(asked(&basic("clerk", "wrong")))).await.status, 401);
    assert_eq!(scene.send(there(asked(&basic("reader", "wrong")))).await.status, 401);
    for (shown, after) in [(key("wrong"), 429), (hs256(&with(own_claims(), "aud", "x")), 429)] {
        for _ in 0..20 {
            assert_eq!(scene.send(there(asked(&shown))).await.status, 401);
        }
        assert_eq!(scene.send(there(asked(&shown))).await.status, after, "{shown:?}");
    }
    assert_eq!(scene.send(there(asked(&key(READERS_KEY)))).await.status, 200);
}

#[tokio::test]
async fn a_client_that_is_withdrawn_or_changed_is_refused_at_once_and_its_stream_ends() {
    let mut scene = scene(&ALL, |builder| builder).await;
    let endless = tower::service_fn(|_: Request<Body>| async {
        let never = futures::stream::pending::<Result<axum::body::Bytes, std::io::Error>>();
        let answer = http::Response::builder().header("content-type", "text/event-stream");
        Ok::<_, std::convert::Infallible>(answer.body(Body::from_stream(never)).unwrap())
    });
    scene.put_behind(Router::new().route_service("/mcp", endless).layer(scene.guard.layer()));
    let by_token = token(&scene, "clerk", CLERKS_KEY).await;
    let ways = [by_token, basic("clerk", CLERKS_KEY), key(CLERKS_KEY)];
    let mut streams = vec![];
    for shown in &ways {
        streams.push(scene.open(shown.on(post(None, call("add").to_string()))).await.into_body());
    }
    let stays = scene.open(key(READERS_KEY).on(post(None, call("look").to_string()))).await;
    scene.guard.set_local_clients(&clients([("reader", client(READERS_KEY, "Reader", None))]));
    for stream in streams {
        stream.collect().await.unwrap();
    }
    for shown in &ways {
        assert_eq!(shown.calls(&scene, "add").await.status, 401, "{shown:?}");
    }
    let mut stays = stays.into_body();
    assert!(futures::FutureExt::now_or_never(stays.frame()).is_none(), "another client's stream has ended");
    // The same name with another secret is another client.
    scene.guard.set_local_clients(&clients([("reader", client("another", "Reader", None))]));
    stays.collect().await.unwrap();
    assert_eq!(key(READERS_KEY).calls(&scene, "look").await.status, 401);
}

#[tokio::test]
async fn a_client_changes_its_secret_without_a_gap_and_the_first_ends_what_it_opened() {
    const NEW_KEY: &str = "bailiwick_secret_the-next-of-the-reader-00000000000000000000000";
    let mut scene = scene(&ALL, |builder| builder).await;
    let endless = tower::service_fn(|_: Request<Body>| async {
        let never = futures::stream::pending::<Result<axum::body::Bytes, std::io::Error>>();
        let answer = http::Response::builder().header("content-type", "text/event-stream");
        Ok::<_, std::convert::Infallible>(answer.body(Body::from_stream(never)).unwrap())
    });
    scene.put_behind(Router::new().route_service("/mcp", endless).layer(scene.guard.layer()));
    let opens = async |shown: &Shown| scene.open(shown.on(post(None, call("look").to_string()))).await;
    let is_open = |body: &mut Body| futures::FutureExt::now_or_never(body.frame()).is_none();
    let (first, next) = (client(READERS_KEY, "Reader", None), client(NEW_KEY, "Reader", None));
    let mut by_first = opens(&key(READERS_KEY)).await.into_body();
    scene.guard.set_local_clients(&clients([("reader", first), ("reader", next.clone())]));
    let mut by_next = opens(&key(NEW_KEY)).await.into_body();
    let mut by_token = opens(&token(&scene, "reader", READERS_KEY).await).await.into_body();
    for shown in [key(READERS_KEY), basic("reader", READERS_KEY), basic("reader", NEW_KEY)] {
        assert_eq!(opens(&shown).await.status(), 200, "{shown:?}");
    }
    assert!(is_open(&mut by_first), "a further secret has ended a stream");
    scene.clock.set(NOW + 7);
    drop(opens(&key(READERS_KEY)).await);
    scene.guard.set_local_clients(&clients([("reader", next)]));
    by_first.collect().await.unwrap();
    assert!(is_open(&mut by_next) && is_open(&mut by_token), "what rests on the other secret has ended");
    for (shown, status) in [(key(READERS_KEY), 401), (basic("reader", READERS_KEY), 401), (key(NEW_KEY), 200)] {
        assert_eq!(opens(&shown).await.status(), status, "{shown:?}");
    }
    let uses = scene.guard.local_client_uses();
    assert_eq!(uses, [("reader".parse().unwrap(), Some(UnixSeconds(NOW + 7)))]);
}

#[tokio::test]
async fn a_client_ends_when_it_is_said_to() {
    let scene = scene(&ALL, |builder| builder).await;
    let by_token = token(&scene, "clerk", CLERKS_KEY).await;
    let ways = [by_token, basic("clerk", CLERKS_KEY), key(CLERKS_KEY)];
    scene.clock.set(NOW + 129);
    for shown in &ways {
        assert_eq!(shown.calls(&scene, "add").await.status, 200, "{shown:?}");
    }
    scene.clock.set(NOW + 130);
    for shown in &ways {
        assert_eq!(shown.calls(&scene, "add").await.status, 401, "{shown:?}");
    }
    let asked = json!({"client_id": "clerk", "client_secret": CLERKS_KEY}).to_string();
    assert_eq!(token_answer(&scene, asked).await.status, 401);
}

#[tokio::test]
async fn nothing_of_a_credential_is_in_any_answer_or_log() {
    let (lines, _listening) = listen();
    let scene = scene(&ALL, |builder| builder).await;
    let secrets = [READERS_KEY, "wrong-secret-of-a-stranger", "bmljaHQtc28tZ2VoZWlt"];
    let mut told = String::new();
    for secret in secrets {
        let basic64 = STANDARD.encode(format!("reader:{secret}"));
        for shown in [key(secret), basic("reader", secret), Shown::Bearer(secret.to_owned())] {
            for tool in ["look", "add", "unknown"] {
                told += &shown.calls(&scene, tool).await.text();
            }
        }
        let body = json!({"client_id": secret, "client_secret": secret}).to_string();
        told += &token_answer(&scene, body).await.text();
        let all = lines.all();
        assert!(!all.contains(secret) && !told.contains(secret), "{secret}");
        assert!(!all.contains(&basic64) && !told.contains(&basic64), "{secret}");
    }
    let Shown::Bearer(token) = token(&scene, "reader", READERS_KEY).await else { panic!("no token") };
    let asked = Shown::Bearer(token.clone()).calls(&scene, "look").await;
    assert!(!lines.all().contains(&token[token.len() - 16..]) && !asked.text().contains(&token[..40]));
}

#[tokio::test]
async fn the_server_behind_the_guard_sees_no_key() {
    let mut scene = scene(&[Mode::ApiKey], |builder| builder).await;
    let echo = tower::service_fn(|asked: Request<Body>| async move {
        let seen = format!("{:?}", asked.headers());
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::from(seen)))
    });
    scene.put_behind(Router::new().route_service("/mcp", echo).layer(scene.guard.layer()));
    let answer = key(READERS_KEY).calls(&scene, "look").await;
    assert!(answer.status == 200 && !answer.text().contains("x-api-key"), "{}", answer.text());
}

#[tokio::test]
async fn the_last_use_of_each_client_is_known_and_measured() {
    let mut registry = Registry::default();
    let scene = scene(&ALL, |builder| builder.metrics(&mut registry)).await;
    key("wrong").calls(&scene, "look").await;
    assert!(scene.guard.local_client_uses().iter().all(|(_, used)| used.is_none()));
    scene.clock.set(NOW + 7);
    key(READERS_KEY).calls(&scene, "add").await;
    let used = scene.guard.local_client_uses();
    assert_eq!(used, [("clerk".parse().unwrap(), None), ("reader".parse().unwrap(), Some(UnixSeconds(NOW + 7)))]);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    let expected =
        format!(r#"bailiwick_guard_client_last_used_timestamp_seconds{{server="hr",client_id="reader"}} {}"#, NOW + 7);
    assert!(text.contains(&expected), "{text}");
    // What a client did is not forgotten where only others change.
    scene.guard.set_local_clients(&clients([("reader", client(READERS_KEY, "Clerk", None))]));
    assert_eq!(scene.guard.local_client_uses()[0].1, Some(UnixSeconds(NOW + 7)));
}

#[tokio::test]
async fn a_caller_calls_tools_so_often_and_others_are_not_held_up() {
    let five = NonZeroU32::new(5);
    let scene = scene(&ALL, |builder| builder.calls_per_second(five)).await;
    let token = scene.token("hr:look");
    let mut allowed = 0;
    let limited = loop {
        let answer = scene.call(&token, "look").await;
        if answer.status != 200 {
            break answer;
        }
        allowed += 1;
        assert!(allowed < 1000, "nothing limits the calls");
    };
    assert!((10..20).contains(&allowed), "{allowed}");
    assert_eq!((limited.status.as_u16(), limited.header("retry-after")), (429, Some("1")));
    assert_eq!(limited.json()["error"], "temporarily_unavailable");
    // Another token of the same caller is the same caller; listing is no call; others are others.
    let another = scene.key.sign(&with(scene.claims("hr:look"), "jti", "token-2"));
    assert_eq!(scene.call(&another, "look").await.status, 429);
    assert_eq!(scene.post(&token, &request("tools/list")).await.status, 200);
    assert_eq!(key(READERS_KEY).calls(&scene, "look").await.status, 200);
    // Who may not call a tool is told that, and spends nothing.
    assert_eq!(scene.call(&token, "add").await.status, 403);
}

#[tokio::test]
async fn a_mode_without_what_it_rests_on_is_not_built() {
    let issuer = crate::issuer::Issuer::start(&[]).await;
    let clock = crate::scene::FakeClock::at(NOW);
    let problem = |adjust: &dyn Fn(GuardBuilder<'static>) -> GuardBuilder<'static>| {
        adjust(crate::scene::builder(&issuer, &clock)).build().err().map(|error| error.to_string())
    };
    let message = |mode: &str, what: &str| Some(format!("the mode {mode} needs {what}"));
    assert_eq!(problem(&|builder| builder.modes([Mode::ApiKey])), message("api-key", "clients and their roles"));
    assert_eq!(
        problem(&|builder| builder.modes([Mode::OAuth, Mode::Hs256]).local_clients(both())),
        message("hs256", "a shared secret")
    );
    assert_eq!(
        problem(&|builder| builder.modes([Mode::PublicKey]).local_clients(both())),
        message("public-key", "a public key")
    );
    assert!(problem(&|builder| builder.modes([])).unwrap().contains("name at least one mode"));
    assert!(problem(&|builder| builder.modes([Mode::ApiKey]).local_clients(both())).is_none());
    let in_clear = bailiwick_guard::Guard::builder(
        "http://tools.example/mcp".parse().unwrap(),
        issuer.url.parse().unwrap(),
        "hr".parse().unwrap(),
    );
    let built = in_clear.modes([Mode::Basic]).local_clients(both()).build();
    assert!(matches!(built, Err(GuardError::PlainHttp(_))));
}

#[test]
fn clients_are_told_apart_and_their_roles_are_known() {
    let of = |clients: Vec<(&str, LocalClient)>| {
        let clients = clients.into_iter().map(|(client_id, client)| (client_id.parse().unwrap(), client));
        LocalClients::new(roles(), clients)
    };
    let unknown = of(vec![("a", client("1", "Unheard-of", None))]).unwrap_err();
    assert_eq!(unknown.to_string(), "client a has the role Unheard-of, which is not defined");
    let same = of(vec![("a", client("1", "Reader", None)), ("b", client("1", "Clerk", None))]).unwrap_err();
    assert_eq!(same, InvalidLocalClients::SameSecret("a".parse().unwrap(), "b".parse().unwrap()));
    let twice = of(vec![("a", client("1", "Reader", None)), ("a", client("1", "Reader", None))]).unwrap_err();
    assert_eq!(twice.to_string(), "client a has the same secret twice: take one entry out");
    let torn = of(vec![("a", client("1", "Reader", None)), ("a", client("2", "Clerk", None))]).unwrap_err();
    assert_eq!(torn.to_string(), "client a has several entries with different roles: give all of them the same");
    let many = (0..=LocalClients::MOST).map(|at| (format!("c{at}"), client(&at.to_string(), "Reader", None)));
    let many = many.map(|(client_id, client)| (client_id.parse().unwrap(), client));
    assert_eq!(LocalClients::new(roles(), many).unwrap_err(), InvalidLocalClients::TooMany);
}
