//! Roles, administered.

use bailiwick_core::RoleName;

use super::{Administration, AdministrationError, built_in, not_found};
use crate::policy::Policy;
use crate::roles::{MOST_ROLES, Role, RoleDefinition};
use crate::storage::Change;

impl Administration {
    /// All roles, ordered by name.
    pub async fn roles(&self) -> Result<Vec<Role>, AdministrationError> {
        Ok(self.policy_now().await?.roles().cloned().collect())
    }

    /// The role of that name.
    pub async fn role(&self, name: &RoleName) -> Result<Role, AdministrationError> {
        let found = self.roles().await?.into_iter().find(|role| &role.role == name);
        found.ok_or_else(|| not_found("role", name))
    }

    /// Creates a role, or changes it; tokens that rest on more than it then gives end. The second
    /// value tells whether it is new.
    pub async fn put_role(
        &self,
        name: RoleName,
        definition: RoleDefinition,
    ) -> Result<(Role, bool), AdministrationError> {
        let role = Role::new(name, definition).map_err(|error| AdministrationError::Invalid(error.0))?;
        let mut change = self.storage.change().await?;
        let policy = self.policy(&mut change).await?;
        let is_new = self.put_role_in(&mut change, &policy, &role).await?;
        change.commit().await?;
        Ok((role, is_new))
    }

    /// Puts a role as part of a change; tells whether it is new.
    pub(super) async fn put_role_in(
        &self,
        change: &mut Change<'_>,
        policy: &Policy,
        role: &Role,
    ) -> Result<bool, AdministrationError> {
        let before = policy.role(role.role.as_str());
        if before.is_some_and(|before| before.built_in) {
            return Err(built_in("role", &role.role));
        }
        if before.is_none() && policy.roles().count() >= MOST_ROLES {
            return Err(AdministrationError::Conflict(format!("there are at most {MOST_ROLES} roles")));
        }
        let narrowed = before.is_some_and(|before| role.is_narrower_than(before, policy));
        change.put_role(role, narrowed, self.clock.now()).await?;
        Ok(before.is_none())
    }

    /// Deletes a role, takes it from its holders and ends the tokens that rest on it.
    pub async fn delete_role(&self, name: &RoleName) -> Result<(), AdministrationError> {
        let mut change = self.storage.change().await?;
        match self.policy(&mut change).await?.role(name.as_str()) {
            None => return Err(not_found("role", name)),
            Some(role) if role.built_in => return Err(built_in("role", name)),
            Some(_) => {}
        }
        change.delete_role(name, self.clock.now()).await?;
        Ok(change.commit().await?)
    }
}
