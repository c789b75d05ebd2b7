//! Signing keys in the database: the private halves sealed.

use bailiwick_core::{KeyId, UnixSeconds};
use sqlx::FromRow;

use super::{Change, StorageError, parsed, seconds};
use crate::keys::StoredKey;

const ALL: &str = "SELECT kid, number, algorithm, public_jwk, private_key, created_at, signs_from \
                   FROM signing_keys ORDER BY number";
const INSERT: &str = "INSERT INTO signing_keys (kid, algorithm, public_jwk, private_key, created_at, signs_from, number) \
                      SELECT $1, $2, $3, $4, $5, $6, COALESCE(MAX(number), 0) + 1 FROM signing_keys";
const DELETE: &str = "DELETE FROM signing_keys WHERE kid = $1";
const SIGN_FROM: &str = "UPDATE signing_keys SET signs_from = $2 WHERE kid = $1";
const RESEAL: &str = "UPDATE signing_keys SET private_key = $2 WHERE kid = $1";

#[derive(FromRow)]
struct KeyRow {
    kid: String,
    number: i64,
    algorithm: String,
    public_jwk: String,
    private_key: Vec<u8>,
    created_at: i64,
    signs_from: i64,
}

pub(super) async fn all<'e>(database: impl sqlx::SqliteExecutor<'e>) -> Result<Vec<StoredKey>, StorageError> {
    let rows: Vec<KeyRow> = sqlx::query_as(ALL).fetch_all(database).await?;
    rows.into_iter()
        .map(|row| {
            Ok(StoredKey {
                key_id: parsed(&row.kid, "kid")?,
                number: row.number,
                algorithm: parsed(&row.algorithm, "algorithm of a key")?,
                jwk: serde_json::from_str(&row.public_jwk).map_err(|_| StorageError::Unreadable("public key"))?,
                sealed: row.private_key,
                created_at: UnixSeconds(row.created_at),
                signs_from: UnixSeconds(row.signs_from),
            })
        })
        .collect()
}

impl Change<'_> {
    /// The keys as this change sees them.
    pub async fn keys(&mut self) -> Result<Vec<StoredKey>, StorageError> {
        all(&mut *self.0).await
    }

    /// Stores a new key.
    pub async fn add_key(&mut self, key: &StoredKey) -> Result<(), StorageError> {
        let jwk = serde_json::to_string(&key.jwk).map_err(|_| StorageError::Unreadable("public key"))?;
        sqlx::query(INSERT)
            .bind(key.key_id.as_str())
            .bind(key.algorithm.as_str())
            .bind(jwk)
            .bind(&key.sealed)
            .bind(seconds(key.created_at))
            .bind(seconds(key.signs_from))
            .execute(&mut *self.0)
            .await?;
        self.policy_changes().await
    }

    /// Deletes a key, its sealed private half with it.
    pub async fn delete_key(&mut self, key_id: &KeyId) -> Result<(), StorageError> {
        sqlx::query(DELETE).bind(key_id.as_str()).execute(&mut *self.0).await?;
        self.policy_changes().await
    }

    /// Lets a key sign from another moment on.
    pub async fn sign_from(&mut self, key_id: &KeyId, from: UnixSeconds) -> Result<(), StorageError> {
        sqlx::query(SIGN_FROM).bind(key_id.as_str()).bind(seconds(from)).execute(&mut *self.0).await?;
        self.policy_changes().await
    }

    /// Replaces the sealed private half of a key by the same one sealed anew.
    pub async fn reseal_key(&mut self, key_id: &KeyId, sealed: &[u8]) -> Result<(), StorageError> {
        sqlx::query(RESEAL).bind(key_id.as_str()).bind(sealed).execute(&mut *self.0).await?;
        self.policy_changes().await
    }
}
