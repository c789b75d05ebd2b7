//! Roles in the database. A change that takes something away appends its revocation itself.

use bailiwick_core::{RoleName, Subject, SubjectKind, UnixSeconds};

use super::{Change, StorageError, parsed};
use crate::roles::Role;

const ALL: &str = "SELECT role, description, scope FROM roles ORDER BY role";
const PUT: &str = "INSERT INTO roles (role, description, scope) VALUES ($1, $2, $3) \
                   ON CONFLICT (role) DO UPDATE SET description = excluded.description, scope = excluded.scope";
const DELETE: &str = "DELETE FROM roles WHERE role = $1";
const TAKE_FROM_CLIENTS: &str = "DELETE FROM client_roles WHERE role = $1";
const TAKE_FROM_USERS: &str = "DELETE FROM user_roles WHERE role = $1";
const ACTING_FOR_USERS: &str = "SELECT DISTINCT g.client_id FROM grants g \
                                JOIN client_roles r ON r.client_id = g.client_id WHERE r.role = $1";

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
            self.revoke_clients_acting_for_users(&role.role, "role of the client narrowed", now).await?;
            self.revoke(&Subject::new(SubjectKind::Role, role.role.as_str()), "role narrowed", now).await?;
        }
        Ok(())
    }

    /// Deletes a role, takes it from its holders and ends the tokens that rest on it.
    pub async fn delete_role(&mut self, role: &RoleName, now: UnixSeconds) -> Result<(), StorageError> {
        sqlx::query(DELETE).bind(role.as_str()).execute(&mut *self.0).await?;
        self.revoke_clients_acting_for_users(role, "role of the client deleted", now).await?;
        sqlx::query(TAKE_FROM_CLIENTS).bind(role.as_str()).execute(&mut *self.0).await?;
        sqlx::query(TAKE_FROM_USERS).bind(role.as_str()).execute(&mut *self.0).await?;
        self.policy_changes().await?;
        self.clients_change().await?;
        self.revoke(&Subject::new(SubjectKind::Role, role.as_str()), "role deleted", now).await?;
        Ok(())
    }

    /// A user's token names the user's roles, and rests on its client's as well: those clients' tokens
    /// are ended by name.
    async fn revoke_clients_acting_for_users(
        &mut self,
        role: &RoleName,
        reason: &str,
        now: UnixSeconds,
    ) -> Result<(), StorageError> {
        let clients: Vec<(String,)> =
            sqlx::query_as(ACTING_FOR_USERS).bind(role.as_str()).fetch_all(&mut *self.0).await?;
        for (client_id,) in clients {
            self.revoke(&Subject::new(SubjectKind::Client, client_id), reason, now).await?;
        }
        Ok(())
    }
}
