//! Who calls: what the guard puts into a request's extensions once its token is accepted. Owns
//! reading the claims; never decides.

use std::sync::Arc;

use bailiwick_core::{Claims, ClientId, KeyId, RoleName, ScopeSet, TokenId, UnixSeconds};
use serde_json::Value;

/// The caller of a request, by a token that the guard has accepted. A tool reads it from the
/// request's parts: `parts.extensions.get::<Principal>()`.
#[derive(Clone, Debug)]
pub struct Principal {
    claims: Arc<Claims>,
    key_id: KeyId,
}

impl Principal {
    pub(crate) fn new(claims: Arc<Claims>, key_id: KeyId) -> Self {
        Self { claims, key_id }
    }

    /// The key that signed the token.
    pub(crate) fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// All claims of the token.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whom the token speaks for: a user (`usr_…`), or the client itself.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.claims.sub
    }

    /// The client that the token was issued to.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.claims.client_id
    }

    /// The token's own name, to find this call in both services' records.
    #[must_use]
    pub fn token_id(&self) -> &TokenId {
        &self.claims.jti
    }

    /// What the token opens.
    #[must_use]
    pub fn scope(&self) -> &ScopeSet {
        &self.claims.scope
    }

    /// The roles that its scopes rest on.
    #[must_use]
    pub fn roles(&self) -> &[RoleName] {
        &self.claims.roles
    }

    /// When the token ends.
    #[must_use]
    pub fn expires_at(&self) -> UnixSeconds {
        self.claims.exp
    }

    /// One of the client's static claims, or whatever else the token says.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.others.get(name)
    }
}
