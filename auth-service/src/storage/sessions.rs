//! Sessions in the database, by the hashes of their handles.

use bailiwick_core::UnixSeconds;

use super::{Change, Storage, StorageError, parsed, seconds};
use crate::crypto::handle::HandleHash;
use crate::sessions::{IDLE, LONGEST, Session};
use crate::users::UserId;

const ONE: &str = "SELECT user_id, created_at, last_seen_at FROM sessions WHERE session_hash = $1";
const INSERT: &str = "INSERT INTO sessions (session_hash, user_id, created_at, last_seen_at) VALUES ($1, $2, $3, $3)";
const SEEN: &str = "UPDATE sessions SET last_seen_at = $2 WHERE session_hash = $1";
const END: &str = "DELETE FROM sessions WHERE session_hash = $1";
const END_ALL: &str = "DELETE FROM sessions WHERE user_id = $1 AND session_hash <> $2";
const COUNT: &str = "SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND created_at > $2 AND last_seen_at > $3";
const FORGET: &str = "DELETE FROM sessions WHERE session_hash IN \
                      (SELECT session_hash FROM sessions WHERE created_at <= $1 OR last_seen_at <= $2 LIMIT $3)";

impl Storage {
    /// The session of that handle, live or not.
    pub async fn session(&self, hash: &HandleHash) -> Result<Option<Session>, StorageError> {
        let row: Option<(String, i64, i64)> =
            sqlx::query_as(ONE).bind(hash.as_str()).fetch_optional(&self.readers).await?;
        row.map(|(user_id, created_at, last_seen_at)| {
            Ok(Session {
                user_id: parsed(&user_id, "user_id of a session")?,
                created_at: UnixSeconds(created_at),
                last_seen_at: UnixSeconds(last_seen_at),
            })
        })
        .transpose()
    }

    /// How many live sessions a user has.
    pub async fn count_sessions(&self, user_id: &UserId, now: UnixSeconds) -> Result<i64, StorageError> {
        let query = sqlx::query_as(COUNT).bind(user_id.as_str());
        let (count,) = query.bind(seconds(now - LONGEST)).bind(seconds(now - IDLE)).fetch_one(&self.readers).await?;
        Ok(count)
    }
}

impl Change<'_> {
    /// Stores a new session.
    pub async fn insert_session(
        &mut self,
        hash: &HandleHash,
        user_id: &UserId,
        now: UnixSeconds,
    ) -> Result<(), StorageError> {
        let query = sqlx::query(INSERT).bind(hash.as_str()).bind(user_id.as_str()).bind(seconds(now));
        query.execute(&mut *self.0).await?;
        Ok(())
    }

    /// Notes that a session is in use.
    pub async fn session_seen(&mut self, hash: &HandleHash, now: UnixSeconds) -> Result<(), StorageError> {
        sqlx::query(SEEN).bind(hash.as_str()).bind(seconds(now)).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Ends a session.
    pub async fn end_session(&mut self, hash: &HandleHash) -> Result<(), StorageError> {
        sqlx::query(END).bind(hash.as_str()).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Ends a user's sessions, but for the one that is to stay.
    pub async fn end_sessions_of(&mut self, user_id: &UserId, but: Option<&HandleHash>) -> Result<(), StorageError> {
        let but = but.map(HandleHash::as_str).unwrap_or_default();
        sqlx::query(END_ALL).bind(user_id.as_str()).bind(but).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Forgets at most `most` sessions that have ended by themselves.
    pub async fn forget_sessions(&mut self, now: UnixSeconds, most: u32) -> Result<u64, StorageError> {
        let query = sqlx::query(FORGET).bind(seconds(now - LONGEST)).bind(seconds(now - IDLE)).bind(i64::from(most));
        Ok(query.execute(&mut *self.0).await?.rows_affected())
    }
}
