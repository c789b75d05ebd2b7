//! What the guard adds to one call, in microseconds of CPU: the same request to a service that does
//! nothing, bare, with a token seen before, and with one never seen (RS256, 2048 bits). The three take
//! turns in slices, so that whatever else the machine does falls on all alike.
//!
//! Run it with `cargo bench --workspace --bench cost`.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::convert::Infallible;
use std::error::Error;
use std::time::SystemTime;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use axum::body::Body;
use axum::{Json, Router, routing::get};
use bailiwick_guard::{Guard, UnixSeconds};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Request, Response, StatusCode};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};
use tower::{Layer, Service, service_fn};

/// How often each of the three takes its turn.
const ROUNDS: usize = 9;
/// The calls of one turn, where the token is known or none is looked at.
const CALLS: usize = 20_000;
/// The calls of one turn with tokens that are new each time.
const NEW_TOKENS: usize = 1_000;

const RESOURCE: &str = "http://localhost:8001/mcp";
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_employee_records","arguments":{"department":"Engineering","limit":10}}}"#;
const RESULT: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"employees":[],"count":0}}}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let issuer = publish(&key).await?;
    let guard = Guard::builder(RESOURCE.parse()?, issuer.parse()?, "hr".parse()?).tools(tools()).build()?;
    let mut bare = service_fn(nothing);
    let mut guarded = guard.layer().layer(service_fn(nothing));
    let seen = token(&key, &issuer, 0)?;
    assert_eq!(guarded.call(request(&seen)?).await?.status(), StatusCode::OK);

    let (mut bare_costs, mut seen_costs, mut new_costs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let same: Vec<String> = vec![seen.clone()];
        bare_costs.push(cost(&mut bare, same.iter().cycle().take(CALLS)).await?);
        seen_costs.push(cost(&mut guarded, same.iter().cycle().take(CALLS)).await?);
        let first = 1 + round * NEW_TOKENS;
        let new =
            (first..first + NEW_TOKENS).map(|number| token(&key, &issuer, number)).collect::<Result<Vec<_>, _>>()?;
        new_costs.push(cost(&mut guarded, new.iter()).await?);
    }
    let (bare, seen, new) = (median(bare_costs), median(seen_costs), median(new_costs));
    println!("CPU per call in microseconds (median of {ROUNDS} turns)");
    println!("bare service              {bare:6.2}");
    println!("guarded, token seen       {seen:6.2}   added {:6.2}", seen - bare);
    println!("guarded, token never seen {new:6.2}   added {:6.2}", new - bare);
    Ok(())
}

async fn nothing(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::from(RESULT)))
}

fn request(token: &str) -> Result<Request<Body>, http::Error> {
    Request::post("/mcp")
        .header("host", "localhost:8001")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::from(CALL))
}

/// The CPU time of one call, in microseconds, over a call with each of the tokens.
async fn cost<S>(service: &mut S, tokens: impl Iterator<Item = &String>) -> Result<f64, Box<dyn Error>>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let began = cpu_microseconds()?;
    let mut calls = 0_u32;
    for token in tokens {
        let answer = service.call(request(token)?).await?;
        if answer.status() != StatusCode::OK {
            return Err(format!("a call was answered with {}", answer.status()).into());
        }
        calls += 1;
    }
    Ok((cpu_microseconds()? - began) / f64::from(calls))
}

/// What this thread has used of the processor so far (Linux: the first number of schedstat, in
/// nanoseconds).
fn cpu_microseconds() -> Result<f64, Box<dyn Error>> {
    // Giving way first makes the kernel settle the account of the slice so far.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1000.0)
}

fn median(mut costs: Vec<f64>) -> f64 {
    costs.sort_by(f64::total_cmp);
    costs.get(costs.len() / 2).copied().unwrap_or_default()
}

/// The tools of a server of some size, of which the second is called.
fn tools() -> impl Iterator<Item = Tool> {
    let names = ["add_employee_record", "get_employee_records", "list_projects", "list_tasks", "update_task", "who"];
    names.into_iter().map(|name| {
        let reads = !name.starts_with("add") && !name.starts_with("update");
        Tool::new(name, "A tool", JsonObject::new()).annotate(ToolAnnotations::new().read_only(reads))
    })
}

/// Publishes the key on loopback and gives the issuer's name.
async fn publish(key: &RsaKeyPair) -> Result<String, Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let issuer = format!("http://{}", listener.local_addr()?);
    let metadata = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks.json") });
    let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
    let public = key.public_key();
    let jwk = json!({
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "key-1",
        "n": encode(public.modulus().big_endian_without_leading_zero()),
        "e": encode(public.exponent().big_endian_without_leading_zero()),
    });
    let serve = |document: Value| get(move || std::future::ready(Json(document)));
    let app = Router::new()
        .route("/.well-known/oauth-authorization-server", serve(metadata))
        .route("/jwks.json", serve(json!({ "keys": [jwk] })));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(issuer)
}

fn token(key: &RsaKeyPair, issuer: &str, number: usize) -> Result<String, Box<dyn Error>> {
    let UnixSeconds(now) = SystemTime::now().into();
    let payload = json!({
        "iss": issuer, "sub": "officer-agent", "aud": RESOURCE, "client_id": "officer-agent", "iat": now, "nbf": now,
        "exp": now + 900, "jti": format!("token-{number}"), "scope": "hr:*", "roles": ["Officer"], "rev": 1,
    });
    let header = json!({ "typ": "at+jwt", "alg": "RS256", "kid": "key-1" });
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let input = format!("{}.{}", encode(&header), encode(&payload));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)?;
    Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
