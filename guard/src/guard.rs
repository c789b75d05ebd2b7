//! The guard itself: what it is made of, and the ways to put it in front of a server. Owns no rule of
//! its own; each lives in its module.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand;
use axum::Router;
use bailiwick_core::{ClientId, Clock, Issuer, ResourceUri, ServerName, Tools, UnixSeconds};
use futures::{FutureExt, future};
use rmcp::ServerHandler;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tower::Layer;

use crate::builder::GuardBuilder;
use crate::calls::Calls;
use crate::challenge::Challenges;
use crate::host::Hosts;
use crate::keys::KeyStore;
use crate::layer::{GuardLayer, SessionPolicy};
use crate::local_clients::LocalClients;
use crate::method::Methods;
use crate::mode::Mode;
use crate::modes::Modes;
use crate::origin::Origins;
use crate::places::Places;
use crate::record::Recorder;
use crate::revocations::{Hearing, Revocations};
use crate::session::Sessions;
use crate::verified::{FORGET_EVERY, VerifiedTokens};
use crate::{LARGEST_BODY, metadata, token_endpoint, version};

/// What a guard is made of.
pub(crate) struct Parts {
    pub(crate) resource: ResourceUri,
    pub(crate) issuer: Issuer,
    pub(crate) title: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tools: Tools,
    pub(crate) methods: Methods,
    pub(crate) hosts: Hosts,
    pub(crate) origins: Origins,
    pub(crate) modes: Modes,
    pub(crate) challenges: Challenges,
    pub(crate) calls: Calls,
    pub(crate) recorder: Recorder,
    pub(crate) keys: Arc<KeyStore>,
    pub(crate) verified: VerifiedTokens,
    /// Without credentials there are none.
    pub(crate) revocations: Option<Arc<Revocations>>,
    pub(crate) sessions: Sessions,
    /// The places of those requests that are with the server.
    pub(crate) places: Places,
}

/// Stands in front of one MCP server: only what a token allows goes through. Cheap to clone; all
/// clones are the same guard.
#[derive(Clone)]
pub struct Guard(Arc<Parts>);

impl Guard {
    /// What a start-up line says while no revocation feed is heard.
    pub const NO_REVOCATION_FEED: &'static str = "no revocation feed is heard; tokens live until exp";
    /// What [`Self::revocation_policy`] says where no tokens of a token service are taken.
    const NO_REVOCATION_FEED_NEEDED: &'static str =
        "no revocation feed is heard; no tokens of a token service are taken";

