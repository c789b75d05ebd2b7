//! The command line, one file per command. Owns what can be said, and what every command is given.

pub mod call;
pub mod completion;
pub mod login;
pub mod logout;
pub mod profile;
mod shown;
pub mod tools;
pub mod whoami;

use std::process::ExitCode;

use bailiwick_core::Clock;
use bailiwick_process::settings::Secrets;
use clap::{Parser, Subcommand};

use crate::access::{Access, shell_word};
use crate::address::ServerUrl;
use crate::cache::Cache;
use crate::credentials::{self, Given, Resolved};
use crate::failure::Failure;
use crate::fetch::Http;
use crate::folders::Folders;
use crate::login::request::Entropy;
use crate::logins::Logins;
use crate::output::Output;
use crate::profiles::Profiles;
use crate::scopes::Scopes;
use crate::session::Connector;
use crate::settings::{CLIENT_SECRET, Settings, TOKEN};

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the tool itself said that it failed
  2  the command line, a file or an argument is wrong
  3  not authenticated: no credentials, or none that are accepted
  4  not allowed: the message names the missing scope
  5  the server or the token service does not answer, or not as the protocol says";

/// Lists the tools of an MCP server and calls them, with tokens that it gets and renews by itself
#[derive(Parser, Debug)]
#[command(
    name = "mcp-agent", version, about, propagate_version = true, arg_required_else_help = true,
    after_help = EXIT_CODES
)]
pub struct CommandLine {
    #[command(flatten)]
    pub settings: Settings,
    #[command(subcommand)]
    pub command: Command,
}

/// What is to be done.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// List the tools that you may call, or describe one
    Tools(tools::Tools),
    /// Call a tool
    Call(call::Call),
    /// Log in at a server in your browser, so that a client acts for you there
    Login(login::LogIn),
    /// Log out: end a login at its service and forget it
    Logout,
    /// Show who you are: profile, issuer and client, and at a server what your token says
    Whoami,
    /// Named profiles: a client, its issuer, and perhaps its server
    #[command(subcommand)]
    Profile(profile::ProfileCommand),
    /// Print a completion script for a shell
    Completion(completion::Completion),
}

/// What every command is given.
pub struct Context<'a> {
    /// The settings.
    pub settings: Settings,
    /// The secrets.
    pub secrets: Secrets,
    /// The person's folders.
    pub folders: Folders,
    /// How to print.
    pub output: Output,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Where random bytes come from.
    pub entropy: &'a Entropy,
    /// Whether a browser that is opened appears before the person.
    pub has_browser: bool,
}

/// Does what was said.
pub async fn run(context: Context<'_>, command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Tools(command) => tools::run(context, &command).await,
        Command::Call(command) => call::run(context, &command).await,
        Command::Login(command) => login::run(context, &command).await,
        Command::Logout => logout::run(context).await,
        Command::Whoami => whoami::run(context).await,
        Command::Profile(command) => profile::run(context, command),
        Command::Completion(command) => completion::run(context.output, &command),
    }
}

/// What it takes to speak to a server.
pub struct Caller<'a> {
    settings: Settings,
    /// As whom.
    pub resolved: Resolved,
    /// Where logins are kept, if anywhere.
    pub logins: Option<Logins>,
    whom: String,
    http: Http,
    cache: Option<Cache>,
    /// How to print.
    pub output: Output,
    clock: &'a dyn Clock,
}

impl<'a> Caller<'a> {
    /// Finds out who calls.
    pub fn new(context: Context<'a>) -> Result<Self, Failure> {
        let Context { settings, mut secrets, folders, output, clock, .. } = context;
        let profiles = folders.profiles();
        let given = Given {
            profile: settings.profile.as_ref(),
            file: settings.credentials.as_deref(),
            client_id: settings.client_id.as_deref(),
            client_secret: secrets.take(CLIENT_SECRET),
            token: secrets.take(TOKEN),
            issuer: settings.issuer.as_ref(),
        };
        let resolved = credentials::resolve(given, || profiles.map(Profiles::load).transpose())?;
        let http = Http::new().map_err(|error| {
            Failure::Unreachable(format!("the system's TLS certificates cannot be loaded: {error}"))
        })?;
        let (cache, logins) = (folders.tokens().map(Cache::new), folders.logins().map(Logins::new));
        Ok(Self { whom: whom(&settings, &resolved), settings, resolved, logins, http, cache, output, clock })
    }

    /// The server that is meant, if one is named.
    pub fn server(&self) -> Option<&ServerUrl> {
        self.settings.server.as_ref().or(self.resolved.server.as_ref())
    }

    /// The server that is meant.
    pub fn required_server(&self) -> Result<&ServerUrl, Failure> {
        self.server().ok_or_else(|| {
            Failure::Usage("which server? Name it by --server URL, MCP_AGENT_SERVER, or in the profile".to_owned())
        })
    }

    /// The way in to `server`.
    pub fn access<'c>(&'c self, server: &'c ServerUrl, scope: Option<&'c Scopes>) -> Access<'c> {
        Access {
            http: &self.http,
            server,
            identity: &self.resolved.identity,
            whom: &self.whom,
            cache: self.cache.as_ref(),
            logins: self.logins.as_ref(),
            fresh: self.settings.fresh,
            scope,
            clock: self.clock,
        }
    }

    /// How a conversation with `server` begins.
    pub fn connector<'c>(&'c self, server: &'c ServerUrl) -> Connector<'c> {
        let Settings { protocol, timeout, .. } = self.settings;
        Connector { http: &self.http, server, protocol, timeout }
    }
}

/// The flags that say again who calls. A secret is none of them.
fn whom(settings: &Settings, resolved: &Resolved) -> String {
    let issuer = settings.issuer.as_ref().map(|issuer| format!(" --issuer {}", shell_word(issuer.as_str())));
    let whom = match (&resolved.profile, &settings.credentials, &settings.client_id) {
        (Some(profile), _, _) => format!(" --profile {profile}"),
        (None, Some(file), _) => format!(" --credentials {}", shell_word(&file.display().to_string())),
        (None, None, Some(client_id)) => format!(" --client-id {}", shell_word(client_id)),
        (None, None, None) => return String::new(),
    };
    whom + &issuer.unwrap_or_default()
}
