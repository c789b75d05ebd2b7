//! `auth-service resource …`.

use std::path::{Path, PathBuf};

use bailiwick_core::{Algorithm, ServerName, Tool, ToolKind, json};
use clap::Subcommand;

use super::input;
use super::output::{Format, lines, table};
use super::{CommandError, administration};
use crate::resources::{Resource, ResourceManifest, ResourceView};
use crate::settings::Settings;

/// The longest manifest that is read, in bytes.
const LONGEST_MANIFEST: u64 = 1024 * 1024;

/// What is done with resources.
#[derive(Subcommand, Debug)]
pub enum ResourceCommand {
    /// Register a resource or change it
    Set {
        /// The name that its scopes begin with
        name: ServerName,
        /// What the server prints with `manifest`; - for standard input
        #[arg(long, value_name = "PATH")]
        file: PathBuf,
        /// What tokens for it are signed with: RS256, ES256 or EdDSA [default: as --signing-algorithm]
        #[arg(long, value_name = "NAME")]
        signing_alg: Option<Algorithm>,
        #[command(flatten)]
        format: Format,
    },
    /// List the resources
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show a resource with its tools
    Show {
        /// Its name
        name: ServerName,
        #[command(flatten)]
        format: Format,
    },
    /// Delete a resource and end the tokens for it
    Delete {
        /// Its name
        name: ServerName,
        #[command(flatten)]
        format: Format,
    },
}

/// Does it.
pub async fn run(settings: &Settings, command: ResourceCommand) -> Result<(), CommandError> {
    let administration = administration(settings).await?;
    match command {
        ResourceCommand::Set { name, file, signing_alg, format } => {
            let mut manifest = read_manifest(&file)?;
            manifest.signing_alg = signing_alg.or(manifest.signing_alg);
            let (resource, _) = administration.put_resource(name, manifest).await?;
            format.print(&resource.view(), described)
        }
        ResourceCommand::List { format } => {
            let resources = administration.resources().await?;
            let views: Vec<ResourceView<'_>> = resources.iter().map(Resource::view).collect();
            format.print(&views, |views| {
                let row = |view: &ResourceView<'_>| {
                    [
                        view.name.to_string(),
                        view.resource.to_string(),
                        view.tools.len().to_string(),
                        view.title.to_owned(),
                    ]
                };
                table(["NAME", "RESOURCE", "TOOLS", "TITLE"], views.iter().map(row))
            })
        }
        ResourceCommand::Show { name, format } => {
            format.print(&administration.resource(&name).await?.view(), described)
        }
        ResourceCommand::Delete { name, format } => {
            administration.delete_resource(&name).await?;
            format.done(&format!("resource {name} deleted"))
        }
    }
}

fn read_manifest(path: &Path) -> Result<ResourceManifest, CommandError> {
    let text = input::read(path, LONGEST_MANIFEST)?;
    json::read(text.as_bytes()).map_err(|error| CommandError::Other(format!("{}: {error}", path.display())))
}

fn described(view: &ResourceView<'_>) -> String {
    let head = lines([
        ("name", view.name.to_string()),
        ("resource", view.resource.to_string()),
        ("title", view.title.to_owned()),
        ("signing_alg", view.signing_alg.map_or_else(|| "-".to_owned(), |alg| alg.to_string())),
    ]);
    let row = |tool: &&Tool| {
        let kind = match tool.kind {
            ToolKind::Read => "read",
            ToolKind::Write => "write",
        };
        [tool.name.to_string(), kind.to_owned(), tool.title.clone()]
    };
    if view.tools.is_empty() {
        return head;
    }
    format!("{head}\n{}", table(["TOOL", "KIND", "TITLE"], view.tools.iter().map(row)))
}
