//! Grants in the database. One that ends appends its revocation itself; what ends many at once is a
//! [`GrantsOf`].

use bailiwick_core::{ClientId, ResourceUri, Subject, SubjectKind, UnixSeconds};
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
/// Grants that end, the codes that would begin some, and the consents that more would rest on.
macro_rules! end {
    ($condition:literal) => {
        [
            concat!("DELETE FROM grants WHERE ", $condition),
            concat!("DELETE FROM authorization_codes WHERE ", $condition),
            concat!("DELETE FROM consents WHERE ", $condition),
        ]
    };
}

const END_OF_CLIENT: [&str; 3] = end!("client_id = $1");
const END_OF_CLIENT_ELSEWHERE: [&str; 3] =
    end!("client_id = $1 AND resource NOT IN (SELECT resource FROM client_resources WHERE client_id = $1)");
const END_OF_USER: [&str; 3] = end!("user_id = $1");
const END_OF_USER_AND_CLIENT: [&str; 3] = end!("user_id = $1 AND client_id = $2");
const END_AT_RESOURCE: [&str; 3] = end!("resource = $1");
const FORGET: &str =
    "DELETE FROM grants WHERE grant_id IN (SELECT grant_id FROM grants WHERE expires_at <= $1 LIMIT $2)";

/// Whose grants end together.
#[derive(Clone, Copy)]
pub(super) enum GrantsOf<'a> {
    /// All that a client has.
    Client(&'a ClientId),
    /// Those that a client with `resources` has at others than these.
    ClientElsewhere(&'a ClientId),
    /// All that a user gave.
    User(&'a UserId),
    /// All that a user gave a client.
    UserAndClient(&'a UserId, &'a ClientId),
    /// All at a resource.
    Resource(&'a ResourceUri),
}

impl<'a> GrantsOf<'a> {
    /// What ends them, and the values that it takes.
    fn statements(self) -> ([&'static str; 3], Vec<&'a str>) {
        match self {
            Self::Client(client_id) => (END_OF_CLIENT, vec![client_id.as_str()]),
            Self::ClientElsewhere(client_id) => (END_OF_CLIENT_ELSEWHERE, vec![client_id.as_str()]),
            Self::User(user_id) => (END_OF_USER, vec![user_id.as_str()]),
            Self::UserAndClient(user_id, client_id) => {
                (END_OF_USER_AND_CLIENT, vec![user_id.as_str(), client_id.as_str()])
            }
            Self::Resource(resource) => (END_AT_RESOURCE, vec![resource.as_str()]),
        }
    }
}

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

    /// Takes back all that a user has allowed a client, with the tokens.
    pub async fn withdraw(
        &mut self,
        user_id: &UserId,
        client_id: &ClientId,
        reason: &str,
        now: UnixSeconds,
    ) -> Result<(), StorageError> {
        let query = sqlx::query_as(OF_USER_AND_CLIENT).bind(user_id.as_str()).bind(client_id.as_str());
        let rows: Vec<GrantRow> = query.fetch_all(&mut *self.0).await?;
        for row in rows {
            self.end_grant(&Grant::try_from(row)?.grant_id, reason, now).await?;
        }
        self.end_grants(GrantsOf::UserAndClient(user_id, client_id)).await
    }

    /// Takes back all that a user has allowed anybody, with the tokens.
    pub async fn withdraw_all(&mut self, user_id: &UserId, reason: &str, now: UnixSeconds) -> Result<(), StorageError> {
        self.end_grants(GrantsOf::User(user_id)).await?;
        self.revoke_user(user_id, reason, now).await
    }

    /// Ends grants for good, in the change of their cause: with their refresh tokens, the codes that are
    /// under way, and the consents, so that people are asked again where the cause is taken back. Access
    /// tokens end by the revocation that the cause appends.
    pub(super) async fn end_grants(&mut self, of: GrantsOf<'_>) -> Result<(), StorageError> {
        let (statements, values) = of.statements();
        for sql in statements {
            let query = values.iter().fold(sqlx::query(sql), |query, value| query.bind(*value));
            query.execute(&mut *self.0).await?;
        }
        Ok(())
    }

    /// Forgets at most `most` grants that have ended by themselves, with their refresh tokens.
    pub async fn forget_grants(&mut self, now: UnixSeconds, most: u32) -> Result<u64, StorageError> {
        let query = sqlx::query(FORGET).bind(seconds(now)).bind(i64::from(most));
        Ok(query.execute(&mut *self.0).await?.rows_affected())
    }
}
