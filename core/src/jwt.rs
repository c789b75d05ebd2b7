//! JSON Web Tokens (RFC 7519) that no token service issued: made under a secret that two sides share
//! (HS256), or under a key pair whose public half the other side was given (RS256). They name who calls
//! and perhaps roles, and open nothing by themselves. Owns their form, their signing and their checks;
//! access tokens are [`crate::token`]'s.

use std::collections::BTreeMap;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value;

use crate::claims::{bounded, check_times, numeric_date, optional, others, parsed, required, roles, text};
use crate::identifier::{RoleName, TokenId};
use crate::json::{self, Member, Members};
use crate::key::VerifyingKey;
use crate::time::UnixSeconds;
use crate::token::{InvalidToken, LONGEST_TOKEN};

/// The claim by which the seed's tokens name a role.
const JOB_ROLE: &str = "job_role";

/// The header of the tokens that are made here.
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// A secret that makes and verifies tokens by HMAC with SHA-256. Its key is never printed.
#[derive(Debug)]
pub struct SharedSecret(hmac::Key);

/// A secret that is too short to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the secret of HS256 has at least {} bytes (RFC 7518 section 3.2); `openssl rand -base64 32` makes one",
    SharedSecret::SHORTEST
)]
pub struct ShortSecret;

/// What a token is verified with. Each takes one algorithm, whatever a token says of itself.
#[derive(Clone, Copy, Debug)]
pub enum JwtKey<'a> {
    /// HS256.
    SharedSecret(&'a SharedSecret),
    /// RS256.
    PublicKey(&'a VerifyingKey),
}

/// Whose token it has to be and for whom, compared as they are written.
#[derive(Clone, Copy, Debug)]
pub struct JwtExpected<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `aud`.
    pub audience: &'a str,
}

/// The claims of such a token.
#[derive(Clone, Debug, PartialEq)]
pub struct JwtClaims {
    /// Who calls.
    pub sub: String,
    /// When it ends.
    pub exp: UnixSeconds,
    /// When it was made, where it says.
    pub iat: Option<UnixSeconds>,
    /// When it begins to be valid, where it says.
    pub nbf: Option<UnixSeconds>,
    /// Its own name, where it has one.
    pub jti: Option<TokenId>,
    /// The roles that it names: `roles`, or the one of `job_role`.
    pub roles: Vec<RoleName>,
    /// Whatever else it says.
    pub others: BTreeMap<String, Value>,
}

/// What the header of a token says of it; nothing of it is believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtHeader {
    /// `alg`.
    pub algorithm: String,
    /// Whether `typ` is that of an access token (RFC 9068 section 2.1).
    pub is_access_token: bool,
}

impl SharedSecret {
    /// The shortest secret, in bytes (RFC 7518 section 3.2).
    pub const SHORTEST: usize = 32;

    /// The secret of these bytes.
    ///
    /// # Errors
    /// Where there are too few of them.
    pub fn new(bytes: &[u8]) -> Result<Self, ShortSecret> {
        if bytes.len() < Self::SHORTEST { Err(ShortSecret) } else { Ok(Self(hmac::Key::new(HMAC_SHA256, bytes))) }
    }

    /// A token with these claims.
    ///
    /// # Errors
    /// Where the claims are no JSON.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, serde_json::Error> {
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims)?);
        let input = format!("{}.{payload}", URL_SAFE_NO_PAD.encode(HEADER));
        let signature = hmac::sign(&self.0, input.as_bytes());
        Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl JwtHeader {
    /// What the header of `token` says, where it is one.
    #[must_use]
    pub fn peek(token: &str) -> Option<Self> {
        let header = decoded(token.split_once('.')?.0).ok()?;
        let header = json::members(&header).ok()?;
        let algorithm = header.get("alg")?.as_str()?.to_owned();
        let kind = header.get("typ").and_then(Member::as_str).unwrap_or_default();
        Some(Self { algorithm, is_access_token: is_type(kind, crate::token::TOKEN_TYPE) })
    }
}

