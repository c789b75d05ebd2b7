//! Refresh tokens in the database, by the hashes of their handles.

use bailiwick_core::UnixSeconds;
use sqlx::FromRow;

use super::{Change, StorageError, parsed, seconds};
use crate::crypto::handle::HandleHash;
use crate::grants::REFRESH_IDLE;
use crate::refresh_tokens::RefreshToken;

const ONE: &str = "SELECT token_hash, grant_id, issued_at, used_at FROM refresh_tokens WHERE token_hash = $1";
const INSERT: &str = "INSERT INTO refresh_tokens (token_hash, grant_id, issued_at, used_at) VALUES ($1, $2, $3, $4)";
const USE: &str = "UPDATE refresh_tokens SET used_at = $2 WHERE token_hash = $1";
/// Of those that were used: the live one goes with its grant.
const FORGET: &str = "DELETE FROM refresh_tokens WHERE token_hash IN \
                      (SELECT token_hash FROM refresh_tokens WHERE used_at <= $1 LIMIT $2)";

#[derive(FromRow)]
struct TokenRow {
    token_hash: String,
    grant_id: String,
    issued_at: i64,
    used_at: Option<i64>,
}

impl TryFrom<TokenRow> for RefreshToken {
    type Error = StorageError;

    fn try_from(row: TokenRow) -> Result<Self, StorageError> {
        Ok(Self {
            token_hash: parsed(&row.token_hash, "hash of a refresh token")?,
            grant_id: parsed(&row.grant_id, "grant_id of a refresh token")?,
            issued_at: UnixSeconds(row.issued_at),
            used_at: row.used_at.map(UnixSeconds),
        })
    }
}

impl Change<'_> {
    /// The refresh token of that handle. What is read here stays true until this change commits.
    pub async fn refresh_token(&mut self, hash: &HandleHash) -> Result<Option<RefreshToken>, StorageError> {
        let row: Option<TokenRow> = sqlx::query_as(ONE).bind(hash.as_str()).fetch_optional(&mut *self.0).await?;
        row.map(RefreshToken::try_from).transpose()
    }

    /// Stores a new refresh token.
    pub async fn insert_refresh_token(&mut self, token: &RefreshToken) -> Result<(), StorageError> {
        sqlx::query(INSERT)
            .bind(token.token_hash.as_str())
            .bind(token.grant_id.as_str())
            .bind(seconds(token.issued_at))
            .bind(token.used_at.map(seconds))
            .execute(&mut *self.0)
            .await?;
        Ok(())
    }

    /// Marks a refresh token as used.
    pub async fn use_refresh_token(&mut self, hash: &HandleHash, now: UnixSeconds) -> Result<(), StorageError> {
        sqlx::query(USE).bind(hash.as_str()).bind(seconds(now)).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Forgets at most `most` used tokens that would have expired by now in any case.
    pub async fn forget_refresh_tokens(&mut self, now: UnixSeconds, most: u32) -> Result<u64, StorageError> {
        let query = sqlx::query(FORGET).bind(seconds(now - REFRESH_IDLE)).bind(i64::from(most));
        Ok(query.execute(&mut *self.0).await?.rows_affected())
    }
}
