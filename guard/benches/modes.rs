//! What each way to prove who calls adds to one call, in microseconds of CPU: the same request to a service
//! that does nothing, bare and guarded in each mode, in turns, so that whatever else the machine does falls on
//! all alike. One guard takes all modes, as a server on its way up does; another takes access tokens alone.
//!
//! Run it with `cargo bench --workspace --bench modes`.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::collections::BTreeMap;
use std::error::Error;
use std::num::NonZeroU32;
use std::time::SystemTime;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use axum::Router;
use axum::body::Body;
use bailiwick_guard::{
    Guard, GuardService, LocalClient, LocalClients, Mode, PublicKey, SecretDigest, SharedSecret, UnixSeconds,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Request;
use scene::{Nothing, RESOURCE, cost, median, nothing, publish, request, shown, token, tools};
use serde_json::json;
use tower::util::ServiceFn;
use tower::{Layer, service_fn};

mod scene;

/// How often each takes its turn.
const ROUNDS: usize = 9;
/// The calls of one turn.
const CALLS: usize = 10_000;

/// The secret of the client that calls, one among many.
const SECRET: &str = "bailiwick_secret_of-the-client-that-calls-0000000000000000";
/// What both sides share.
const SHARED: &[u8] = b"a secret that both sides share, long enough";
/// Whose tokens the key pair signs.
const ISSUER: &str = "https://dev-issuer.com";

type Guarded = GuardService<ServiceFn<fn(Request<Body>) -> Nothing>>;

/// One way to call, and what its turns have cost.
struct Way {
    name: String,
    service: Guarded,
    header: (&'static str, String),
    costs: Vec<f64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let issuer = publish(&key, |_| Router::new()).await?;
    let bearer = |token: String| ("authorization", format!("Bearer {token}"));
    let mut ways = vec![
        way("oauth, alone", &guard(&issuer, &key, &[Mode::OAuth], 1, None)?, bearer(token(&key, &issuer, 0, 1)?)),
        way(
            "oauth, alone, calls counted",
            &guard(&issuer, &key, &[Mode::OAuth], 1, NonZeroU32::new(1_000_000))?,
            bearer(token(&key, &issuer, 0, 1)?),
        ),
    ];
    for clients in [10, 1000] {
        let all = guard(&issuer, &key, &Mode::ALL, clients, None)?;
        let basic = ("authorization", format!("Basic {}", STANDARD.encode(format!("caller:{SECRET}"))));
        for (mode, header) in [
            ("oauth", bearer(token(&key, &issuer, 0, 1)?)),
            ("public-key", bearer(key_pairs_token(&key)?)),
            ("hs256", bearer(shared_secrets_token()?)),
            ("basic", basic),
            ("api-key", ("x-api-key", SECRET.to_owned())),
        ] {
            ways.push(way(&format!("{mode}, of {clients} clients"), &all, header));
        }
    }
    let (mut bare, any) = (service_fn(nothing), token(&key, &issuer, 0, 1)?);
    let mut bare_costs = Vec::new();
    for _ in 0..ROUNDS {
        bare_costs.push(cost(&mut bare, std::iter::repeat_n(&any, CALLS).map(request)).await?);
        for way in &mut ways {
            let (name, value) = &way.header;
            let calls = std::iter::repeat_n((*name, value), CALLS).map(|(name, value)| shown(name, value));
            way.costs.push(cost(&mut way.service, calls).await?);
        }
    }
    let bare = median(bare_costs);
    println!("CPU per call in microseconds (median of {ROUNDS} turns); the bare service takes {bare:.2}");
    for Way { name, costs, .. } in ways {
        println!("{name:<28} added {:6.2}", median(costs) - bare);
    }
    Ok(())
}

fn way(name: &str, guard: &Guard, header: (&'static str, String)) -> Way {
    let service = guard.layer().layer(service_fn(nothing as fn(Request<Body>) -> Nothing));
    Way { name: name.to_owned(), service, header, costs: Vec::new() }
}

/// A guard of these modes that knows so many clients.
fn guard(
    issuer: &str,
    key: &RsaKeyPair,
    modes: &[Mode],
    clients: usize,
    calls: Option<NonZeroU32>,
) -> Result<Guard, Box<dyn Error>> {
    let der: PublicKeyX509Der<'_> = key.public_key().as_der()?;
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der.as_ref()));
    let builder = Guard::builder(RESOURCE.parse()?, issuer.parse()?, "hr".parse()?)
        .tools(tools())
        .modes(modes.iter().copied())
        .public_key(PublicKey::from_pem(pem.as_bytes(), ISSUER, RESOURCE)?)
        .shared_secret(SharedSecret::new(SHARED)?)
        .local_clients(known(clients)?)
        .calls_per_second(calls);
    Ok(builder.build()?)
}

/// So many clients, of which the one that calls is the last.
fn known(clients: usize) -> Result<LocalClients, Box<dyn Error>> {
    let client = |secret: &str| -> Result<LocalClient, Box<dyn Error>> {
        Ok(LocalClient { secret: SecretDigest::of(secret), roles: vec!["Officer".parse()?], expires_at: None })
    };
    let mut known = BTreeMap::from([("caller".parse()?, client(SECRET)?)]);
    for number in 1..clients {
        let name = format!("another-{number}");
        known.insert(name.parse()?, client(&name)?);
    }
    Ok(LocalClients::new(BTreeMap::from([("Officer".parse()?, "hr:*".parse()?)]), known)?)
}

fn shared_secrets_token() -> Result<String, Box<dyn Error>> {
    let UnixSeconds(now) = SystemTime::now().into();
    let claims = json!({
        "iss": "http://localhost:8001", "aud": RESOURCE, "sub": "caller", "client_id": "caller", "iat": now,
        "exp": now + 3600, "jti": "0123456789abcdef0123456789abcdef",
    });
    Ok(SharedSecret::new(SHARED)?.sign(&claims)?)
}

fn key_pairs_token(key: &RsaKeyPair) -> Result<String, Box<dyn Error>> {
    let UnixSeconds(now) = SystemTime::now().into();
    let claims = json!({
        "iss": ISSUER, "aud": RESOURCE, "sub": "alice", "iat": now, "exp": now + 3600, "job_role": "Officer",
        "id": "123", "name": "Alice",
    });
    let encode = |part: &str| URL_SAFE_NO_PAD.encode(part);
    let input = format!("{}.{}", encode(r#"{"alg":"RS256"}"#), encode(&claims.to_string()));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)?;
    Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
