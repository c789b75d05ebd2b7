//! The rules of access tokens, without any server: what is accepted, and each fault by its name.
#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::str::FromStr;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use bailiwick_core::{Claims, Expected, InvalidToken, Issuer, KeySet, ResourceUri, SignedToken, UnixSeconds};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, Validation};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: i64 = 1_790_000_000;
const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "https://hr.example/mcp";

enum Signer {
    Rs256(Box<RsaKeyPair>),
    Es256(Box<EcdsaKeyPair>),
    EdDsa(Box<Ed25519KeyPair>),
}

impl Signer {
    fn rs256() -> Self {
        Self::Rs256(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    fn es256() -> Self {
        Self::Es256(Box::new(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()))
    }

    fn eddsa() -> Self {
        Self::EdDsa(Box::new(Ed25519KeyPair::generate().unwrap()))
    }

    fn alg(&self) -> &'static str {
        match self {
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
        }
    }

    fn jwk(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match self {
            Self::Rs256(pair) => {
                let key = pair.public_key();
                let n = encode(key.modulus().big_endian_without_leading_zero());
                json!({ "kty": "RSA", "n": n, "e": encode(key.exponent().big_endian_without_leading_zero()) })
            }
            Self::Es256(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..]) })
            }
            Self::EdDsa(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) }),
        };
        jwk["kid"] = json!("key-1");
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.alg());
        jwk
    }

    fn keys(&self) -> KeySet {
        key_set(&[self.jwk()])
    }

    fn header(&self) -> Value {
        json!({ "typ": "at+jwt", "alg": self.alg(), "kid": "key-1" })
    }

    /// Signs any header over any payload, both as text: what no library would write.
    fn sign_text(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, input.as_bytes(), &mut signature).unwrap();
                signature
            }
            Self::Es256(pair) => pair.sign(&random, input.as_bytes()).unwrap().as_ref().to_vec(),
            Self::EdDsa(pair) => pair.sign(input.as_bytes()).as_ref().to_vec(),
        };
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn sign(&self, payload: &Value) -> String {
        self.sign_text(&self.header().to_string(), &payload.to_string())
    }
}

fn key_set(jwks: &[Value]) -> KeySet {
    KeySet::from_jwks(json!({ "keys": jwks }).to_string().as_bytes()).unwrap()
}

fn payload() -> Value {
    json!({
        "iss": ISSUER, "sub": "usr_1", "aud": AUDIENCE, "client_id": "agent", "iat": NOW, "nbf": NOW, "exp": NOW + 900,
        "jti": "token-1", "scope": "hr:read hr:add", "roles": ["Officer"], "rev": 7, "grant_id": "g1", "job_role": "clerk",
    })
}

/// Takes apart, verifies and checks at [`NOW`].
fn accept(token: &str, keys: &KeySet) -> Result<Claims, InvalidToken> {
    accept_at(token, keys, NOW)
}

fn accept_at(token: &str, keys: &KeySet, now: i64) -> Result<Claims, InvalidToken> {
    let (issuer, audience) = (Issuer::from_str(ISSUER).unwrap(), ResourceUri::from_str(AUDIENCE).unwrap());
    let claims = SignedToken::parse(token)?.verify(keys)?;
    claims.check(Expected { issuer: &issuer, audience: &audience }, UnixSeconds(now))?;
    Ok(claims)
}

#[test]
fn a_good_token_of_each_algorithm_gives_its_claims() {
    for signer in [Signer::rs256(), Signer::es256(), Signer::eddsa()] {
        let claims = accept(&signer.sign(&payload()), &signer.keys()).unwrap();
        assert_eq!(serde_json::to_value(&claims).unwrap()["scope"], "hr:read hr:add");
        assert_eq!((claims.sub.as_str(), claims.rev, claims.grant_id.as_deref()), ("usr_1", Some(7), Some("g1")));
        assert_eq!((claims.roles[0].as_str(), &claims.others["job_role"]), ("Officer", &json!("clerk")));
    }
}

