//! The token service: who may have a token, for which server, to do what. A request walks from
//! the endpoints (`oauth2`, `admin`) over the domain to `storage`, and never back up.

mod admin;
mod administration;
mod authentication;
mod authorization_codes;
mod bearer;
mod caller;
mod clients;
mod commands;
mod configuration;
mod crypto;
mod current;
mod custody;
mod delegation;
mod directory;
mod feed;
mod grants;
mod health;
mod keys;
mod limits;
mod metrics;
mod oauth2;
mod openapi;
mod pages;
mod policy;
mod reaping;
mod redirect_uris;
mod refresh_tokens;
mod request_body;
mod resources;
mod revocations;
mod roles;
mod secrets;
mod server;
mod service;
mod sessions;
mod settings;
mod shown_text;
mod sign_in;
mod storage;
mod tokens;
mod users;

use std::io::Write;
use std::process::ExitCode;

use bailiwick_process::logs;
use bailiwick_process::settings::{Loaded, Sources, load};
use clap::CommandFactory;

use commands::{Command, CommandError, CommandLine};

fn main() -> ExitCode {
    let loaded = match load::<CommandLine>(CommandLine::command(), settings::NAMES, Sources::of_process()) {
        Ok(loaded) => loaded,
        Err(error) => return error.report(),
    };
    match run(loaded) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(loaded: Loaded<CommandLine>) -> Result<(), CommandError> {
    let Loaded { settings: CommandLine { settings, command }, mut secrets, warnings } = loaded;
    let serves = matches!(command, Command::Serve);
    let filter = &settings.log_level;
    let logging = if serves { logs::as_json_lines(filter, None).map(drop) } else { logs::as_text(filter) };
    logging.map_err(CommandError::other)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let master_key = secrets.take(settings::MASTER_KEY);
    actix_web::rt::System::new().block_on(async {
        match command {
            Command::Serve => commands::serve::run(settings, master_key).await,
            Command::CheckConfig => commands::check_config::run(&settings, master_key.as_ref()),
            Command::Migrate => commands::migrate::run(&settings).await,
            Command::Client(command) => commands::client::run(&settings, command).await,
            Command::Role(command) => commands::role::run(&settings, command).await,
            Command::User(command) => commands::user::run(&settings, command).await,
            Command::Resource(command) => commands::resource::run(&settings, command).await,
            Command::Apply(command) => commands::apply::run(&settings, command).await,
            Command::Export(command) => commands::export::run(&settings, command).await,
            Command::Keys(command) => commands::key::run(&settings, master_key, command).await,
            Command::Revocation(command) => commands::revocation::run(&settings, command).await,
        }
    })
}
