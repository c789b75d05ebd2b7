//! A server as a process: its commands and the order in which it starts and stops. Owns no tool;
//! a server says what it is by [`Program`].

use std::io::{self, Write};
use std::net;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand;
use bailiwick_core::{ClientId, Clock, RoleName, SecretDigest, ServerName, UnixSeconds};
use bailiwick_guard::{Credentials, Guard, GuardError, RECORDS};
use bailiwick_process::listener::{self, BindError, Limits};
use bailiwick_process::logs::Lines;
use bailiwick_process::settings::{self, Loaded, Sources};
use bailiwick_process::tls::Tls;
use bailiwick_process::{ClientSecret, Secret, logs, metrics, shutdown};
use clap::Command;
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use serde_json::json;
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::clients_file::ClientsFile;
use crate::database::{Database, DatabaseError};
use crate::http_sse::Sessions;
pub use crate::settings::OwnSettings;
use crate::settings::authentication::{AuthenticationError, SHARED_SECRET};
use crate::settings::{
    Arguments, CLIENT_SECRET, HalfCredentials, Read, ServerCommand, Settings, TransportError, command, names,
};
use crate::tool::{InvalidTool, McpServer, ToolSet};
use crate::{health, http_sse};

/// How long the first requests wait, before any is accepted, until it is known which tokens are revoked. That
/// takes some milliseconds where the token service is there, so that a restart refuses nobody.
const FIRST_HEARING: Duration = Duration::from_secs(2);

/// What one server is, beside what all are.
pub trait Program: Clone + Send + Sync + 'static {
    /// The name of its binary.
    const BINARY: &'static str;
    /// Its name in scopes: the `hr` of `hr:read`.
    const SERVER: &'static str;
    /// What it calls itself in MCP.
    const MCP_NAME: &'static str;
    /// What people are shown.
    const TITLE: &'static str;
    /// Its port unless it is told another.
    const PORT: u16;
    /// Whether it serves the transport HTTP with SSE unless it is told otherwise.
    const HTTP_SSE: bool = false;
    /// The environment variables that hold its secrets: those of all servers, and its own if it has some.
    const SECRETS: &'static [&'static str] = &SHARED_SECRETS;

    /// The steps to its tables.
    fn migrations() -> Migrator;

    /// Its tools.
    ///
    /// # Errors
    /// Where one of them cannot be declared.
    fn tools() -> Result<ToolSet<Self>, InvalidTool>;

    /// What its tools work on.
    fn new(database: Database, clock: Arc<dyn Clock>) -> Self;

    /// Declares the settings that it has beyond those of all servers: global arguments with `env`.
    #[must_use]
    fn declare_settings(command: Command) -> Command {
        command
    }

    /// What its own settings make of it once it has its data.
    ///
    /// # Errors
    /// What is wrong with them, in words for the operator.
    fn configure(_: OwnSettings<'_>) -> Result<Configure<Self>, String> {
        Ok(Box::new(|program| program))
    }

    /// Loads the sample data, all of it or nothing, into a database that is empty.
    fn load_sample_data(database: &Database) -> impl Future<Output = Result<SampleData, SampleDataError>> + Send;
}

/// Applies settings to a program.
pub type Configure<P> = Box<dyn FnOnce(P) -> P + Send>;

/// The secrets that every server may be given.
pub const SHARED_SECRETS: [&str; 2] = [CLIENT_SECRET, SHARED_SECRET];

/// What became of the sample data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleData {
    /// It is in the database now.
    Loaded,
    /// The database has rows of its own, and nothing was done.
    NotEmpty,
    /// This server has none.
    None,
}

