//! From a token to its claims, or the reason why not. Owns the order: what was verified before, then
//! the keys at hand, then one look whether there are newer ones. Never says whether a token was taken
//! back: that is asked of [`crate::revocations`] at every request.

use std::sync::Arc;

use bailiwick_core::token::LONGEST_TOKEN;
use bailiwick_core::{Claims, Expected, InvalidToken, KeyId, SignedToken};

use crate::bearer::Presented;
use crate::guard::Parts;
use crate::keys::Keys;
use crate::principal::{Principal, Proof};
use crate::refusal::Refusal;
use crate::verified::TokenDigest;

/// The caller that the presented token speaks for.
pub(crate) async fn authenticate(guard: &Parts, presented: Presented<'_>) -> Result<Principal, Refusal> {
    let length = presented.unread().len();
    if length > LONGEST_TOKEN {
        return Err(Refusal::InvalidToken(InvalidToken::Malformed));
    }
    let digest = TokenDigest::of(presented.unread());
    let generation = guard.keys.usable_generation();
    if let Some(caller) = generation.and_then(|generation| guard.verified.get(digest, generation)) {
        // Everything else about the token is as it was; time is not.
        caller.claims().check_times(guard.clock.now()).map_err(Refusal::InvalidToken)?;
        return Ok(caller);
    }
    let (claims, key_id, keys) = verify(guard, presented.signed()?).await?;
    let caller = Principal::new(Arc::new(claims), Proof::AccessToken(key_id));
    guard.verified.note(digest, length, keys.generation, &caller);
    Ok(caller)
}

/// The claims of a token that is good, its key, and the keys by which that was found.
async fn verify(guard: &Parts, signed: SignedToken<'_>) -> Result<(Claims, KeyId, Keys), Refusal> {
    let keys = if let Some(keys) = guard.keys.usable().filter(|keys| keys.set.get(signed.key_id()).is_some()) {
        keys
    } else {
        guard.keys.look_for(signed.key_id()).await.ok_or(Refusal::KeysUnavailable)?
    };
    let expected = Expected { issuer: &guard.issuer, audience: &guard.resource };
    let claims = signed.accept(&keys.set, expected, guard.clock.now()).map_err(Refusal::InvalidToken)?;
    Ok((claims, signed.key_id().clone(), keys))
}
