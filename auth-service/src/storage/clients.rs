//! Clients in the database. A change that takes something away appends its revocation itself.

use bailiwick_core::{ClientId, Subject, SubjectKind, UnixSeconds};
use sqlx::FromRow;

use super::grants::GrantsOf;
use super::{Change, State, Storage, StorageError, parsed, position, seconds, split};
use crate::clients::Client;
use crate::redirect_uris::RedirectUri;
use crate::secrets::SecretId;

/// The columns that make a client, of the table `clients c`.
macro_rules! client_columns {
    () => {
        "c.client_id, c.client_name, c.grant_types, c.token_endpoint_auth_method, c.redirect_uris, c.claims, c.access_token_ttl, c.has_resources, c.disabled, \
         c.limited_to_roles, c.created_at, c.updated_at, \
         (SELECT string_agg(role, ' ') FROM client_roles r WHERE r.client_id = c.client_id) AS roles, \
         (SELECT string_agg(resource, ' ') FROM client_resources a WHERE a.client_id = c.client_id) AS resources"
    };
}

/// What a token request rests on, read in one statement: so the position is no later than the rows.
const SNAPSHOT: &str = concat!(
    "SELECT s.feed_position, s.policy_version, s.client_version, k.hash, k.last_used_at, ",
    client_columns!(),
    " FROM state s \
      LEFT JOIN clients c ON c.client_id = $1 \
      LEFT JOIN client_secrets k ON k.client_id = c.client_id AND k.secret_id = $2 \
      WHERE s.id = 1"
);
const ONE: &str = concat!("SELECT ", client_columns!(), " FROM clients c WHERE c.client_id = $1");
const PAGE: &str =
    concat!("SELECT ", client_columns!(), " FROM clients c WHERE c.client_id > $1 ORDER BY c.client_id LIMIT $2");
const IDENTIFIERS: &str = "SELECT client_id FROM clients WHERE client_id > $1 ORDER BY client_id LIMIT $2";
const INSERT: &str = "\
    INSERT INTO clients (client_id, client_name, claims, access_token_ttl, has_resources, disabled, created_at, updated_at, \
                         grant_types, token_endpoint_auth_method, redirect_uris, limited_to_roles) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (client_id) DO NOTHING";
const UPDATE: &str = "\
    UPDATE clients SET client_name = $2, claims = $3, access_token_ttl = $4, has_resources = $5, disabled = $6, \
                       created_at = $7, updated_at = $8, \
                       grant_types = $9, token_endpoint_auth_method = $10, redirect_uris = $11, limited_to_roles = $12 \
    WHERE client_id = $1";
const DELETE: &str = "DELETE FROM clients WHERE client_id = $1";
const ADD_ROLE: &str = "INSERT INTO client_roles (client_id, role) VALUES ($1, $2)";
const CLEAR_ROLES: &str = "DELETE FROM client_roles WHERE client_id = $1";
const CLEAR_SECRETS: &str = "DELETE FROM client_secrets WHERE client_id = $1";
const ADD_RESOURCE: &str = "INSERT INTO client_resources (client_id, resource) VALUES ($1, $2)";
const CLEAR_RESOURCES: &str = "DELETE FROM client_resources WHERE client_id = $1";

/// A client as one moment saw it.
#[derive(Debug)]
pub struct ClientSnapshot {
    /// The state at that moment.
    pub state: State,
    /// The client, where there is one of that name.
    pub client: Option<Client>,
    /// The stored hash of the secret that was named, where the client has it.
    pub hash: Option<String>,
    /// When that secret was last seen used.
    pub last_used_at: Option<UnixSeconds>,
}

