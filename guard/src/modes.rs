//! How a caller proves who it is: the one seam, and behind it a module for each mode. Owns which modes are
//! on, which of them a request speaks to, and the count of failures. Whatever the mode, what comes out is a
//! [`Principal`], and everything after it is the same.
//!
//! The next mode is a variant of [`Mode`], a module here that ends in a [`Principal`], and an arm below.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bailiwick_core::{InvalidToken, JwtHeader, SharedSecret};
use bailiwick_limits::{DefaultClock, FailureLimits, Verdict};
use http::request::Parts as RequestParts;

use crate::authentication::authenticate;
use crate::bearer::{self, Authorization, Presented};
use crate::guard::Parts;
use crate::head::Head;
use crate::local_clients::Directory;
use crate::mode::Mode;
use crate::modes::public_key::PublicKey;
use crate::modes::requested::Requested;
use crate::principal::{Principal, Proof};
use crate::refusal::Refusal;

pub(crate) mod api_key;
pub(crate) mod basic;
pub(crate) mod hs256;
pub(crate) mod public_key;
pub(crate) mod requested;

/// Where a request comes from, as far as failures are counted.
pub(crate) type CallerAddress = Arc<dyn Fn(&RequestParts) -> Option<IpAddr> + Send + Sync>;

/// The modes of one guard, and what each needs.
pub(crate) struct Modes {
    /// Those that are on, strongest first.
    pub(crate) on: Vec<Mode>,
    pub(crate) shared_secret: Option<SharedSecret>,
    pub(crate) public_key: Option<PublicKey>,
    pub(crate) clients: Arc<Directory>,
    pub(crate) caller_address: CallerAddress,
    failures: FailureLimits,
}

impl Modes {
    /// These modes; nothing has failed yet.
    pub(crate) fn new(requested: Requested, clients: Directory) -> Self {
        let Requested { modes: on, shared_secret, public_key, caller_address, .. } = requested;
        let failures = FailureLimits::new(DefaultClock::default());
        // What belongs to a mode that is off is of no use to anybody.
        let shared_secret = shared_secret.filter(|_| on.contains(&Mode::Hs256));
        let public_key = public_key.filter(|_| on.contains(&Mode::PublicKey));
        Self { on, shared_secret, public_key, clients: Arc::new(clients), caller_address, failures }
    }

    /// Whether this mode is on.
    pub(crate) fn has(&self, mode: Mode) -> bool {
        self.on.contains(&mode)
    }

    /// Counts a failure in the name of `id`, if that is what `refusal` is: credentials that nobody may try
    /// as often as they like.
    pub(crate) fn counted(&self, refusal: Refusal, id: &str, request: &RequestParts) -> Refusal {
        if !matches!(refusal, Refusal::InvalidToken(_) | Refusal::WrongCredentials(_)) {
            return refusal;
        }
        // Whoever cannot be told apart shares one count.
        let address = (self.caller_address)(request).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        match self.failures.record_failure(id, address) {
            Verdict::Counted => refusal,
            Verdict::Exhausted { retry_after } => Refusal::TooManyFailures(retry_after),
        }
    }
}

/// The caller who sends the request of this head.
///
/// # Errors
/// Why nobody is believed.
pub(crate) async fn identify(guard: &Parts, head: &Head<'_>) -> Result<Principal, Refusal> {
    let modes = &guard.modes;
    if modes.on == [Mode::OAuth] {
        return authenticate(guard, bearer::presented(head)?).await;
    }
    let key = if modes.has(Mode::ApiKey) { api_key::presented(head)? } else { None };
    let request = head.request;
    match (bearer::authorization(head)?, key) {
        (Some(_), Some(_)) => {
            Err(Refusal::InvalidRequest("there are two credentials: send the Authorization header or x-api-key"))
        }
        (None, Some(key)) => {
            api_key::identify(guard, key).map_err(|no| modes.counted(no, Mode::ApiKey.as_str(), request))
        }
        (Some(Authorization::Basic(credentials)), None) if modes.has(Mode::Basic) => {
            let credentials = basic::read(credentials)?;
            basic::identify(guard, &credentials).map_err(|no| modes.counted(no, credentials.name(), request))
        }
        (Some(Authorization::Bearer(presented)), None) => bearer(guard, request, presented).await,
        (Some(Authorization::Basic(_) | Authorization::Other) | None, None) => Err(Refusal::NoToken),
    }
}

/// The caller of a bearer token, by the mode that its header speaks to. The header only chooses who looks at
/// the token: each mode takes its own algorithm and keys, and no other.
async fn bearer(guard: &Parts, request: &RequestParts, presented: Presented<'_>) -> Result<Principal, Refusal> {
    let modes = &guard.modes;
    let token = presented.token()?;
    let header = JwtHeader::peek(token);
    let is_hs256 = header.as_ref().is_some_and(|header| header.algorithm == "HS256");
    let is_access_token = header.as_ref().is_some_and(|header| header.is_access_token);
    match (&modes.shared_secret, &modes.public_key) {
        (Some(secret), _) if is_hs256 => {
            hs256::identify(guard, secret, token).map_err(|no| modes.counted(no, Mode::Hs256.as_str(), request))
        }
        (_, Some(key)) if !is_access_token => {
            public_key::identify(guard, key, token).map_err(|no| modes.counted(no, Mode::PublicKey.as_str(), request))
        }
        _ if modes.has(Mode::OAuth) => authenticate(guard, presented).await,
        _ if modes.shared_secret.is_some() || modes.public_key.is_some() => {
            Err(modes.counted(Refusal::InvalidToken(InvalidToken::Algorithm), Mode::Hs256.as_str(), request))
        }
        _ => Err(Refusal::NoToken),
    }
}

/// Checks that what the caller's identity rests on still stands.
///
/// # Errors
/// Where its client was withdrawn or changed meanwhile.
pub(crate) fn still_stands(guard: &Parts, principal: &Principal) -> Result<(), Refusal> {
    match principal.proof() {
        Proof::AccessToken(_) | Proof::PublicKey => Ok(()),
        Proof::Client(_, client) if guard.modes.clients.still_knows(client) => Ok(()),
        Proof::Client(mode, _) => Err(Refusal::WrongCredentials(*mode)),
    }
}