#[test]
fn an_independent_verifier_agrees_on_a_good_token_of_each_algorithm() {
    for signer in [Signer::rs256(), Signer::es256(), Signer::eddsa()] {
        let token = signer.sign(&payload());
        let jwk = serde_json::from_value(signer.jwk()).unwrap();
        let mut validation = Validation::new(signer.alg().parse().unwrap());
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        // The clock of the tests stands where it stands.
        validation.validate_exp = false;
        let decoded =
            jsonwebtoken::decode::<Value>(&token, &DecodingKey::from_jwk(&jwk).unwrap(), &validation).unwrap();
        let ours = accept(&token, &signer.keys()).unwrap();
        assert_eq!(decoded.claims["jti"], ours.jti.as_str());
        assert_eq!(decoded.claims, payload());
        assert_eq!(decoded.header.kid.as_deref(), Some("key-1"));
    }
}

#[test]
fn each_required_claim_must_be_there_and_be_what_it_should() {
    let signer = Signer::es256();
    let keys = signer.keys();
    for claim in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"] {
        let mut without = payload();
        without.as_object_mut().unwrap().remove(claim);
        assert_eq!(accept(&signer.sign(&without), &keys), Err(InvalidToken::MissingClaim(claim)));
        for value in [json!(null), json!(""), json!([]), json!({}), json!(false), json!([payload()[claim]])] {
            let mut wrong = payload();
            wrong[claim] = value;
            assert_eq!(accept(&signer.sign(&wrong), &keys), Err(InvalidToken::WrongClaim(claim)), "{wrong}");
        }
    }
}

#[test]
fn an_optional_claim_may_be_absent_and_never_be_wrong() {
    let signer = Signer::es256();
    let keys = signer.keys();
    let wrong = [
        ("nbf", json!("soon")),
        ("scope", json!("openid")),
        ("scope", json!(["hr:read"])),
        ("roles", json!("Officer")),
        ("roles", json!([7])),
        ("rev", json!(-1)),
        ("rev", json!("7")),
        ("rev", json!(7.5)),
        ("grant_id", json!(7)),
    ];
    for (claim, value) in wrong {
        let mut absent = payload();
        absent.as_object_mut().unwrap().remove(claim);
        assert!(accept(&signer.sign(&absent), &keys).is_ok(), "{claim}");
        let mut wrong = payload();
        wrong[claim] = value;
        assert_eq!(accept(&signer.sign(&wrong), &keys), Err(InvalidToken::WrongClaim(claim)), "{wrong}");
    }
}

#[test]
fn a_date_is_a_number_and_its_fraction_is_dropped() {
    let signer = Signer::es256();
    let keys = signer.keys();
    for claim in ["exp", "iat", "nbf"] {
        for value in ["\"1790000000\"", "1e300", "-1e300", "9007199254740993.5", "true", "{}"] {
            let text = payload()
                .to_string()
                .replace(&format!("\"{claim}\":{}", payload()[claim]), &format!("\"{claim}\":{value}"));
            let token = signer.sign_text(&signer.header().to_string(), &text);
            assert_eq!(accept(&token, &keys), Err(InvalidToken::WrongClaim(claim)), "{claim} {value}");
        }
    }
    let mut fractions = payload();
    fractions["exp"] = json!(1_790_000_000.9);
    let token = signer.sign(&fractions);
    assert!(accept_at(&token, &keys, NOW + 29).is_ok());
    assert_eq!(accept_at(&token, &keys, NOW + 30), Err(InvalidToken::Expired));
}

