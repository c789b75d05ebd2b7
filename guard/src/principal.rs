//! Who calls: what the guard puts into a request's extensions once its caller has proved who it is. Owns
//! reading the claims; never decides.

use std::sync::Arc;

use bailiwick_core::{Claims, ClientId, KeyId, RoleName, ScopeSet, TokenId, UnixSeconds};
use serde_json::Value;

use crate::local_clients::Known;
use crate::mode::Mode;

/// The caller of a request, whatever way it has proved who it is. A tool reads it from the request's
/// parts: `parts.extensions.get::<Principal>()`.
///
/// A caller without an access token of the token service is told of in the same claims: a client that this
/// server knows by itself is its own subject, and what it may do rests on its roles here.
#[derive(Clone, Debug)]
pub struct Principal(Arc<Proved>);

/// What was found of a caller.
#[derive(Debug)]
struct Proved {
    claims: Arc<Claims>,
    proof: Proof,
}

/// What a caller's identity rests on.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    /// An access token of the issuer, signed with this key.
    AccessToken(KeyId),
    /// A token signed with the key pair whose public half this server was given.
    PublicKey,
    /// That this client is known here, in one of the modes that rest on it.
    Client(Mode, Arc<Known>),
}

impl Principal {
    pub(crate) fn new(claims: Arc<Claims>, proof: Proof) -> Self {
        Self(Arc::new(Proved { claims, proof }))
    }

    /// What the caller's identity rests on.
    pub(crate) fn proof(&self) -> &Proof {
        &self.0.proof
    }

    /// The way in which the caller has proved who it is.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match &self.0.proof {
            Proof::AccessToken(_) => Mode::OAuth,
            Proof::PublicKey => Mode::PublicKey,
            Proof::Client(mode, _) => *mode,
        }
    }

    /// All claims of the token, or what it would say.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.0.claims
    }

    /// Whom the caller speaks for: a user (`usr_…`), or the client itself.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.claims.sub
    }

    /// The client that the token was issued to, or that calls.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.0.claims.client_id
    }

    /// The token's own name, to find this call in both services' records; the client's where there is none.
    #[must_use]
    pub fn token_id(&self) -> &TokenId {
        &self.0.claims.jti
    }

    /// What the caller may do.
    #[must_use]
    pub fn scope(&self) -> &ScopeSet {
        &self.0.claims.scope
    }

    /// The roles that its scopes rest on.
    #[must_use]
    pub fn roles(&self) -> &[RoleName] {
        &self.0.claims.roles
    }

    /// When the token ends, or the client.
    #[must_use]
    pub fn expires_at(&self) -> UnixSeconds {
        self.0.claims.exp
    }

    /// One of the client's static claims, or whatever else the token says.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.0.claims.others.get(name)
    }
}
