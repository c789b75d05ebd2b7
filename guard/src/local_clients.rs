//! The clients that a server knows by itself, without a token service: their secrets as digests, their
//! roles, and what the roles open. Owns who is known now and when that was last of use; how a client
//! presents its secret is [`crate::modes`]'s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bailiwick_core::{
    Claims, ClientId, Issuer, ResourceUri, RoleName, ScopeSet, SecretDigest, TokenId, Tools, UnixSeconds, resolve,
};
use tokio::sync::watch;

/// When a client ends that never does: 9999-12-31T23:59:59Z, the last moment that RFC 3339 can write.
const NEVER: UnixSeconds = UnixSeconds(253_402_300_799);

/// A client as it is configured, with one of its secrets.
#[derive(Clone, Debug)]
pub struct LocalClient {
    /// The digest of the secret.
    pub secret: SecretDigest,
    /// The client's roles.
    pub roles: Vec<RoleName>,
    /// When the secret ends, if ever.
    pub expires_at: Option<UnixSeconds>,
}

/// The clients of a server and the roles that they have. A client may stand there more than once, each time with
/// another secret, so that it can change to a new one without a gap.
#[derive(Clone, Debug, Default)]
pub struct LocalClients {
    roles: BTreeMap<RoleName, ScopeSet>,
    clients: BTreeMap<ClientId, Vec<LocalClient>>,
}

/// Clients that cannot be told apart, or whose roles say nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLocalClients {
    /// A role that is not defined beside them.
    #[error("client {client_id} has the role {role}, which is not defined")]
    UnknownRole {
        /// Whose.
        client_id: ClientId,
        /// Which.
        role: RoleName,
    },
    /// One secret for two clients.
    #[error("clients {0} and {1} have the same secret: give each its own")]
    SameSecret(ClientId, ClientId),
    /// One secret of a client twice.
    #[error("client {0} has the same secret twice: take one entry out")]
    SecretTwice(ClientId),
    /// A client of which it is not clear what it may do.
    #[error("client {0} has several entries with different roles: give all of them the same")]
    DifferentRoles(ClientId),
    /// More than [`LocalClients::MOST`].
    #[error("there are more than {} clients: move them to the token service", LocalClients::MOST)]
    TooMany,
}

impl LocalClients {
    /// The most clients, each counted as often as it has secrets. All of them are compared with a key that is
    /// presented.
    pub const MOST: usize = 1000;

    /// These clients, with the scopes that each of their roles opens.
    ///
    /// # Errors
    /// What is wrong with them first.
    pub fn new(
        roles: BTreeMap<RoleName, ScopeSet>,
        clients: impl IntoIterator<Item = (ClientId, LocalClient)>,
    ) -> Result<Self, InvalidLocalClients> {
        let mut all = Self { roles, clients: BTreeMap::new() };
        clients.into_iter().try_for_each(|(client_id, client)| all.add(client_id, client))?;
        Ok(all)
    }

    fn add(&mut self, client_id: ClientId, client: LocalClient) -> Result<(), InvalidLocalClients> {
        if let Some(role) = client.roles.iter().find(|role| !self.roles.contains_key(*role)) {
            return Err(InvalidLocalClients::UnknownRole { client_id, role: role.clone() });
        }
        let earlier = || self.clients.iter().flat_map(|(name, entries)| entries.iter().map(move |entry| (name, entry)));
        if earlier().count() == Self::MOST {
            return Err(InvalidLocalClients::TooMany);
        }
        match earlier().find(|(_, other)| other.secret.is(&client.secret)) {
            Some((name, _)) if *name == client_id => return Err(InvalidLocalClients::SecretTwice(client_id)),
            Some((name, _)) => return Err(InvalidLocalClients::SameSecret(name.clone(), client_id)),
            None => {}
        }
        let roles = |client: &LocalClient| client.roles.iter().cloned().collect::<BTreeSet<_>>();
        let entries = self.clients.entry(client_id.clone()).or_default();
        if entries.first().is_some_and(|first| roles(first) != roles(&client)) {
            return Err(InvalidLocalClients::DifferentRoles(client_id));
        }
        entries.push(client);
        Ok(())
    }
}

/// A client that is known now, by one of its secrets.
#[derive(Debug)]
pub(crate) struct Known {
    /// What it may do, in the form that a token would say it in.
    pub(crate) claims: Arc<Claims>,
    secret: SecretDigest,
    last_used: AtomicI64,
}

impl Known {
    pub(crate) fn client_id(&self) -> &ClientId {
        &self.claims.client_id
    }

    /// Notes that the client has proved who it is.
    pub(crate) fn used(&self, now: UnixSeconds) {
        self.last_used.fetch_max(now.0, Ordering::Relaxed);
    }

    /// When it last did by this secret, in seconds since 1970; zero before the first time.
    fn last_used(&self) -> i64 {
        self.last_used.load(Ordering::Relaxed)
    }

    fn is_as(&self, other: &Self) -> bool {
        self.claims == other.claims && self.secret.is(&other.secret)
    }
}

/// All that are known at one moment.
#[derive(Debug, Default)]
pub(crate) struct Everybody {
    roles: BTreeMap<RoleName, ScopeSet>,
    /// By each of its secrets; there is at least one.
    clients: BTreeMap<ClientId, Vec<Arc<Known>>>,
}