#[test]
fn times_are_checked_with_thirty_seconds_of_skew_at_both_edges() {
    let signer = Signer::es256();
    let (keys, token) = (signer.keys(), signer.sign(&payload()));
    for (now, expected) in [
        (NOW - 31, Some(InvalidToken::NotYetValid)),
        (NOW - 30, None),
        (NOW + 929, None),
        (NOW + 930, Some(InvalidToken::Expired)),
        (i64::MAX, Some(InvalidToken::Expired)),
        (i64::MIN, Some(InvalidToken::NotYetValid)),
    ] {
        assert_eq!(accept_at(&token, &keys, now).err(), expected, "{now}");
    }
    let mut later = payload();
    later["nbf"] = json!(NOW + 31);
    assert_eq!(accept(&signer.sign(&later), &keys), Err(InvalidToken::NotYetValid));
}

#[test]
fn issuer_and_audience_must_be_the_expected_ones() {
    let signer = Signer::es256();
    for (claim, value, expected) in [
        ("iss", "https://other.example", InvalidToken::Issuer),
        ("iss", "https://id.example/tenant", InvalidToken::Issuer),
        ("aud", "https://project.example/mcp", InvalidToken::Audience),
        ("aud", "https://hr.example", InvalidToken::Audience),
        ("aud", "http://hr.example/mcp", InvalidToken::Audience),
    ] {
        let mut wrong = payload();
        wrong[claim] = json!(value);
        assert_eq!(accept(&signer.sign(&wrong), &signer.keys()), Err(expected), "{value}");
    }
}

#[test]
fn the_header_must_say_access_token_by_a_known_key_and_nothing_critical() {
    let signer = Signer::es256();
    let keys = signer.keys();
    let with = |member: &str, value: Value| {
        let mut header = signer.header();
        header[member] = value;
        accept(&signer.sign_text(&header.to_string(), &payload().to_string()), &keys).err()
    };
    for right in ["at+jwt", "AT+jwt", "application/at+jwt", "APPLICATION/AT+JWT"] {
        assert_eq!(with("typ", json!(right)), None, "{right}");
    }
    for wrong in
        [json!("JWT"), json!("at+jwt "), json!("x/at+jwt"), json!(""), json!(null), json!(1), json!(["at+jwt"])]
    {
        assert_eq!(with("typ", wrong.clone()), Some(InvalidToken::Type), "{wrong}");
    }
    for wrong in ["none", "NONE", "HS256", "RS256 ", "RS512", "PS256", "es256", ""] {
        assert_eq!(with("alg", json!(wrong)), Some(InvalidToken::Algorithm), "{wrong}");
    }
    assert_eq!(with("alg", json!("RS256")), Some(InvalidToken::Algorithm));
    for critical in [json!([]), json!(["b64"]), json!(null), json!("x")] {
        assert_eq!(with("crit", critical), Some(InvalidToken::Critical));
    }
    assert_eq!(with("kid", json!("key-2")), Some(InvalidToken::UnknownKey("key-2".parse().unwrap())));
    for wrong in [json!(""), json!("a b"), json!(1), json!(null), json!("x".repeat(129))] {
        assert_eq!(with("kid", wrong.clone()), Some(InvalidToken::Malformed), "{wrong}");
    }
}

#[test]
fn a_header_without_one_of_its_members_is_refused() {
    let signer = Signer::es256();
    for (member, expected) in
        [("typ", InvalidToken::Type), ("alg", InvalidToken::Algorithm), ("kid", InvalidToken::Malformed)]
    {
        let mut header = signer.header();
        header.as_object_mut().unwrap().remove(member);
        let token = signer.sign_text(&header.to_string(), &payload().to_string());
        assert_eq!(accept(&token, &signer.keys()), Err(expected));
    }
}

#[test]
fn the_public_key_is_no_shared_secret() {
    let signer = Signer::rs256();
    let jwk = signer.jwk();
    let header = json!({ "typ": "at+jwt", "alg": "HS256", "kid": "key-1" }).to_string();
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload().to_string()));
    for secret in [jwk.to_string(), jwk["n"].as_str().unwrap().to_owned()] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), input.as_bytes());
        let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag));
        assert_eq!(accept(&token, &signer.keys()), Err(InvalidToken::Algorithm));
    }
}

