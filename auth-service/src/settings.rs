//! The settings of the token service (docs/reference/settings.md). Owns their names, defaults and
//! what they must satisfy together; the layers are [`bailiwick_process::settings`]'s.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bailiwick_core::{Algorithm, Issuer, ScopeSet};
use bailiwick_limits::TrustedProxies;
use bailiwick_process::logs::Filter;
use bailiwick_process::plain_http::{self, PlainHttpRefused, PublicUrl, TlsEnd};
use bailiwick_process::settings::Names;
use bailiwick_process::tls::{Files, Tls, TlsError};
use clap::Args;

use crate::storage::{StorageError, database_path};

/// The environment variable of the master key.
pub const MASTER_KEY: &str = "AUTH_MASTER_KEY";
/// How the settings are called.
pub const NAMES: Names = Names { prefix: "AUTH", secrets: &[MASTER_KEY] };
/// What is logged where nobody says what: the HTTP server's own start is told in our line already, and a request
/// that is none, which any stranger can send, is no error of ours.
const DEFAULT_LOG: &str = "info,actix_server=warn,actix_http::h1::dispatcher=off";
/// The longest time between two rotations, in days: ten years.
const MOST_ROTATION_DAYS: i64 = 3650;
/// The most threads that hash.
const MOST_HASH_THREADS: usize = 64;
/// The threads that hash where nobody says how many: the cores, and no more than this.
const DEFAULT_HASH_THREADS: usize = 2;

/// The settings, each from the command line, the environment, the file or its default.
#[derive(Args, Debug)]
pub struct Settings {
    /// The issuer: the public URL of this service, and `iss` in its tokens
    #[arg(long, env = "AUTH_ISSUER", global = true, value_name = "URL", default_value = "http://localhost:8000")]
    pub issuer: Issuer,
    /// Where to listen
    #[arg(long, env = "AUTH_LISTEN", global = true, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8000")]
    pub listen: SocketAddr,
    /// The database; the file is made on first use
    #[arg(
        long,
        env = "AUTH_DATABASE_URL",
        global = true,
        value_name = "URL",
        default_value = "sqlite://data/auth.sqlite"
    )]
    pub database_url: String,
    /// Threads that hash secrets [default: the cores, 2 at most]
    #[arg(long, env = "AUTH_HASH_THREADS", global = true, value_name = "NUMBER")]
    pub hash_threads: Option<NonZeroUsize>,
    /// What tokens are signed with: RS256, ES256 or EdDSA
    #[arg(long, env = "AUTH_SIGNING_ALGORITHM", global = true, value_name = "NAME", default_value = "RS256")]
    pub signing_algorithm: Algorithm,
    /// After how many days a new signing key follows; 0: only by `keys rotate`
    #[arg(
        long, env = "AUTH_KEY_ROTATION_DAYS", global = true, value_name = "DAYS", default_value = "90",
        value_parser = clap::value_parser!(u16).range(0..=MOST_ROTATION_DAYS)
    )]
    pub key_rotation_days: u16,
    /// The certificate to speak TLS with and those that lead to its root, PEM; read again when renewed
    #[arg(long, env = "AUTH_TLS_CERT", global = true, value_name = "PATH")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, env = "AUTH_TLS_KEY", global = true, value_name = "PATH")]
    pub tls_key: Option<PathBuf>,
    /// TLS ends in front of this process
    #[arg(
        long, env = "AUTH_TLS_TERMINATED", global = true, value_name = "BOOL", default_value = "false",
        num_args = 0..=1, default_missing_value = "true", action = clap::ArgAction::Set
    )]
    pub tls_terminated: bool,
    /// Networks of the proxies whose X-Forwarded-For is believed, separated by commas
    #[arg(long, env = "AUTH_TRUSTED_PROXIES", global = true, value_name = "CIDRS", default_value = "")]
    pub trusted_proxies: TrustedProxies,
    /// What a client without roles may do for users at most [default: all, but administration and the feed]
    #[arg(long, env = "AUTH_UNREGISTERED_CLIENT_SCOPE", global = true, value_name = "SCOPES")]
    pub unregistered_client_scope: Option<ScopeSet>,
    /// Where to serve Prometheus metrics [default: nowhere]
    #[arg(long, env = "AUTH_METRICS_LISTEN", global = true, value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<SocketAddr>,
    /// What to log: error, warn, info, debug, trace, or directives such as info,sqlx=warn
    #[arg(long, env = "AUTH_LOG", global = true, value_name = "FILTER", default_value = DEFAULT_LOG)]
    pub log_level: Filter,
}

/// Settings that cannot be served with.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSettings {
    /// Tokens would cross a network in clear.
    #[error(transparent)]
    PlainHttp(#[from] PlainHttpRefused),
    /// There is no certificate to speak TLS with.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The database URL is not one.
    #[error(transparent)]
    Database(#[from] StorageError),
    /// The endpoints would be elsewhere than they are said to be.
    #[error(
        "AUTH_ISSUER {0} has a path, and the service answers at the root of its host alone: give it a host name \
         or a port of its own"
    )]
    IssuerPath(Issuer),
    /// More threads than any host has use for.
    #[error("AUTH_HASH_THREADS is at most {MOST_HASH_THREADS}")]
    HashThreads,
}

impl Settings {
    /// Checks what the settings must satisfy together.
    pub fn check(&self) -> Result<(), InvalidSettings> {
        let issuer = PublicUrl {
            text: self.issuer.as_str(),
            is_plain_http: self.issuer.is_plain_http(),
            is_loopback: self.issuer.is_loopback(),
        };
        let tls = match (self.tls_terminated, self.tls_files()?) {
            (true, _) => TlsEnd::InFront,
            (false, Some(_)) => TlsEnd::Here,
            (false, None) => TlsEnd::Nowhere,
        };
        if self.issuer.has_path() {
            return Err(InvalidSettings::IssuerPath(self.issuer.clone()));
        }
        plain_http::may_start(issuer, self.listen, tls, NAMES.prefix)?;
        self.master_key_path()?;
        if self.hash_threads.is_some_and(|threads| threads.get() > MOST_HASH_THREADS) {
            return Err(InvalidSettings::HashThreads);
        }
        Ok(())
    }

    /// TLS for the listener, where it is spoken here.
    pub fn tls(&self, now: SystemTime) -> Result<Option<Tls>, TlsError> {
        // Behind a proxy, clients see the proxy's certificate: only the proxy sees this one.
        let host = (!self.tls_terminated).then(|| self.issuer.host());
        self.tls_files()?.map(|files| Tls::load(files, host, now)).transpose()
    }

    fn tls_files(&self) -> Result<Option<Files>, TlsError> {
        Files::of_settings(NAMES.prefix, self.tls_cert.clone(), self.tls_key.clone())
    }

    /// How many threads hash.
    pub fn hash_threads(&self) -> NonZeroUsize {
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let most = NonZeroUsize::new(DEFAULT_HASH_THREADS).unwrap_or(NonZeroUsize::MIN);
        self.hash_threads.unwrap_or_else(|| cores().min(most))
    }

    /// The age at which a signing key is followed by a new one.
    pub fn key_rotation(&self) -> Option<Duration> {
        let days = u64::from(self.key_rotation_days);
        (days > 0).then(|| Duration::from_hours(24 * days))
    }

    /// The file of the master key, where `AUTH_MASTER_KEY` does not give it: `master.key` beside
    /// the database.
    pub fn master_key_path(&self) -> Result<PathBuf, StorageError> {
        Ok(database_path(&self.database_url)?.with_file_name("master.key"))
    }
}
