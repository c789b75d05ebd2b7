//! `mcp-agent profile …`: credentials kept under a name. Shows all of a profile but its secret.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::Context;
use crate::credentials::{self, ClientCredentials};
use crate::failure::Failure;
use crate::output::Output;
use crate::profiles::{Profile, ProfileError, ProfileName, ProfileView, Profiles};
use crate::settings::CLIENT_SECRET;

/// What is done with profiles.
#[derive(Subcommand, Debug)]
pub enum ProfileCommand {
    /// Keep credentials under a name: those of --credentials, or --issuer and --client-id, with the
    /// secret, if it has one, in MCP_AGENT_CLIENT_SECRET or --client-secret-file; --server is kept with
    /// them
    Add {
        /// Its name; the profile default is used where none is named
        name: ProfileName,
    },
    /// List the profiles
    List,
    /// Show a profile
    Show {
        /// Its name
        name: ProfileName,
    },
    /// Remove a profile
    Remove {
        /// Its name
        name: ProfileName,
    },
}

/// Does it.
pub fn run(mut context: Context<'_>, command: ProfileCommand) -> Result<ExitCode, Failure> {
    let mut profiles = Profiles::load(context.folders.profiles().ok_or(ProfileError::NoHome)?)?;
    let output = context.output;
    match command {
        ProfileCommand::Add { name } => {
            profiles.add(&name, &given(&mut context)?)?;
            show(output, &profiles.view(&name)?)?;
        }
        ProfileCommand::List => list(output, &profiles)?,
        ProfileCommand::Show { name } => show(output, &profiles.view(&name)?)?,
        ProfileCommand::Remove { name } => {
            profiles.remove(&name)?;
            output.print(&json!({"removed": name.to_string()}), || format!("profile {name} is removed\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The profile that the settings give.
fn given(context: &mut Context<'_>) -> Result<Profile, Failure> {
    let secret = context.secrets.take(CLIENT_SECRET);
    let settings = &context.settings;
    let file = settings.credentials.as_deref();
    let client = credentials::client(file, settings.client_id.as_deref(), secret, settings.issuer.as_ref())?;
    let Some(ClientCredentials { issuer, client_id, secret }) = client else {
        return Err(Failure::Usage(
            "whose profile? Give --credentials FILE, or --issuer and --client-id, with the client's secret, if it has \
             one, in MCP_AGENT_CLIENT_SECRET or --client-secret-file FILE"
                .to_owned(),
        ));
    };
    let Some(issuer) = issuer else {
        return Err(Failure::Usage("whose client is it? Give --issuer URL: it is used with no other".to_owned()));
    };
    Ok(Profile { issuer, client_id, secret, server: settings.server.clone() })
}

fn list(output: Output, profiles: &Profiles) -> Result<(), Failure> {
    let views: Vec<ProfileView<'_>> = profiles.views().collect();
    output.print(&json!({"profiles": views}), || {
        let text = |text: Option<&str>| text.unwrap_or("-").to_owned();
        let row = |view: &ProfileView<'_>| {
            vec![view.profile.to_owned(), view.issuer.to_owned(), view.client_id.to_owned(), text(view.server)]
        };
        output.table(&["PROFILE", "ISSUER", "CLIENT", "SERVER"], &views.iter().map(row).collect::<Vec<_>>())
    })
}

fn show(output: Output, view: &ProfileView<'_>) -> Result<(), Failure> {
    output.print(&json!(view), || {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        output.lines(&[
            pair("profile", view.profile),
            pair("issuer", view.issuer),
            pair("client id", view.client_id),
            pair("server", view.server.unwrap_or("-")),
        ])
    })
}
