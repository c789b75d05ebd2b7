//! The settings that all MCP servers have, and the command line around them. Owns their names and
//! defaults; how settings are layered is `bailiwick_process`'s.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bailiwick_core::{ClientId, Issuer, ResourceUri, RoleName};
use bailiwick_guard::{Credentials, DEFAULT_MAX_STALENESS};
use bailiwick_process::Secret;
use bailiwick_process::logs::Filter;
use bailiwick_process::plain_http::{self, PlainHttpRefused, PublicUrl, TlsEnd};
use bailiwick_process::settings::{Names, Secrets};
use bailiwick_process::tls::{Files, Tls, TlsError};
use clap::{ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use jiff::Timestamp;

use self::authentication::{AuthenticationError, AuthenticationSettings};
use crate::database::DatabaseUrl;
use crate::program::Program;

pub(crate) mod authentication;

/// The secret of the server's own client at the token service.
pub(crate) const CLIENT_SECRET: &str = "MCP_CLIENT_SECRET";

/// What the names of MCP servers' settings begin with.
pub(crate) const PREFIX: &str = "MCP";

/// The command line of a server.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Load the sample data into the database if it is empty.
    #[arg(long)]
    pub(crate) sample_data: bool,
    #[command(subcommand)]
    pub(crate) command: Option<ServerCommand>,
}

/// What else a server can do than serve.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum ServerCommand {
    /// Check the settings and the declared tools; open no port and no database.
    CheckConfig,
    /// Print the JSON body that registers this server's tools: PUT /admin/v1/resources/{name}.
    Manifest,
    /// Make a secret for a client that this server is to know by itself: shows it once, and prints the client's
    /// entry for the clients file.
    NewClient {
        /// Its client_id.
        client_id: ClientId,
        /// A role that it has; may be given several times.
        #[arg(long, value_name = "ROLE", required = true)]
        role: Vec<RoleName>,
        /// When it ends, such as 2027-01-31T00:00:00Z.
        #[arg(long, value_name = "MOMENT")]
        expires_at: Option<Timestamp>,
    },
}

/// The settings of a server.
#[derive(Clone, Debug, Args)]
pub(crate) struct Settings {
    /// Address to listen on.
    #[arg(long, env = "MCP_LISTEN", global = true, value_name = "ADDRESS:PORT", required = false)]
    pub(crate) listen: SocketAddr,
    /// URL under which clients reach this server; its tokens are for this resource.
    #[arg(long, env = "MCP_RESOURCE", global = true, value_name = "URL", required = false, value_parser = resource)]
    pub(crate) resource: ResourceUri,
    #[command(flatten)]
    pub(crate) authentication: AuthenticationSettings,
    /// Token service whose tokens are accepted.
    #[arg(long, env = "MCP_ISSUER", global = true, value_name = "URL", default_value = "http://localhost:8000")]
    pub(crate) issuer: Issuer,
    /// The server's own client at the token service, by which it hears of revocations; without it, tokens live until
    /// they expire.
    #[arg(long, env = "MCP_CLIENT_ID", global = true, value_name = "CLIENT_ID")]
    pub(crate) client_id: Option<ClientId>,
    /// Seconds in which nothing may be heard of revocations before every request is refused, or off.
    #[arg(long, env = "MCP_MAX_STALENESS", global = true, value_name = "SECONDS", default_value_t = MaxStaleness(Some(DEFAULT_MAX_STALENESS)), value_parser = max_staleness)]
    pub(crate) max_staleness: MaxStaleness,
    /// Database, sqlite://PATH; the file is created where there is none.
    #[arg(long, env = "MCP_DATABASE_URL", global = true, value_name = "URL", required = false)]
    pub(crate) database_url: DatabaseUrl,
    /// Hosts that requests may be for beside the resource's own, as host or host:port.
    #[arg(long, env = "MCP_ALLOWED_HOSTS", global = true, value_name = "HOSTS", value_delimiter = ',')]
    pub(crate) allowed_hosts: Vec<String>,
    /// Origins whose pages may call beside the resource's own, as scheme://host:port.
    #[arg(long, env = "MCP_ALLOWED_ORIGINS", global = true, value_name = "ORIGINS", value_delimiter = ',')]
    pub(crate) allowed_origins: Vec<String>,
    /// Also serve the transport HTTP with SSE of MCP 2024-11-05: GET /sse, POST /messages/.
    #[arg(
        long, env = "MCP_HTTP_SSE", global = true, value_name = "BOOL", default_value = "false",
        num_args = 0..=1, default_missing_value = "true", require_equals = true, action = clap::ArgAction::Set
    )]
    pub(crate) http_sse: bool,
    /// Address to serve Prometheus metrics on; without it there are none.
    #[arg(long, env = "MCP_METRICS_LISTEN", global = true, value_name = "ADDRESS:PORT")]
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Certificate to speak TLS with and those that lead to its root, PEM; read again when renewed.
    #[arg(long, env = "MCP_TLS_CERT", global = true, value_name = "PATH")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM.
    #[arg(long, env = "MCP_TLS_KEY", global = true, value_name = "PATH")]
    pub(crate) tls_key: Option<PathBuf>,
    /// TLS ends at a proxy in front of this process.
    #[arg(long, env = "MCP_TLS_TERMINATED", global = true)]
    pub(crate) tls_terminated: bool,
    /// What is logged: error, warn, info, debug, trace, or tracing directives.
    #[arg(long, env = "MCP_LOG", global = true, value_name = "LEVEL", default_value = Filter::DEFAULT)]
    pub(crate) log_level: Filter,
}