impl JwtKey<'_> {
    /// All that a token has to pass: its header, the signature, `iss`, `aud`, and the times.
    pub fn accept(self, token: &str, expected: JwtExpected<'_>, now: UnixSeconds) -> Result<JwtClaims, InvalidToken> {
        if token.len() > LONGEST_TOKEN {
            return Err(InvalidToken::Malformed);
        }
        let (input, signature) = token.rsplit_once('.').ok_or(InvalidToken::Malformed)?;
        let (head, payload) = input.split_once('.').ok_or(InvalidToken::Malformed)?;
        self.check_header(&members(&decoded(head)?)?)?;
        if !self.verifies(input.as_bytes(), &decoded(signature)?) {
            return Err(InvalidToken::Signature);
        }
        JwtClaims::read(members(&decoded(payload)?)?, expected, now)
    }

    fn algorithm(self) -> &'static str {
        match self {
            Self::SharedSecret(_) => "HS256",
            Self::PublicKey(key) => key.algorithm().as_str(),
        }
    }

    fn check_header(self, header: &Members<'_>) -> Result<(), InvalidToken> {
        if header.get("crit").is_some() {
            return Err(InvalidToken::Critical);
        }
        if header.get("alg").and_then(Member::as_str) != Some(self.algorithm()) {
            return Err(InvalidToken::Algorithm);
        }
        match header.get("typ") {
            None => Ok(()),
            Some(Member::Text(kind)) if is_type(kind, "jwt") => Ok(()),
            Some(_) => Err(InvalidToken::Type),
        }
    }

    fn verifies(self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            // In constant time.
            Self::SharedSecret(secret) => hmac::verify(&secret.0, message, signature).is_ok(),
            Self::PublicKey(key) => key.verifies(message, signature),
        }
    }
}

impl JwtClaims {
    fn read(mut members: Members<'_>, expected: JwtExpected<'_>, now: UnixSeconds) -> Result<Self, InvalidToken> {
        if members.get("cnf").is_some() {
            return Err(InvalidToken::Confirmation);
        }
        let known = &mut members;
        if required(known, "iss", text)? != expected.issuer {
            return Err(InvalidToken::Issuer);
        }
        if required(known, "aud", only_audience)? != expected.audience {
            return Err(InvalidToken::Audience);
        }
        let named = optional(known, "roles", roles)?;
        let job_role: Option<RoleName> = known.get(JOB_ROLE).and_then(parsed);
        let claims = Self {
            sub: required(known, "sub", text)?,
            exp: required(known, "exp", numeric_date)?,
            iat: optional(known, "iat", numeric_date)?,
            nbf: optional(known, "nbf", numeric_date)?,
            jti: optional(known, "jti", parsed)?,
            roles: named.unwrap_or_else(|| job_role.into_iter().collect()),
            others: others(members),
        };
        check_times(claims.exp, claims.iat, claims.nbf, now)?;
        Ok(claims)
    }
}

/// A text, or an array of one: a token for several recipients is any of them's to use elsewhere.
fn only_audience(value: &Member<'_>) -> Option<String> {
    match value {
        Member::Other(Value::Array(values)) => match values.as_slice() {
            [Value::String(one)] => bounded(one),
            _ => None,
        },
        value => text(value),
    }
}

fn members(bytes: &[u8]) -> Result<Members<'_>, InvalidToken> {
    json::members(bytes).map_err(|_| InvalidToken::Malformed)
}

fn decoded(part: &str) -> Result<Vec<u8>, InvalidToken> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| InvalidToken::Malformed)
}

