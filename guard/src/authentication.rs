//! From a token to its claims, or the reason why not. Owns the order: what was verified before, then
//! the keys at hand, then one look whether there are newer ones.

use std::sync::Arc;

use bailiwick_core::token::LONGEST_TOKEN;
use bailiwick_core::{Claims, Expected, InvalidToken, SignedToken};

use crate::guard::Parts;
use crate::keys::Keys;
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::verified::TokenDigest;

/// The caller that `token` speaks for.
pub(crate) async fn authenticate(guard: &Parts, token: &str) -> Result<Principal, Refusal> {
    if token.len() > LONGEST_TOKEN {
        return Err(Refusal::InvalidToken(InvalidToken::Malformed));
    }
    let digest = TokenDigest::of(token);
    let keys = guard.keys.usable();
    if let Some(claims) = keys.as_ref().and_then(|keys| guard.verified.get(digest, keys.generation)) {
        // Everything else about the token is as it was; time is not.
        claims.check_times(guard.clock.now()).map_err(Refusal::InvalidToken)?;
        return Ok(Principal::new(claims));
    }
    let (claims, keys) = verify(guard, token, keys).await?;
    let claims = Arc::new(claims);
    guard.verified.insert(digest, token.len(), keys.generation, Arc::clone(&claims));
    Ok(Principal::new(claims))
}

/// The claims of a token that is good, and the keys by which that was found.
async fn verify(guard: &Parts, token: &str, keys: Option<Keys>) -> Result<(Claims, Keys), Refusal> {
    let signed = SignedToken::parse(token).map_err(Refusal::InvalidToken)?;
    let keys = if let Some(keys) = keys.filter(|keys| keys.set.get(signed.key_id()).is_some()) {
        keys
    } else {
        guard.keys.fetch_once().await;
        guard.keys.usable().ok_or(Refusal::KeysUnavailable)?
    };
    let expected = Expected { issuer: &guard.issuer, audience: &guard.resource };
    let claims = signed.accept(&keys.set, expected, guard.clock.now()).map_err(Refusal::InvalidToken)?;
    Ok((claims, keys))
}
