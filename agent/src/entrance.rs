//! A client at a server's door: which token it shows, and what it shows next where that one is refused.
//! Owns when a token is kept, dropped, renewed and widened.

use bailiwick_process::Secret;

use crate::access::{Access, Attempt};
use crate::address::IssuerUrl;
use crate::cache;
use crate::challenge::Bearer;
use crate::credentials::Client;
use crate::discovery;
use crate::failure::Failure;
use crate::fetch::Http;
use crate::logins::Login;
use crate::renewal;
use crate::scopes::Scopes;
use crate::session::SessionError;
use crate::token::AccessToken;
use crate::token_request::{self, Grant};

/// The way in for one client at one server.
pub struct Entrance<'a> {
    /// What it takes to get in.
    pub access: &'a Access<'a>,
    /// Who gives the tokens.
    pub issuer: IssuerUrl,
    /// To whom.
    pub client_id: String,
    /// The secret of the client, where it has one.
    pub secret: Option<&'a Secret>,
    /// The login under which it acts, where it does not act for itself.
    pub login: Option<Login>,
    /// The server, as tokens name it.
    pub resource: String,
    /// The scope that is asked for first.
    pub scope: Option<Scopes>,
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

impl Entrance<'_> {
    /// The issuer and the client.
    pub fn client(&self) -> Client<'_> {
        Client { issuer: &self.issuer, client_id: &self.client_id, secret: self.secret }
    }

    /// What the person may do who was refused for want of `needed`: log in again, with that and what
    /// they had.
    pub fn login_command(&self, held: Option<&Scopes>, needed: &Scopes) -> Option<String> {
        let wanted = held.map_or_else(|| needed.clone(), |held| held.union(needed));
        self.login.as_ref().map(|login| self.access.login_command(&login.client_id, Some(&wanted)))
    }

    /// The way in of the same client at another resource of its issuer. A login is for one resource.
    pub fn at(&self, resource: String) -> Option<Entrance<'_>> {
        let Self { access, secret, .. } = *self;
        let (issuer, client_id) = (self.issuer.clone(), self.client_id.clone());
        let entrance = Entrance { access, issuer, client_id, secret, login: None, resource, scope: None };
        self.login.is_none().then_some(entrance)
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

    /// Does `operation` with the tokens that it takes.
    pub async fn run<T>(&self, operation: impl AsyncFn(Attempt<'_>) -> Result<T, SessionError>) -> Result<T, Failure> {
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
                SessionError::Forbidden(challenge)
                    if challenge.is_insufficient_scope() && self.may_step_up(&held, has_stepped_up) =>
                {
                    has_stepped_up = true;
                    self.stepped_up(held, challenge).await?
                }
                error => return Err(Failure::of_session(self.access.server, error)),
            };
        }
    }

    /// Whether there may be a token with more scope: once, and of a login only where this one is not
    /// already all that the person has allowed.
    fn may_step_up(&self, held: &Held, has_stepped_up: bool) -> bool {
        !has_stepped_up && (self.login.is_none() || held.requested.is_some())
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
        if let Some(login) = &self.login {
            let token = renewal::renew(self.access, self.client(), login, self.key(scope.as_ref())).await?;
            return Ok(Held { token, is_cached: false, requested: scope });
        }
        let Access { http, clock, .. } = self.access;
        let server = discovery::authorization_server(http, &self.issuer).await?;
        let grant = Grant::ClientCredentials { resource: &self.resource, scope: scope.as_ref() };
        let granted = token_request::request(http, &server, self.client(), grant, *clock).await;
        let token = granted.map_err(|error| Failure::of_token(scope.as_ref(), &error))?.token;
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

    fn key<'k>(&'k self, scope: Option<&'k Scopes>) -> cache::Key<'k> {
        cache::Key {
            issuer: self.issuer.as_str(),
            client_id: &self.client_id,
            login: self.login.as_ref().map(|login| login.id.as_str()),
            resource: &self.resource,
            scope,
        }
    }
}
