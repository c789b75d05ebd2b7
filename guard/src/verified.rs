//! Tokens that were verified before, so that the second request with one costs a hash instead of a
//! signature. Owns the cache; holds neither a token nor anything that was refused.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use moka::sync::Cache;

use crate::principal::Principal;

/// The most memory that remembered tokens may take, in bytes, roughly: some 100,000 of the usual size.
const MOST_BYTES: u64 = 128 * 1024 * 1024;

/// What an entry takes beside its claims, in bytes, roughly.
const ENTRY_BYTES: usize = 512;

/// How long one is remembered: no token lives longer (RFC 9068 section 2.2; 60 minutes at most here).
const LONGEST: Duration = Duration::from_hours(1);

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

/// The callers of verified tokens.
pub(crate) struct VerifiedTokens(Cache<TokenDigest, Verified>);

impl VerifiedTokens {
    pub(crate) fn new() -> Self {
        let weigh = |_: &TokenDigest, verified: &Verified| verified.bytes;
        Self(Cache::builder().weigher(weigh).max_capacity(MOST_BYTES).time_to_live(LONGEST).build())
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
}
