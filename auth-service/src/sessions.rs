//! Sessions: a browser in which a user has signed in. Owns how long one lasts; the cookie that
//! carries its handle is [`crate::pages::cookies`]'.

use std::time::Duration;

use bailiwick_core::UnixSeconds;

use crate::crypto::handle::{Handle, Kind};
use crate::users::UserId;

/// How long a session lasts in which nothing happens.
pub const IDLE: Duration = Duration::from_hours(2);
/// How long a session lasts at most: after that the user signs in again.
pub const LONGEST: Duration = Duration::from_hours(12);
/// When it was last seen is kept to this: not every page writes.
const SEEN_RESOLUTION: Duration = Duration::from_mins(1);
/// How long a browser is remembered in which nobody signs in.
pub const BROWSER_REMEMBERED: Duration = Duration::from_hours(180 * 24);

/// What names a session.
pub struct SessionKind;

impl Kind for SessionKind {
    const PREFIX: &'static str = "bailiwick_session_";
}

/// What names a browser, before anybody has signed in and after.
pub struct BrowserKind;

impl Kind for BrowserKind {
    const PREFIX: &'static str = "bailiwick_browser_";
}

/// The handle of a session.
pub type SessionHandle = Handle<SessionKind>;
/// The handle of a browser: made anew at each signing in, so that one that was planted is worth
/// nothing afterwards.
pub type BrowserHandle = Handle<BrowserKind>;

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub user_id: UserId,
    /// When the user signed in.
    pub created_at: UnixSeconds,
    /// When it was last used, within a minute or so.
    pub last_seen_at: UnixSeconds,
}

impl Session {
    /// Whether it still stands.
    pub fn is_live(&self, now: UnixSeconds) -> bool {
        now.since(self.created_at) < LONGEST && now.since(self.last_seen_at) < IDLE
    }

    /// Whether its use `now` should be written down.
    pub fn use_is_news(&self, now: UnixSeconds) -> bool {
        now.since(self.last_seen_at) >= SEEN_RESOLUTION
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(created_at: i64, last_seen_at: i64) -> Session {
        Session {
            user_id: "usr_a".parse().unwrap(),
            created_at: UnixSeconds(created_at),
            last_seen_at: UnixSeconds(last_seen_at),
        }
    }

    #[test]
    fn a_session_ends_when_it_idles_and_at_its_longest() {
        let (idle, longest) = (7_200, 43_200);
        assert!(session(0, 0).is_live(UnixSeconds(idle - 1)));
        assert!(!session(0, 0).is_live(UnixSeconds(idle)));
        assert!(session(0, longest - 2).is_live(UnixSeconds(longest - 1)));
        assert!(!session(0, longest - 1).is_live(UnixSeconds(longest)));
    }

    #[test]
    fn its_use_is_written_down_once_a_minute() {
        assert!(!session(0, 0).use_is_news(UnixSeconds(59)));
        assert!(session(0, 0).use_is_news(UnixSeconds(60)));
    }
}
