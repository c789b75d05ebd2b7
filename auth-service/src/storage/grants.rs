//! Grants in the database. One that ends appends its revocation itself.

use bailiwick_core::{ClientId, Subject, SubjectKind, UnixSeconds};
use sqlx::FromRow;

use super::{Change, Storage, StorageError, parsed, seconds};
use crate::grants::{Grant, GrantId};
use crate::users::UserId;

/// The columns that make a grant.
macro_rules! grants {
    ($condition:literal) => {
        concat!(
            "SELECT grant_id, user_id, client_id, resource, scope, offline_access, created_at, last_used_at, expires_at \
             FROM grants WHERE ",
            $condition
        )
    };
}

const ONE: &str = grants!("grant_id = $1");
const OF_USER: &str = grants!("user_id = $1 AND expires_at > $2 ORDER BY client_id, created_at");
const OF_USER_AND_CLIENT: &str = grants!("user_id = $1 AND client_id = $2");
const INSERT: &str = "INSERT INTO grants (grant_id, user_id, client_id, resource, scope, offline_access, created_at, \
                      last_used_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const USED: &str = "UPDATE grants SET last_used_at = $2, expires_at = $3 WHERE grant_id = $1";
const DELETE: &str = "DELETE FROM grants WHERE grant_id = $1";
const DELETE_CODES: &str = "DELETE FROM authorization_codes WHERE user_id = $1 AND client_id = $2";
const DELETE_ALL: &str = "DELETE FROM grants WHERE user_id = $1";
const DELETE_ALL_CODES: &str = "DELETE FROM authorization_codes WHERE user_id = $1";
const OF_CLIENT: [&str; 3] = [
    "DELETE FROM grants WHERE client_id = $1",
    "DELETE FROM consents WHERE client_id = $1",
    "DELETE FROM authorization_codes WHERE client_id = $1",
];
const FORGET: &str =
    "DELETE FROM grants WHERE grant_id IN (SELECT grant_id FROM grants WHERE expires_at <= $1 LIMIT $2)";

#[derive(FromRow)]
struct GrantRow {
    grant_id: String,
    user_id: String,
    client_id: String,
    resource: String,
    scope: String,
    offline_access: bool,
    created_at: i64,
    last_used_at: i64,
    expires_at: i64,
}

impl TryFrom<GrantRow> for Grant {
    type Error = StorageError;

    fn try_from(row: GrantRow) -> Result<Self, StorageError> {
        Ok(Self {
            grant_id: parsed(&row.grant_id, "grant_id")?,
            user_id: parsed(&row.user_id, "user_id of a grant")?,
            client_id: parsed(&row.client_id, "client_id of a grant")?,
            resource: parsed(&row.resource, "resource of a grant")?,
            scope: parsed(&row.scope, "scope of a grant")?,
            offline_access: row.offline_access,
            created_at: UnixSeconds(row.created_at),
            last_used_at: UnixSeconds(row.last_used_at),
            expires_at: UnixSeconds(row.expires_at),
        })
    }
}

impl Storage {
    /// A user's grants that have not ended, by client and age.
    pub async fn grants_of(&self, user_id: &UserId, now: UnixSeconds) -> Result<Vec<Grant>, StorageError> {
        let query = sqlx::query_as(OF_USER).bind(user_id.as_str()).bind(seconds(now));
        let rows: Vec<GrantRow> = query.fetch_all(&self.readers).await?;
        rows.into_iter().map(Grant::try_from).collect()
    }
}

impl Change<'_> {
    /// The grant of that identifier.
    pub async fn grant(&mut self, grant_id: &GrantId) -> Result<Option<Grant>, StorageError> {
        let row: Option<GrantRow> = sqlx::query_as(ONE).bind(grant_id.as_str()).fetch_optional(&mut *self.0).await?;
        row.map(Grant::try_from).transpose()
    }

    /// Stores a new grant.
    pub async fn insert_grant(&mut self, grant: &Grant) -> Result<(), StorageError> {
        sqlx::query(INSERT)
            .bind(grant.grant_id.as_str())
            .bind(grant.user_id.as_str())
            .bind(grant.client_id.as_str())
            .bind(grant.resource.as_str())
            .bind(grant.scope.to_string())
            .bind(grant.offline_access)
            .bind(seconds(grant.created_at))
            .bind(seconds(grant.last_used_at))
            .bind(seconds(grant.expires_at))
            .execute(&mut *self.0)
            .await?;
        Ok(())
    }

    /// Notes that a token was issued under a grant, which thereby lasts until `expires_at`.
    pub async fn grant_used(
        &mut self,
        grant_id: &GrantId,
        now: UnixSeconds,
        expires_at: UnixSeconds,
    ) -> Result<(), StorageError> {
        let query = sqlx::query(USED).bind(grant_id.as_str()).bind(seconds(now)).bind(seconds(expires_at));
        query.execute(&mut *self.0).await?;
        Ok(())
    }

    /// Ends a grant, its refresh tokens and its access tokens; also where it has ended before.
    pub async fn end_grant(&mut self, grant_id: &GrantId, reason: &str, now: UnixSeconds) -> Result<(), StorageError> {
        self.delete_grant(grant_id.as_str()).await?;
        self.revoke(&Subject::new(SubjectKind::Grant, grant_id.as_str()), reason, now).await.map(drop)
    }

    /// Takes a grant away with its refresh tokens, if it is there; its access tokens end by a revocation.
    pub async fn delete_grant(&mut self, grant_id: &str) -> Result<(), StorageError> {
        sqlx::query(DELETE).bind(grant_id).execute(&mut *self.0).await?;
        Ok(())
    }

    /// Takes back all that a user has allowed a client: consents, codes and grants with their tokens.
    pub async fn withdraw(
        &mut self,
        user_id: &UserId,
        client_id: &ClientId,
        reason: &str,
        now: UnixSeconds,
    ) -> Result<(), StorageError> {
        self.withdraw_consents(user_id, client_id).await?;
        sqlx::query(DELETE_CODES).bind(user_id.as_str()).bind(client_id.as_str()).execute(&mut *self.0).await?;
        let query = sqlx::query_as(OF_USER_AND_CLIENT).bind(user_id.as_str()).bind(client_id.as_str());
        let rows: Vec<GrantRow> = query.fetch_all(&mut *self.0).await?;
        for row in rows {
            self.end_grant(&Grant::try_from(row)?.grant_id, reason, now).await?;
        }
        Ok(())
    }

    /// Takes back all that a user has allowed anybody.
    pub async fn withdraw_all(&mut self, user_id: &UserId, reason: &str, now: UnixSeconds) -> Result<(), StorageError> {
        self.withdraw_all_consents(user_id).await?;
        for sql in [DELETE_ALL_CODES, DELETE_ALL] {
            sqlx::query(sql).bind(user_id.as_str()).execute(&mut *self.0).await?;
        }
        self.revoke_user(user_id, reason, now).await
    }

    /// Takes a client's grants, consents and codes away; its tokens end by the client's own revocation.
    pub(super) async fn end_grants_of_client(&mut self, client_id: &ClientId) -> Result<(), StorageError> {
        for sql in OF_CLIENT {
            sqlx::query(sql).bind(client_id.as_str()).execute(&mut *self.0).await?;
        }
        Ok(())
    }

    /// Forgets at most `most` grants that have ended by themselves, with their refresh tokens.
    pub async fn forget_grants(&mut self, now: UnixSeconds, most: u32) -> Result<u64, StorageError> {
        let query = sqlx::query(FORGET).bind(seconds(now)).bind(i64::from(most));
        Ok(query.execute(&mut *self.0).await?.rows_affected())
    }
}
