//! Getting in: the server's challenge, the issuer that it names, a token from the cache or from
//! there, once more with a new token on 401, once more with more scope on 403. Owns that order
//! (MCP 2026-07-28, authorization), and that a secret goes to its own issuer alone.

use bailiwick_core::Clock;
use bailiwick_process::Secret;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};

use crate::address::ServerUrl;
use crate::cache::{Cache, Key};
use crate::challenge::Bearer;
use crate::credentials::{Client, Identity};
use crate::discovery;
use crate::failure::Failure;
use crate::fetch::Http;
use crate::holders;
use crate::scopes::Scopes;
use crate::session::SessionError;
use crate::token::{self, AccessToken, TokenError};

/// What the person wants to do, as far as a server may know before it knows who asks.
#[derive(Clone, Copy, Debug)]
pub enum Intent<'a> {
    /// See all that is allowed: a token is asked for without a scope.
    See,
    /// Call this tool: a token is asked for with the scope that the server names for it.
    Call(&'a str),
}

/// What it takes to get in.
pub struct Access<'a> {
    /// The HTTP clients.
    pub http: &'a Http,
    /// The server.
    pub server: &'a ServerUrl,
    /// As whom.
    pub identity: &'a Identity,
    /// Where tokens are kept, if anywhere.
    pub cache: Option<&'a Cache>,
    /// Whether kept tokens are passed over.
    pub fresh: bool,
    /// The scope that the person asks for, whatever the server names.
    pub scope: Option<&'a Scopes>,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// The way in for one client at one server.
pub struct Entrance<'a> {
    access: &'a Access<'a>,
    client: Client<'a>,
    resource: String,
    scope: Option<Scopes>,
}

/// One try at what is to be done.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The token to do it with, if one is needed.
    pub token: Option<&'a Secret>,
    /// Whether there is no wider token to be had by [`SessionError::NotShown`].
    pub is_widest: bool,
}

/// A token in use.
pub struct Held {
    /// The token.
    pub token: AccessToken,
    /// Whether it was kept from an earlier run.
    pub is_cached: bool,
    /// The scope that it was asked for with.
    requested: Option<Scopes>,
}

impl<'a> Access<'a> {
    /// Does `operation` with whatever token it takes. It is done again only where nothing has run:
    /// after HTTP 401 or 403, and where it says itself that it has called nothing.
    pub async fn run<T>(
        &'a self,
        intent: Intent<'_>,
        operation: impl AsyncFn(Attempt<'_>) -> Result<T, SessionError>,
    ) -> Result<T, Failure> {
        let failed = |error| Failure::of_session(self.server, error);
        let with = |token| Attempt { token, is_widest: true };
        if let Identity::Token(token) = self.identity {
            return operation(with(Some(token))).await.map_err(failed);
        }
        let challenge = match self.challenge(intent).await? {
            Some(challenge) => challenge,
            None => match operation(with(None)).await {
                Err(SessionError::Unauthorized(challenge)) => challenge,
                other => return other.map_err(failed),
            },
        };
        let entrance = self.entrance(intent, &challenge).await?;
        match entrance.run(operation).await {
            Err(Failure::NotAllowed(denial)) => {
                Err(Failure::NotAllowed(Box::new(holders::explained(&entrance, *denial).await)))
            }
            other => other,
        }
    }

    /// The server's challenge, or nothing where it asks for no token. The request has an empty body:
    /// a server that wants a token says so before it reads, and one that wants none has nothing to
    /// run. The headers tell the intent, so that the challenge names the scope that it takes.
    pub async fn challenge(&self, intent: Intent<'_>) -> Result<Option<Bearer>, Failure> {
        let address = self.server.url();
        let request = self
            .http
            .client(address)
            .post(address.clone())
            .header(ACCEPT, "application/json, text/event-stream")
            .header(CONTENT_TYPE, "application/json")
            .header("mcp-protocol-version", "2026-07-28");
        let request = match intent {
            Intent::See => request.header("mcp-method", "tools/list"),
            Intent::Call(tool) => request.header("mcp-method", "tools/call").header("mcp-name", tool),
        };
        let (status, headers) = self.http.headers(address, request).await?;
        if status.is_redirection() {
            let to = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("elsewhere");
            return Err(Failure::Unreachable(format!(
                "{} redirects to {to}; redirects are not followed: if you trust that address, call it instead",
                self.server
            )));
        }
        Ok((status == StatusCode::UNAUTHORIZED).then(|| bearer(&headers)))
    }

    /// The way in that the challenge opens to this client: through an issuer that the server trusts
    /// and the credentials are of.
    pub async fn entrance(&'a self, intent: Intent<'_>, challenge: &Bearer) -> Result<Entrance<'a>, Failure> {
        let Identity::Client(credentials) = self.identity else {
            return Err(Failure::NotAuthenticated(format!(
                "{} asks for a token, and there are no credentials: name a profile (--profile), a file \
                 (--credentials), or set MCP_AGENT_CLIENT_ID and MCP_AGENT_CLIENT_SECRET, or MCP_AGENT_TOKEN",
                self.server
            )));
        };
        let server = discovery::protected_resource(self.http, self.server, challenge).await?;
        let named = || server.issuers.join(" or ");
        let Some(issuer) = &credentials.issuer else {
            return Err(Failure::NotAuthenticated(format!(
                "{} takes tokens of {}, and these credentials do not say whose they are; if they are of that issuer, \
                 set MCP_AGENT_ISSUER (or --issuer) to it, so that the secret goes nowhere else",
                self.server,
                named()
            )));
        };
        if !server.issuers.iter().any(|name| issuer.is_named_by(name)) {
            return Err(Failure::NotAuthenticated(format!(
                "{} takes tokens of {}, and these credentials are of {issuer}: the secret is not sent anywhere else; \
                 use the credentials of that issuer",
                self.server,
                named()
            )));
        }
        let client = Client { issuer, client_id: &credentials.client_id, secret: &credentials.secret };
        let scope = match intent {
            Intent::See => None,
            Intent::Call(_) => challenge.scope.clone().or(server.scopes),
        };
        Ok(Entrance { access: self, client, resource: server.resource, scope: self.scope.cloned().or(scope) })
    }
}

