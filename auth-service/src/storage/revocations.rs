//! Revocations in the database: positions are counted in the transaction that commits them, so
//! that they are in commit order.

use bailiwick_core::{Revocation, Subject, UnixSeconds};
use sqlx::FromRow;

use super::{Change, Storage, StorageError, parsed, position, seconds};
use crate::revocations::{FeedPage, retain_until};

const NEXT_POSITION: &str = "UPDATE state SET feed_position = feed_position + 1 WHERE id = 1 RETURNING feed_position";
const APPEND: &str = "INSERT INTO revocations (seq, at, kind, subject, reason, retain_until) \
                      VALUES ($1, $2, $3, $4, $5, $6)";
const LATEST_OF: &str = "SELECT seq, at, kind, subject, reason, retain_until FROM revocations \
                         WHERE kind = $1 AND subject = $2 ORDER BY seq DESC LIMIT 1";
/// One statement, so that the position and the events are of one moment.
const AFTER: &str = "SELECT s.feed_position, r.seq, r.at, r.kind, r.subject, r.reason, r.retain_until \
                     FROM state s LEFT JOIN revocations r ON r.seq > $1 WHERE s.id = 1 ORDER BY r.seq LIMIT $2";
const FORGET: &str = "DELETE FROM revocations WHERE seq IN \
                      (SELECT seq FROM revocations WHERE retain_until < $1 ORDER BY retain_until LIMIT $2)";

/// The events that are forgotten in one transaction: so that no other change waits for long.
const FORGOTTEN_AT_ONCE: u32 = 500;

#[derive(FromRow)]
struct RevocationRow {
    seq: i64,
    at: i64,
    kind: String,
    subject: String,
    reason: String,
    retain_until: i64,
}

#[derive(FromRow)]
struct FeedRow {
    feed_position: i64,
    seq: Option<i64>,
    at: Option<i64>,
    kind: Option<String>,
    subject: Option<String>,
    reason: Option<String>,
    retain_until: Option<i64>,
}

impl FeedRow {
    /// The event's part of the row; `None` where the join found no event.
    fn event(self) -> Option<RevocationRow> {
        Some(RevocationRow {
            seq: self.seq?,
            at: self.at?,
            kind: self.kind?,
            subject: self.subject?,
            reason: self.reason?,
            retain_until: self.retain_until?,
        })
    }
}

impl TryFrom<RevocationRow> for Revocation {
    type Error = StorageError;

    fn try_from(row: RevocationRow) -> Result<Self, StorageError> {
        Ok(Self {
            seq: position(row.seq)?,
            at: UnixSeconds(row.at),
            subject: Subject::new(parsed(&row.kind, "kind of a revocation")?, row.subject),
            reason: row.reason,
            retain_until: UnixSeconds(row.retain_until),
        })
    }
}

impl Change<'_> {
    /// Appends a revocation of `subject` and gives its position. It is kept until the last token
    /// that it can concern has expired.
    pub async fn revoke(&mut self, subject: &Subject, reason: &str, now: UnixSeconds) -> Result<u64, StorageError> {
        Ok(self.append(subject, reason, now).await?.seq)
    }

    /// As [`Change::revoke`]; gives the whole event.
    pub async fn append(
        &mut self,
        subject: &Subject,
        reason: &str,
        now: UnixSeconds,
    ) -> Result<Revocation, StorageError> {
        self.leap_once(now).await?;
        let (seq,): (i64,) = sqlx::query_as(NEXT_POSITION).fetch_one(&mut *self.0).await?;
        let event = Revocation {
            seq: position(seq)?,
            at: now,
            subject: subject.clone(),
            reason: reason.to_owned(),
            retain_until: retain_until(now),
        };
        sqlx::query(APPEND)
            .bind(seq)
            .bind(seconds(event.at))
            .bind(subject.kind.as_str())
            .bind(&subject.id)
            .bind(reason)
            .bind(seconds(event.retain_until))
            .execute(&mut *self.0)
            .await?;
        self.1.appends(event.clone());
        Ok(event)
    }

    /// Whether a revocation of `subject` is kept, as this change sees it.
    pub async fn was_revoked(&mut self, subject: &Subject) -> Result<bool, StorageError> {
        Ok(latest_of(&mut *self.0, subject).await?.is_some())
    }
}

impl Storage {
    /// The latest revocation of each of these subjects, where there is one. A handful of lookups
    /// by key: for introspection and administration, never for the issuing of tokens.
    pub async fn revocations_of(&self, subjects: Vec<Subject>) -> Result<Vec<Revocation>, StorageError> {
        let mut connection = self.readers.acquire().await?;
        let mut found = Vec::new();
        for subject in subjects {
            found.extend(latest_of(&mut *connection, &subject).await?);
        }
        Ok(found)
    }

    /// At most `limit` events behind `after`, and where to go on: behind the last of them, or, where
    /// these are all, at the position that the feed had at that moment.
    pub async fn revocations_after(&self, after: u64, limit: u32) -> Result<FeedPage, StorageError> {
        // No position lies beyond the largest integer of the database; nothing is behind that one.
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows: Vec<FeedRow> =
            sqlx::query_as(AFTER).bind(after).bind(i64::from(limit)).fetch_all(&self.readers).await?;
        let latest = position(rows.first().map_or(0, |row| row.feed_position))?;
        let events = rows.into_iter().filter_map(FeedRow::event).map(Revocation::try_from);
        let events: Vec<Revocation> = events.collect::<Result<_, _>>()?;
        let next = match events.last() {
            Some(last) if events.len() >= limit as usize => last.seq,
            _ => latest,
        };
        Ok(FeedPage { events, next })
    }

    /// Forgets revocations that can concern no token any more, a few in each transaction.
    pub async fn forget_revocations(&self, now: UnixSeconds) -> Result<u64, StorageError> {
        let mut forgotten = 0;
        loop {
            let mut change = self.change().await?;
            let query = sqlx::query(FORGET).bind(seconds(now)).bind(i64::from(FORGOTTEN_AT_ONCE));
            let rows = query.execute(&mut *change.0).await?.rows_affected();
            change.forget_segments(now).await?;
            change.commit().await?;
            forgotten += rows;
            if rows < u64::from(FORGOTTEN_AT_ONCE) {
                return Ok(forgotten);
            }
        }
    }
}

async fn latest_of<'e>(
    database: impl sqlx::SqliteExecutor<'e>,
    subject: &Subject,
) -> Result<Option<Revocation>, StorageError> {
    let query = sqlx::query_as(LATEST_OF).bind(subject.kind.as_str()).bind(&subject.id);
    let row: Option<RevocationRow> = query.fetch_optional(database).await?;
    row.map(Revocation::try_from).transpose()
}
