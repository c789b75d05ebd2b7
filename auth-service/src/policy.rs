//! What roles give and what resources have, as one consistent picture. Owns the lookups that a
//! token rests on and the rule that chooses its audience; always a reading of one version.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bailiwick_core::{Issuer, ResourceUri, RoleName, ScopeSet, ServerName, Tools};

use crate::clients::Client;
use crate::resources::Resource;
use crate::roles::Role;

/// The path of the admin API below the issuer: the resource that admin tokens are for.
pub const ADMIN_PATH: &str = "/admin/v1";
/// The path of the revocation feed below the issuer: the resource that guards' tokens are for.
pub const FEED_PATH: &str = "/revocations";
/// The built-in role whose holders may introspect tokens of the resources they guard.
pub const GUARD_ROLE: &str = "guard";

/// Roles and resources at one version.
#[derive(Debug)]
pub struct Policy {
    roles: BTreeMap<RoleName, Role>,
    resources: BTreeMap<ServerName, Resource>,
    names: HashMap<ResourceUri, ServerName>,
}

/// No audience for the token: `invalid_target` (RFC 8707 section 2). The text names the choices.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTarget(pub String);

impl Policy {
    /// The picture made of stored roles and resources and of those built in.
    pub fn new(issuer: &Issuer, roles: Vec<Role>, resources: Vec<Resource>) -> Self {
        let roles = roles.into_iter().chain(Role::built_in());
        let resources: Vec<_> = resources.into_iter().chain(Resource::built_in(issuer)).collect();
        let names = resources.iter().map(|one| (one.resource.clone(), one.tools.server().clone())).collect();
        Self {
            roles: roles.map(|role| (role.role.clone(), role)).collect(),
            resources: resources.into_iter().map(|one| (one.tools.server().clone(), one)).collect(),
            names,
        }
    }

    /// The role of that name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name)
    }

    /// All roles, ordered by name.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    /// The resource of that name.
    pub fn resource(&self, name: &str) -> Option<&Resource> {
        self.resources.get(name)
    }

    /// The resource with that URI.
    pub fn resource_at(&self, uri: &ResourceUri) -> Option<&Resource> {
        self.resources.get(self.names.get(uri)?)
    }

    /// All resources, ordered by name.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.values()
    }

    /// All that these roles give, at every server.
    pub fn allowed<'a>(&self, roles: impl IntoIterator<Item = &'a RoleName>) -> ScopeSet {
        let mut allowed = ScopeSet::default();
        for role in roles.into_iter().filter_map(|name| self.roles.get(name)) {
            allowed.extend(&role.scope);
        }
        allowed
    }

    /// The tools of the server of that name; none for a server that nobody registered.
    pub fn tools(&self, server: &ServerName) -> Option<&Tools> {
        self.resource(server.as_str()).map(|resource| &resource.tools)
    }

    /// The resource that a token is for: the requested one where the client may ask for it; without
    /// a request the only one that it may ask for.
    pub fn target(
        &self,
        client: &Client,
        allowed: &ScopeSet,
        requested: Option<&str>,
    ) -> Result<&Resource, InvalidTarget> {
        let may_ask = |one: &&Resource| may_ask(client, allowed, one);
        if let Some(text) = requested {
            let uri: Option<ResourceUri> = text.parse().ok();
            let found = uri.and_then(|uri| self.resource_at(&uri)).filter(may_ask);
            return found.ok_or_else(|| {
                InvalidTarget(format!("the client may not ask for this resource; {}", self.choices(client, allowed)))
            });
        }
        let mut reachable = self.resources().filter(may_ask);
        match (reachable.next(), reachable.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(InvalidTarget(format!("the parameter resource is needed; {}", self.choices(client, allowed)))),
        }
    }

    fn choices(&self, client: &Client, allowed: &ScopeSet) -> String {
        /// As many as fit a readable sentence.
        const NAMED: usize = 20;
        let reachable = self.resources().filter(|one| may_ask(client, allowed, one));
        let choices: BTreeSet<&str> = reachable.map(|one| one.resource.as_str()).collect();
        if choices.is_empty() {
            return "there is none that it may ask for".to_owned();
        }
        let named: Vec<&str> = choices.iter().take(NAMED).copied().collect();
        let rest = if choices.len() > NAMED { " and others" } else { "" };
        format!("it may ask for: {}{rest}", named.join(", "))
    }
}

