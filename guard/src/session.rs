//! Binds `Mcp-Session-Id` to whoever opened the session (MCP 2025-11-25, security: session
//! hijacking). Owns the bindings; never keeps a session itself.

use std::time::Duration;

use bailiwick_core::{ClientId, Issuer};
use http::{HeaderMap, HeaderName};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use crate::head::Head;
use crate::principal::Principal;
use crate::refusal::Refusal;

/// The header that names a session.
pub(crate) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// The most sessions that are bound at a time. One that falls out is refused, never left open.
const MOST: u64 = 100_000;

/// How long a session may lie idle before its binding, and with it the session, is forgotten.
const LONGEST_IDLE: Duration = Duration::from_hours(24);

/// The longest session id, in bytes.
const LONGEST_ID: usize = 256;

/// Who opened a session. The issuer tells clients of the token service from those that this server knows
/// by itself: one name is two callers there.
#[derive(Clone, PartialEq, Eq)]
struct Owner {
    issuer: Issuer,
    subject: String,
    client: ClientId,
}

impl Owner {
    fn is(&self, principal: &Principal) -> bool {
        self.issuer == principal.claims().iss
            && self.subject == principal.subject()
            && &self.client == principal.client_id()
    }
}

/// The sessions of the guarded server and their owners.
pub(crate) struct Sessions(Cache<String, Owner>);

impl Sessions {
    pub(crate) fn new() -> Self {
        // The newest is always taken in: who has just opened a session is about to use it.
        let policy = EvictionPolicy::lru();
        Self(Cache::builder().max_capacity(MOST).eviction_policy(policy).time_to_idle(LONGEST_IDLE).build())
    }

    /// Checks that the session which a request names is its caller's own.
    ///
    /// # Errors
    /// [`Refusal::UnknownSession`], alike for another's session and for none.
    pub(crate) fn check(&self, head: &Head<'_>, principal: &Principal) -> Result<(), Refusal> {
        let Some(id) = head.session.at_most_once(|| Refusal::UnknownSession)? else { return Ok(()) };
        let owner = id.to_str().ok().and_then(|id| self.0.get(id));
        if owner.is_some_and(|owner| owner.is(principal)) { Ok(()) } else { Err(Refusal::UnknownSession) }
    }

    /// Binds the session that an answer opens. The first owner stays.
    pub(crate) fn bind(&self, headers: &HeaderMap, principal: &Principal) {
        let id = headers.get(SESSION_ID).and_then(|id| id.to_str().ok());
        if let Some(id) = id.filter(|id| id.len() <= LONGEST_ID) {
            self.0.entry_by_ref(id).or_insert_with(|| Owner {
                issuer: principal.claims().iss.clone(),
                subject: principal.subject().to_owned(),
                client: principal.client_id().clone(),
            });
        }
    }
}
