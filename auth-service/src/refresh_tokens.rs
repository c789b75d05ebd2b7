//! Refresh tokens (OAuth 2.1 section 4.3): each is used once and followed by the next. Owns when one
//! that comes is the live one, a retry, or stolen (docs/decisions, retries of a refresh).

use std::time::Duration;

use bailiwick_core::UnixSeconds;

use crate::crypto::handle::{Handle, HandleHash, Kind};
use crate::grants::{GrantId, REFRESH_IDLE};

/// How long after its use a token may come again, for an answer that was lost on the way.
pub const RETRY_WITHIN: Duration = Duration::from_secs(10);

/// What names a refresh token.
pub struct RefreshKind;

impl Kind for RefreshKind {
    const PREFIX: &'static str = "bailiwick_refresh_";
}

/// A refresh token as it travels.
pub type RefreshHandle = Handle<RefreshKind>;

/// A refresh token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The hash of its handle.
    pub token_hash: HandleHash,
    /// The grant that it belongs to: its family.
    pub grant_id: GrantId,
    /// When it was issued.
    pub issued_at: UnixSeconds,
    /// When it was used; `None`: it is the live one.
    pub used_at: Option<UnixSeconds>,
}

/// What a refresh token is that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coming {
    /// The live one: its successor is to be issued.
    Live,
    /// One whose answer was lost: the same successor is to be given again.
    Retry,
    /// One that two hold: the grant must end.
    Reused,
    /// One that nobody used in time.
    Expired,
}

impl RefreshToken {
    /// What `self` is that comes `now`, where `successor` is the token that follows from it, if that
    /// was issued.
    pub fn coming(&self, successor: Option<&Self>, now: UnixSeconds) -> Coming {
        let Some(used_at) = self.used_at else {
            return if now.since(self.issued_at) < REFRESH_IDLE { Coming::Live } else { Coming::Expired };
        };
        let successor_waits = successor.is_some_and(|successor| successor.used_at.is_none());
        if successor_waits && now.since(used_at) < RETRY_WITHIN { Coming::Retry } else { Coming::Reused }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::entropy::SystemEntropy;

    fn token(issued_at: i64, used_at: Option<i64>) -> RefreshToken {
        RefreshToken {
            token_hash: RefreshHandle::generate(&SystemEntropy).unwrap().hash(),
            grant_id: GrantId::generate(&SystemEntropy).unwrap(),
            issued_at: UnixSeconds(issued_at),
            used_at: used_at.map(UnixSeconds),
        }
    }

    #[test]
    fn an_unused_token_is_live_until_it_idled_too_long() {
        let month = 30 * 24 * 3600;
        assert_eq!(token(0, None).coming(None, UnixSeconds(month - 1)), Coming::Live);
        assert_eq!(token(0, None).coming(None, UnixSeconds(month)), Coming::Expired);
    }

    #[test]
    fn a_used_token_is_a_retry_for_ten_seconds_and_only_until_its_successor_is_used() {
        let (waiting, used) = (token(100, None), token(100, Some(105)));
        let coming = |successor, now| token(0, Some(100)).coming(successor, UnixSeconds(now));
        assert_eq!(coming(Some(&waiting), 100), Coming::Retry);
        assert_eq!(coming(Some(&waiting), 109), Coming::Retry);
        assert_eq!(coming(Some(&waiting), 110), Coming::Reused);
        assert_eq!(coming(Some(&used), 106), Coming::Reused);
        assert_eq!(coming(None, 101), Coming::Reused);
    }
}