#[test]
fn a_bound_token_is_refused_while_proofs_are_not_understood() {
    let signer = Signer::es256();
    for confirmation in [json!({ "jkt": "x" }), json!({}), json!(null)] {
        let mut bound = payload();
        bound["cnf"] = confirmation;
        assert_eq!(accept(&signer.sign(&bound), &signer.keys()), Err(InvalidToken::Confirmation));
    }
}

#[test]
fn a_member_that_stands_twice_is_malformed_in_header_and_payload() {
    let signer = Signer::es256();
    let (header, payload) = (signer.header().to_string(), payload().to_string());
    let doubled = |text: &str, member: &str| format!("{},{member}}}", text.strip_suffix('}').unwrap());
    for member in [r#""alg":"ES256""#, r#""a\u006cg":"ES256""#, r#""typ":"at+jwt""#, r#""x":1,"x":1"#] {
        let token = signer.sign_text(&doubled(&header, member), &payload);
        assert_eq!(accept(&token, &signer.keys()), Err(InvalidToken::Malformed), "{member}");
    }
    for member in [r#""scope":"hr:*""#, r#""\u0073cope":"hr:*""#, r#""exp":2"#, r#""x":[{"y":1,"y":2}]"#] {
        let token = signer.sign_text(&header, &doubled(&payload, member));
        assert_eq!(accept(&token, &signer.keys()), Err(InvalidToken::Malformed), "{member}");
    }
}

#[test]
fn a_key_verifies_with_its_own_algorithm_only() {
    let (rsa, ec) = (Signer::rs256(), Signer::es256());
    // Both keys are published under the name that the token gives.
    assert_eq!(accept(&rsa.sign(&payload()), &ec.keys()), Err(InvalidToken::Algorithm));
    assert_eq!(accept(&ec.sign(&payload()), &rsa.keys()), Err(InvalidToken::Algorithm));
    assert_eq!(accept(&Signer::es256().sign(&payload()), &ec.keys()), Err(InvalidToken::Signature));
}

#[test]
fn keys_that_are_not_ours_to_use_are_passed_over() {
    let changed = |signer: &Signer, change: fn(&mut Value)| {
        let mut jwk = signer.jwk();
        change(&mut jwk);
        jwk
    };
    let (rsa, ec, ed) = (Signer::rs256(), Signer::es256(), Signer::eddsa());
    let refused = [
        changed(&rsa, |jwk| jwk["use"] = json!("enc")),
        changed(&rsa, |jwk| jwk["alg"] = json!("RS512")),
        changed(&rsa, |jwk| jwk["n"] = json!(URL_SAFE_NO_PAD.encode([0xd1; 128]))),
        changed(&rsa, |jwk| jwk["n"] = json!(URL_SAFE_NO_PAD.encode([0x7f; 256]))),
        changed(&rsa, |jwk| jwk["n"] = json!(URL_SAFE_NO_PAD.encode([0xd1; 1025]))),
        changed(&rsa, |jwk| jwk["n"] = json!(format!("AA{}", URL_SAFE_NO_PAD.encode([0xd1; 255])))),
        changed(&rsa, |jwk| jwk["n"] = json!("")),
        changed(&rsa, |jwk| jwk["kid"] = json!("")),
        changed(&rsa, |jwk| drop(jwk.as_object_mut().unwrap().remove("kid"))),
        changed(&ec, |jwk| jwk["crv"] = json!("P-384")),
        changed(&ec, |jwk| jwk["x"] = json!("AA")),
        changed(&ec, |jwk| jwk["y"] = jwk["x"].clone()),
        changed(&ed, |jwk| jwk["crv"] = json!("X25519")),
        json!({ "kty": "oct", "kid": "key-1", "k": "c2VjcmV0" }),
        json!("nonsense"),
    ];
    for jwk in refused {
        assert!(key_set(std::slice::from_ref(&jwk)).is_empty(), "{jwk}");
    }
    let beside = key_set(&[json!({ "kty": "oct", "kid": "key-0", "k": "c2VjcmV0" }), rsa.jwk()]);
    assert!(accept(&rsa.sign(&payload()), &beside).is_ok());
}

