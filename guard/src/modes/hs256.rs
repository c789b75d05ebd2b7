//! The mode `hs256`: tokens signed with a secret that this server shares. Such a token names a client that
//! the server knows, and nothing else in it opens anything: what the client may do, and whether it is known
//! at all, is looked up at each request. Owns what such a token says; who gets one is
//! [`crate::token_endpoint`]'s.

use std::sync::Arc;
use std::time::Duration;

use bailiwick_core::{Claims, ClientId, InvalidToken, JwtExpected, JwtKey, SharedSecret, UnixSeconds};
use serde_json::json;

use crate::guard::Parts;
use crate::mode::Mode;
use crate::principal::{Principal, Proof};
use crate::refusal::Refusal;

/// How long a token lives that is made here, in the seed's measure.
pub(crate) const LIFETIME: Duration = Duration::from_hours(1);

/// The client that the token names.
pub(crate) fn identify(guard: &Parts, secret: &SharedSecret, token: &str) -> Result<Principal, Refusal> {
    let clients = &guard.modes.clients;
    let expected = JwtExpected { issuer: clients.issuer().as_str(), audience: guard.resource.as_str() };
    let now = guard.clock.now();
    let said = JwtKey::SharedSecret(secret).accept(token, expected, now).map_err(Refusal::InvalidToken)?;
    let everybody = clients.everybody();
    let client = everybody.with_name(&said.sub).ok_or(Refusal::InvalidToken(InvalidToken::Revoked))?;
    client.claims.check_times(now).map_err(Refusal::InvalidToken)?;
    client.used(now);
    let claims = Claims {
        exp: said.exp.min(client.claims.exp),
        iat: said.iat.unwrap_or(client.claims.iat),
        nbf: said.nbf,
        jti: said.jti.unwrap_or_else(|| client.claims.jti.clone()),
        others: said.others,
        ..Claims::clone(&client.claims)
    };
    Ok(Principal::new(Arc::new(claims), Proof::Client(Mode::Hs256, Arc::clone(client))))
}

/// A token for `client`, good for [`LIFETIME`]. `name` is its own.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn issue(
    guard: &Parts,
    secret: &SharedSecret,
    client: &ClientId,
    name: &str,
    now: UnixSeconds,
) -> Result<String, serde_json::Error> {
    secret.sign(&json!({
        "iss": guard.modes.clients.issuer(),
        "aud": guard.resource,
        "sub": client,
        "client_id": client,
        "iat": now,
        "exp": now + LIFETIME,
        "jti": name,
    }))
}