    /// Begins a guard for `resource`, whose tokens come from `issuer` and whose scopes begin with
    /// `server`.
    pub fn builder<'a>(resource: ResourceUri, issuer: Issuer, server: ServerName) -> GuardBuilder<'a> {
        GuardBuilder::new(resource, issuer, server)
    }

    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0
    }

    /// The layer for any MCP service over HTTP, with sessions or without. A request that names a
    /// session is refused unless its own caller opened that session through this guard; those that a
    /// server restores from elsewhere must be opened anew.
    #[must_use]
    pub fn layer(&self) -> GuardLayer {
        GuardLayer::new(self.clone(), SessionPolicy::Bound)
    }

    /// A whole guarded server without sessions: the MCP endpoint at the resource's path and the
    /// metadata routes. `factory` makes a handler per request, so it should do little more than clone. Which
    /// revisions of MCP the server speaks is asked of the first handler.
    pub fn protect<H, F>(&self, factory: F) -> Router
    where
        H: ServerHandler + Send + 'static,
        F: Fn() -> Result<H, std::io::Error> + Send + Sync + 'static,
    {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            // The layer in front looks at both, more closely, and before anything else.
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_max_request_body_bytes(LARGEST_BODY);
        let factory = Arc::new(factory);
        let handlers = Arc::clone(&factory);
        let service = StreamableHttpService::new(move || handlers(), Arc::new(NeverSessionManager::default()), config);
        let service = version::only_spoken(service, move || factory());
        let guarded = GuardLayer::new(self.clone(), SessionPolicy::None).layer(service);
        Router::new().route_service(self.0.resource.path(), guarded).merge(self.metadata_routes())
    }

    /// The route `POST /token`, where the mode `hs256` is on: clients that this server knows by itself get
    /// their tokens there.
    pub fn token_route(&self) -> Router {
        token_endpoint::route(self)
    }

    /// The routes of the protected resource metadata (RFC 9728), open to everybody; none where no token of a
    /// token service is taken.
    pub fn metadata_routes(&self) -> Router {
        if !self.0.modes.has(Mode::OAuth) {
            return Router::new();
        }
        let Parts { resource, issuer, methods, title, .. } = self.parts();
        metadata::routes(resource, &metadata::document(resource, issuer, methods.read_scope(), title))
    }

    /// Keeps the issuer's keys fresh, forgets tokens that have ended and, where there are credentials, hears
    /// the issuer's revocations, for as long as it is polled; it never ends. Without it keys are fetched when a request needs them, but
    /// revocations are not heard: a guard with credentials then refuses every request with 503.
    pub fn run(&self) -> impl Future<Output = ()> + Send + 'static {
        let random = || {
            let mut byte = [0];
            // Without randomness the pauses are merely not spread.
            let _ = rand::fill(&mut byte);
            byte[0]
        };
        let keys = if self.0.modes.has(Mode::OAuth) {
            Arc::clone(&self.0.keys).keep_fresh(random).boxed()
        } else {
            future::pending().boxed()
        };
        let revocations = match &self.0.revocations {
            Some(revocations) => Arc::clone(revocations).listen(random).boxed(),
            None => future::pending().boxed(),
        };
        future::join3(keys, revocations, forget_ended_tokens(self.clone())).map(drop)
    }

    /// Whether tokens can be judged: there are keys that are not older than an hour, and what is heard of
    /// revocations suffices.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.has_keys() && self.hearing().suffices()
    }

    /// Waits until [`Guard::is_ready`]. Something must run [`Guard::run`] meanwhile.
    pub async fn ready(&self) {
        while !self.is_ready() {
            self.0.keys.wait_until_usable().await;
            if let Some(revocations) = &self.0.revocations {
                revocations.wait_until_heard().await;
            }
        }
    }

    /// Whether there are keys of the issuer that are not older than an hour, or none are needed.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.0.modes.has(Mode::OAuth) || self.0.keys.usable().is_some()
    }

    /// The ways in which callers may prove who they are, strongest first.
    #[must_use]
    pub fn modes(&self) -> &[Mode] {
        &self.0.modes.on
    }

    /// From now on these are the clients that the server knows by itself, with these roles, and no others.
    /// Who is not among them any more is refused from the next request on; their open streams end.
    pub fn set_local_clients(&self, clients: &LocalClients) {
        self.0.modes.clients.replace(clients, &self.0.tools);
    }

    /// When each client that the server knows by itself last proved who it is; `None` where it has not since
    /// the start.
    #[must_use]
    pub fn local_client_uses(&self) -> Vec<(ClientId, Option<UnixSeconds>)> {
        self.0.modes.clients.uses()
    }

    /// What is heard of revocations now.
    #[must_use]
    pub fn hearing(&self) -> Hearing {
        self.0.revocations.as_ref().map_or(Hearing::Off, |revocations| revocations.hearing())
    }

    /// Whether revocations are heard of before a token's `exp`, now.
    #[must_use]
    pub fn hears_revocations(&self) -> bool {
        self.hearing() == Hearing::Heard
    }

    /// What a start-up line says of revocations: whether they are heard, and what happens when not.
    #[must_use]
    pub fn revocation_policy(&self) -> String {
        let revocations = self.0.revocations.as_ref();
        match revocations {
            Some(revocations) => revocations.policy(),
            None if self.modes().contains(&Mode::OAuth) => Self::NO_REVOCATION_FEED.to_owned(),
            None => Self::NO_REVOCATION_FEED_NEEDED.to_owned(),
        }
    }

    /// The tools as the server declares them.
    #[must_use]
    pub fn manifest(&self) -> &Tools {
        &self.0.tools
    }

    /// The guarded resource.
    #[must_use]
    pub fn resource(&self) -> &ResourceUri {
        &self.0.resource
    }

    /// The only issuer whose tokens are accepted.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.0.issuer
    }

    /// What people are shown as the server's name.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.0.title
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { resource, issuer, .. } = self.parts();
        formatter.debug_struct("Guard").field("resource", resource).field("issuer", issuer).finish_non_exhaustive()
    }
}

async fn forget_ended_tokens(guard: Guard) {
    loop {
        tokio::time::sleep(FORGET_EVERY).await;
        guard.0.verified.forget_ended(guard.0.clock.now());
    }
}