#[test]
fn of_two_keys_of_one_name_the_first_counts() {
    let (one, other) = (Signer::es256(), Signer::es256());
    let keys = key_set(&[one.jwk(), other.jwk()]);
    assert!(accept(&one.sign(&payload()), &keys).is_ok());
    assert_eq!(accept(&other.sign(&payload()), &keys), Err(InvalidToken::Signature));
}

#[test]
fn a_token_is_at_most_so_long() {
    let signer = Signer::eddsa();
    let mut large = payload();
    large["x"] = json!("x".repeat(11_000));
    assert!(accept(&signer.sign(&large), &signer.keys()).is_ok());
    large["x"] = json!("x".repeat(12_500));
    assert_eq!(accept(&signer.sign(&large), &signer.keys()), Err(InvalidToken::Malformed));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,300}") {
        prop_assert!(SignedToken::parse(&text).is_err());
    }

    #[test]
    fn no_signed_header_or_payload_makes_the_reader_panic(header in "\\PC{0,60}", payload in "\\PC{0,60}") {
        let signer = Signer::eddsa();
        let token = signer.sign_text(&header, &payload);
        prop_assert!(accept(&token, &signer.keys()).is_err());
        let token = signer.sign_text(&signer.header().to_string(), &payload);
        prop_assert!(accept(&token, &signer.keys()).is_err());
    }

    #[test]
    fn a_token_with_one_character_changed_never_verifies(at in any::<proptest::sample::Index>(), letter in "[A-Za-z0-9_.-]") {
        let signer = Signer::eddsa();
        let token = signer.sign(&payload());
        let at = at.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(at..=at, &letter);
        prop_assume!(changed != token);
        prop_assert!(accept(&changed, &signer.keys()).is_err(), "{} at {}", letter, at);
    }

    #[test]
    fn a_token_cut_short_or_made_longer_never_verifies(cut in 1_usize..600, more in "[A-Za-z0-9_.-]{1,8}") {
        let signer = Signer::eddsa();
        let token = signer.sign(&payload());
        prop_assert!(accept(&token[..token.len() - cut.min(token.len())], &signer.keys()).is_err());
        prop_assert!(accept(&token[cut.min(token.len())..], &signer.keys()).is_err());
        let longer = format!("{token}{more}");
        prop_assert!(accept(&longer, &signer.keys()).is_err());
    }

    #[test]
    fn the_parts_of_two_tokens_never_make_a_third(scope in "[a-z]{1,8}:[a-z]{1,8}") {
        let signer = Signer::eddsa();
        let mut other = payload();
        other["scope"] = json!(scope);
        let (one, other) = (signer.sign(&payload()), signer.sign(&other));
        let (one, other): (Vec<&str>, Vec<&str>) = (one.split('.').collect(), other.split('.').collect());
        prop_assume!(one[1] != other[1]);
        let mixed = format!("{}.{}.{}", one[0], other[1], one[2]);
        prop_assert_eq!(accept(&mixed, &signer.keys()), Err(InvalidToken::Signature));
    }

    #[test]
    fn no_published_bytes_make_the_key_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = KeySet::from_jwks(&bytes);
    }

    #[test]
    fn no_members_of_a_key_make_its_reader_panic(n in "[A-Za-z0-9_-]{0,400}", e in "[A-Za-z0-9_-]{0,12}") {
        let jwks = [
            json!({ "kty": "RSA", "kid": "key-1", "n": n, "e": e }),
            json!({ "kty": "EC", "kid": "key-1", "crv": "P-256", "x": e, "y": n }),
            json!({ "kty": "OKP", "kid": "key-1", "crv": "Ed25519", "x": n }),
        ];
        let _ = key_set(&jwks);
    }
}