#[derive(FromRow)]
struct SnapshotRow {
    feed_position: i64,
    policy_version: i64,
    client_version: i64,
    hash: Option<String>,
    last_used_at: Option<i64>,
    client_id: Option<String>,
    client_name: Option<String>,
    grant_types: Option<String>,
    token_endpoint_auth_method: Option<String>,
    redirect_uris: Option<String>,
    claims: Option<String>,
    access_token_ttl: Option<i64>,
    has_resources: Option<bool>,
    limited_to_roles: Option<bool>,
    disabled: Option<bool>,
    created_at: Option<i64>,
    updated_at: Option<i64>,
    roles: Option<String>,
    resources: Option<String>,
}

#[derive(FromRow)]
struct ClientRow {
    client_id: String,
    client_name: String,
    grant_types: String,
    token_endpoint_auth_method: String,
    redirect_uris: String,
    claims: String,
    access_token_ttl: Option<i64>,
    has_resources: bool,
    limited_to_roles: bool,
    disabled: bool,
    created_at: i64,
    updated_at: i64,
    roles: Option<String>,
    resources: Option<String>,
}

impl SnapshotRow {
    /// The client's part of the row; `None` where the join found no client.
    fn take_client(&mut self) -> Option<ClientRow> {
        Some(ClientRow {
            client_id: self.client_id.take()?,
            client_name: self.client_name.take()?,
            grant_types: self.grant_types.take()?,
            token_endpoint_auth_method: self.token_endpoint_auth_method.take()?,
            redirect_uris: self.redirect_uris.take()?,
            claims: self.claims.take()?,
            access_token_ttl: self.access_token_ttl,
            has_resources: self.has_resources?,
            limited_to_roles: self.limited_to_roles?,
            disabled: self.disabled?,
            created_at: self.created_at?,
            updated_at: self.updated_at?,
            roles: self.roles.take(),
            resources: self.resources.take(),
        })
    }
}

impl TryFrom<ClientRow> for Client {
    type Error = StorageError;

    fn try_from(row: ClientRow) -> Result<Self, StorageError> {
        let lifetime = |ttl: i64| u32::try_from(ttl).ok()?.try_into().ok();
        Ok(Self {
            client_id: parsed(&row.client_id, "client_id")?,
            client_name: row.client_name,
            grant_types: split(Some(&row.grant_types), "grant type of a client")?,
            token_endpoint_auth_method: parsed(&row.token_endpoint_auth_method, "authentication method of a client")?,
            redirect_uris: serde_json::from_str::<Vec<String>>(&row.redirect_uris)
                .map_err(|_| StorageError::Unreadable("redirect URIs of a client"))?
                .into_iter()
                .map(RedirectUri::registered)
                .collect(),
            roles: split(row.roles.as_deref(), "role of a client")?,
            limited_to_roles: row.limited_to_roles,
            resources: row
                .has_resources
                .then(|| split(row.resources.as_deref(), "resource of a client"))
                .transpose()?,
            claims: serde_json::from_str(&row.claims).map_err(|_| StorageError::Unreadable("claims of a client"))?,
            access_token_ttl: row
                .access_token_ttl
                .map(|ttl| lifetime(ttl).ok_or(StorageError::Unreadable("access_token_ttl")))
                .transpose()?,
            disabled: row.disabled,
            created_at: UnixSeconds(row.created_at),
            updated_at: UnixSeconds(row.updated_at),
        })
    }
}

impl Storage {
    /// What a request of `client_id` rests on that presents the secret of that id.
    pub async fn client_snapshot(
        &self,
        client_id: &ClientId,
        secret: &SecretId,
    ) -> Result<ClientSnapshot, StorageError> {
        self.snapshot(client_id, secret.as_str()).await
    }

    /// What a request of `client_id` rests on that presents no secret.
    pub async fn public_client_snapshot(&self, client_id: &ClientId) -> Result<ClientSnapshot, StorageError> {
        self.snapshot(client_id, "").await
    }

