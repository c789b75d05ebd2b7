//! Authorization codes in the database, by the hashes of their handles.

use bailiwick_core::UnixSeconds;
use sqlx::FromRow;

use super::{Change, StorageError, parsed, seconds};
use crate::authorization_codes::{AuthorizationCode, CODE_REMEMBERED};
use crate::crypto::handle::HandleHash;

const ONE: &str = "SELECT code_hash, grant_id, user_id, client_id, redirect_uri, code_challenge, resource, scope, \
                   offline_access, issued_at, used FROM authorization_codes WHERE code_hash = $1";
const INSERT: &str = "INSERT INTO authorization_codes (code_hash, grant_id, user_id, client_id, redirect_uri, \
                      code_challenge, resource, scope, offline_access, issued_at, used) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const CONSUME: &str = "UPDATE authorization_codes SET used = 1 WHERE code_hash = $1";
const FORGET: &str = "DELETE FROM authorization_codes WHERE code_hash IN \
                      (SELECT code_hash FROM authorization_codes WHERE issued_at <= $1 LIMIT $2)";

#[derive(FromRow)]
struct CodeRow {
    code_hash: String,
    grant_id: String,
    user_id: String,
    client_id: String,
    redirect_uri: String,
    code_challenge: String,
    resource: String,
    scope: String,
    offline_access: bool,
    issued_at: i64,
    used: bool,
}

impl TryFrom<CodeRow> for AuthorizationCode {
    type Error = StorageError;

    fn try_from(row: CodeRow) -> Result<Self, StorageError> {
        Ok(Self {
            code_hash: parsed(&row.code_hash, "hash of a code")?,
            grant_id: parsed(&row.grant_id, "grant_id of a code")?,
            user_id: parsed(&row.user_id, "user_id of a code")?,
            client_id: parsed(&row.client_id, "client_id of a code")?,
            redirect_uri: parsed(&row.redirect_uri, "redirect URI of a code")?,
            code_challenge: parsed(&row.code_challenge, "challenge of a code")?,
            resource: parsed(&row.resource, "resource of a code")?,
            scope: parsed(&row.scope, "scope of a code")?,
            offline_access: row.offline_access,
            issued_at: UnixSeconds(row.issued_at),
            used: row.used,
        })
    }
}

impl Change<'_> {
    /// Stores a new code.
    pub async fn insert_code(&mut self, code: &AuthorizationCode) -> Result<(), StorageError> {
        sqlx::query(INSERT)
            .bind(code.code_hash.as_str())
            .bind(code.grant_id.as_str())
            .bind(code.user_id.as_str())
            .bind(code.client_id.as_str())
            .bind(code.redirect_uri.as_str())
            .bind(code.code_challenge.as_str())
            .bind(code.resource.as_str())
            .bind(code.scope.to_string())
            .bind(code.offline_access)
            .bind(seconds(code.issued_at))
            .bind(code.used)
            .execute(&mut *self.0)
            .await?;
        Ok(())
    }

    /// The code of that handle, used or not. What is read here stays true until this change commits.
    pub async fn code(&mut self, hash: &HandleHash) -> Result<Option<AuthorizationCode>, StorageError> {
        let row: Option<CodeRow> = sqlx::query_as(ONE).bind(hash.as_str()).fetch_optional(&mut *self.0).await?;
        row.map(AuthorizationCode::try_from).transpose()
    }

    /// Marks a code as redeemed.
    pub async fn consume_code(&mut self, hash: &HandleHash) -> Result<(), StorageError> {
        sqlx::query(CONSUME).bind(hash.as_str()).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Forgets at most `most` codes whose replay could concern no token any more.
    pub async fn forget_codes(&mut self, now: UnixSeconds, most: u32) -> Result<u64, StorageError> {
        let query = sqlx::query(FORGET).bind(seconds(now - CODE_REMEMBERED)).bind(i64::from(most));
        Ok(query.execute(&mut *self.0).await?.rows_affected())
    }
}
