//! Every token that a guard must not accept: shown to a real server by an issuer of the test's own, which
//! signs whatever it is told.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use bailiwick_e2e::issuer::{KEY_ID, now};
use bailiwick_e2e::{Answer, Era, HrServer, TestIssuer};
use serde_json::{Value, json};

/// A guarded server whose issuer is the test itself.
struct Guarded {
    hr: HrServer,
    issuer: TestIssuer,
    _folder: tempfile::TempDir,
}

impl Guarded {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuer = TestIssuer::start();
        Self { hr: HrServer::start(folder.path(), &issuer.issuer), issuer, _folder: folder }
    }

    fn list(&self, token: &str) -> Answer {
        self.hr.caller(token, Era::July2026).request("tools/list", json!({}))
    }

    /// The claims of a good token, with some of them changed (`null` takes one away).
    fn claims(&self, changes: &Value) -> Value {
        let mut claims = self.issuer.claims(&self.hr.resource, "hr:*");
        for (name, value) in changes.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        if let Some(members) = claims.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        claims
    }
}

#[test]
fn the_good_token_is_good() {
    let guarded = Guarded::start();
    let _ = guarded.list(&guarded.issuer.sign(&guarded.claims(&json!({})))).expect(200);
    let loud = json!({"typ": "application/AT+JWT", "alg": "RS256", "kid": KEY_ID}).to_string();
    let _ = guarded.list(&guarded.issuer.sign_text(&loud, &guarded.claims(&json!({})).to_string())).expect(200);
    for small in [json!({"nbf": null}), json!({"exp": now() - 20}), json!({"iat": now() + 20, "nbf": now() + 20})] {
        let answer = guarded.list(&guarded.issuer.sign(&guarded.claims(&small)));
        assert_eq!(answer.status, 200, "{small}: {answer:#?}");
    }
}

#[test]
fn a_token_with_a_wrong_claim_is_invalid() {
    let guarded = Guarded::start();
    let resource = guarded.hr.resource.clone();
    let cases = [
        json!({"iss": "http://localhost:1"}),
        json!({"iss": format!("{}/", guarded.issuer.issuer)}),
        json!({"aud": "http://localhost:1/mcp"}),
        json!({"aud": [resource, "http://localhost:1/mcp"]}),
        json!({"exp": now() - 31}),
        json!({"exp": "soon"}),
        json!({"exp": now().to_string()}),
        json!({"iat": now() + 300}),
        json!({"iat": true}),
        json!({"nbf": now() + 300}),
        json!({"nbf": "later"}),
        json!({"cnf": {"jkt": "x"}}),
        json!({"client_id": 7}),
        json!({"sub": ""}),
        json!({"jti": ["a"]}),
        json!({"scope": ["hr:*"]}),
        json!({"iss": null}),
        json!({"sub": null}),
        json!({"aud": null}),
        json!({"exp": null}),
        json!({"iat": null}),
        json!({"jti": null}),
        json!({"client_id": null}),
    ];
    for changes in &cases {
        let answer = guarded.list(&guarded.issuer.sign(&guarded.claims(changes)));
        guarded.hr.has_refused_token(&answer, &changes.to_string());
    }
}

#[test]
fn a_token_with_a_wrong_header_is_invalid() {
    let guarded = Guarded::start();
    let claims = guarded.claims(&json!({})).to_string();
    let cases = [
        json!({"typ": "JWT", "alg": "RS256", "kid": KEY_ID}),
        json!({"alg": "RS256", "kid": KEY_ID}),
        json!({"typ": "at+jwt", "alg": "RS512", "kid": KEY_ID}),
        json!({"typ": "at+jwt", "alg": "ES256", "kid": KEY_ID}),
        json!({"typ": "at+jwt", "alg": "HS256", "kid": KEY_ID}),
        json!({"typ": "at+jwt", "alg": "none", "kid": KEY_ID}),
        json!({"typ": "at+jwt", "alg": "RS256"}),
        json!({"typ": "at+jwt", "alg": "RS256", "kid": "unknown"}),
        json!({"typ": "at+jwt", "alg": "RS256", "kid": KEY_ID, "crit": ["exp"]}),
        json!({"typ": "at+jwt", "alg": "RS256", "kid": [KEY_ID]}),
        json!(["at+jwt"]),
    ];
    for header in &cases {
        let answer = guarded.list(&guarded.issuer.sign_text(&header.to_string(), &claims));
        guarded.hr.has_refused_token(&answer, &header.to_string());
    }
}

