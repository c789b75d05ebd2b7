//! The client that a person or a script uses: it lists the tools of an MCP server and calls them,
//! finds by itself where tokens come from, and says what to do where it is refused.

mod access;
mod address;
mod arguments;
mod cache;
mod challenge;
mod commands;
mod credentials;
mod discovery;
mod entrance;
mod failure;
mod fetch;
mod folders;
mod holders;
mod login;
mod logins;
mod output;
mod private_file;
mod profiles;
mod renewal;
mod result;
mod scopes;
mod session;
mod settings;
mod token;
mod token_request;

use std::process::ExitCode;
use std::time::SystemTime;

use bailiwick_core::UnixSeconds;
use bailiwick_process::settings::{Loaded, Sources, load};
use clap::CommandFactory;

use commands::{CommandLine, Context};
use failure::Failure;
use folders::Folders;
use login::request::NoEntropy;
use output::Output;

fn main() -> ExitCode {
    let sources = Sources::of_process();
    let folders = Folders::of(&sources.environment);
    let columns = sources.environment.get("COLUMNS").and_then(|columns| columns.to_str()).map(str::to_owned);
    let has_browser = login::browser::is_here(&sources.environment);
    let loaded = match load::<CommandLine>(CommandLine::command(), settings::NAMES, sources) {
        Ok(loaded) => loaded,
        Err(error) => return error.report(),
    };
    let Loaded { settings: CommandLine { settings, command }, secrets, warnings } = loaded;
    let output = Output::new(settings.json, columns.as_deref());
    for warning in warnings {
        output.warn(&warning);
    }
    let clock = || UnixSeconds::from(SystemTime::now());
    let entropy = |bytes: &mut [u8]| aws_lc_rs::rand::fill(bytes).map_err(|_| NoEntropy);
    let context = Context { settings, secrets, folders, output, clock: &clock, entropy: &entropy, has_browser };
    match run(context, command) {
        Ok(code) => code,
        Err(failure) => {
            output.tell(&failure);
            failure.exit_code()
        }
    }
}

fn run(context: Context<'_>, command: commands::Command) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Unreachable(format!("the system gives no event loop: {error}")))?;
    runtime.block_on(commands::run(context, command))
}
