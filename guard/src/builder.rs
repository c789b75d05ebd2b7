//! Builds a guard. Owns what must be said before it can be one, and naming everything that is wrong.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bailiwick_core::{Clock, Issuer, ResourceUri, ServerName, SharedSecret, UnixSeconds};
use prometheus_client::registry::Registry;

use crate::calls::Calls;
use crate::challenge::Challenges;
use crate::client_uses::ClientUses;
use crate::credentials::Credentials;
use crate::fetch;
use crate::guard::{Guard, Parts};
use crate::host::Hosts;
use crate::keys::KeyStore;
use crate::local_clients::LocalClients;
use crate::manifest::{self, ToolProblem};
use crate::method::{MethodRule, Methods};
use crate::mode::Mode;
use crate::modes::public_key::PublicKey;
use crate::modes::requested::Requested;
use crate::origin::Origins;
use crate::places::Places;
use crate::record::{Recorder, Written};
use crate::revocations::{Means, Measured, Revocations};
use crate::session::Sessions;
use crate::verified::VerifiedTokens;

/// How old the last answer of the revocation feed may be, unless the builder is told otherwise.
pub const DEFAULT_MAX_STALENESS: Duration = Duration::from_mins(5);

/// The least that it can be told: the feed is asked three times as often.
const LEAST_STALENESS: Duration = Duration::from_secs(5);

/// The most live revocations, unless the builder is told otherwise.
const MOST_REVOCATIONS: usize = 4_000_000;

