//! `auth-service role …`.

use bailiwick_core::{RoleName, ScopeSet};
use clap::Subcommand;

use super::output::{Format, lines, table};
use super::{CommandError, administration};
use crate::roles::{Role, RoleDefinition};
use crate::settings::Settings;

/// What is done with roles.
#[derive(Subcommand, Debug)]
pub enum RoleCommand {
    /// Create a role or change it; tokens that rest on more than it then gives end
    Set {
        /// Its name
        role: RoleName,
        /// The scopes that it gives, separated by spaces, such as "hr:* project:read"
        #[arg(long)]
        scope: ScopeSet,
        /// What it is for
        #[arg(long, default_value = "")]
        description: String,
        #[command(flatten)]
        format: Format,
    },
    /// List the roles
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Show a role
    Show {
        /// Its name
        role: RoleName,
        #[command(flatten)]
        format: Format,
    },
    /// Delete a role, take it from its holders, and end the tokens that rest on it
    Delete {
        /// Its name
        role: RoleName,
        #[command(flatten)]
        format: Format,
    },
}

/// Does it.
pub async fn run(settings: &Settings, command: RoleCommand) -> Result<(), CommandError> {
    let administration = administration(settings).await?;
    match command {
        RoleCommand::Set { role, scope, description, format } => {
            let (role, _) = administration.put_role(role, RoleDefinition { description, scope }).await?;
            format.print(&role, described)
        }
        RoleCommand::List { format } => format.print(&administration.roles().await?, |roles| {
            let row = |role: &Role| [role.role.to_string(), role.scope.to_string(), role.description.clone()];
            table(["ROLE", "SCOPE", "DESCRIPTION"], roles.iter().map(row))
        }),
        RoleCommand::Show { role, format } => format.print(&administration.role(&role).await?, described),
        RoleCommand::Delete { role, format } => {
            administration.delete_role(&role).await?;
            format.done(&format!("role {role} deleted"))
        }
    }
}

fn described(role: &Role) -> String {
    lines([
        ("role", role.role.to_string()),
        ("scope", role.scope.to_string()),
        ("description", role.description.clone()),
    ])
}