#[test]
fn a_token_that_is_signed_with_nothing_or_with_the_public_key_is_invalid() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let guarded = Guarded::start();
    let claims = guarded.claims(&json!({})).to_string();
    let input = |algorithm: &str| {
        let header = json!({"typ": "at+jwt", "alg": algorithm, "kid": KEY_ID}).to_string();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(&claims))
    };
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &guarded.issuer.public_key_der());
    let mac = aws_lc_rs::hmac::sign(&key, input("HS256").as_bytes());
    let confused = format!("{}.{}", input("HS256"), URL_SAFE_NO_PAD.encode(mac));
    for token in [confused, format!("{}.", input("none")), format!("{}.", input("RS256")), input("RS256")] {
        guarded.hr.has_refused_token(&guarded.list(&token), &token);
    }
}

#[test]
fn a_token_that_was_tampered_with_is_invalid() {
    let guarded = Guarded::start();
    let good = guarded.issuer.sign(&guarded.claims(&json!({"scope": "hr:read"})));
    let better = guarded.issuer.sign(&guarded.claims(&json!({"scope": "hr:*"})));
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (good, better) = (parts(&good), parts(&better));
    let forged = [
        format!("{}.{}.{}", good[0], better[1], good[2]),
        format!("{}.{}.{}.", good[0], good[1], good[2]),
        format!("{}.{}.{}=", good[0], good[1], good[2]),
        format!("{}.{}", good[0], good[1]),
        "nonsense".to_owned(),
        "a.b.c".to_owned(),
    ];
    for token in forged {
        guarded.hr.has_refused_token(&guarded.list(&token), &token);
    }
}

#[test]
fn a_token_that_says_something_twice_is_invalid() {
    let guarded = Guarded::start();
    let claims = guarded.claims(&json!({})).to_string();
    let header = TestIssuer::header().to_string();
    let twice = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    for (header, claims) in [
        (header.clone(), twice(&claims, r#""scope":"hr:read""#)),
        (header.clone(), twice(&claims, r#""exp":1"#)),
        (twice(&header, r#""alg":"none""#), claims.clone()),
    ] {
        guarded.hr.has_refused_token(&guarded.list(&guarded.issuer.sign_text(&header, &claims)), &claims);
    }
    for payload in ["[]", "\"text\"", "", "{", "{}{}"] {
        guarded.hr.has_refused_token(&guarded.list(&guarded.issuer.sign_text(&header, payload)), payload);
    }
}

#[test]
fn the_full_reason_stands_in_the_log_and_the_token_does_not() {
    let guarded = Guarded::start();
    let expired = guarded.issuer.sign(&guarded.claims(&json!({"exp": now() - 300})));
    let _ = guarded.list(&expired).expect(401);
    let good = guarded.issuer.sign(&guarded.claims(&json!({})));
    let _ = guarded.list(&good).expect(200);
    let (_, log) = guarded.hr.process.stop();
    assert!(log.contains("token_expired"), "{log}");
    for token in [&expired, &good] {
        let signature = token.rsplit('.').next().unwrap_or("?");
        assert!(!log.contains(signature), "a token stands in the log");
    }
}

#[test]
fn many_tokens_with_unknown_keys_cause_few_fetches() {
    let guarded = Guarded::start();
    let _ = guarded.list(&guarded.issuer.sign(&guarded.claims(&json!({})))).expect(200);
    let before = guarded.issuer.fetches();
    let started = std::time::Instant::now();
    let claims = guarded.claims(&json!({})).to_string();
    std::thread::scope(|scope| {
        for number in 0..100 {
            let header = json!({"typ": "at+jwt", "alg": "RS256", "kid": format!("unknown-{number}")}).to_string();
            let token = guarded.issuer.sign_text(&header, &claims);
            let guarded = &guarded;
            scope.spawn(move || drop(guarded.list(&token).expect(401)));
        }
    });
    let allowed = usize::try_from(started.elapsed().as_secs()).unwrap_or(usize::MAX) + 2;
    let fetched = guarded.issuer.fetches() - before;
    assert!(fetched <= allowed, "{fetched} fetches, at most {allowed} expected");
}
