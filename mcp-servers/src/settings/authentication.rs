//! The settings of how callers prove who they are. Owns their names, and that weak ways stay where nobody
//! listens in; the ways themselves are the guard's.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

use axum::http::HeaderValue;
use axum::http::request::Parts;
use bailiwick_guard::{GuardBuilder, InvalidPublicKey, Mode, PublicKey, SharedSecret};
use bailiwick_limits::{TrustedProxies, caller_address};
use bailiwick_process::Secret;
use bailiwick_process::listener::PeerAddress;
use clap::Args;

use super::PREFIX;
use crate::clients_file::{ClientsFile, ClientsFileError};

/// The secret of the mode hs256.
pub(crate) const SHARED_SECRET: &str = "MCP_SHARED_SECRET";

/// How callers prove who they are, and how often they may fail and call.
#[derive(Clone, Debug, Args)]
pub(crate) struct AuthenticationSettings {
    /// How callers may prove who they are: oauth, public-key, hs256, basic, api-key.
    #[arg(long, env = "MCP_AUTHENTICATION", global = true, value_name = "MODES", value_delimiter = ',', default_value = Mode::OAuth.as_str())]
    authentication: Vec<Mode>,
    /// File of the clients that this server knows by itself, and of the roles that they have; read again when it
    /// changes.
    #[arg(long, env = "MCP_CLIENTS_FILE", global = true, value_name = "PATH")]
    clients_file: Option<PathBuf>,
    /// RSA public key of the mode public-key, PEM.
    #[arg(long, env = "MCP_PUBLIC_KEY", global = true, value_name = "PATH")]
    public_key: Option<PathBuf>,
    /// What `iss` has to be in tokens of the mode public-key [default: the issuer]
    #[arg(long, env = "MCP_PUBLIC_KEY_ISSUER", global = true, value_name = "TEXT")]
    public_key_issuer: Option<String>,
    /// What `aud` has to be in tokens of the mode public-key [default: the resource]
    #[arg(long, env = "MCP_PUBLIC_KEY_AUDIENCE", global = true, value_name = "TEXT")]
    public_key_audience: Option<String>,
    /// Take the weak modes hs256, basic and api-key on a listener that is not loopback and speaks no TLS.
    #[arg(long, env = "MCP_ALLOW_WEAK_AUTHENTICATION", global = true)]
    allow_weak_authentication: bool,
    /// Networks of the proxies whose X-Forwarded-For is believed, separated by commas.
    #[arg(long, env = "MCP_TRUSTED_PROXIES", global = true, value_name = "CIDRS", default_value = "")]
    trusted_proxies: TrustedProxies,
    /// Calls of tools in a second that one caller may make, twice as many at once; 0 for however many.
    #[arg(long, env = "MCP_CALLS_PER_SECOND", global = true, value_name = "CALLS", default_value_t = 100)]
    calls_per_second: u32,
}

/// Why callers cannot prove who they are as it is set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthenticationError {
    /// A weak mode where somebody may listen in.
    #[error(
        "{mode} on {listen} without TLS: {weakness}; set {PREFIX}_TLS_CERT and {PREFIX}_TLS_KEY, listen on a loopback \
         address, or set {PREFIX}_ALLOW_WEAK_AUTHENTICATION=true"
    )]
    Weak {
        /// Which.
        mode: Mode,
        /// Where the server would listen.
        listen: SocketAddr,
        /// Why it is weak.
        weakness: &'static str,
    },
    /// The secret of hs256 is none.
    #[error("{SHARED_SECRET}: {0}")]
    SharedSecret(#[from] bailiwick_guard::ShortSecret),
    /// The public key cannot be read.
    #[error("{0}: {1}")]
    PublicKeyUnreadable(PathBuf, #[source] io::Error),
    /// It is none.
    #[error("{0}: {1}")]
    PublicKey(PathBuf, #[source] InvalidPublicKey),
    /// The clients cannot be used.
    #[error(transparent)]
    Clients(#[from] ClientsFileError),
}

impl AuthenticationSettings {
    /// Whether the weak modes may be used on `listen`.
    ///
    /// # Errors
    /// Which may not, and what to change.
    pub(crate) fn may_start(&self, listen: SocketAddr, speaks_tls: bool) -> Result<(), AuthenticationError> {
        if speaks_tls || listen.ip().is_loopback() || self.allow_weak_authentication {
            return Ok(());
        }
        match self.weak_modes().next() {
            Some((mode, weakness)) => Err(AuthenticationError::Weak { mode, listen, weakness }),
            None => Ok(()),
        }
    }

    /// The weak modes that are on, and what is weak about each.
    pub(crate) fn weak_modes(&self) -> impl Iterator<Item = (Mode, &'static str)> {
        self.authentication.iter().filter_map(|mode| Some((*mode, mode.weakness()?)))
    }

    /// The clients that this server knows by itself, if it was told of some.
    pub(crate) fn clients_file(&self) -> Result<Option<ClientsFile>, AuthenticationError> {
        Ok(self.clients_file.as_deref().map(ClientsFile::open).transpose()?)
    }

    /// Tells the guard of all this. `issuer` and `resource` are what tokens of a key pair name unless it is set.
    pub(crate) fn apply<'a>(
        &self,
        mut builder: GuardBuilder<'a>,
        clients: Option<&ClientsFile>,
        secret: Option<Secret>,
        (issuer, resource): (&str, &str),
    ) -> Result<GuardBuilder<'a>, AuthenticationError> {
        if let Some(clients) = clients {
            builder = builder.local_clients(clients.clients().clone());
        }
        if let Some(secret) = secret {
            builder = builder.shared_secret(SharedSecret::new(secret.expose().as_bytes())?);
        }
        if let Some(path) = &self.public_key {
            let pem = fs::read(path).map_err(|error| AuthenticationError::PublicKeyUnreadable(path.clone(), error))?;
            let (issuer, audience) = (
                self.public_key_issuer.as_deref().unwrap_or(issuer),
                self.public_key_audience.as_deref().unwrap_or(resource),
            );
            let key = PublicKey::from_pem(&pem, issuer, audience);
            builder = builder.public_key(key.map_err(|error| AuthenticationError::PublicKey(path.clone(), error))?);
        }
        let trusted = self.trusted_proxies.clone();
        Ok(builder
            .modes(self.authentication.iter().copied())
            .caller_address(move |request| address_of(request, &trusted))
            .calls_per_second(NonZeroU32::new(self.calls_per_second)))
    }
}

/// The address of whoever sent a request.
fn address_of(request: &Parts, trusted: &TrustedProxies) -> Option<IpAddr> {
    let peer = request.extensions.get::<PeerAddress>()?.0.ip();
    let forwarded: Vec<&[u8]> = request.headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes).collect();
    Some(caller_address(peer, &forwarded, trusted))
}