/// Why the sample data could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum SampleDataError {
    /// The data does not fit the tables.
    #[error("the sample data cannot be read: {0}")]
    Data(#[from] serde_json::Error),
    /// The database refuses it.
    #[error("the sample data cannot be stored: {0}")]
    Storage(#[from] sqlx::Error),
}

/// Why a server did not start or had to end.
#[derive(Debug, thiserror::Error)]
enum ProgramError {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Credentials(#[from] HalfCredentials),
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    #[error(transparent)]
    Guard(#[from] GuardError),
    #[error("the server's name in scopes: {0}")]
    ServerName(#[from] bailiwick_core::identifier::InvalidIdentifier),
    #[error(transparent)]
    Tool(#[from] InvalidTool),
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    SampleData(#[from] SampleDataError),
    #[error(transparent)]
    System(#[from] io::Error),
    #[error("logs: {0}")]
    Logs(String),
    #[error("{0}")]
    OwnSettings(String),
}

impl ProgramError {
    /// 2 where the settings are to blame, else 1.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Transport(_)
            | Self::Credentials(_)
            | Self::Authentication(_)
            | Self::Guard(_)
            | Self::OwnSettings(_) => 2.into(),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Runs the program on this process's command line and environment.
#[must_use]
pub fn run<P: Program>() -> ExitCode {
    let loaded = match settings::load::<Read>(command::<P>(), names::<P>(), Sources::of_process()) {
        Ok(loaded) => loaded,
        Err(error) => return error.report(),
    };
    match carry_out::<P>(loaded) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A terminal that is gone cannot be told that it is gone.
            let _ = writeln!(io::stderr(), "error: {error}");
            error.exit_code()
        }
    }
}

fn carry_out<P: Program>(loaded: Loaded<Read>) -> Result<(), ProgramError> {
    let Loaded { settings: Read { arguments, matches }, mut secrets, warnings } = loaded;
    let Arguments { settings, sample_data, command } = arguments;
    // It comes before there are clients, so that the other settings need not be good yet.
    if let Some(ServerCommand::NewClient { client_id, role, expires_at }) = &command {
        return new_client(client_id, role, *expires_at);
    }
    let lines = match command {
        None => logs::as_json_lines(&settings.log_level, Some(RECORDS)).map(Some),
        Some(_) => logs::as_text(&settings.log_level).map(|()| None),
    };
    let lines = lines.map_err(|error| ProgramError::Logs(error.to_string()))?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let clock: Arc<dyn Clock> = Arc::new(|| UnixSeconds::from(SystemTime::now()));
    let tools = P::tools()?;
    let mut registry = Registry::default();
    let credentials = settings.credentials(secrets.take(CLIENT_SECRET))?;
    let clients = settings.authentication.clients_file()?;
    let evidence = Evidence { credentials, clients: clients.as_ref(), shared_secret: secrets.take(SHARED_SECRET) };
    let guard = guard::<P>(&settings, evidence, &tools, &clock, lines, &mut registry)?;
    let own = OwnSettings { matches: &matches, secrets: &mut secrets };
    let configure = P::configure(own).map_err(ProgramError::OwnSettings)?;
    match command {
        Some(ServerCommand::NewClient { client_id, role, expires_at }) => new_client(&client_id, &role, expires_at),
        Some(ServerCommand::Manifest) => print(&manifest(&guard)),
        Some(ServerCommand::CheckConfig) => {
            if let Some(tls) = settings.tls(SystemTime::now())? {
                print(&format!("the TLS certificate is valid until {}", tls.renewal.valid_until()))?;
            }
            print("the settings are valid")
        }
        None => {
            let tls = settings.tls(SystemTime::now())?;
            let handed_over = listener::handed_over(settings.listen)?;
            Runtime::new()?.block_on(async {
                let stop = shutdown::requested()?;
                let starting =
                    Starting::<P> { settings, tls, handed_over, clock, tools, registry, guard, clients, configure };
                let started = starting.start(sample_data).await?;
                started.serve(stop).await;
                Ok(())
            })
        }
    }
}

/// What the guard judges callers by, beside the settings.
struct Evidence<'a> {
    credentials: Option<Credentials>,
    clients: Option<&'a ClientsFile>,
    shared_secret: Option<Secret>,
}

/// Makes a client's secret. It is shown where people look, so that the entry alone goes into a file.
fn new_client(client_id: &ClientId, roles: &[RoleName], expires_at: Option<Timestamp>) -> Result<(), ProgramError> {
    let secret = ClientSecret::generate(rand::fill)
        .map_err(|_| io::Error::other("the operating system gives no random bytes; try again"))?;
    writeln!(io::stderr(), "the secret of {client_id}, shown this once: {}", secret.expose())?;
    let digest = SecretDigest::of(secret.expose());
    let expires_at = expires_at.map(|moment| moment.to_string());
    print(digest.entry(client_id, roles, expires_at.as_deref()).trim_end())
}

fn guard<P: Program>(
    settings: &Settings,
    Evidence { credentials, clients, shared_secret }: Evidence<'_>,
    tools: &ToolSet<P>,
    clock: &Arc<dyn Clock>,
    lines: Option<Lines>,
    registry: &mut Registry,
) -> Result<Guard, ProgramError> {
    let server: ServerName = P::SERVER.parse()?;
    let builder = Guard::builder(settings.resource.clone(), settings.issuer.clone(), server)
        .title(P::TITLE)
        .tools(tools.list())
        .allowed_hosts(&settings.allowed_hosts)
        .allowed_origins(&settings.allowed_origins)
        .max_staleness(settings.max_staleness.0)
        .clock(Arc::clone(clock))
        .metrics(registry);
    let builder = match credentials {
        Some(credentials) => builder.credentials(credentials),
        None => builder,
    };
    let builder = match lines {
        Some(lines) => builder.records_written(move || lines.written()),
        None => builder,
    };
    let names = (settings.issuer.as_str(), settings.resource.as_str());
    let builder = settings.authentication.apply(builder, clients, shared_secret, names)?;
    Ok(builder.build()?)
}

/// The body that registers the server: `PUT /admin/v1/resources/{name}`.
fn manifest(guard: &Guard) -> String {
    let tools: Vec<_> = guard.manifest().iter().collect();
    format!("{:#}", json!({"resource": guard.resource(), "title": guard.title(), "tools": tools}))
}

fn print(text: &str) -> Result<(), ProgramError> {
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// A server that has all it needs but the world outside.
struct Starting<P> {
    settings: Settings,
    tls: Option<Tls>,
    handed_over: Option<net::TcpListener>,
    clock: Arc<dyn Clock>,
    tools: ToolSet<P>,
    registry: Registry,
    guard: Guard,
    clients: Option<ClientsFile>,
    configure: Configure<P>,
}

/// A server that has its ports and its data.
struct Started {
    listener: TcpListener,
    tls: Option<Tls>,
    metrics: Option<TcpListener>,
    registry: Registry,
    guard: Guard,
    clients: Option<ClientsFile>,
    http_sse: bool,
    database: Database,
    server: McpServer,
}

impl<P: Program> Starting<P> {
    /// Takes the ports first: a second process on the same data ends here, before it touches them.
    async fn start(self, sample_data: bool) -> Result<Started, ProgramError> {
        let Self { settings, tls, handed_over, clock, tools, mut registry, guard, clients, configure } = self;
        let listener = match handed_over {
            Some(listener) => TcpListener::from_std(listener)?,
            None => listener::bind(settings.listen).await?,
        };
        let metrics = match settings.metrics_listen {
            Some(address) => Some(listener::bind(address).await?),
            None => None,
        };
        let database = Database::open(&settings.database_url, &P::migrations()).await?;
        if sample_data {
            match P::load_sample_data(&database).await? {
                SampleData::Loaded => tracing::info!("the sample data is loaded"),
                SampleData::NotEmpty => {
                    tracing::info!("the database is not empty: the sample data is not loaded, and nothing is changed");
                }
                SampleData::None => tracing::info!("this server has no sample data"),
            }
        }
        for (mode, weakness) in settings.authentication.weak_modes() {
            tracing::warn!(%mode, weakness, "a weak way to prove who calls is on");
        }
        let modes: Vec<_> = guard.modes().iter().map(|mode| mode.as_str()).collect();
        tracing::info!(
            name = P::BINARY,
            version = env!("CARGO_PKG_VERSION"),
            listen = %listener.local_addr()?,
            tls = tls.is_some(),
            resource = %settings.resource,
            authentication = modes.join(","),
            issuer = %settings.issuer,
            database = %settings.database_url,
            revocation = guard.revocation_policy(),
            "serving"
        );
        if let Some(tls) = &tls {
            tls.renewal.register(&mut registry);
        }
        let program = configure(P::new(database.clone(), clock));
        let server = McpServer::new(P::MCP_NAME, program, tools);
        let http_sse = settings.http_sse;
        Ok(Started { listener, tls, metrics, registry, guard, clients, http_sse, database, server })
    }
}

impl Started {
    /// Serves until `stop` ends, then lets the requests in hand end.
    async fn serve(self, stop: impl Future<Output = ()>) {
        let Self { listener, tls, metrics, registry, guard, clients, http_sse, database, server } = self;
        let sessions = Arc::new(Sessions::new());
        let mut routes = health::routes(guard.clone(), database.clone()).merge(guard.token_route());
        if http_sse {
            routes = routes.merge(http_sse::routes(&guard, server.clone(), &sessions));
        }
        let routes = routes.merge(guard.protect(move || Ok(server.clone())));
        let stop = async {
            stop.await;
            // Their streams would else keep the process from its end.
            sessions.end();
        };
        let mut beside = JoinSet::new();
        beside.spawn(guard.run());
        if let Some(clients) = clients {
            beside.spawn(clients.watch(guard.clone()));
        }
        if !guard.hearing().suffices() {
            // When it takes longer, the health routes and the refusals say why.
            let _ = timeout(FIRST_HEARING, guard.ready()).await;
        }
        if let Some(metrics) = metrics {
            beside.spawn(metrics::serve(metrics, Arc::new(registry), std::future::pending()));
        }
        let tls = tls.map(|Tls { config, renewal }| {
            beside.spawn(renewal.run(SystemTime::now));
            config
        });
        listener::serve(listener, tls, TowerToHyperService::new(routes), Limits::default(), stop).await;
        beside.shutdown().await;
        database.close().await;
        tracing::info!("stopped");
    }
}
