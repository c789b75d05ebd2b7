//! Tokens that were verified before, so that the second request with one costs a hash instead of a
//! signature. Owns the cache; holds neither a token nor anything that was refused.

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

/// The callers of verified tokens.
pub(crate) struct VerifiedTokens(Cache<TokenDigest, Verified, Bytes>);

impl VerifiedTokens {
    pub(crate) fn new() -> Self {
        Self(Cache::with_weighter(MOST_TOKENS, MOST_BYTES, Bytes))
    }

    /// The caller of a token that was verified with the keys of this generation. One that was
    /// verified with other keys is as good as unknown: its own may have been withdrawn.
    pub(crate) fn get(&self, token: TokenDigest, generation: u64) -> Option<Principal> {
        let verified = self.0.get(&token)?;
        (verified.generation == generation).then_some(verified.caller)
    }

    /// Remembers a token of `length` bytes whose signature and claims were found good.
    pub(crate) fn insert(&self, token: TokenDigest, length: usize, generation: u64, caller: Principal) {
        let bytes = u32::try_from(length.saturating_add(ENTRY_BYTES)).unwrap_or(u32::MAX);
        self.0.insert(token, Verified { caller, generation, bytes });
    }

    /// Forgets the tokens that have ended.
    pub(crate) fn forget_ended(&self, now: UnixSeconds) {
        self.0.retain(|_, verified| verified.caller.expires_at() >= now);
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

    #[test]
    fn a_token_is_known_with_the_keys_that_it_was_verified_with() {
        let tokens = VerifiedTokens::new();
        let digest = TokenDigest::of("a");
        tokens.insert(digest, 1, 7, caller(100));
        assert!(tokens.get(digest, 7).is_some());
        assert!(tokens.get(digest, 8).is_none() && tokens.get(TokenDigest::of("b"), 7).is_none());
    }

    #[test]
    fn an_ended_token_is_forgotten_and_others_are_not() {
        let tokens = VerifiedTokens::new();
        for (token, ends_at) in [("ended", 99), ("ending", 100), ("lasting", 101)] {
            tokens.insert(TokenDigest::of(token), 1, 0, caller(ends_at));
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
            tokens.insert(TokenDigest::of(&number.to_string()), longest, 0, caller.clone());
        }
        assert!(tokens.0.weight() <= MOST_BYTES && !tokens.0.is_empty());
    }
}
