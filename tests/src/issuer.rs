//! An issuer of the test's own: serves discovery and keys, and signs whatever it is told, so that a
//! guard can be shown tokens that no honest service would issue.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The name of the one key that a [`TestIssuer`] publishes.
pub const KEY_ID: &str = "test-key";

/// A running issuer.
#[derive(Debug)]
pub struct TestIssuer {
    /// Its issuer identifier.
    pub issuer: String,
    key: RsaKeyPair,
    fetches: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl TestIssuer {
    /// Starts one with a new RSA key.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(RsaKeyPair::generate(KeySize::Rsa2048).unwrap(), |jwk| vec![jwk])
    }

    /// Starts one that publishes what `publish` makes of the key's JWK.
    pub fn start_with(key: RsaKeyPair, publish: impl FnOnce(Value) -> Vec<Value>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let issuer = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let jwks = json!({"keys": publish(jwk(&key))});
        let metadata = json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/jwks"),
            "token_endpoint": format!("{issuer}/token"),
            "response_types_supported": ["code"],
        });
        let fetches = Arc::new(AtomicUsize::new(0));
        let stopped = Arc::new(AtomicBool::new(false));
        let server = std::thread::spawn({
            let (fetches, stopped) = (Arc::clone(&fetches), Arc::clone(&stopped));
            move || serve(&listener, &stopped, |path| answer(path, &metadata, &jwks, &fetches))
        });
        Self { issuer, key, fetches, stopped, server: Some(server) }
    }

    /// How often the key set was fetched.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// Claims that a guard of `audience` accepts from this issuer, for `scope`.
    #[must_use]
    pub fn claims(&self, audience: &str, scope: &str) -> Value {
        let now = now();
        json!({
            "iss": self.issuer, "sub": "tester", "aud": audience, "client_id": "tester", "iat": now, "nbf": now,
            "exp": now + 600, "jti": "token-1", "scope": scope, "roles": ["Tester"],
        })
    }

    /// The header of an access token of this issuer.
    #[must_use]
    pub fn header() -> Value {
        json!({"typ": "at+jwt", "alg": "RS256", "kid": KEY_ID})
    }

    /// A token of these claims.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_text(&Self::header().to_string(), &claims.to_string())
    }

    /// A token of any header and payload, JSON or not.
    #[must_use]
    pub fn sign_text(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature).unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public key in DER: what an attacker who mistakes HS256 for RS256 signs with.
    #[must_use]
    pub fn public_key_der(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = self.key.public_key().as_der().unwrap();
        der.as_ref().to_vec()
    }
}

impl Drop for TestIssuer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let address = self.issuer.trim_start_matches("http://");
        // The thread waits for a connection; this one wakes it.
        let _ = TcpStream::connect(address);
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

/// The present, in whole seconds since 1970.
#[must_use]
pub fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn jwk(key: &RsaKeyPair) -> Value {
    let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID,
        "n": encode(n.big_endian_without_leading_zero()), "e": encode(e.big_endian_without_leading_zero()),
    })
}

fn answer<'a>(path: &str, metadata: &'a Value, jwks: &'a Value, fetches: &AtomicUsize) -> Option<&'a Value> {
    match path {
        "/.well-known/oauth-authorization-server" => Some(metadata),
        "/jwks" => {
            fetches.fetch_add(1, Ordering::SeqCst);
            Some(jwks)
        }
        _ => None,
    }
}

/// Answers one GET per connection until it is told to stop.
fn serve<'a>(listener: &TcpListener, stopped: &AtomicBool, answer: impl Fn(&str) -> Option<&'a Value>) {
    for stream in listener.incoming().map_while(Result::ok) {
        if stopped.load(Ordering::SeqCst) {
            return;
        }
        // A client that goes away in between is its own affair.
        let _ = serve_one(stream, &answer);
    }
}

fn serve_one<'a>(mut stream: TcpStream, answer: &impl Fn(&str) -> Option<&'a Value>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = answer(path).map_or(("404 Not Found", String::new()), |json| ("200 OK", json.to_string()));
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n");
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len())
}