/// Why a guard was not built.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// Tools that are undeclared, badly named or doubled: all of them.
    #[error("{}", joined(.0))]
    Tools(Vec<ToolProblem>),
    /// A method whose rule is fixed, or no method at all.
    #[error("method {0:?} cannot be declared: the guard's own rule for it stands")]
    Method(String),
    /// Not a host.
    #[error("{0:?} is not an allowed host: write host or host:port")]
    Host(String),
    /// Not an origin.
    #[error("{0:?} is not an allowed origin: write scheme://host or scheme://host:port")]
    Origin(String),
    /// A resource with a query, which no metadata address can be made for.
    #[error("the resource {0} has a query: leave it out")]
    Resource(ResourceUri),
    /// A staleness that no feed can keep.
    #[error("revocations that were heard {} s ago cannot be the oldest that count: at least {} s", .0.as_secs(), LEAST_STALENESS.as_secs())]
    Staleness(Duration),
    /// No mode at all.
    #[error("no way to prove who calls is on: name at least one mode")]
    NoMode,
    /// A mode without what it rests on.
    #[error("the mode {0} needs {1}")]
    ModeNeeds(Mode, &'static str),
    /// Secrets would cross a network in clear.
    #[error("the modes other than oauth need an https resource, or one of a loopback host; this is {0}")]
    PlainHttp(ResourceUri),
    /// The HTTP client, in most cases because the system has no TLS certificates.
    #[error("the client that fetches the token service's keys cannot be made: {0}")]
    Client(#[from] reqwest::Error),
}

fn joined(problems: &[ToolProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What a guard is made of; see [`Guard::builder`].
#[must_use = "nothing is guarded until it is built"]
pub struct GuardBuilder<'a> {
    resource: ResourceUri,
    issuer: Issuer,
    server: ServerName,
    title: String,
    tools: Vec<rmcp::model::Tool>,
    methods: Vec<(String, MethodRule)>,
    hosts: Vec<String>,
    origins: Vec<String>,
    clock: Arc<dyn Clock>,
    credentials: Option<Credentials>,
    max_staleness: Option<Duration>,
    most_revocations: usize,
    registry: Option<&'a mut Registry>,
    requested: Requested,
    calls_per_second: Option<NonZeroU32>,
    written: Option<Written>,
}

impl<'a> GuardBuilder<'a> {
    pub(crate) fn new(resource: ResourceUri, issuer: Issuer, server: ServerName) -> Self {
        Self {
            resource,
            issuer,
            server,
            title: String::new(),
            tools: Vec::new(),
            methods: Vec::new(),
            hosts: Vec::new(),
            origins: Vec::new(),
            clock: Arc::new(|| UnixSeconds::from(SystemTime::now())),
            credentials: None,
            max_staleness: Some(DEFAULT_MAX_STALENESS),
            most_revocations: MOST_REVOCATIONS,
            registry: None,
            requested: Requested::default(),
            calls_per_second: None,
            written: None,
        }
    }

    /// The ways in which callers may prove who they are; [`Mode::OAuth`] alone unless said otherwise.
    pub fn modes(mut self, modes: impl IntoIterator<Item = Mode>) -> Self {
        self.requested.modes = modes.into_iter().collect();
        self
    }

    /// The secret of the mode [`Mode::Hs256`].
    pub fn shared_secret(mut self, secret: SharedSecret) -> Self {
        self.requested.shared_secret = Some(secret);
        self
    }

    /// The key of the mode [`Mode::PublicKey`].
    pub fn public_key(mut self, key: PublicKey) -> Self {
        self.requested.public_key = Some(key);
        self
    }

    /// The clients that this server knows by itself, and what their roles open: every mode but
    /// [`Mode::OAuth`] rests on them. [`Guard::set_local_clients`] replaces them while the guard runs.
    pub fn local_clients(mut self, clients: LocalClients) -> Self {
        self.requested.clients = Some(clients);
        self
    }

    /// Where a request comes from, by which failures are counted. Unless said otherwise it is what axum's
    /// `ConnectInfo` says; whoever cannot be told apart shares one count.
    pub fn caller_address(
        mut self,
        address: impl Fn(&http::request::Parts) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.requested.caller_address = Arc::new(address);
        self
    }

    /// How many tools a caller may call in a second, twice as many at once; however many unless said.
    /// Beyond, calls are refused with 429 and `Retry-After`.
    pub fn calls_per_second(mut self, calls: Option<NonZeroU32>) -> Self {
        self.calls_per_second = calls;
        self
    }

    /// What people are shown as the server's name: `resource_name` in its metadata.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// The server's tools. Each says by its annotation `readOnlyHint` whether it only reads.
    pub fn tools(mut self, tools: impl IntoIterator<Item = rmcp::model::Tool>) -> Self {
        self.tools.extend(tools);
        self
    }

    /// Declares a method that is else refused, or a finer scope for one of `prompts/…`, `resources/…`
    /// and `completion/complete`.
    pub fn allow_method(mut self, method: impl Into<String>, rule: MethodRule) -> Self {
        self.methods.push((method.into(), rule));
        self
    }

    /// Hosts that requests may be for beside the resource's own: `host` or `host:port`. Without a
    /// port the scheme's default is meant.
    pub fn allowed_hosts(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.hosts.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// Origins whose pages may call beside the resource's own: `scheme://host` or `scheme://host:port`.
    pub fn allowed_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.origins.extend(origins.into_iter().map(Into::into));
        self
    }

    /// Where the present comes from; the system's clock unless said otherwise.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The guard's own client at the token service, which has the role `guard` there. With it,
    /// [`Guard::run`] hears of revocations; without, tokens live until `exp`.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// How long nothing may be heard of revocations until every request is refused with 503: at least five
    /// seconds, and [`DEFAULT_MAX_STALENESS`] unless said otherwise. With `None`, no silence is too long
    /// once a first snapshot was read.
    pub fn max_staleness(mut self, max_staleness: Option<Duration>) -> Self {
        self.max_staleness = max_staleness;
        self
    }

    /// The most live revocations that are kept, four million unless said otherwise. A million takes some
    /// 70 MB; where there are more than may be, every request is refused with 503.
    pub fn most_revocations(mut self, most: usize) -> Self {
        self.most_revocations = most;
        self
    }

    /// Counts the decisions in `registry`, and what is heard of revocations.
    pub fn metrics(mut self, registry: &'a mut Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// What each request waits for between its record and whatever else becomes of it: that the record is written.
    /// It is asked for anew each time, right after the record was told. Unless said otherwise a record is taken to
    /// be written when `tracing` has taken it, which is so with every subscriber that writes in the same thread; one
    /// that gathers its lines says here when they are out. The records are those of the target [`RECORDS`].
    ///
    /// Keep it short: a request that waits here has its place at the server, and a revocation that is heard meanwhile
    /// no longer stops it, since its record says that it goes on.
    pub fn records_written<F, W>(mut self, written: F) -> Self
    where
        F: Fn() -> W + Send + Sync + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        self.written = Some(Box::new(move || Box::pin(written())));
        self
    }

    /// The guard. It fetches nothing yet: [`Guard::run`] does.
    pub fn build(self) -> Result<Guard, GuardError> {
        if self.resource.as_str().contains('?') {
            return Err(GuardError::Resource(self.resource));
        }
        let tools = manifest::read(self.server.clone(), self.tools).map_err(GuardError::Tools)?;
        let mut methods = Methods::new(self.server.clone());
        self.methods
            .into_iter()
            .try_for_each(|(method, rule)| methods.declare(method, rule))
            .map_err(GuardError::Method)?;
        let mut hosts = Hosts::of(&self.resource);
        self.hosts.into_iter().try_for_each(|host| hosts.allow(host)).map_err(GuardError::Host)?;
        let mut origins = Origins::of(&self.resource);
        self.origins.into_iter().try_for_each(|origin| origins.allow(origin)).map_err(GuardError::Origin)?;
        if let Some(staleness) = self.max_staleness.filter(|staleness| *staleness < LEAST_STALENESS) {
            return Err(GuardError::Staleness(staleness));
        }
        let modes = self.requested.build(&self.resource, &self.issuer, &tools)?;
        let client = fetch::client(&self.issuer)?;
        let means = |credentials| Means {
            issuer: self.issuer.clone(),
            resource: self.resource.clone(),
            client: client.clone(),
            credentials,
            clock: Arc::clone(&self.clock),
            max_staleness: self.max_staleness,
            most: self.most_revocations,
        };
        let revocations = self.credentials.map(|credentials| Arc::new(Revocations::new(means(credentials))));
        let keys = KeyStore::new(self.issuer.clone(), client, Arc::clone(&self.clock));
        let uses = ClientUses(Arc::clone(&modes.clients));
        let challenges = Challenges::new(&self.resource, self.server.clone(), &modes.on);
        let recorder = Recorder::new(&tools, self.registry, Measured(revocations.clone()), uses, self.written);
        Ok(Guard::new(Parts {
            modes,
            challenges,
            calls: Calls::new(self.calls_per_second),
            recorder,
            keys: Arc::new(keys),
            verified: VerifiedTokens::new(),
            sessions: Sessions::new(),
            places: Places::new(),
            revocations,
            resource: self.resource,
            issuer: self.issuer,
            title: self.title,
            clock: self.clock,
            tools,
            methods,
            hosts,
            origins,
        }))
    }
}
