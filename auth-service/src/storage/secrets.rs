//! Client secrets in the database: hashes only.

use std::collections::HashMap;

use bailiwick_core::{ClientId, UnixSeconds};

use super::{Change, Storage, StorageError, parsed, seconds};
use crate::secrets::{SecretId, SecretRecord};

const OF_CLIENT: &str = "SELECT secret_id, created_at, last_used_at FROM client_secrets \
                         WHERE client_id = $1 ORDER BY created_at, secret_id";
const INSERT: &str = "INSERT INTO client_secrets (client_id, secret_id, hash, created_at) VALUES ($1, $2, $3, $4)";
const DELETE: &str = "DELETE FROM client_secrets WHERE client_id = $1 AND secret_id = $2";
const USED: &str = "UPDATE client_secrets SET last_used_at = $3 WHERE client_id = $1 AND secret_id = $2";

impl Storage {
    /// The secrets of a client, oldest first.
    pub async fn secrets_of(&self, client_id: &ClientId) -> Result<Vec<SecretRecord>, StorageError> {
        of_client(&self.readers, client_id).await
    }
}

impl Change<'_> {
    /// The secrets of a client as this change sees them, oldest first.
    pub async fn secrets_of(&mut self, client_id: &ClientId) -> Result<Vec<SecretRecord>, StorageError> {
        of_client(&mut *self.0, client_id).await
    }

    /// Stores a new secret's hash.
    pub async fn add_secret(
        &mut self,
        client_id: &ClientId,
        secret_id: &SecretId,
        hash: &str,
        now: UnixSeconds,
    ) -> Result<(), StorageError> {
        sqlx::query(INSERT)
            .bind(client_id.as_str())
            .bind(secret_id.as_str())
            .bind(hash)
            .bind(seconds(now))
            .execute(&mut *self.0)
            .await?;
        self.clients_change().await
    }

    /// Retires a secret; `false` where the client has none of that id.
    pub async fn retire_secret(&mut self, client_id: &ClientId, secret_id: &SecretId) -> Result<bool, StorageError> {
        let query = sqlx::query(DELETE).bind(client_id.as_str()).bind(secret_id.as_str());
        let retired = query.execute(&mut *self.0).await?.rows_affected() == 1;
        self.clients_change().await?;
        Ok(retired)
    }

    /// Notes when secrets were last used, many at once.
    pub async fn secrets_used(
        &mut self,
        uses: &HashMap<(ClientId, SecretId), UnixSeconds>,
    ) -> Result<(), StorageError> {
        for ((client_id, secret_id), at) in uses {
            sqlx::query(USED)
                .bind(client_id.as_str())
                .bind(secret_id.as_str())
                .bind(seconds(*at))
                .execute(&mut *self.0)
                .await?;
        }
        Ok(())
    }
}

async fn of_client<'e>(
    database: impl sqlx::SqliteExecutor<'e>,
    client_id: &ClientId,
) -> Result<Vec<SecretRecord>, StorageError> {
    let rows: Vec<(String, i64, Option<i64>)> =
        sqlx::query_as(OF_CLIENT).bind(client_id.as_str()).fetch_all(database).await?;
    rows.into_iter()
        .map(|(secret_id, created_at, last_used_at)| {
            Ok(SecretRecord {
                secret_id: parsed(&secret_id, "secret_id")?,
                created_at: UnixSeconds(created_at),
                last_used_at: last_used_at.map(UnixSeconds),
            })
        })
        .collect()
}