    async fn snapshot(&self, client_id: &ClientId, secret_id: &str) -> Result<ClientSnapshot, StorageError> {
        let mut row: SnapshotRow =
            sqlx::query_as(SNAPSHOT).bind(client_id.as_str()).bind(secret_id).fetch_one(&self.readers).await?;
        Ok(ClientSnapshot {
            state: State {
                feed_position: position(row.feed_position)?,
                policy_version: row.policy_version,
                client_version: row.client_version,
            },
            client: row.take_client().map(Client::try_from).transpose()?,
            hash: row.hash,
            last_used_at: row.last_used_at.map(UnixSeconds),
        })
    }

    /// The client of that name.
    pub async fn client(&self, client_id: &ClientId) -> Result<Option<Client>, StorageError> {
        one(&self.readers, client_id).await
    }

    /// The names of at most `limit` clients in their order, those after `after`.
    pub async fn client_ids_after(&self, after: &str, limit: u32) -> Result<Vec<ClientId>, StorageError> {
        let query = sqlx::query_scalar(IDENTIFIERS).bind(after).bind(i64::from(limit));
        let texts: Vec<String> = query.fetch_all(&self.readers).await?;
        texts.iter().map(|text| parsed(text, "client_id")).collect()
    }

    /// At most `limit` clients in the order of their names, those after `after`.
    pub async fn clients_after(&self, after: &str, limit: u32) -> Result<Vec<Client>, StorageError> {
        page(&self.readers, after, limit).await
    }
}

impl Change<'_> {
    /// The client of that name, as this change sees it.
    pub async fn client(&mut self, client_id: &ClientId) -> Result<Option<Client>, StorageError> {
        one(&mut *self.0, client_id).await
    }

    /// At most `limit` clients in the order of their names, those after `after`, as this change
    /// sees them.
    pub async fn clients_after(&mut self, after: &str, limit: u32) -> Result<Vec<Client>, StorageError> {
        page(&mut *self.0, after, limit).await
    }

    /// Stores a new client; `false` where its name is taken.
    pub async fn insert_client(&mut self, client: &Client) -> Result<bool, StorageError> {
        let inserted = write(INSERT, client)?.execute(&mut *self.0).await?.rows_affected() == 1;
        if inserted {
            self.add_roles_and_resources(client).await?;
            self.clients_change().await?;
        }
        Ok(inserted)
    }

    /// Stores a changed client. One that becomes public loses its secrets. Where the change took something
    /// away, its tokens end, and with them what people granted it as far as that rested on it.
    pub async fn update_client(&mut self, before: &Client, after: &Client) -> Result<(), StorageError> {
        write(UPDATE, after)?.execute(&mut *self.0).await?;
        sqlx::query(CLEAR_ROLES).bind(after.client_id.as_str()).execute(&mut *self.0).await?;
        sqlx::query(CLEAR_RESOURCES).bind(after.client_id.as_str()).execute(&mut *self.0).await?;
        self.add_roles_and_resources(after).await?;
        if after.is_public() {
            sqlx::query(CLEAR_SECRETS).bind(after.client_id.as_str()).execute(&mut *self.0).await?;
        }
        self.clients_change().await?;
        if after.loses_grants_since(before) {
            self.end_grants(GrantsOf::Client(&after.client_id)).await?;
        } else if after.resources.is_some() {
            self.end_grants(GrantsOf::ClientElsewhere(&after.client_id)).await?;
        }
        if let Some(reason) = after.taken_away_since(before) {
            self.revoke_client(&after.client_id, reason, after.updated_at).await?;
        }
        Ok(())
    }

    /// Deletes a client with its secrets and ends its tokens; `false` where there is none.
    pub async fn delete_client(&mut self, client_id: &ClientId, now: UnixSeconds) -> Result<bool, StorageError> {
        let deleted = sqlx::query(DELETE).bind(client_id.as_str()).execute(&mut *self.0).await?.rows_affected() == 1;
        if deleted {
            self.clients_change().await?;
            self.end_grants(GrantsOf::Client(client_id)).await?;
            self.revoke_client(client_id, "client deleted", now).await?;
        }
        Ok(deleted)
    }

    /// Ends all tokens of a client.
    pub async fn revoke_client(
        &mut self,
        client_id: &ClientId,
        reason: &str,
        now: UnixSeconds,
    ) -> Result<(), StorageError> {
        self.revoke(&Subject::new(SubjectKind::Client, client_id.as_str()), reason, now).await.map(drop)
    }

    async fn add_roles_and_resources(&mut self, client: &Client) -> Result<(), StorageError> {
        for role in &client.roles {
            sqlx::query(ADD_ROLE).bind(client.client_id.as_str()).bind(role.as_str()).execute(&mut *self.0).await?;
        }
        for resource in client.resources.iter().flatten() {
            sqlx::query(ADD_RESOURCE)
                .bind(client.client_id.as_str())
                .bind(resource.as_str())
                .execute(&mut *self.0)
                .await?;
        }
        Ok(())
    }
}