fn may_ask(client: &Client, allowed: &ScopeSet, resource: &Resource) -> bool {
    match &client.resources {
        Some(named) => named.contains(&resource.resource),
        None => !allowed.at(&resource.tools).is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_core::UnixSeconds;
    use serde_json::Map;

    use super::*;
    use crate::clients::{AuthenticationMethod, GrantType};
    use crate::resources::ResourceManifest;
    use crate::roles::RoleDefinition;

    fn policy() -> Policy {
        let role = |name: &str, scope: &str| {
            let definition = RoleDefinition { description: String::new(), scope: scope.parse().unwrap() };
            Role::new(name.parse().unwrap(), definition).unwrap()
        };
        let resource = |name: &str| {
            let manifest = ResourceManifest {
                resource: format!("https://{name}.example/mcp").parse().unwrap(),
                title: String::new(),
                tools: Vec::new(),
                signing_alg: None,
            };
            Resource::new(name.parse().unwrap(), manifest).unwrap()
        };
        let roles = vec![role("Officer", "hr:*"), role("Manager", "hr:* project:*")];
        Policy::new(&"https://id.example".parse().unwrap(), roles, vec![resource("hr"), resource("project")])
    }

    fn client(role: &str, resources: Option<&[&str]>) -> Client {
        Client {
            client_id: "agent".parse().unwrap(),
            client_name: String::new(),
            grant_types: BTreeSet::from([GrantType::ClientCredentials]),
            token_endpoint_auth_method: AuthenticationMethod::ClientSecretBasic,
            redirect_uris: BTreeSet::new(),
            roles: BTreeSet::from_iter([role.parse().unwrap()]),
            limited_to_roles: true,
            resources: resources.map(|uris| uris.iter().map(|uri| uri.parse().unwrap()).collect()),
            claims: Map::new(),
            access_token_ttl: None,
            disabled: false,
            created_at: UnixSeconds(0),
            updated_at: UnixSeconds(0),
        }
    }

    fn target(client: &Client, requested: Option<&str>) -> Result<String, String> {
        let policy = policy();
        let allowed = policy.allowed(&client.roles);
        let target = policy.target(client, &allowed, requested);
        target.map(|resource| resource.name().to_string()).map_err(|error| error.0)
    }

    #[test]
    fn the_only_resource_need_not_be_named() {
        assert_eq!(target(&client("Officer", None), None), Ok("hr".to_owned()));
        assert_eq!(target(&client("admin", None), None), Ok("admin".to_owned()));
        let restricted = client("Manager", Some(&["https://project.example/mcp"]));
        assert_eq!(target(&restricted, None), Ok("project".to_owned()));
    }

    #[test]
    fn in_doubt_the_choices_are_named() {
        let error = target(&client("Manager", None), None).unwrap_err();
        assert!(error.ends_with("it may ask for: https://hr.example/mcp, https://project.example/mcp"), "{error}");
        assert!(target(&client("nobody", None), None).unwrap_err().ends_with("there is none that it may ask for"));
    }

    #[test]
    fn a_resource_that_roles_or_registration_do_not_reach_is_no_target() {
        assert!(target(&client("Officer", None), Some("https://project.example/mcp")).is_err());
        assert!(
            target(&client("Manager", Some(&["https://hr.example/mcp"])), Some("https://project.example/mcp")).is_err()
        );
        assert!(target(&client("Officer", Some(&[])), None).is_err());
        for unknown in ["https://other.example", "nonsense", "https://hr.example/mcp#fragment"] {
            assert!(target(&client("Officer", None), Some(unknown)).is_err(), "{unknown}");
        }
        assert_eq!(target(&client("Officer", None), Some("HTTPS://HR.example:443/mcp")), Ok("hr".to_owned()));
    }

    #[test]
    fn a_role_that_gives_less_than_before_is_narrower() {
        let role = |scope: &str| {
            let definition = RoleDefinition { description: String::new(), scope: scope.parse().unwrap() };
            Role::new("any".parse().unwrap(), definition).unwrap()
        };
        for (before, after, narrower) in [
            ("hr:*", "hr:* project:read", false),
            ("hr:read", "hr:*", false),
            ("hr:read hr:write", "hr:*", false),
            ("hr:*", "hr:read hr:write", false),
            ("hr:*", "hr:read", true),
            ("hr:* project:*", "hr:*", true),
            ("gone:read", "gone:*", true),
            ("gone:read", "gone:read", false),
        ] {
            assert_eq!(role(after).is_narrower_than(&role(before), &policy()), narrower, "{before} -> {after}");
        }
    }
}
