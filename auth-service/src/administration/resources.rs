//! Resources, administered.

use bailiwick_core::ServerName;

use super::{Administration, AdministrationError, built_in, not_found};
use crate::policy::Policy;
use crate::resources::{MOST_RESOURCES, Resource, ResourceManifest};
use crate::storage::Change;

impl Administration {
    /// All resources, ordered by name.
    pub async fn resources(&self) -> Result<Vec<Resource>, AdministrationError> {
        Ok(self.policy_now().await?.resources().cloned().collect())
    }

    /// The resource of that name.
    pub async fn resource(&self, name: &ServerName) -> Result<Resource, AdministrationError> {
        let found = self.resources().await?.into_iter().find(|resource| resource.name() == name);
        found.ok_or_else(|| not_found("resource", name))
    }

    /// Registers a resource, or changes it; tokens for a URI that it gives up end. The second value
    /// tells whether it is new.
    pub async fn put_resource(
        &self,
        name: ServerName,
        manifest: ResourceManifest,
    ) -> Result<(Resource, bool), AdministrationError> {
        let resource = Resource::new(name, manifest).map_err(|error| AdministrationError::Invalid(error.0))?;
        let mut change = self.storage.change().await?;
        let policy = self.policy(&mut change).await?;
        let is_new = self.put_resource_in(&mut change, &policy, &resource).await?;
        change.commit().await?;
        Ok((resource, is_new))
    }

    /// Puts a resource as part of a change; tells whether it is new.
    pub(super) async fn put_resource_in(
        &self,
        change: &mut Change<'_>,
        policy: &Policy,
        resource: &Resource,
    ) -> Result<bool, AdministrationError> {
        let before = policy.resource(resource.name().as_str());
        if before.is_some_and(|before| before.built_in) {
            return Err(built_in("resource", resource.name()));
        }
        if before.is_none() && policy.resources().count() >= MOST_RESOURCES {
            return Err(AdministrationError::Conflict(format!("there are at most {MOST_RESOURCES} resources")));
        }
        if let Some(other) = policy.resource_at(&resource.resource).filter(|other| other.name() != resource.name()) {
            let sentence = format!("{} is registered already, as {}", resource.resource, other.name());
            return Err(AdministrationError::Conflict(sentence));
        }
        change.put_resource(resource, before, self.clock.now()).await?;
        Ok(before.is_none())
    }

    /// Deletes a resource, takes it from the clients that named it and ends the tokens for it.
    pub async fn delete_resource(&self, name: &ServerName) -> Result<(), AdministrationError> {
        let mut change = self.storage.change().await?;
        let policy = self.policy(&mut change).await?;
        let resource = policy.resource(name.as_str()).ok_or_else(|| not_found("resource", name))?;
        if resource.built_in {
            return Err(built_in("resource", name));
        }
        change.delete_resource(resource, self.clock.now()).await?;
        Ok(change.commit().await?)
    }
}
