//! The settings of mcp-agent: each a flag, an environment variable and a member of the settings file.
//! Secrets are none of them: they come by environment or file and never stand on a command line.

use std::path::PathBuf;
use std::time::Duration;

use bailiwick_process::settings::Names;
use clap::Args;

use crate::address::{IssuerUrl, ServerUrl};
use crate::profiles::ProfileName;
use crate::session::Protocol;

/// The client's secret.
pub const CLIENT_SECRET: &str = "MCP_AGENT_CLIENT_SECRET";

/// A token from elsewhere.
pub const TOKEN: &str = "MCP_AGENT_TOKEN";

/// What the settings are called.
pub const NAMES: Names = Names { prefix: "MCP_AGENT", secrets: &[CLIENT_SECRET, TOKEN] };

/// The settings.
#[derive(Args, Debug)]
pub struct Settings {
    /// The MCP server [default: the profile's]
    #[arg(long, env = "MCP_AGENT_SERVER", global = true, value_name = "URL")]
    pub server: Option<ServerUrl>,
    /// The profile to use [default: the profile named default, if there is one]
    #[arg(long, env = "MCP_AGENT_PROFILE", global = true, value_name = "NAME")]
    pub profile: Option<ProfileName>,
    /// A file (mode 0600) with client_id, client_secret (if it has one) and issuer as JSON
    #[arg(long, env = "MCP_AGENT_CREDENTIALS", global = true, value_name = "FILE")]
    pub credentials: Option<PathBuf>,
    /// The client; its secret, if it has one, comes by MCP_AGENT_CLIENT_SECRET or a file
    #[arg(long, env = "MCP_AGENT_CLIENT_ID", global = true, value_name = "CLIENT_ID")]
    pub client_id: Option<String>,
    /// The issuer that the client is of; its secret is sent to no other
    #[arg(long, env = "MCP_AGENT_ISSUER", global = true, value_name = "URL")]
    pub issuer: Option<IssuerUrl>,
    /// The protocol revision to speak
    #[arg(
        long,
        env = "MCP_AGENT_PROTOCOL",
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "REVISION"
    )]
    pub protocol: Protocol,
    /// How long each request to the server may take, in seconds
    #[arg(long, env = "MCP_AGENT_TIMEOUT", global = true, default_value = "60", value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Duration,
    /// Print JSON, for scripts; errors too
    #[arg(long, global = true)]
    pub json: bool,
    /// Ask for a new token even where a kept one is still good
    #[arg(long, global = true)]
    pub fresh: bool,
}

/// The longest timeout, in seconds: an hour.
const LONGEST_TIMEOUT: u64 = 3600;

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=LONGEST_TIMEOUT) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("expected 1 to {LONGEST_TIMEOUT} seconds")),
    }
}