/// Why a server may not start as it is set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// Tokens would cross a network in clear.
    #[error(transparent)]
    PlainHttp(#[from] PlainHttpRefused),
    /// There is no certificate to speak TLS with.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Weak credentials would.
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
}

/// How long nothing may be heard of revocations; `None` for however long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaxStaleness(pub(crate) Option<Duration>);

impl fmt::Display for MaxStaleness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(duration) => duration.as_secs().fmt(formatter),
            None => OFF.fmt(formatter),
        }
    }
}

/// The word for no limit.
const OFF: &str = "off";

/// A client without its secret, or a secret without its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given} is set and {missing} is not: a server hears of revocations with both, and with neither it does not")]
pub(crate) struct HalfCredentials {
    given: &'static str,
    missing: &'static str,
}

impl Settings {
    /// What the server hears of revocations with, if anything.
    pub(crate) fn credentials(&self, secret: Option<Secret>) -> Result<Option<Credentials>, HalfCredentials> {
        const CLIENT_ID: &str = "MCP_CLIENT_ID";
        match (self.client_id.clone(), secret) {
            (None, None) => Ok(None),
            (Some(client_id), Some(secret)) => Ok(Some(Credentials::new(client_id, secret.expose()))),
            (Some(_), None) => Err(HalfCredentials { given: CLIENT_ID, missing: CLIENT_SECRET }),
            (None, Some(_)) => Err(HalfCredentials { given: CLIENT_SECRET, missing: CLIENT_ID }),
        }
    }

    /// TLS for the listener, where it is spoken here; none where plain HTTP may be.
    pub(crate) fn tls(&self, now: SystemTime) -> Result<Option<Tls>, TransportError> {
        let url = PublicUrl {
            text: self.resource.as_str(),
            is_plain_http: self.resource.is_plain_http(),
            is_loopback: self.resource.is_loopback(),
        };
        let files = Files::of_settings(PREFIX, self.tls_cert.clone(), self.tls_key.clone())?;
        let end = match (self.tls_terminated, &files) {
            (true, _) => TlsEnd::InFront,
            (false, Some(_)) => TlsEnd::Here,
            (false, None) => TlsEnd::Nowhere,
        };
        plain_http::may_start(url, self.listen, end, PREFIX)?;
        self.authentication.may_start(self.listen, files.is_some())?;
        // Behind a proxy, clients see the proxy's certificate: only the proxy sees this one.
        let host = (end == TlsEnd::Here).then(|| self.resource.host());
        Ok(files.map(|files| Tls::load(files, host, now)).transpose()?)
    }
}

