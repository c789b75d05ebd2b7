//! What a user may let a client do: never more than both may. Owns the ceiling of clients that are not
//! limited to roles; what is asked for within it is [`bailiwick_core::resolve`]'s.

use bailiwick_core::{Scope, ScopeSet, What};

use crate::clients::Client;
use crate::policy::{InvalidTarget, Policy};
use crate::resources::Resource;
use crate::users::User;

/// What a client without roles may do for users at most (`AUTH_UNREGISTERED_CLIENT_SCOPE`).
#[derive(Clone, Debug, Default)]
pub struct Ceiling(Option<ScopeSet>);

/// What a user may let a client do at one resource.
#[derive(Debug)]
pub struct Allowed<'a> {
    /// The resource.
    pub resource: &'a Resource,
    /// What both may there.
    pub scope: ScopeSet,
}

impl Ceiling {
    /// These scopes; without any, everything at every resource that is not the service's own.
    pub fn new(scope: Option<ScopeSet>) -> Self {
        Self(scope)
    }

    /// What `client` may do for users at most, at every resource. Where its roles are its limit, none of
    /// them left is nothing.
    fn of_client(&self, client: &Client, policy: &Policy) -> ScopeSet {
        if client.limited_to_roles {
            return policy.allowed(&client.roles);
        }
        let everything = || {
            let resources = policy.resources().filter(|resource| !resource.built_in);
            resources.map(|resource| Scope::new(resource.name().clone(), What::All)).collect()
        };
        self.0.clone().unwrap_or_else(everything)
    }

    /// The resource at which `client` wants to act for somebody, as far as it may ask for it.
    pub fn target<'a>(
        &self,
        client: &Client,
        requested: Option<&str>,
        policy: &'a Policy,
    ) -> Result<&'a Resource, InvalidTarget> {
        policy.target(client, &self.of_client(client, policy), requested)
    }

    /// What `user` may let `client` do at the resource that it asks for.
    pub fn allowed<'a>(
        &self,
        client: &Client,
        user: &User,
        requested: Option<&str>,
        policy: &'a Policy,
    ) -> Result<Allowed<'a>, InvalidTarget> {
        let ceiling = self.of_client(client, policy);
        let resource = policy.target(client, &ceiling, requested)?;
        let scope = ceiling.intersection(&policy.allowed(&user.roles), &resource.tools);
        Ok(Allowed { resource, scope })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bailiwick_core::UnixSeconds;
    use serde_json::json;

    use super::*;
    use crate::clients::NewClient;
    use crate::resources::ResourceManifest;
    use crate::roles::{Role, RoleDefinition};

    fn policy() -> Policy {
        let role = |name: &str, scope: &str| {
            let definition = RoleDefinition { description: String::new(), scope: scope.parse().unwrap() };
            Role::new(name.parse().unwrap(), definition).unwrap()
        };
        let hr = json!({
            "resource": "https://hr.example/mcp",
            "tools": [{"name": "look", "kind": "read"}, {"name": "change", "kind": "write"}],
        });
        let hr: ResourceManifest = serde_json::from_value(hr).unwrap();
        let roles = vec![role("Officer", "hr:*"), role("Reader", "hr:read"), role("Changer", "hr:change")];
        let resources = vec![Resource::new("hr".parse().unwrap(), hr).unwrap()];
        Policy::new(&"https://id.example".parse().unwrap(), roles, resources)
    }

    fn client(roles: &[&str]) -> Client {
        let metadata = json!({"redirect_uris": ["https://app.example/cb"], "roles": roles});
        let new: NewClient = serde_json::from_value(metadata).unwrap();
        new.validate("app".parse().unwrap(), &policy(), UnixSeconds(0)).unwrap()
    }

    fn user(roles: &[&str]) -> User {
        let new = serde_json::from_value(json!({"username": "ada", "roles": roles})).unwrap();
        User::new(new, "usr_ada".parse().unwrap(), &policy(), UnixSeconds(0)).unwrap()
    }

    fn both(ceiling: &Ceiling, client_roles: &[&str], user_roles: &[&str], resource: &str) -> String {
        let policy = policy();
        let resource = policy.resource(resource).unwrap().resource.to_string();
        let allowed = ceiling.allowed(&client(client_roles), &user(user_roles), Some(&resource), &policy);
        allowed.map_or_else(|_| "no target".to_owned(), |allowed| allowed.scope.to_string())
    }

    #[test]
    fn never_more_than_both_may() {
        let ceiling = Ceiling::default();
        for (client, user, expected) in [
            (&["Officer"][..], &["Officer"][..], "hr:*"),
            (&["Officer"], &["Reader"], "hr:read"),
            (&["Reader"], &["Officer"], "hr:read"),
            (&["Reader"], &["Changer"], ""),
            (&["Reader", "Changer"], &["Officer"], "hr:read hr:change"),
            (&["Officer"], &[], ""),
        ] {
            assert_eq!(both(&ceiling, client, user, "hr"), expected, "{client:?} {user:?}");
        }
    }

    #[test]
    fn a_client_without_roles_reaches_every_resource_but_the_services_own() {
        let open = Ceiling::default();
        assert_eq!(both(&open, &[], &["Officer", "admin"], "hr"), "hr:*");
        assert_eq!(both(&open, &[], &["Officer", "admin"], "admin"), "no target");
        assert_eq!(both(&open, &["admin"], &["admin"], "admin"), "admin:*");
        let narrow = Ceiling::new(Some("hr:read".parse().unwrap()));
        assert_eq!(both(&narrow, &[], &["Officer"], "hr"), "hr:read");
        assert_eq!(both(&Ceiling::new(Some(ScopeSet::default())), &[], &["Officer"], "hr"), "no target");
    }

    #[test]
    fn a_client_that_lost_its_last_role_may_do_nothing_also_where_resources_are_named_for_it() {
        let policy = policy();
        let hr = policy.resource("hr").unwrap().resource.clone();
        let lost = Client { roles: BTreeSet::new(), ..client(&["Officer"]) };
        let ceiling = Ceiling::default();
        assert!(ceiling.target(&lost, Some(hr.as_str()), &policy).is_err());
        let named = Client { resources: Some(BTreeSet::from([hr.clone()])), ..lost };
        let allowed = ceiling.allowed(&named, &user(&["Officer"]), Some(hr.as_str()), &policy).unwrap();
        assert!(allowed.scope.is_empty());
    }
}
