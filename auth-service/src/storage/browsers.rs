//! Browsers in which somebody has signed in, by the hashes of their handles.

use bailiwick_core::UnixSeconds;

use super::{Change, Storage, StorageError, seconds};
use crate::crypto::handle::HandleHash;
use crate::sessions::BROWSER_REMEMBERED;
use crate::users::{UserId, Username};

const KNOWS: &str = "SELECT COUNT(*) FROM browsers b JOIN users u ON u.user_id = b.user_id \
                     WHERE b.browser_hash = $1 AND u.username = $2 AND b.signed_in_at > $3";
const INSERT: &str = "INSERT INTO browsers (browser_hash, user_id, signed_in_at) VALUES ($1, $2, $3)";
const REPLACE: &str = "DELETE FROM browsers WHERE browser_hash = $1 AND user_id = $2";
const FORGET: &str = "DELETE FROM browsers WHERE (browser_hash, user_id) IN \
                      (SELECT browser_hash, user_id FROM browsers WHERE signed_in_at <= $1 LIMIT $2)";

impl Storage {
    /// Whether the user of that name has signed in from that browser before.
    pub async fn knows_browser(
        &self,
        browser: &HandleHash,
        username: &Username,
        now: UnixSeconds,
    ) -> Result<bool, StorageError> {
        let query = sqlx::query_as(KNOWS).bind(browser.as_str()).bind(username.as_str());
        let (count,): (i64,) = query.bind(seconds(now - BROWSER_REMEMBERED)).fetch_one(&self.readers).await?;
        Ok(count > 0)
    }
}

impl Change<'_> {
    /// Remembers that a user signed in from a browser that has a new handle now.
    pub async fn remember_browser(
        &mut self,
        before: Option<&HandleHash>,
        browser: &HandleHash,
        user_id: &UserId,
        now: UnixSeconds,
    ) -> Result<(), StorageError> {
        if let Some(before) = before {
            sqlx::query(REPLACE).bind(before.as_str()).bind(user_id.as_str()).execute(&mut *self.0).await?;
        }
        let query = sqlx::query(INSERT).bind(browser.as_str()).bind(user_id.as_str()).bind(seconds(now));
        query.execute(&mut *self.0).await?;
        Ok(())
    }

    /// Forgets at most `most` browsers in which nobody signed in for long.
    pub async fn forget_browsers(&mut self, now: UnixSeconds, most: u32) -> Result<u64, StorageError> {
        let query = sqlx::query(FORGET).bind(seconds(now - BROWSER_REMEMBERED)).bind(i64::from(most));
        Ok(query.execute(&mut *self.0).await?.rows_affected())
    }
}