impl Everybody {
    /// The client of that secret. Each is compared, whether or not one was found.
    pub(crate) fn with_secret(&self, secret: &str) -> Option<&Arc<Known>> {
        of_digest(self.clients.values().flatten(), &SecretDigest::of(secret))
    }

    /// The client of that name, if one of its secrets is this one. For a name that nobody has, a secret is
    /// compared all the same.
    pub(crate) fn with_name_and_secret(&self, name: &str, secret: &str) -> Option<&Arc<Known>> {
        let digest = SecretDigest::of(secret);
        let Some(client) = self.clients.get(name) else {
            let _ = SecretDigest::OF_NOBODY.is(&digest);
            return None;
        };
        of_digest(client, &digest)
    }

    /// The client of that name, by the secret that ends last.
    pub(crate) fn with_name(&self, name: &str) -> Option<&Arc<Known>> {
        self.clients.get(name)?.iter().max_by_key(|known| known.claims.exp)
    }

    /// What these roles open together; an unknown one opens nothing.
    pub(crate) fn scope_of(&self, roles: &[RoleName], tools: &Tools) -> ScopeSet {
        let mut allowed = ScopeSet::default();
        roles.iter().filter_map(|role| self.roles.get(role)).for_each(|scopes| allowed.extend(scopes));
        resolve(None, &allowed, tools).unwrap_or_default()
    }
}

/// The one of that secret; each is compared.
fn of_digest<'a>(all: impl IntoIterator<Item = &'a Arc<Known>>, digest: &SecretDigest) -> Option<&'a Arc<Known>> {
    all.into_iter().fold(None, |found, known| if known.secret.is(digest) { Some(known) } else { found })
}

/// The clients of one guard, which may change while it runs.
pub(crate) struct Directory {
    resource: ResourceUri,
    issuer: Issuer,
    now: watch::Sender<Arc<Everybody>>,
}

impl Directory {
    /// Nobody is known yet. `issuer` stands for this server in what is said of its clients.
    pub(crate) fn new(resource: ResourceUri, issuer: Issuer) -> Self {
        Self { resource, issuer, now: watch::Sender::default() }
    }

    /// Who stands for this server where a token would name its issuer.
    pub(crate) fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Everybody who is known now.
    pub(crate) fn everybody(&self) -> Arc<Everybody> {
        Arc::clone(&self.now.borrow())
    }

    /// From now on these are known, and nobody else. Who stays as before is not disturbed.
    pub(crate) fn replace(&self, clients: &LocalClients, tools: &Tools) {
        let before = self.everybody();
        let mut now = Everybody { roles: clients.roles.clone(), clients: BTreeMap::new() };
        for (client_id, entries) in &clients.clients {
            let before = before.clients.get(client_id).map(Vec::as_slice).unwrap_or_default();
            let known = |entry: &LocalClient| self.known(client_id, entry, now.scope_of(&entry.roles, tools));
            let known = entries.iter().map(|entry| kept(known(entry), before)).collect();
            now.clients.insert(client_id.clone(), known);
        }
        self.now.send_replace(Arc::new(now));
    }

    fn known(&self, client_id: &ClientId, client: &LocalClient, scope: ScopeSet) -> Known {
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: client_id.to_string(),
            aud: self.resource.clone(),
            client_id: client_id.clone(),
            iat: UnixSeconds(0),
            nbf: None,
            exp: client.expires_at.unwrap_or(NEVER),
            // In records it stands where a token's own name would.
            jti: TokenId::from(client_id),
            scope,
            roles: client.roles.clone(),
            rev: None,
            grant_id: None,
            others: BTreeMap::new(),
        };
        Known { claims: Arc::new(claims), secret: client.secret, last_used: AtomicI64::new(0) }
    }

    /// Whether this very client is still known, by the same secret and with the same scopes.
    pub(crate) fn still_knows(&self, client: &Arc<Known>) -> bool {
        let is_same = |now: &Arc<Known>| Arc::ptr_eq(now, client);
        self.now.borrow().clients.get(client.client_id()).is_some_and(|now| now.iter().any(is_same))
    }

    /// Waits until it is not.
    pub(crate) async fn until_forgotten(self: Arc<Self>, client: Arc<Known>) {
        let mut changes = self.now.subscribe();
        // The sender lives as long as `self`, so there is always a next change to wait for.
        while self.still_knows(&client) && changes.changed().await.is_ok() {}
    }

    /// When each client was last of use; `None` where it was not since the start.
    pub(crate) fn uses(&self) -> Vec<(ClientId, Option<UnixSeconds>)> {
        let used = |known: &[Arc<Known>]| Some(last_used(known)).filter(|used| *used > 0).map(UnixSeconds);
        self.everybody().clients.iter().map(|(client_id, known)| (client_id.clone(), used(known))).collect()
    }
}

/// The one of `before` that is the same, else `known`. When the client was last of use is not forgotten with a
/// secret of it.
fn kept(known: Known, before: &[Arc<Known>]) -> Arc<Known> {
    let same = before.iter().find(|before| before.is_as(&known)).cloned();
    let kept = same.unwrap_or_else(|| Arc::new(known));
    kept.used(UnixSeconds(last_used(before)));
    kept
}

/// When a client was last of use, by any of its secrets, in seconds since 1970; zero before the first time.
fn last_used(known: &[Arc<Known>]) -> i64 {
    known.iter().map(|known| known.last_used()).max().unwrap_or_default()
}
