//! Protected resources (RFC 8707, RFC 9728): the servers that tokens are for, with their tools.
//! Owns what may be registered and what is built in.

use bailiwick_core::{Algorithm, Issuer, ResourceUri, ServerName, Tool, Tools};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::policy::{ADMIN_PATH, FEED_PATH};
use crate::shown_text;

/// The most resources that one service has.
pub const MOST_RESOURCES: usize = 1000;
/// The longest title, in characters.
const LONGEST_TITLE: usize = 200;

/// A registered resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The URI that tokens for it carry as `aud`.
    pub resource: ResourceUri,
    /// Its name for people.
    pub title: String,
    /// Its tools, under the name that its scopes begin with.
    pub tools: Tools,
    /// What tokens for it are signed with; the service's own algorithm where it says none.
    pub signing_alg: Option<Algorithm>,
    /// Whether it belongs to the service and cannot be changed.
    pub built_in: bool,
}

/// What is said of a resource when it is put; an MCP server prints it with `manifest`.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceManifest {
    /// Its URI: `http` or `https`, no fragment.
    #[schema(value_type = String, example = "http://localhost:8001/mcp")]
    pub resource: ResourceUri,
    /// Its name for people; at most 200 characters.
    #[serde(default)]
    pub title: String,
    /// Its tools; at most 1000.
    #[serde(default)]
    #[schema(value_type = Vec<ToolView>)]
    pub tools: Vec<Tool>,
    /// What tokens for it are signed with: `RS256`, `ES256` or `EdDSA`; left out: as the service's
    /// setting says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "ES256")]
    pub signing_alg: Option<Algorithm>,
}

/// A resource as the admin API shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResourceView<'a> {
    /// The name that its scopes begin with.
    #[schema(value_type = String, example = "hr")]
    pub name: &'a ServerName,
    /// Its URI.
    #[schema(value_type = String, example = "http://localhost:8001/mcp")]
    pub resource: &'a ResourceUri,
    /// Its name for people.
    pub title: &'a str,
    /// Its tools, ordered by name.
    #[schema(value_type = Vec<ToolView>)]
    pub tools: Vec<&'a Tool>,
    /// What tokens for it are signed with, where that is not left to the service's setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "ES256")]
    pub signing_alg: Option<Algorithm>,
    /// Whether it belongs to the service and cannot be changed.
    pub built_in: bool,
}

/// A tool as the description of the API shows it; the type itself is core's.
#[derive(ToSchema)]
#[schema(as = Tool)]
#[expect(dead_code, reason = "it is only the description of core's Tool")]
pub struct ToolView {
    /// Its name.
    name: String,
    /// `read` or `write`.
    kind: String,
    /// Its name for people; at most 200 characters.
    title: Option<String>,
}

/// Why a resource cannot be as it was put.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidResource(pub String);

impl Resource {
    /// The resources of the service itself.
    pub fn built_in(issuer: &Issuer) -> Vec<Self> {
        let resource = |name: &str, path: &str, title: &str| {
            Some(Self {
                resource: issuer.endpoint(path).parse().ok()?,
                title: title.to_owned(),
                tools: Tools::new(name.parse().ok()?, []).ok()?,
                signing_alg: None,
                built_in: true,
            })
        };
        let built_in =
            [resource("admin", ADMIN_PATH, "Administration"), resource("feed", FEED_PATH, "Revocation feed")];
        built_in.into_iter().flatten().collect()
    }

    /// The resource of that name with that manifest.
    ///
    /// # Errors
    /// Where a title cannot be accepted or the tools are not a set that a server can have.
    pub fn new(name: ServerName, manifest: ResourceManifest) -> Result<Self, InvalidResource> {
        shown_text::check("title", &manifest.title, LONGEST_TITLE).map_err(InvalidResource)?;
        for tool in &manifest.tools {
            let member = format!("the title of tool {}", tool.name);
            shown_text::check(&member, &tool.title, Tool::LONGEST_TITLE).map_err(InvalidResource)?;
        }
        let tools = Tools::new(name, manifest.tools).map_err(|error| InvalidResource(error.to_string()))?;
        let ResourceManifest { resource, title, signing_alg, .. } = manifest;
        Ok(Self { resource, title, tools, signing_alg, built_in: false })
    }

    /// Its name.
    pub fn name(&self) -> &ServerName {
        self.tools.server()
    }

    /// As the admin API shows it.
    pub fn view(&self) -> ResourceView<'_> {
        ResourceView {
            name: self.name(),
            resource: &self.resource,
            title: &self.title,
            tools: self.tools.iter().collect(),
            signing_alg: self.signing_alg,
            built_in: self.built_in,
        }
    }
}

/// The algorithms that tokens are signed with: the service's own, then those that resources ask for.
pub fn signing_algorithms(own: Algorithm, resources: &[Resource]) -> Vec<Algorithm> {
    let mut algorithms = vec![own];
    for algorithm in resources.iter().filter_map(|resource| resource.signing_alg) {
        if !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    algorithms
}
