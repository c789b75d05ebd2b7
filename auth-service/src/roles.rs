//! Roles: named sets of scopes. Owns which roles are built in and what narrows a role.

use bailiwick_core::{RoleName, ScopeSet, ServerName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clients::names_a_folder;
use crate::policy::Policy;
use crate::shown_text;

/// The most roles that one service has.
pub const MOST_ROLES: usize = 1000;
/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 500;

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Role {
    /// Its name.
    #[schema(value_type = String)]
    pub role: RoleName,
    /// What it is for.
    pub description: String,
    /// The scopes that it gives, separated by spaces.
    #[schema(value_type = String, example = "hr:* project:read")]
    pub scope: ScopeSet,
    /// Whether it belongs to the service and cannot be changed.
    pub built_in: bool,
}

/// What is said of a role when it is put.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleDefinition {
    /// What it is for; at most 500 characters.
    #[serde(default)]
    pub description: String,
    /// The scopes that it gives, separated by spaces.
    #[schema(value_type = String, example = "hr:* project:read")]
    pub scope: ScopeSet,
}

/// Why a role cannot be as it was put.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRole(pub String);

impl Role {
    /// The roles of the service itself.
    pub fn built_in() -> Vec<Self> {
        let role = |name: &str, description: &str, scope: &str| {
            Some(Self {
                role: name.parse().ok()?,
                description: description.to_owned(),
                scope: scope.parse().ok()?,
                built_in: true,
            })
        };
        let built_in = [
            role("admin", "Administers this token service", "admin:*"),
            role(
                crate::policy::GUARD_ROLE,
                "Guards a resource: hears revocations, introspects its tokens",
                "feed:read",
            ),
        ];
        built_in.into_iter().flatten().collect()
    }

    /// The role of that name with that definition.
    ///
    /// # Errors
    /// Where the name or the description cannot be accepted, or the scope is empty.
    pub fn new(role: RoleName, definition: RoleDefinition) -> Result<Self, InvalidRole> {
        shown_text::check("description", &definition.description, LONGEST_DESCRIPTION).map_err(InvalidRole)?;
        if names_a_folder(role.as_str()) {
            return Err(InvalidRole("a role may not be called . or .., which no URL can end with".to_owned()));
        }
        if definition.scope.is_empty() {
            return Err(InvalidRole("scope names at least one scope; to take a role away, delete it".to_owned()));
        }
        Ok(Self { role, description: definition.description, scope: definition.scope, built_in: false })
    }

    /// Whether `self` gives less than `before` did, so that tokens resting on it must end.
    pub fn is_narrower_than(&self, before: &Self, policy: &Policy) -> bool {
        let kept = |server: &ServerName, scope| match policy.tools(server) {
            Some(tools) => self.scope.implies(scope, tools),
            None => self.scope.iter().any(|mine| mine == scope),
        };
        before.scope.iter().any(|scope| !kept(&scope.server, scope))
    }
}
