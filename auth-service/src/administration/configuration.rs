//! Bringing clients, roles and resources to what a file says, in one transaction.

use std::collections::BTreeSet;

use bailiwick_core::{ClientId, RoleName, ServerName};

use super::{Administration, AdministrationError};
use crate::clients::{Client, NewClient};
use crate::configuration::{ClientDefinition, Configuration, Difference, difference};
use crate::policy::Policy;
use crate::resources::{Resource, ResourceManifest};
use crate::roles::{Role, RoleDefinition};
use crate::storage::Change;

/// The clients that are read at a time.
const PAGE: u32 = 1000;

/// How a file is applied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Apply {
    /// Tell what differs, and change nothing.
    pub dry_run: bool,
    /// Delete what the file does not name, built-in things excepted.
    pub prune: bool,
}

/// What a file names.
struct Named {
    clients: BTreeSet<ClientId>,
    roles: BTreeSet<RoleName>,
    resources: BTreeSet<ServerName>,
}

impl Administration {
    /// What a file would have to say for nothing to change. Built-in things are left out.
    pub async fn export(&self) -> Result<Configuration, AdministrationError> {
        let rows = self.storage.policy().await?;
        let mut configuration = Configuration {
            roles: rows.roles.iter().map(|role| (role.role.clone(), RoleDefinition::from(role))).collect(),
            resources: rows.resources.iter().map(|one| (one.name().clone(), ResourceManifest::from(one))).collect(),
            ..Configuration::default()
        };
        let mut after = String::new();
        loop {
            let clients = self.storage.clients_after(&after, PAGE).await?;
            let Some(last) = clients.last() else { return Ok(configuration) };
            after = last.client_id.to_string();
            configuration
                .clients
                .extend(clients.iter().map(|one| (one.client_id.clone(), ClientDefinition::from(one))));
        }
    }

    /// Brings everything to what the file says, all of it or nothing, and tells what differed. What
    /// is taken away ends tokens, as if it were done by hand. New clients have no secret yet.
    pub async fn apply(
        &self,
        configuration: Configuration,
        how: Apply,
    ) -> Result<Vec<Difference>, AdministrationError> {
        let mut change = self.storage.change().await?;
        let mut differences = Vec::new();
        let named = Named {
            clients: configuration.clients.keys().cloned().collect(),
            roles: configuration.roles.keys().cloned().collect(),
            resources: configuration.resources.keys().cloned().collect(),
        };
        // What goes gives its name and its URI free for what comes.
        if how.prune {
            differences.extend(self.prune(&mut change, &named).await?);
        }
        for (name, manifest) in configuration.resources {
            let policy = self.policy(&mut change).await?;
            let resource = Resource::new(name, manifest).map_err(|error| AdministrationError::Invalid(error.0))?;
            differences.extend(self.apply_resource(&mut change, &policy, &resource).await?);
        }
        for (name, definition) in configuration.roles {
            let policy = self.policy(&mut change).await?;
            let role = Role::new(name, definition).map_err(|error| AdministrationError::Invalid(error.0))?;
            differences.extend(self.apply_role(&mut change, &policy, &role).await?);
        }
        let policy = self.policy(&mut change).await?;
        for (client_id, definition) in configuration.clients {
            differences.extend(self.apply_client(&mut change, &policy, client_id, definition).await?);
        }
        if !how.dry_run {
            change.commit().await?;
        }
        Ok(differences)
    }

    async fn apply_resource(
        &self,
        change: &mut Change<'_>,
        policy: &Policy,
        resource: &Resource,
    ) -> Result<Option<Difference>, AdministrationError> {
        let before = policy.resource(resource.name().as_str()).map(ResourceManifest::from);
        let found = difference("resource", resource.name(), before.as_ref(), Some(&ResourceManifest::from(resource)));
        if found.is_some() {
            self.put_resource_in(change, policy, resource).await?;
        }
        Ok(found)
    }

    async fn apply_role(
        &self,
        change: &mut Change<'_>,
        policy: &Policy,
        role: &Role,
    ) -> Result<Option<Difference>, AdministrationError> {
        let before = policy.role(role.role.as_str()).map(RoleDefinition::from);
        let found = difference("role", &role.role, before.as_ref(), Some(&RoleDefinition::from(role)));
        if found.is_some() {
            self.put_role_in(change, policy, role).await?;
        }
        Ok(found)
    }

    async fn apply_client(
        &self,
        change: &mut Change<'_>,
        policy: &Policy,
        client_id: ClientId,
        definition: ClientDefinition,
    ) -> Result<Option<Difference>, AdministrationError> {
        let before = change.client(&client_id).await?;
        // A file that says nothing of it lifts no limit: of a client that loses its last role least of all.
        let is_limited = before.as_ref().is_some_and(|before| before.limited_to_roles);
        let limited_to_roles = definition.limited_to_roles.or(is_limited.then_some(true));
        let definition = ClientDefinition { limited_to_roles, ..definition };
        let after = NewClient::from(definition).validate(client_id.clone(), policy, self.clock.now());
        let after =
            after.map_err(|error| AdministrationError::InvalidMetadata(format!("client {client_id}: {error}")))?;
        let was = before.as_ref().map(ClientDefinition::from);
        let found = difference("client", &client_id, was.as_ref(), Some(&ClientDefinition::from(&after)));
        match (&found, before) {
            (None, _) => {}
            (Some(_), None) => {
                change.insert_client(&after).await?;
            }
            (Some(_), Some(before)) => {
                let after = Client { created_at: before.created_at, ..after };
                change.update_client(&before, &after).await?;
            }
        }
        Ok(found)
    }

    /// Deletes what the file does not name: clients, then roles, then resources.
    async fn prune(&self, change: &mut Change<'_>, named: &Named) -> Result<Vec<Difference>, AdministrationError> {
        let mut differences = self.prune_clients(change, &named.clients).await?;
        let now = self.clock.now();
        let policy = self.policy(change).await?;
        for role in policy.roles().filter(|role| !role.built_in && !named.roles.contains(&role.role)) {
            change.delete_role(&role.role, now).await?;
            differences.extend(difference("role", &role.role, Some(&RoleDefinition::from(role)), None));
        }
        for resource in policy.resources().filter(|one| !one.built_in && !named.resources.contains(one.name())) {
            change.delete_resource(resource, now).await?;
            let manifest = ResourceManifest::from(resource);
            differences.extend(difference("resource", resource.name(), Some(&manifest), None));
        }
        Ok(differences)
    }

    async fn prune_clients(
        &self,
        change: &mut Change<'_>,
        named: &BTreeSet<ClientId>,
    ) -> Result<Vec<Difference>, AdministrationError> {
        let mut differences = Vec::new();
        let mut after = String::new();
        loop {
            let clients = change.clients_after(&after, PAGE).await?;
            let Some(last) = clients.last() else { return Ok(differences) };
            after = last.client_id.to_string();
            for client in clients.iter().filter(|client| !named.contains(&client.client_id)) {
                change.delete_client(&client.client_id, self.clock.now()).await?;
                differences.extend(difference(
                    "client",
                    &client.client_id,
                    Some(&ClientDefinition::from(client)),
                    None,
                ));
            }
        }
    }
}
