//! Tokens as a third party sees them: taken apart without belief, or verified by `jsonwebtoken`
//! against the published keys. Never uses the project's own code for either.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

/// The header of a token, not verified.
#[must_use]
pub fn header(token: &str) -> Value {
    part(token, 0)
}

/// The claims of a token, not verified.
#[must_use]
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The claims of an RS256 token that `jsonwebtoken` verified with the published key of its `kid`.
///
/// # Errors
/// What `jsonwebtoken` has against it.
pub fn verify(token: &str, jwks: &Value, issuer: &str, audience: &str) -> Result<Value, jsonwebtoken::errors::Error> {
    let keys: JwkSet = serde_json::from_value(jwks.clone()).unwrap();
    let kid = header(token)["kid"].as_str().unwrap().to_owned();
    let key = keys.find(&kid).unwrap_or_else(|| panic!("kid {kid} is not published: {jwks}"));
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_issuer(&[issuer]);
    rules.set_audience(&[audience]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    rules.validate_nbf = true;
    Ok(jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(key)?, &rules)?.claims)
}