/// A command line that was read, and what it says of settings that are one server's own.
pub(crate) struct Read {
    pub(crate) arguments: Arguments,
    pub(crate) matches: ArgMatches,
}

impl FromArgMatches for Read {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self { arguments: Arguments::from_arg_matches(matches)?, matches: matches.clone() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What was set of the settings that one server has beyond those of all.
pub struct OwnSettings<'a> {
    /// The arguments that it declares.
    pub matches: &'a ArgMatches,
    /// Its secrets, by their variables.
    pub secrets: &'a mut Secrets,
}

/// What `P` calls its settings.
pub(crate) fn names<P: Program>() -> Names {
    Names { prefix: PREFIX, secrets: P::SECRETS }
}

/// The command line of `P`, with the defaults that are its own.
pub(crate) fn command<P: Program>() -> Command {
    P::declare_settings(Arguments::command())
        .name(P::BINARY)
        .about(format!("{}: a guarded MCP server", P::TITLE))
        .mut_arg("listen", |arg| arg.default_value(format!("127.0.0.1:{}", P::PORT)))
        .mut_arg("resource", |arg| arg.default_value(format!("http://localhost:{}/mcp", P::PORT)))
        .mut_arg("http_sse", |arg| if P::HTTP_SSE { arg.default_value("true") } else { arg })
        .mut_arg("database_url", |arg| arg.default_value(format!("sqlite://data/{}.sqlite", P::SERVER)))
}

/// Whole seconds, or the word for no limit. How few are too few, the guard says.
fn max_staleness(text: &str) -> Result<MaxStaleness, String> {
    if text == OFF {
        return Ok(MaxStaleness(None));
    }
    let seconds = text.parse().map_err(|_| format!("write seconds, or {OFF} for no limit"))?;
    Ok(MaxStaleness(Some(Duration::from_secs(seconds))))
}

/// The paths that have a meaning of their own.
const TAKEN: [&str; 5] = ["/health", "/.well-known", "/token", "/sse", "/messages"];

/// A resource whose path can be routed: plain characters, and not a path that has a meaning here.
fn resource(text: &str) -> Result<ResourceUri, String> {
    let resource: ResourceUri =
        text.parse().map_err(|error: bailiwick_core::identifier::InvalidIdentifier| error.to_string())?;
    let path = resource.path();
    let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte));
    let is_taken = |taken: &str| path == taken || path.strip_prefix(taken).is_some_and(|rest| rest.starts_with('/'));
    if is_plain && !TAKEN.iter().any(|taken| is_taken(taken)) {
        Ok(resource)
    } else {
        let taken = TAKEN.join(" ");
        Err(format!(
            "the path of a resource has only the characters A-Z a-z 0-9 / . _ ~ - and is not below any of {taken}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staleness_is_seconds_or_off_and_reads_as_it_is_written() {
        for text in ["300", "5", "off"] {
            assert_eq!(max_staleness(text).map(|staleness| staleness.to_string()), Ok(text.to_owned()));
        }
        for wrong in ["", "-1", "5s", "1.5", "OFF", "none"] {
            assert!(max_staleness(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_path_of_a_resource_can_be_routed() {
        for right in [
            "http://localhost:8001/mcp",
            "https://hr.example.com",
            "https://a.example/hr/mcp",
            "https://a.example/healthy",
        ] {
            assert!(resource(right).is_ok(), "{right}");
        }
        for wrong in [
            "http://localhost:8001/health",
            "http://localhost:8001/health/live",
            "http://localhost:8001/.well-known/x",
            "http://localhost:8001/token",
            "http://localhost:8001/messages/",
            "http://localhost:8001/:x",
            "http://localhost:8001/{x}",
            "localhost",
        ] {
            assert!(resource(wrong).is_err(), "{wrong}");
        }
    }
}
