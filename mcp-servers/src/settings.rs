//! The settings that all MCP servers have, and the command line around them. Owns their names and
//! defaults; how settings are layered is `bailiwick_process`'s.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use bailiwick_core::{Issuer, ResourceUri};
use bailiwick_process::logs::Filter;
use bailiwick_process::plain_http::{self, PlainHttpRefused, PublicUrl, TlsEnd};
use bailiwick_process::settings::Names;
use bailiwick_process::tls::{Files, Tls, TlsError};
use clap::{Args, Command, CommandFactory, Parser, Subcommand};

use crate::database::DatabaseUrl;
use crate::program::Program;

/// What MCP servers call their settings. They have no secrets until they hear the revocation feed.
pub(crate) const NAMES: Names = Names { prefix: "MCP", secrets: &[] };

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum ServerCommand {
    /// Check the settings and the declared tools; open no port and no database.
    CheckConfig,
    /// Print the JSON body that registers this server's tools: PUT /admin/v1/resources/{name}.
    Manifest,
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
    /// Token service whose tokens are accepted.
    #[arg(long, env = "MCP_ISSUER", global = true, value_name = "URL", default_value = "http://localhost:8000")]
    pub(crate) issuer: Issuer,
    /// Database, sqlite://PATH; the file is created where there is none.
    #[arg(long, env = "MCP_DATABASE_URL", global = true, value_name = "URL", required = false)]
    pub(crate) database_url: DatabaseUrl,
    /// Hosts that requests may be for beside the resource's own, as host or host:port.
    #[arg(long, env = "MCP_ALLOWED_HOSTS", global = true, value_name = "HOSTS", value_delimiter = ',')]
    pub(crate) allowed_hosts: Vec<String>,
    /// Origins whose pages may call beside the resource's own, as scheme://host:port.
    #[arg(long, env = "MCP_ALLOWED_ORIGINS", global = true, value_name = "ORIGINS", value_delimiter = ',')]
    pub(crate) allowed_origins: Vec<String>,
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
}

impl Settings {
    /// TLS for the listener, where it is spoken here; none where plain HTTP may be.
    pub(crate) fn tls(&self, now: SystemTime) -> Result<Option<Tls>, TransportError> {
        let url = PublicUrl {
            text: self.resource.as_str(),
            is_plain_http: self.resource.is_plain_http(),
            is_loopback: self.resource.is_loopback(),
        };
        let files = Files::of_settings(NAMES.prefix, self.tls_cert.clone(), self.tls_key.clone())?;
        let end = match (self.tls_terminated, &files) {
            (true, _) => TlsEnd::InFront,
            (false, Some(_)) => TlsEnd::Here,
            (false, None) => TlsEnd::Nowhere,
        };
        plain_http::may_start(url, self.listen, end, NAMES.prefix)?;
        // Behind a proxy, clients see the proxy's certificate: only the proxy sees this one.
        let host = (end == TlsEnd::Here).then(|| self.resource.host());
        Ok(files.map(|files| Tls::load(files, host, now)).transpose()?)
    }
}

/// The command line of `P`, with the defaults that are its own.
pub(crate) fn command<P: Program>() -> Command {
    Arguments::command()
        .name(P::BINARY)
        .about(format!("{}: a guarded MCP server", P::TITLE))
        .mut_arg("listen", |arg| arg.default_value(format!("127.0.0.1:{}", P::PORT)))
        .mut_arg("resource", |arg| arg.default_value(format!("http://localhost:{}/mcp", P::PORT)))
        .mut_arg("database_url", |arg| arg.default_value(format!("sqlite://data/{}.sqlite", P::SERVER)))
}

/// A resource whose path can be routed: plain characters, and not a path that has a meaning here.
fn resource(text: &str) -> Result<ResourceUri, String> {
    let resource: ResourceUri =
        text.parse().map_err(|error: bailiwick_core::identifier::InvalidIdentifier| error.to_string())?;
    let path = resource.path();
    let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte));
    let is_taken = |taken: &str| path == taken || path.strip_prefix(taken).is_some_and(|rest| rest.starts_with('/'));
    if is_plain && !is_taken("/health") && !is_taken("/.well-known") {
        Ok(resource)
    } else {
        Err("the path of a resource has only the characters A-Z a-z 0-9 / . _ ~ - and is not below /health or \
             /.well-known"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "http://localhost:8001/:x",
            "http://localhost:8001/{x}",
            "localhost",
        ] {
            assert!(resource(wrong).is_err(), "{wrong}");
        }
    }
}
