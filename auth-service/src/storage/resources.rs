//! Resources in the database. A change that takes something away appends its revocation itself.

use bailiwick_core::{Algorithm, ServerName, Subject, SubjectKind, Tool, Tools, UnixSeconds};

use super::grants::GrantsOf;
use super::{Change, StorageError, parsed};
use crate::resources::Resource;

const ALL: &str = "SELECT name, resource, title, tools, signing_alg FROM resources ORDER BY name";
const PUT: &str = "INSERT INTO resources (name, resource, title, tools, signing_alg) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (name) DO UPDATE SET resource = excluded.resource, title = excluded.title, \
                   tools = excluded.tools, signing_alg = excluded.signing_alg";
const DELETE: &str = "DELETE FROM resources WHERE name = $1";
const MOVE_AT_CLIENTS: &str = "UPDATE client_resources SET resource = $2 WHERE resource = $1";
const TAKE_FROM_CLIENTS: &str = "DELETE FROM client_resources WHERE resource = $1";

pub(super) async fn all<'e>(database: impl sqlx::SqliteExecutor<'e>) -> Result<Vec<Resource>, StorageError> {
    let rows: Vec<(String, String, String, String, Option<String>)> = sqlx::query_as(ALL).fetch_all(database).await?;
    rows.into_iter()
        .map(|(name, resource, title, tools, signing_alg)| {
            let unreadable = || StorageError::Unreadable("tools of a resource");
            let tools: Vec<Tool> = serde_json::from_str(&tools).map_err(|_| unreadable())?;
            let server: ServerName = parsed(&name, "resource name")?;
            Ok(Resource {
                resource: parsed(&resource, "resource URI")?,
                title,
                tools: Tools::new(server, tools).map_err(|_| unreadable())?,
                signing_alg: signing_alg.map(|alg| parsed(&alg, "algorithm of a resource")).transpose()?,
                built_in: false,
            })
        })
        .collect()
}

impl Change<'_> {
    /// Stores a resource, new or changed. Where it moves to another URI, clients that may ask for it
    /// may still; grants and tokens for its former URI end.
    pub async fn put_resource(
        &mut self,
        resource: &Resource,
        before: Option<&Resource>,
        now: UnixSeconds,
    ) -> Result<(), StorageError> {
        let tools: Vec<&Tool> = resource.tools.iter().collect();
        let tools = serde_json::to_string(&tools).map_err(|_| StorageError::Unreadable("tools of a resource"))?;
        sqlx::query(PUT)
            .bind(resource.name().as_str())
            .bind(resource.resource.as_str())
            .bind(&resource.title)
            .bind(tools)
            .bind(resource.signing_alg.map(Algorithm::as_str))
            .execute(&mut *self.0)
            .await?;
        self.policy_changes().await?;
        if let Some(before) = before.filter(|before| before.resource != resource.resource) {
            sqlx::query(MOVE_AT_CLIENTS)
                .bind(before.resource.as_str())
                .bind(resource.resource.as_str())
                .execute(&mut *self.0)
                .await?;
            self.clients_change().await?;
            self.end_grants(GrantsOf::Resource(&before.resource)).await?;
            self.revoke_resource(before, "resource moved", now).await?;
        }
        Ok(())
    }

    /// Deletes a resource, takes it from the clients that named it and ends grants and tokens for it.
    pub async fn delete_resource(&mut self, resource: &Resource, now: UnixSeconds) -> Result<(), StorageError> {
        sqlx::query(DELETE).bind(resource.name().as_str()).execute(&mut *self.0).await?;
        sqlx::query(TAKE_FROM_CLIENTS).bind(resource.resource.as_str()).execute(&mut *self.0).await?;
        self.policy_changes().await?;
        self.clients_change().await?;
        self.end_grants(GrantsOf::Resource(&resource.resource)).await?;
        self.revoke_resource(resource, "resource deleted", now).await
    }

    async fn revoke_resource(
        &mut self,
        resource: &Resource,
        reason: &str,
        now: UnixSeconds,
    ) -> Result<(), StorageError> {
        self.revoke(&Subject::new(SubjectKind::Resource, resource.resource.as_str()), reason, now).await.map(drop)
    }
}
