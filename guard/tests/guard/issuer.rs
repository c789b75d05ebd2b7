//! A token service on loopback for the tests: publishes metadata and keys, signs whatever it is told
//! to, and lies, hangs or breaks on request.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Response, StatusCode, Uri};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::feed::{FEED, Feed, TOKENS};

/// A private key of one of the three algorithms.
pub(crate) enum Pair {
    Rs256(Box<RsaKeyPair>),
    Es256(Box<EcdsaKeyPair>),
    EdDsa(Box<Ed25519KeyPair>),
}

pub(crate) struct SigningKey {
    pub(crate) kid: String,
    pair: Pair,
}

impl SigningKey {
    pub(crate) fn rs256(kid: &str) -> Self {
        Self { kid: kid.to_owned(), pair: Pair::Rs256(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())) }
    }

    pub(crate) fn es256(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid: kid.to_owned(), pair: Pair::Es256(Box::new(pair)) }
    }

    pub(crate) fn eddsa(kid: &str) -> Self {
        Self { kid: kid.to_owned(), pair: Pair::EdDsa(Box::new(Ed25519KeyPair::generate().unwrap())) }
    }

    pub(crate) fn alg(&self) -> &'static str {
        match self.pair {
            Pair::Rs256(_) => "RS256",
            Pair::Es256(_) => "ES256",
            Pair::EdDsa(_) => "EdDSA",
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Rs256(pair) => {
                let key = pair.public_key();
                let n = encode(key.modulus().big_endian_without_leading_zero());
                json!({ "kty": "RSA", "n": n, "e": encode(key.exponent().big_endian_without_leading_zero()) })
            }
            Pair::Es256(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..]) })
            }
            Pair::EdDsa(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) }),
        };
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.alg());
        jwk
    }

    /// The public key as `SubjectPublicKeyInfo`, of an RSA key.
    pub(crate) fn spki(&self) -> Vec<u8> {
        let public = match &self.pair {
            Pair::Rs256(pair) => Some(pair.public_key()),
            Pair::Es256(_) | Pair::EdDsa(_) => None,
        };
        AsDer::<PublicKeyX509Der<'_>>::as_der(public.unwrap()).unwrap().as_ref().to_vec()
    }

    pub(crate) fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Es256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// Signs any header over any payload, both as text, so that a test can write what no library would.
    pub(crate) fn sign_text(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(self.signature(input.as_bytes())))
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": self.alg(), "kid": self.kid })
    }

    pub(crate) fn sign(&self, payload: &Value) -> String {
        self.sign_text(&self.header().to_string(), &payload.to_string())
    }
}

/// What the issuer answers at one path.
#[derive(Clone)]
pub(crate) enum Behaviour {
    Json(Value),
    Text(u16, String),
    Redirect(String),
    /// Promises a longer body than it sends.
    BreaksOff(String),
    /// The feed: gives a snapshot, and then knows no position.
    Gone,
    /// Answers only when [`Issuer::let_go`] is called.
    Held(Value),
}

#[derive(Default)]
struct Published {
    paths: Mutex<BTreeMap<String, Behaviour>>,
    fetches: Mutex<BTreeMap<String, usize>>,
    arrived: Notify,
    released: Notify,
    held: AtomicUsize,
    feed: Feed,
}

pub(crate) struct Issuer {
    pub(crate) url: String,
    pub(crate) feed: Feed,
    published: Arc<Published>,
}

pub(crate) const METADATA: &str = "/.well-known/oauth-authorization-server";
pub(crate) const OPENID: &str = "/.well-known/openid-configuration";
pub(crate) const JWKS: &str = "/jwks.json";

impl Issuer {
    /// Starts on a free port; publishes honest metadata and these keys.
    pub(crate) async fn start(keys: &[&SigningKey]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let published = Arc::<Published>::default();
        let app = Router::new().fallback(answer).with_state(Arc::clone(&published));
        tokio::spawn(async move { axum::serve(listener, app).await });
        published.feed.belongs_to(&url);
        let issuer = Self { url, feed: published.feed.clone(), published };
        issuer.set(METADATA, Behaviour::Json(issuer.metadata()));
        issuer.publish(keys);
        issuer
    }

    /// An issuer of that name whom nobody plays.
    pub(crate) fn at(url: String) -> Self {
        Self { url, feed: Feed::default(), published: Arc::default() }
    }

    pub(crate) fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.url);
        json!({ "issuer": self.url, "jwks_uri": at(JWKS), "token_endpoint": at(TOKENS) })
    }

    pub(crate) fn publish(&self, keys: &[&SigningKey]) {
        self.publish_jwks(&keys.iter().map(|key| key.jwk()).collect::<Vec<_>>());
    }

    pub(crate) fn publish_jwks(&self, jwks: &[Value]) {
        self.set(JWKS, Behaviour::Json(json!({ "keys": jwks })));
    }

    pub(crate) fn set(&self, path: &str, behaviour: Behaviour) {
        self.published.paths.lock().unwrap().insert(path.to_owned(), behaviour);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.published.paths.lock().unwrap().remove(path);
    }

    /// How often a path was asked for.
    pub(crate) fn fetches(&self, path: &str) -> usize {
        self.published.fetches.lock().unwrap().get(path).copied().unwrap_or_default()
    }

    /// Waits until a held request has arrived.
    pub(crate) async fn until_held(&self) {
        while self.published.held.load(Ordering::SeqCst) == 0 {
            self.published.arrived.notified().await;
        }
    }

    /// Answers what is held.
    pub(crate) fn let_go(&self) {
        self.published.released.notify_one();
    }
}

async fn answer(State(published): State<Arc<Published>>, uri: Uri, request: Request) -> Response<Body> {
    let path = uri.path().to_owned();
    *published.fetches.lock().unwrap().entry(path.clone()).or_default() += 1;
    let behaviour = published.paths.lock().unwrap().get(&path).cloned();
    let (status, body) = match behaviour {
        None if path == TOKENS => return published.feed.give_token(request).await,
        None if path == FEED => return published.feed.answer(request.into_parts().0).await,
        None => (404, "no such thing".to_owned()),
        Some(Behaviour::Json(value)) => (200, value.to_string()),
        Some(Behaviour::Text(status, text)) => (status, text),
        Some(Behaviour::Redirect(to)) => {
            return Response::builder().status(302).header("location", to).body(Body::empty()).unwrap();
        }
        Some(Behaviour::BreaksOff(text)) => {
            let rest = Err::<String, _>(std::io::Error::other("broken off"));
            return Response::new(Body::from_stream(futures::stream::iter([Ok(text), rest])));
        }
        Some(Behaviour::Gone) if uri.query().is_some_and(|query| query.contains("wait=0")) => {
            return published.feed.answer(request.into_parts().0).await;
        }
        Some(Behaviour::Gone) => (410, String::new()),
        Some(Behaviour::Held(value)) => {
            published.held.fetch_add(1, Ordering::SeqCst);
            published.arrived.notify_one();
            published.released.notified().await;
            published.held.fetch_sub(1, Ordering::SeqCst);
            (200, value.to_string())
        }
    };
    Response::builder().status(StatusCode::from_u16(status).unwrap()).body(Body::from(body)).unwrap()
}
