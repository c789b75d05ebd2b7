//! The clients that a server knows by itself, without a token service: their secrets as digests, their
//! roles, and what the roles open. Owns who is known now and when that was last of use; how a client
//! presents its secret is [`crate::modes`]'s.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bailiwick_core::{
    Claims, ClientId, Issuer, ResourceUri, RoleName, ScopeSet, SecretDigest, TokenId, Tools, UnixSeconds, resolve,
};
use tokio::sync::watch;

/// When a client ends that never does: 9999-12-31T23:59:59Z, the last moment that RFC 3339 can write.
const NEVER: UnixSeconds = UnixSeconds(253_402_300_799);

/// A client as it is configured.
#[derive(Clone, Debug)]
pub struct LocalClient {
    /// The digest of its secret.
    pub secret: SecretDigest,
    /// Its roles.
    pub roles: Vec<RoleName>,
    /// When it ends, if ever.
    pub expires_at: Option<UnixSeconds>,
}

/// The clients of a server and the roles that they have.
#[derive(Clone, Debug, Default)]
pub struct LocalClients {
    roles: BTreeMap<RoleName, ScopeSet>,
    clients: BTreeMap<ClientId, LocalClient>,
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
    /// More than [`LocalClients::MOST`].
    #[error("there are more than {} clients: move them to the token service", LocalClients::MOST)]
    TooMany,
}

impl LocalClients {
    /// The most clients. Each is compared with a key that is presented.
    pub const MOST: usize = 1000;

    /// These clients, with the scopes that each of their roles opens.
    ///
    /// # Errors
    /// What is wrong with them first.
    pub fn new(
        roles: BTreeMap<RoleName, ScopeSet>,
        clients: BTreeMap<ClientId, LocalClient>,
    ) -> Result<Self, InvalidLocalClients> {
        if clients.len() > Self::MOST {
            return Err(InvalidLocalClients::TooMany);
        }
        let mut earlier: Vec<(&ClientId, SecretDigest)> = Vec::new();
        for (client_id, client) in &clients {
            if let Some(role) = client.roles.iter().find(|role| !roles.contains_key(*role)) {
                return Err(InvalidLocalClients::UnknownRole { client_id: client_id.clone(), role: role.clone() });
            }
            if let Some((other, _)) = earlier.iter().find(|(_, secret)| secret.is(&client.secret)) {
                return Err(InvalidLocalClients::SameSecret((*other).clone(), client_id.clone()));
            }
            earlier.push((client_id, client.secret));
        }
        Ok(Self { roles, clients })
    }
}

/// A client that is known now.
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

    /// Notes that it has proved who it is.
    pub(crate) fn used(&self, now: UnixSeconds) {
        self.last_used.fetch_max(now.0, Ordering::Relaxed);
    }

    /// When it last did, in seconds since 1970; zero before the first time.
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
    clients: BTreeMap<ClientId, Arc<Known>>,
}

impl Everybody {
    /// The client of that secret. Each is compared, whether or not one was found.
    pub(crate) fn with_secret(&self, secret: &str) -> Option<&Arc<Known>> {
        let digest = SecretDigest::of(secret);
        self.clients.values().fold(None, |found, client| if client.secret.is(&digest) { Some(client) } else { found })
    }

    /// The client of that name, if its secret is this one. For a name that nobody has, a secret is
    /// compared all the same.
    pub(crate) fn with_name_and_secret(&self, name: &str, secret: &str) -> Option<&Arc<Known>> {
        let digest = SecretDigest::of(secret);
        let client = self.clients.get(name);
        let expected = client.map_or(SecretDigest::OF_NOBODY, |client| client.secret);
        let is_right = expected.is(&digest);
        client.filter(|_| is_right)
    }

    /// The client of that name.
    pub(crate) fn with_name(&self, name: &str) -> Option<&Arc<Known>> {
        self.clients.get(name)
    }

    /// What these roles open together; an unknown one opens nothing.
    pub(crate) fn scope_of(&self, roles: &[RoleName], tools: &Tools) -> ScopeSet {
        let mut allowed = ScopeSet::default();
        roles.iter().filter_map(|role| self.roles.get(role)).for_each(|scopes| allowed.extend(scopes));
        resolve(None, &allowed, tools).unwrap_or_default()
    }
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
        for (client_id, client) in &clients.clients {
            let known = self.known(client_id, client, now.scope_of(&client.roles, tools));
            let known = match before.clients.get(client_id) {
                Some(same) if same.is_as(&known) => Arc::clone(same),
                Some(changed) => {
                    known.last_used.store(changed.last_used(), Ordering::Relaxed);
                    Arc::new(known)
                }
                None => Arc::new(known),
            };
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

    /// Whether this very client is still known, with the same secret and the same scopes.
    pub(crate) fn still_knows(&self, client: &Arc<Known>) -> bool {
        self.now.borrow().clients.get(client.client_id()).is_some_and(|now| Arc::ptr_eq(now, client))
    }

    /// Waits until it is not.
    pub(crate) async fn until_forgotten(self: Arc<Self>, client: Arc<Known>) {
        let mut changes = self.now.subscribe();
        // The sender lives as long as `self`, so there is always a next change to wait for.
        while self.still_knows(&client) && changes.changed().await.is_ok() {}
    }

    /// When each client was last of use; `None` where it was not since the start.
    pub(crate) fn uses(&self) -> Vec<(ClientId, Option<UnixSeconds>)> {
        let used = |client: &Known| Some(client.last_used()).filter(|used| *used > 0).map(UnixSeconds);
        self.everybody().clients.iter().map(|(client_id, client)| (client_id.clone(), used(client))).collect()
    }
}
