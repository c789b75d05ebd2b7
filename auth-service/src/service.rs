//! The token service as its endpoints see it: everything they may use, and the operations that more
//! than one of them needs. Owns no rule of its own.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderValue;
use bailiwick_core::{Algorithm, Claims, Clock, Issuer, ScopeSet};
use bailiwick_limits::{TrustedProxies, caller_address};

use crate::administration::Administration;
use crate::authentication::{Authenticated, AuthenticationError, Authenticator, Credentials};
use crate::crypto::entropy::Entropy;
use crate::current::CurrentCache;
use crate::custody::Custody;
use crate::delegation::Ceiling;
use crate::feed::Feed;
use crate::keys::KeyRing;
use crate::metrics::Metrics;
use crate::sign_in::SignIn;
use crate::storage::Storage;
use crate::tokens::{self, ExamineError, IssueError, NewToken};

/// The running service.
pub struct Service {
    /// Who it is.
    pub issuer: Issuer,
    /// Its database.
    pub storage: Storage,
    /// Roles, resources and keys.
    pub current: CurrentCache,
    /// The keeper of the private keys.
    pub custody: Arc<Custody>,
    /// What administrators do.
    pub administration: Administration,
    /// Who proves who they are.
    pub authenticator: Authenticator,
    /// How people sign in.
    pub sign_in: SignIn,
    /// What clients without roles may do for users.
    pub ceiling: Ceiling,
    /// The proxies whose word on the caller's address is taken.
    pub trusted_proxies: TrustedProxies,
    /// What tokens are signed with, where their resource asks for nothing else.
    pub algorithm: Algorithm,
    /// The age at which a signing key is followed by a new one; none where that is left to people.
    pub key_rotation: Option<Duration>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The revocation feed.
    pub feed: Arc<Feed>,
    /// What is counted.
    pub metrics: Metrics,
}

/// A token as it leaves.
pub struct Issued {
    /// The token.
    pub token: String,
    /// What it opens.
    pub scope: ScopeSet,
}

impl Service {
    /// Authenticates a client that calls from `address`.
    pub async fn authenticate(
        &self,
        credentials: Credentials,
        address: IpAddr,
    ) -> Result<Authenticated, AuthenticationError> {
        let outcome = self.authenticator.authenticate(credentials, address, self.clock.now()).await;
        self.metrics.authentication(match &outcome {
            Ok(_) => "succeeded",
            Err(AuthenticationError::Failed(reason)) => reason,
            Err(AuthenticationError::TooManyFailures { .. }) => "too_many_failures",
            Err(AuthenticationError::Busy { .. }) => "busy",
            Err(AuthenticationError::Internal(_)) => "internal",
        });
        outcome
    }

    /// The address of whoever sent this request.
    pub fn address_of(&self, request: &HttpRequest) -> IpAddr {
        let peer = request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip());
        let headers = request.headers().get_all("x-forwarded-for");
        let forwarded: Vec<&[u8]> = headers.map(HeaderValue::as_bytes).collect();
        caller_address(peer, &forwarded, &self.trusted_proxies)
    }

    /// Makes, signs and records a token.
    pub fn issue(&self, keys: &KeyRing, new: NewToken<'_>) -> Result<Issued, IssueError> {
        let now = self.clock.now();
        let algorithm = new.resource.signing_alg.unwrap_or(self.algorithm);
        let claims = tokens::claims(&self.issuer, new, self.entropy.as_ref(), now)?;
        let token = tokens::sign(&claims, keys, algorithm, now)?;
        tracing::info!(
            client_id = claims.client_id.as_str(), sub = claims.sub, aud = claims.aud.as_str(), scope = %claims.scope,
            jti = claims.jti.as_str(), exp = claims.exp.0, rev = claims.rev, "token issued"
        );
        Ok(Issued { token, scope: claims.scope })
    }

    /// Examines a token of ours that came back, whatever its audience.
    pub async fn examine(&self, token: &str) -> Result<Claims, ExamineError> {
        let keys = self.current.now().await?;
        tokens::examine(token, &self.issuer, &keys.keys, &self.storage, self.clock.now()).await
    }
}
