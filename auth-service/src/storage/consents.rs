//! Consents in the database.

use bailiwick_core::{ClientId, ResourceUri, UnixSeconds};
use sqlx::FromRow;

use super::{Change, Storage, StorageError, parsed, seconds};
use crate::grants::Consent;
use crate::users::UserId;

const ONE: &str = "SELECT user_id, client_id, resource, scope, offline_access, given_at FROM consents \
                   WHERE user_id = $1 AND client_id = $2 AND resource = $3";
const OF_USER: &str = "SELECT user_id, client_id, resource, scope, offline_access, given_at FROM consents \
                       WHERE user_id = $1 ORDER BY client_id, resource";
const PUT: &str = "INSERT INTO consents (user_id, client_id, resource, scope, offline_access, given_at) \
                   VALUES ($1, $2, $3, $4, $5, $6) \
                   ON CONFLICT (user_id, client_id, resource) DO UPDATE SET scope = excluded.scope, \
                   offline_access = excluded.offline_access, given_at = excluded.given_at";

#[derive(FromRow)]
struct ConsentRow {
    user_id: String,
    client_id: String,
    resource: String,
    scope: String,
    offline_access: bool,
    given_at: i64,
}

impl TryFrom<ConsentRow> for Consent {
    type Error = StorageError;

    fn try_from(row: ConsentRow) -> Result<Self, StorageError> {
        Ok(Self {
            user_id: parsed(&row.user_id, "user_id of a consent")?,
            client_id: parsed(&row.client_id, "client_id of a consent")?,
            resource: parsed(&row.resource, "resource of a consent")?,
            scope: parsed(&row.scope, "scope of a consent")?,
            offline_access: row.offline_access,
            given_at: UnixSeconds(row.given_at),
        })
    }
}

impl Storage {
    /// What a user has allowed a client at a resource.
    pub async fn consent(
        &self,
        user_id: &UserId,
        client_id: &ClientId,
        resource: &ResourceUri,
    ) -> Result<Option<Consent>, StorageError> {
        one(&self.readers, user_id, client_id, resource).await
    }

    /// All that a user has allowed, by client and resource.
    pub async fn consents_of(&self, user_id: &UserId) -> Result<Vec<Consent>, StorageError> {
        let rows: Vec<ConsentRow> = sqlx::query_as(OF_USER).bind(user_id.as_str()).fetch_all(&self.readers).await?;
        rows.into_iter().map(Consent::try_from).collect()
    }
}

impl Change<'_> {
    /// What a user has allowed a client at a resource, as this change sees it.
    pub async fn consent(
        &mut self,
        user_id: &UserId,
        client_id: &ClientId,
        resource: &ResourceUri,
    ) -> Result<Option<Consent>, StorageError> {
        one(&mut *self.0, user_id, client_id, resource).await
    }

    /// Stores what a user has just allowed, instead of what was allowed there before.
    pub async fn put_consent(&mut self, consent: &Consent) -> Result<(), StorageError> {
        sqlx::query(PUT)
            .bind(consent.user_id.as_str())
            .bind(consent.client_id.as_str())
            .bind(consent.resource.as_str())
            .bind(consent.scope.to_string())
            .bind(consent.offline_access)
            .bind(seconds(consent.given_at))
            .execute(&mut *self.0)
            .await?;
        Ok(())
    }
}

async fn one<'e>(
    database: impl sqlx::SqliteExecutor<'e>,
    user_id: &UserId,
    client_id: &ClientId,
    resource: &ResourceUri,
) -> Result<Option<Consent>, StorageError> {
    let query = sqlx::query_as(ONE).bind(user_id.as_str()).bind(client_id.as_str()).bind(resource.as_str());
    let row: Option<ConsentRow> = query.fetch_optional(database).await?;
    row.map(Consent::try_from).transpose()
}