async fn one<'e>(
    database: impl sqlx::SqliteExecutor<'e>,
    client_id: &ClientId,
) -> Result<Option<Client>, StorageError> {
    let row: Option<ClientRow> = sqlx::query_as(ONE).bind(client_id.as_str()).fetch_optional(database).await?;
    row.map(Client::try_from).transpose()
}

async fn page<'e>(
    database: impl sqlx::SqliteExecutor<'e>,
    after: &str,
    limit: u32,
) -> Result<Vec<Client>, StorageError> {
    let rows: Vec<ClientRow> = sqlx::query_as(PAGE).bind(after).bind(i64::from(limit)).fetch_all(database).await?;
    rows.into_iter().map(Client::try_from).collect()
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// The columns of a client in the order of [`INSERT`] and [`UPDATE`].
fn write<'q>(sql: &'static str, client: &'q Client) -> Result<Query<'q>, StorageError> {
    let claims = serde_json::to_string(&client.claims).map_err(|_| StorageError::Unreadable("claims of a client"))?;
    let lifetime = client.access_token_ttl.map(|ttl| i64::from(u32::from(ttl)));
    let grant_types: Vec<&str> = client.grant_types.iter().map(|grant| grant.as_str()).collect();
    let redirect_uris = serde_json::to_string(&client.redirect_uris)
        .map_err(|_| StorageError::Unreadable("redirect URIs of a client"))?;
    Ok(sqlx::query(sql)
        .bind(client.client_id.as_str())
        .bind(&client.client_name)
        .bind(claims)
        .bind(lifetime)
        .bind(client.resources.is_some())
        .bind(client.disabled)
        .bind(seconds(client.created_at))
        .bind(seconds(client.updated_at))
        .bind(grant_types.join(" "))
        .bind(client.token_endpoint_auth_method.as_str())
        .bind(redirect_uris)
        .bind(client.limited_to_roles))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clients::{ClientChanges, NewClient};
    use crate::policy::Policy;

    #[tokio::test]
    async fn a_client_that_could_not_be_registered_any_more_is_read_as_it_is_and_can_be_shut_out() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("auth.db").display());
        let storage = Storage::open(&url).await.unwrap();
        let policy = Policy::new(&"https://id.example".parse().unwrap(), Vec::new(), Vec::new());
        let named = NewClient { redirect_uris: ["https://a.example".parse().unwrap()].into(), ..NewClient::default() };
        let mut older = named.validate("older".parse().unwrap(), &policy, UnixSeconds(7)).unwrap();
        older.client_id = "..".parse().unwrap();
        older.redirect_uris = [RedirectUri::registered("ftp://a.example/cb".to_owned())].into();
        older.claims = json!({"team": null}).as_object().cloned().unwrap();
        let mut change = storage.change().await.unwrap();
        assert!(change.insert_client(&older).await.unwrap());
        change.commit().await.unwrap();
        assert_eq!(storage.client(&older.client_id).await.unwrap().as_ref(), Some(&older));
        let shut_out = ClientChanges { disabled: Some(true), ..ClientChanges::default() };
        assert!(shut_out.apply(&older, &policy, UnixSeconds(8)).unwrap().disabled);
    }
}