/// Media types compare without regard to case, and `application/` may be left out (RFC 7515 4.1.9).
fn is_type(kind: &str, expected: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    kind.strip_prefix("application/").unwrap_or(&kind) == expected
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
    const EXPECTED: JwtExpected<'_> = JwtExpected { issuer: "https://dev-issuer.com", audience: "my-mcp-server" };

    fn secret() -> SharedSecret {
        SharedSecret::new(&[7; 32]).unwrap()
    }

    fn claims() -> Value {
        json!({
            "iss": "https://dev-issuer.com", "aud": "my-mcp-server", "sub": "alice", "exp": NOW.0 + 60,
            "job_role": "Manager", "id": "123", "name": "Alice"
        })
    }

    fn with(name: &str, value: impl Into<Value>) -> Value {
        let mut claims = claims();
        claims[name] = value.into();
        claims
    }

    fn accepted(claims: &Value) -> Result<JwtClaims, InvalidToken> {
        JwtKey::SharedSecret(&secret()).accept(&secret().sign(claims).unwrap(), EXPECTED, NOW)
    }

    /// A token with another header, signed all the same.
    fn with_header(header: &str) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims().to_string()));
        let signature = hmac::sign(&secret().0, input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[test]
    fn a_token_of_the_seed_names_its_caller_and_the_role_of_its_job() {
        let claims = accepted(&claims()).unwrap();
        assert_eq!((claims.sub.as_str(), claims.exp), ("alice", NOW + std::time::Duration::from_mins(1)));
        assert_eq!(claims.roles, ["Manager".parse().unwrap()]);
        assert_eq!(claims.others["name"], "Alice");
    }

    #[test]
    fn roles_count_before_the_job_role() {
        let claims = accepted(&with("roles", json!(["Officer", "Reader"]))).unwrap();
        assert_eq!(claims.roles, ["Officer".parse().unwrap(), "Reader".parse().unwrap()]);
        assert_eq!(accepted(&with("roles", json!([]))).unwrap().roles, []);
    }

    #[test]
    fn issuer_audience_and_the_times_have_to_be_right() {
        for (wrong, error) in [
            (with("iss", "https://dev-issuer.com/"), InvalidToken::Issuer),
            (with("aud", "another"), InvalidToken::Audience),
            (with("aud", json!(["my-mcp-server", "another"])), InvalidToken::WrongClaim("aud")),
            (with("exp", NOW.0 - 30), InvalidToken::Expired),
            (with("exp", "soon"), InvalidToken::WrongClaim("exp")),
            (with("nbf", NOW.0 + 31), InvalidToken::NotYetValid),
            (with("iat", NOW.0 + 31), InvalidToken::NotYetValid),
            (with("sub", ""), InvalidToken::WrongClaim("sub")),
            (with("roles", "Manager"), InvalidToken::WrongClaim("roles")),
            (with("cnf", json!({"jkt": "x"})), InvalidToken::Confirmation),
        ] {
            assert_eq!(accepted(&wrong), Err(error), "{wrong}");
        }
        for name in ["iss", "aud", "sub", "exp"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            assert_eq!(accepted(&claims), Err(InvalidToken::MissingClaim(name)));
        }
        assert!(accepted(&with("aud", json!(["my-mcp-server"]))).is_ok());
    }

    #[test]
    fn the_algorithm_is_the_keys_and_never_the_tokens() {
        let accept = |header: &str| JwtKey::SharedSecret(&secret()).accept(&with_header(header), EXPECTED, NOW);
        for right in [r#"{"alg":"HS256"}"#, r#"{"alg":"HS256","typ":"jwt","kid":"x"}"#] {
            assert!(accept(right).is_ok(), "{right}");
        }
        for (wrong, error) in [
            (r#"{"alg":"none"}"#, InvalidToken::Algorithm),
            (r#"{"alg":"HS512"}"#, InvalidToken::Algorithm),
            (r#"{"alg":"RS256"}"#, InvalidToken::Algorithm),
            (r#"{"typ":"JWT"}"#, InvalidToken::Algorithm),
            (r#"{"alg":"HS256","crit":["exp"]}"#, InvalidToken::Critical),
            (r#"{"alg":"HS256","typ":"at+jwt"}"#, InvalidToken::Type),
            (r#"{"alg":"HS256","alg":"HS256"}"#, InvalidToken::Malformed),
            ("[]", InvalidToken::Malformed),
        ] {
            assert_eq!(accept(wrong), Err(error), "{wrong}");
        }
    }

    #[test]
    fn another_secret_or_a_changed_token_is_refused() {
        let token = secret().sign(&claims()).unwrap();
        let other = SharedSecret::new(&[8; 32]).unwrap();
        assert_eq!(JwtKey::SharedSecret(&other).accept(&token, EXPECTED, NOW), Err(InvalidToken::Signature));
        let (input, signature) = token.rsplit_once('.').unwrap();
        for wrong in [format!("{input}."), format!("{input}.{}", &signature[..42]), input.to_owned(), String::new()] {
            assert!(JwtKey::SharedSecret(&secret()).accept(&wrong, EXPECTED, NOW).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_has_at_least_as_many_bytes_as_its_hash() {
        assert!(SharedSecret::new(&[0; 31]).is_err());
        assert!(SharedSecret::new(&[0; 32]).is_ok());
        assert!(!format!("{:?}", SharedSecret::new(&[77; 32]).unwrap()).contains("77"));
    }

    #[test]
    fn a_header_says_what_a_token_takes_itself_for() {
        let peeked = |header: &str| JwtHeader::peek(&with_header(header)).map(|it| (it.algorithm, it.is_access_token));
        assert_eq!(peeked(r#"{"alg":"RS256","typ":"at+jwt"}"#), Some(("RS256".to_owned(), true)));
        assert_eq!(peeked(r#"{"alg":"RS256"}"#), Some(("RS256".to_owned(), false)));
        assert_eq!(peeked(r#"{"typ":"JWT"}"#), None);
        assert_eq!(JwtHeader::peek("opaque"), None);
    }
}
