//! Tokens that were verified before, so that the next request with one costs a hash instead of a signature.
//! Owns the cache, and that a token is worth a place there once it has come twice: whoever asks for a new token
//! at every call fills no memory. Holds neither a token nor anything that was refused.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use bailiwick_core::UnixSeconds;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::principal::Principal;

/// The most memory that remembered tokens may take, in bytes, roughly.
const MOST_BYTES: u64 = 128 * 1024 * 1024;

/// The tokens that this is, of the usual size.
const MOST_TOKENS: usize = 100_000;

/// What an entry takes beside its claims, in bytes, roughly.
const ENTRY_BYTES: usize = 512;

/// How often those that have ended are forgotten. They open nothing meanwhile: whoever asks for one
/// compares its times.
pub(crate) const FORGET_EVERY: Duration = Duration::from_mins(5);

/// The SHA-256 of a token, which names it and does not reveal it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenDigest([u8; SHA256_OUTPUT_LEN]);

impl TokenDigest {
    pub(crate) fn of(token: &str) -> Self {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(bytes)
    }
}

#[derive(Clone)]
struct Verified {
    caller: Principal,
    generation: u64,
    bytes: u32,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<TokenDigest, Verified> for Bytes {
    fn weight(&self, _: &TokenDigest, verified: &Verified) -> u64 {
        verified.bytes.into()
    }
}

/// Of how many tokens it is known that they came once: a quarter of a MiB. What a newer one displaces has to come
/// twice again.
const MOST_SIGHTINGS: usize = 1 << u16::BITS;

/// The tokens that came once, by a part of their digests each. Two that are alike in it are taken for one: the
/// second is remembered too early then, and nothing else.
struct Sightings(Box<[AtomicU32]>);

impl Sightings {
    fn new() -> Self {
        Self((0..MOST_SIGHTINGS).map(|_| AtomicU32::new(0)).collect())
    }

    /// Whether the token came before; from now on it did.
    fn again(&self, TokenDigest(digest): TokenDigest) -> bool {
        let [a, b, c, d, place @ .., _, _] = digest.first_chunk::<8>().copied().unwrap_or_default();
        let mark = u32::from_le_bytes([a, b, c, d]);
        self.0[usize::from(u16::from_le_bytes(place))].swap(mark, Ordering::Relaxed) == mark
    }
}

/// The callers of verified tokens.
pub(crate) struct VerifiedTokens {
    callers: Cache<TokenDigest, Verified, Bytes>,
    sightings: Sightings,
}

impl VerifiedTokens {
    pub(crate) fn new() -> Self {
        Self { callers: Cache::with_weighter(MOST_TOKENS, MOST_BYTES, Bytes), sightings: Sightings::new() }
    }

    /// The caller of a token that was verified with the keys of this generation. One that was
    /// verified with other keys is as good as unknown: its own may have been withdrawn.
    pub(crate) fn get(&self, token: TokenDigest, generation: u64) -> Option<Principal> {
        let verified = self.callers.get(&token)?;
        (verified.generation == generation).then_some(verified.caller)
    }

    /// Takes note of a token of `length` bytes whose signature and claims were found good, and remembers its caller
    /// from the second time on.
    pub(crate) fn note(&self, token: TokenDigest, length: usize, generation: u64, caller: &Principal) {
        if !self.sightings.again(token) {
            return;
        }
        let bytes = u32::try_from(length.saturating_add(ENTRY_BYTES)).unwrap_or(u32::MAX);
        self.callers.insert(token, Verified { caller: caller.clone(), generation, bytes });
    }

    /// Forgets the tokens that have ended.
    pub(crate) fn forget_ended(&self, now: UnixSeconds) {
        self.callers.retain(|_, verified| verified.caller.expires_at() >= now);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bailiwick_core::{Claims, json};
    use serde_json::json;

    use super::*;
    use crate::principal::Proof;

    fn caller(ends_at: i64) -> Principal {
        let members = json!({
            "iss": "http://localhost:8000", "sub": "reader", "aud": "http://localhost:8001/mcp", "client_id": "reader",
            "iat": 1, "exp": ends_at, "jti": "a-token",
        });
        let claims = Claims::read(json::members(members.to_string().as_bytes()).unwrap()).unwrap();
        Principal::new(Arc::new(claims), Proof::AccessToken("a-key".parse().unwrap()))
    }

    fn note_twice(tokens: &VerifiedTokens, token: TokenDigest, length: usize, generation: u64, caller: &Principal) {
        tokens.note(token, length, generation, caller);
        tokens.note(token, length, generation, caller);
    }

    #[test]
    fn a_token_that_comes_once_leaves_no_caller_behind() {
        let tokens = VerifiedTokens::new();
        for number in 0..1000 {
            tokens.note(TokenDigest::of(&number.to_string()), 1, 7, &caller(100));
        }
        assert!(tokens.callers.is_empty());
        tokens.note(TokenDigest::of("999"), 1, 7, &caller(100));
        assert!(tokens.get(TokenDigest::of("999"), 7).is_some());
        assert_eq!(tokens.callers.len(), 1);
    }

    #[test]
    fn a_token_is_known_with_the_keys_that_it_was_verified_with() {
        let tokens = VerifiedTokens::new();
        let digest = TokenDigest::of("a");
        note_twice(&tokens, digest, 1, 7, &caller(100));
        assert!(tokens.get(digest, 7).is_some());
        assert!(tokens.get(digest, 8).is_none() && tokens.get(TokenDigest::of("b"), 7).is_none());
    }

    #[test]
    fn an_ended_token_is_forgotten_and_others_are_not() {
        let tokens = VerifiedTokens::new();
        for (token, ends_at) in [("ended", 99), ("ending", 100), ("lasting", 101)] {
            note_twice(&tokens, TokenDigest::of(token), 1, 0, &caller(ends_at));
        }
        tokens.forget_ended(UnixSeconds(100));
        let known = |token| tokens.get(TokenDigest::of(token), 0).is_some();
        assert_eq!([known("ended"), known("ending"), known("lasting")], [false, true, true]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let tokens = VerifiedTokens::new();
        let caller = caller(100);
        let longest = usize::try_from(MOST_BYTES).unwrap() / 1000;
        for number in 0..3000 {
            note_twice(&tokens, TokenDigest::of(&number.to_string()), longest, 0, &caller);
        }
        assert!(tokens.callers.weight() <= MOST_BYTES && !tokens.callers.is_empty());
    }
}
