//! Revocations in the database: positions are counted in the transaction that commits them, so
//! that they are in commit order.

use bailiwick_core::claims::CLOCK_SKEW;
use bailiwick_core::{Revocation, Subject, UnixSeconds};

use super::{Change, Storage, StorageError, position, seconds};
use crate::clients::LONGEST_ACCESS_TOKEN;

const NEXT_POSITION: &str = "UPDATE state SET feed_position = feed_position + 1 WHERE id = 1 RETURNING feed_position";
const APPEND: &str = "INSERT INTO revocations (seq, at, kind, subject, reason, retain_until) \
                      VALUES ($1, $2, $3, $4, $5, $6)";
const LATEST_OF: &str = "SELECT seq, at, reason, retain_until FROM revocations \
                         WHERE kind = $1 AND subject = $2 ORDER BY seq DESC LIMIT 1";
const FORGET: &str = "DELETE FROM revocations WHERE retain_until < $1";

impl Change<'_> {
    /// Appends a revocation of `subject`. It is kept until the last token that it can concern has
    /// expired.
    pub async fn revoke(&mut self, subject: &Subject, reason: &str, now: UnixSeconds) -> Result<u64, StorageError> {
        let (seq,): (i64,) = sqlx::query_as(NEXT_POSITION).fetch_one(&mut *self.0).await?;
        sqlx::query(APPEND)
            .bind(seq)
            .bind(seconds(now))
            .bind(subject.kind.as_str())
            .bind(&subject.id)
            .bind(reason)
            .bind(seconds(now + LONGEST_ACCESS_TOKEN + CLOCK_SKEW))
            .execute(&mut *self.0)
            .await?;
        position(seq)
    }

    /// Forgets revocations that can concern no token any more.
    pub async fn forget_revocations(&mut self, now: UnixSeconds) -> Result<u64, StorageError> {
        Ok(sqlx::query(FORGET).bind(seconds(now)).execute(&mut *self.0).await?.rows_affected())
    }
}

impl Storage {
    /// The latest revocation of each of these subjects, where there is one. A handful of lookups
    /// by key: for introspection and administration, never for the issuing of tokens.
    pub async fn revocations_of(&self, subjects: Vec<Subject>) -> Result<Vec<Revocation>, StorageError> {
        let mut connection = self.readers.acquire().await?;
        let mut found = Vec::new();
        for subject in subjects {
            let row: Option<(i64, i64, String, i64)> = sqlx::query_as(LATEST_OF)
                .bind(subject.kind.as_str())
                .bind(&subject.id)
                .fetch_optional(&mut *connection)
                .await?;
            if let Some((seq, at, reason, retain_until)) = row {
                found.push(Revocation {
                    seq: position(seq)?,
                    at: UnixSeconds(at),
                    subject,
                    reason,
                    retain_until: UnixSeconds(retain_until),
                });
            }
        }
        Ok(found)
    }
}
