//! A person logs in: the authorization code flow with a proof key (OAuth 2.1 section 4.1), in the
//! person's own browser, which comes back to this machine (RFC 8252 section 7.3). Owns the order, and
//! that the browser is shown how it ended; keeps nothing itself, and never sees a password.

pub mod browser;
pub mod loopback;
pub mod page;
pub mod request;

use std::time::Duration;

use bailiwick_core::Clock;
use bailiwick_process::listener::BindError;
use tokio::time::timeout;
use url::Url;

use crate::credentials::Client;
use crate::discovery::{AuthorizationServer, DiscoveryError};
use crate::fetch::Http;
use crate::logins::LoginsError;
use crate::scopes::Scopes;
use crate::token_request::{self, Grant, Granted, TokenError};
use loopback::Loopback;
use page::Page;
use request::{AuthorizationRequest, Entropy, NoEntropy, WrongAnswer};

/// Why nobody is logged in. The messages say what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The issuer lacks what is needed.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// Nothing random to be had.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The browser would have nowhere to come back to.
    #[error("{0}; --callback-port chooses another port")]
    Bind(#[from] BindError),
    /// The listener ended by itself.
    #[error("the listener for the browser has ended; run it again")]
    Closed,
    /// The time is over.
    #[error(
        "nobody came back from the browser within {} s: run it again, with --wait for more time; where the page said \
         that the client or its redirect URI is not known, it has to be registered with the redirect URI \
         http://127.0.0.1/callback", .0.as_secs()
    )]
    NobodyCame(Duration),
    /// The browser brought something else than the answer.
    #[error(transparent)]
    Answer(#[from] WrongAnswer),
    /// The code gave no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The login cannot be kept.
    #[error(transparent)]
    Logins(#[from] LoginsError),
}

/// One login by the authorization code flow: who asks whom, where and for what.
pub struct CodeFlow<'a> {
    /// The HTTP clients.
    pub http: &'a Http,
    /// Who lets in.
    pub server: &'a AuthorizationServer,
    /// Who asks.
    pub client: Client<'a>,
    /// Where it wants to act for the person.
    pub resource: &'a str,
    /// What for; without it all that the person may allow.
    pub scope: Option<&'a Scopes>,
    /// Where random bytes come from.
    pub entropy: &'a Entropy,
    /// The time.
    pub clock: &'a dyn Clock,
}

impl CodeFlow<'_> {
    /// Sends the person to the issuer, by an address that `announce` is told, waits for at most `within`
    /// until the browser comes back, and has kept what the issuer gives.
    pub async fn run<T>(
        &self,
        callback_port: Option<u16>,
        within: Duration,
        announce: impl FnOnce(&Url, &Loopback),
        keep: impl AsyncFnOnce(Granted) -> Result<T, LoginError>,
    ) -> Result<T, LoginError> {
        let endpoint = self.server.authorization_endpoint()?;
        let mut loopback = Loopback::open(callback_port).await?;
        let request = AuthorizationRequest::new(self.entropy, loopback.redirect_uri())?;
        let scope = request::scope(self.scope, self.server.offers_offline_access);
        announce(&request.url(endpoint, self.client.client_id, self.resource, &scope), &loopback);
        let visit = timeout(within, loopback.visit()).await.map_err(|_| LoginError::NobodyCame(within))?;
        let visit = visit.ok_or(LoginError::Closed)?;
        let ended = match self.redeem(&request, &visit.query).await {
            Ok(granted) => keep(granted).await,
            Err(error) => Err(error),
        };
        visit.show(&Page { is_logged_in: ended.is_ok(), client_id: self.client.client_id, server: self.resource });
        loopback.close().await;
        ended
    }

    /// The tokens for the answer that the browser brought.
    async fn redeem(&self, request: &AuthorizationRequest, query: &str) -> Result<Granted, LoginError> {
        let code = request.code(query, self.server)?;
        let grant = Grant::Code {
            code: &code,
            verifier: &request.verifier,
            redirect_uri: &request.redirect_uri,
            resource: self.resource,
        };
        Ok(token_request::request(self.http, self.server, self.client, grant, self.clock).await?)
    }
}