impl Entrance<'_> {
    /// The issuer and the client.
    pub fn client(&self) -> Client<'_> {
        self.client
    }

    /// The way in of the same client at another resource of its issuer.
    pub fn at(&self, resource: String) -> Entrance<'_> {
        Entrance { access: self.access, client: self.client, resource, scope: None }
    }

    /// The HTTP clients.
    pub fn http(&self) -> &Http {
        self.access.http
    }

    /// A token with the scope that is asked for first.
    pub async fn first_token(&self) -> Result<Held, Failure> {
        self.token(self.scope.clone()).await
    }

    /// A token with all that the client may do here.
    pub async fn broadest_token(&self) -> Result<Held, Failure> {
        self.token(None).await
    }

    async fn run<T>(&self, operation: impl AsyncFn(Attempt<'_>) -> Result<T, SessionError>) -> Result<T, Failure> {
        let mut held = self.first_token().await?;
        let mut has_stepped_up = false;
        loop {
            let is_widest = has_stepped_up || self.access.scope.is_some() || held.requested.is_none();
            let error = match operation(Attempt { token: Some(&held.token.value), is_widest }).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            held = match error {
                SessionError::Unauthorized(_) if held.is_cached => self.renewed(held).await?,
                SessionError::NotShown if !is_widest => self.broadest_token().await?,
                SessionError::Forbidden(challenge) if challenge.is_insufficient_scope() && !has_stepped_up => {
                    has_stepped_up = true;
                    self.stepped_up(held, challenge).await?
                }
                error => return Err(Failure::of_session(self.access.server, error)),
            };
        }
    }

    /// Another token in the place of one that the server does not accept any more.
    async fn renewed(&self, held: Held) -> Result<Held, Failure> {
        self.forget(held.requested.as_ref());
        self.request(held.requested).await
    }

    /// A token with what the old one had and what the challenge asks for.
    async fn stepped_up(&self, held: Held, challenge: Bearer) -> Result<Held, Failure> {
        let Some(needed) = challenge.scope.clone() else {
            return Err(Failure::of_session(self.access.server, SessionError::Forbidden(challenge)));
        };
        let had = held.token.scope.as_ref().or(held.requested.as_ref());
        let wanted = had.map_or_else(|| needed.clone(), |had| had.union(&needed));
        if held.requested.as_ref() == Some(&wanted) {
            self.forget(Some(&wanted));
        }
        self.token_for(Some(wanted), Some(&needed)).await
    }

    async fn token(&self, scope: Option<Scopes>) -> Result<Held, Failure> {
        let needed = scope.clone();
        self.token_for(scope, needed.as_ref()).await
    }

    /// A token from the cache or the issuer. `needed` is what a denial names.
    async fn token_for(&self, scope: Option<Scopes>, needed: Option<&Scopes>) -> Result<Held, Failure> {
        let cache = self.access.cache.filter(|_| !self.access.fresh);
        let kept = cache.and_then(|cache| cache.find(self.key(scope.as_ref()), self.access.clock.now()));
        if let Some(token) = kept {
            return Ok(Held { token, is_cached: true, requested: scope });
        }
        self.request(scope).await.map_err(|failure| match failure {
            Failure::NotAllowed(mut denial) => {
                denial.needed = needed.cloned();
                Failure::NotAllowed(denial)
            }
            other => other,
        })
    }

    async fn request(&self, scope: Option<Scopes>) -> Result<Held, Failure> {
        let Access { http, clock, .. } = self.access;
        let server = discovery::authorization_server(http, self.client.issuer).await?;
        let requested = token::request(http, &server, self.client, &self.resource, scope.as_ref(), *clock).await;
        let token = requested.map_err(|error: TokenError| Failure::of_token(scope.as_ref(), &error))?;
        if let Some(cache) = self.access.cache {
            cache.keep(self.key(scope.as_ref()), &token, clock.now());
        }
        Ok(Held { token, is_cached: false, requested: scope })
    }

    fn forget(&self, scope: Option<&Scopes>) {
        if let Some(cache) = self.access.cache {
            cache.drop(self.key(scope));
        }
    }

    fn key<'k>(&'k self, scope: Option<&'k Scopes>) -> Key<'k> {
        let Client { issuer, client_id, .. } = self.client;
        Key { issuer: issuer.as_str(), client_id, resource: &self.resource, scope }
    }
}

/// What the Bearer challenge of an answer says; nothing at all where there is none.
fn bearer(headers: &HeaderMap) -> Bearer {
    let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    Bearer::of(values).unwrap_or_default()
}
