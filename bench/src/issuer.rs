//! An issuer inside the bench: it publishes its key and signs tokens ahead of a slice, so that a
//! server can be shown any number of tokens that it never saw. Owns its key and its thread.

use std::net::Ipv4Addr;
use std::time::SystemTime;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use axum::routing::get;
use axum::{Json, Router};
use bailiwick_core::UnixSeconds;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderValue;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::error::{BenchError, system};

/// How long its tokens are good, in seconds: longer than any run.
pub const LIFETIME: i64 = 3600;
/// The name of its key.
const KEY_ID: &str = "bench";

/// A running issuer with one RS256 key of 2048 bits.
#[derive(Debug)]
pub struct Issuer {
    /// Its issuer identifier.
    pub url: String,
    key: RsaKeyPair,
    signed: u64,
    /// Serves for as long as the issuer lives.
    _runtime: Runtime,
}

impl Issuer {
    /// Starts one.
    pub fn start() -> Result<Self, BenchError> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(system("the issuer"))?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).map_err(system("the issuer"))?;
        let url = format!("http://localhost:{}", listener.local_addr().map_err(system("the issuer"))?.port());
        let document = |document: Value| get(move || std::future::ready(Json(document)));
        let routes = Router::new()
            .route("/.well-known/oauth-authorization-server", document(metadata(&url)))
            .route("/jwks", document(json!({"keys": [jwk(&key)]})));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { url, key, signed: 0, _runtime: runtime })
    }

    /// The values of `Authorization` with so many tokens that nobody has seen.
    pub fn sign(&mut self, number: usize, audience: &str, scope: &str) -> Result<Vec<HeaderValue>, BenchError> {
        (0..number).map(|_| self.sign_one(audience, scope)).collect()
    }

    fn sign_one(&mut self, audience: &str, scope: &str) -> Result<HeaderValue, BenchError> {
        self.signed += 1;
        let UnixSeconds(now) = SystemTime::now().into();
        // The claims of a token of auth-service, so that one costs as much to read.
        let claims = json!({
            "iss": self.url, "sub": "bench-agent", "aud": audience, "client_id": "bench-agent", "iat": now, "nbf": now,
            "exp": now + LIFETIME, "jti": format!("token-{}", self.signed), "scope": scope, "roles": ["Officer"],
            "rev": 1,
        });
        self.signed_with_header(&json!({"typ": "at+jwt", "alg": "RS256", "kid": KEY_ID}), &claims)
    }

    /// The value of `Authorization` with a token as somebody signs it who has the key pair and no token service.
    pub fn sign_by_key_pair(&self, audience: &str, role: &str) -> Result<HeaderValue, BenchError> {
        let UnixSeconds(now) = SystemTime::now().into();
        let claims = json!({
            "iss": self.url, "sub": "alice", "aud": audience, "iat": now, "exp": now + LIFETIME, "job_role": role,
            "id": "123", "name": "Alice",
        });
        self.signed_with_header(&json!({"typ": "JWT", "alg": "RS256"}), &claims)
    }

    /// The public half of its key, for who is given it as a file.
    pub fn public_key_pem(&self) -> Result<String, BenchError> {
        let der: PublicKeyX509Der<'_> = self.key.public_key().as_der()?;
        Ok(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der.as_ref())))
    }

    fn signed_with_header(&self, header: &Value, claims: &Value) -> Result<HeaderValue, BenchError> {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let input = format!("{}.{}", encode(header), encode(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)?;
        bearer(&format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The value of `Authorization` with that token.
pub fn bearer(token: &str) -> Result<HeaderValue, BenchError> {
    Ok(HeaderValue::from_str(&format!("Bearer {token}")).map_err(http::Error::from)?)
}

/// What RFC 8414 and the guard ask for.
fn metadata(url: &str) -> Value {
    json!({
        "issuer": url, "jwks_uri": format!("{url}/jwks"), "token_endpoint": format!("{url}/token"),
        "response_types_supported": ["code"],
    })
}

fn jwk(key: &RsaKeyPair) -> Value {
    let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
    let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
    json!({
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID,
        "n": encode(n.big_endian_without_leading_zero()), "e": encode(e.big_endian_without_leading_zero()),
    })
}
