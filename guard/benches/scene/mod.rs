//! What the benches share: an issuer on loopback, its tokens, a server with nothing behind the guard, and
//! the processor's time of a call.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Ready, ready};
use std::time::SystemTime;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use axum::body::Body;
use axum::{Json, Router, routing::get};
use bailiwick_guard::UnixSeconds;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Request, Response, StatusCode};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};
use tower::Service;

pub(crate) const RESOURCE: &str = "http://localhost:8001/mcp";
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_employee_records","arguments":{"department":"Engineering","limit":10}}}"#;
const RESULT: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"employees":[],"count":0}}}"#;

/// The answer of a server that does nothing.
pub(crate) type Nothing = Ready<Result<Response<Body>, Infallible>>;

pub(crate) fn nothing(_: Request<Body>) -> Nothing {
    ready(Ok(Response::new(Body::from(RESULT))))
}

/// A call with this token.
pub(crate) fn request(token: &String) -> Result<Request<Body>, http::Error> {
    shown("authorization", &format!("Bearer {token}"))
}

/// A call with this header.
pub(crate) fn shown(name: &str, value: &str) -> Result<Request<Body>, http::Error> {
    Request::post("/mcp")
        .header("host", "localhost:8001")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header(name, value)
        .body(Body::from(CALL))
}

/// The CPU time of one call, in microseconds, over all of these.
pub(crate) async fn cost<S>(
    service: &mut S,
    requests: impl Iterator<Item = Result<Request<Body>, http::Error>>,
) -> Result<f64, Box<dyn Error>>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let began = cpu_microseconds()?;
    let mut calls = 0_u32;
    for request in requests {
        let answer = service.call(request?).await?;
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

pub(crate) fn median(mut costs: Vec<f64>) -> f64 {
    costs.sort_by(f64::total_cmp);
    costs.get(costs.len() / 2).copied().unwrap_or_default()
}

/// The tools of a server of some size, of which the second is called.
pub(crate) fn tools() -> impl Iterator<Item = Tool> {
    let names = ["add_employee_record", "get_employee_records", "list_projects", "list_tasks", "update_task", "who"];
    names.into_iter().map(|name| {
        let reads = !name.starts_with("add") && !name.starts_with("update");
        Tool::new(name, "A tool", JsonObject::new()).annotate(ToolAnnotations::new().read_only(reads))
    })
}

/// Publishes the key on loopback, and whatever routes the issuer has besides, and gives the issuer's name.
pub(crate) async fn publish(key: &RsaKeyPair, others: impl FnOnce(&str) -> Router) -> Result<String, Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let issuer = format!("http://{}", listener.local_addr()?);
    let at = |path: &str| format!("{issuer}{path}");
    let metadata = json!({ "issuer": issuer, "jwks_uri": at("/jwks.json"), "token_endpoint": at("/oauth2/token") });
    let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
    let public = key.public_key();
    let jwk = json!({
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "key-1",
        "n": encode(public.modulus().big_endian_without_leading_zero()),
        "e": encode(public.exponent().big_endian_without_leading_zero()),
    });
    let serve = |document: Value| get(move || ready(Json(document)));
    let app = others(&issuer)
        .route("/.well-known/oauth-authorization-server", serve(metadata))
        .route("/jwks.json", serve(json!({ "keys": [jwk] })));
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(issuer)
}

/// A token of that number, whose issuer had read the revocation feed up to `rev`.
pub(crate) fn token(key: &RsaKeyPair, issuer: &str, number: usize, rev: u64) -> Result<String, Box<dyn Error>> {
    let UnixSeconds(now) = SystemTime::now().into();
    let payload = json!({
        "iss": issuer, "sub": "officer-agent", "aud": RESOURCE, "client_id": "officer-agent", "iat": now, "nbf": now,
        "exp": now + 900, "jti": format!("token-{number}"), "scope": "hr:*", "roles": ["Officer"], "rev": rev,
    });
    let header = json!({ "typ": "at+jwt", "alg": "RS256", "kid": "key-1" });
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let input = format!("{}.{}", encode(&header), encode(&payload));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)?;
    Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
