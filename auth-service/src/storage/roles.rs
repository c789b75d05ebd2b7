//! Roles in the database. A change that takes something away appends its revocation itself.

use bailiwick_core::{RoleName, Subject, SubjectKind, UnixSeconds};

use super::{Change, StorageError, parsed};
use crate::roles::Role;

const ALL: &str = "SELECT role, description, scope FROM roles ORDER BY role";
const PUT: &str = "INSERT INTO roles (role, description, scope) VALUES ($1, $2, $3) \
                   ON CONFLICT (role) DO UPDATE SET description = excluded.description, scope = excluded.scope";
const DELETE: &str = "DELETE FROM roles WHERE role = $1";
const TAKE_FROM_HOLDERS: &str = "DELETE FROM client_roles WHERE role = $1";

pub(super) async fn all<'e>(database: impl sqlx::SqliteExecutor<'e>) -> Result<Vec<Role>, StorageError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(ALL).fetch_all(database).await?;
    rows.into_iter()
        .map(|(role, description, scope)| {
            Ok(Role {
                role: parsed(&role, "role name")?,
                description,
                scope: parsed(&scope, "scope of a role")?,
                built_in: false,
            })
        })
        .collect()
}

impl Change<'_> {
    /// Stores a role, new or changed; `narrowed` ends the tokens that rest on it.
    pub async fn put_role(&mut self, role: &Role, narrowed: bool, now: UnixSeconds) -> Result<(), StorageError> {
        sqlx::query(PUT)
            .bind(role.role.as_str())
            .bind(&role.description)
            .bind(role.scope.to_string())
            .execute(&mut *self.0)
            .await?;
        self.policy_changes().await?;
        if narrowed {
            self.revoke(&Subject::new(SubjectKind::Role, role.role.as_str()), "role narrowed", now).await?;
        }
        Ok(())
    }

    /// Deletes a role, takes it from its holders and ends the tokens that rest on it.
    pub async fn delete_role(&mut self, role: &RoleName, now: UnixSeconds) -> Result<(), StorageError> {
        sqlx::query(DELETE).bind(role.as_str()).execute(&mut *self.0).await?;
        sqlx::query(TAKE_FROM_HOLDERS).bind(role.as_str()).execute(&mut *self.0).await?;
        self.policy_changes().await?;
        self.clients_change().await?;
        self.revoke(&Subject::new(SubjectKind::Role, role.as_str()), "role deleted", now).await?;
        Ok(())
    }
}
