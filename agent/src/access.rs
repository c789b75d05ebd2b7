//! Getting in: the server's challenge, who asks to be let in, the issuer that both trust. Owns that
//! order (MCP 2026-07-28, authorization), whether a client acts for itself or for the person who is
//! logged in, and that a secret goes to its own issuer alone; tokens are [`crate::entrance`]'s.

use std::borrow::Cow;

use bailiwick_core::Clock;
use bailiwick_process::Secret;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};

use crate::address::{InvalidAddress, IssuerUrl, ServerUrl};
use crate::cache::Cache;
use crate::challenge::Bearer;
use crate::credentials::{ClientCredentials, Identity};
use crate::discovery::{self, ProtectedResource};
use crate::entrance::Entrance;
use crate::failure::Failure;
use crate::fetch::Http;
use crate::holders;
use crate::logins::{Key, Login, Logins};
use crate::scopes::Scopes;
use crate::session::SessionError;

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
    /// The flags by which the person says so.
    pub whom: &'a str,
    /// Where tokens are kept, if anywhere.
    pub cache: Option<&'a Cache>,
    /// Where logins are kept, if anywhere.
    pub logins: Option<&'a Logins>,
    /// Whether kept tokens are passed over.
    pub fresh: bool,
    /// The scope that the person asks for, whatever the server names.
    pub scope: Option<&'a Scopes>,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// For whom the client acts.
enum For<'a> {
    /// For the person who has logged in.
    Person(Box<Login>),
    /// For itself.
    Itself(&'a ClientCredentials),
}

/// One try at what is to be done.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The token to do it with, if one is needed.
    pub token: Option<&'a Secret>,
    /// Whether there is no wider token to be had by [`SessionError::NotShown`].
    pub is_widest: bool,
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
    /// and the credentials or the login are of.
    pub async fn entrance(&'a self, intent: Intent<'_>, challenge: &Bearer) -> Result<Entrance<'a>, Failure> {
        let whom = self.acts_for()?;
        let server = discovery::protected_resource(self.http, self.server, challenge).await?;
        let (issuer, client_id, login) = match whom {
            For::Person(login) => {
                self.check_trusted(&login.issuer, &server)?;
                (login.issuer.clone(), login.client_id.clone(), Some(*login))
            }
            For::Itself(credentials) => (self.issuer_of(credentials, &server)?, credentials.client_id.clone(), None),
        };
        let scope = match intent {
            // What a login may do was said when the person logged in.
            Intent::Call(_) if login.is_none() => challenge.scope.clone().or(server.scopes),
            _ => None,
        };
        let secret = self.credentials().and_then(|credentials| credentials.secret.as_ref());
        let scope = self.scope.cloned().or(scope);
        Ok(Entrance { access: self, issuer, client_id, secret, login, resource: server.resource, scope })
    }

    fn credentials(&self) -> Option<&'a ClientCredentials> {
        match self.identity {
            Identity::Client(credentials) => Some(credentials),
            Identity::Nobody | Identity::Token(_) => None,
        }
    }

    /// A login comes first: who has logged in wants to be themselves, also through a client that could
    /// act for itself.
    fn acts_for(&self) -> Result<For<'a>, Failure> {
        let server = self.server;
        match (self.login()?, self.credentials()) {
            (Some(login), _) => Ok(For::Person(Box::new(login))),
            (None, Some(credentials)) if credentials.secret.is_some() => Ok(For::Itself(credentials)),
            (None, Some(ClientCredentials { client_id, .. })) => Err(Failure::NotAuthenticated(format!(
                "you are not logged in at {server} as client {client_id}: run {}; a client that has a secret acts for \
                 itself, with MCP_AGENT_CLIENT_SECRET",
                self.login_command(client_id, None)
            ))),
            (None, None) => Err(Failure::NotAuthenticated(format!(
                "{server} asks for a token, and there are no credentials: log in with mcp-agent login --server {server} \
                 --client-id CLIENT_ID, or name a profile (--profile), a file (--credentials), or set \
                 MCP_AGENT_CLIENT_ID and MCP_AGENT_CLIENT_SECRET, or MCP_AGENT_TOKEN"
            ))),
        }
    }

    /// The login that is meant: of this client, or where no client is named, the only one here.
    fn login(&self) -> Result<Option<Login>, Failure> {
        let Some(logins) = self.logins else { return Ok(None) };
        let mut found = match self.credentials() {
            Some(ClientCredentials { issuer: Some(issuer), client_id, .. }) => {
                return Ok(logins.find(Key { issuer, client_id, server: self.server })?);
            }
            Some(ClientCredentials { client_id, secret: None, .. }) => {
                let mut found = logins.at(self.server);
                found.retain(|login| &login.client_id == client_id);
                found
            }
            // Whose secret it is has not been said.
            Some(_) => return Ok(None),
            None => logins.at(self.server),
        };
        match found.len() {
            0 | 1 => Ok(found.pop()),
            _ => {
                let named = |login: &Login| format!("--client-id {} --issuer {}", login.client_id, login.issuer);
                Err(Failure::Usage(format!(
                    "you are logged in at {} more than once; say which is meant: {}",
                    self.server,
                    found.iter().map(named).collect::<Vec<_>>().join(", or ")
                )))
            }
        }
    }

    /// The command that logs in here as this client, so that it may be copied. A server names scopes as
    /// it likes, so each word is quoted for the shell.
    pub fn login_command(&self, client_id: &str, scope: Option<&Scopes>) -> String {
        let server = shell_word(self.server.as_str());
        let whom = match self.whom {
            "" => format!(" --client-id {}", shell_word(client_id)),
            whom => whom.to_owned(),
        };
        let scope = scope.map(|scope| format!(" --scope {}", shell_word(&scope.to_string()))).unwrap_or_default();
        format!("mcp-agent login --server {server}{whom}{scope}")
    }

    /// The issuer that a client of this server is of. A secret goes to the one that was said alone; who
    /// has none may follow the server, where that leaves no choice.
    pub fn issuer_of(&self, credentials: &ClientCredentials, server: &ProtectedResource) -> Result<IssuerUrl, Failure> {
        if let Some(issuer) = &credentials.issuer {
            self.check_trusted(issuer, server)?;
            return Ok(issuer.clone());
        }
        let trusted = server.issuers.join(" or ");
        match server.issuers.as_slice() {
            [] => Err(self.names_no_issuer()),
            [issuer] if credentials.secret.is_none() => issuer.parse().map_err(|error: InvalidAddress| {
                Failure::Unreachable(format!("{} takes tokens of {issuer:?}, which is no issuer: {error}", self.server))
            }),
            _ if credentials.secret.is_none() => Err(Failure::Usage(format!(
                "{} takes tokens of {trusted}; say with --issuer (MCP_AGENT_ISSUER) which of them the client is of",
                self.server
            ))),
            _ => Err(Failure::NotAuthenticated(format!(
                "{} takes tokens of {trusted}, and these credentials do not say whose they are; if they are of that \
                 issuer, set MCP_AGENT_ISSUER (or --issuer) to it, so that the secret goes nowhere else",
                self.server
            ))),
        }
    }

    fn names_no_issuer(&self) -> Failure {
        Failure::NotAuthenticated(format!(
            "{} does not say whose tokens it takes: its metadata names no authorization_servers (RFC 9728); if its \
             tokens come from elsewhere, put one into MCP_AGENT_TOKEN",
            self.server
        ))
    }

    fn check_trusted(&self, issuer: &IssuerUrl, server: &ProtectedResource) -> Result<(), Failure> {
        if server.issuers.is_empty() {
            return Err(self.names_no_issuer());
        }
        if server.issuers.iter().any(|name| issuer.is_named_by(name)) {
            return Ok(());
        }
        Err(Failure::NotAuthenticated(format!(
            "{} takes tokens of {}, and these credentials are of {issuer}: the secret is not sent anywhere else; use \
             the credentials of that issuer",
            self.server,
            server.issuers.join(" or ")
        )))
    }
}

/// The text as one word of a shell's command line.
pub fn shell_word(text: &str) -> String {
    // What cannot be a word holds NUL, which nothing here does.
    shlex::try_quote(text).map(Cow::into_owned).unwrap_or_default()
}

/// What the Bearer challenge of an answer says; nothing at all where there is none.
fn bearer(headers: &HeaderMap) -> Bearer {
    let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    Bearer::of(values).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_names_cannot_become_a_command() {
        for (scope, word) in [
            ("hr:read", "hr:read"),
            ("hr:a hr:b", "'hr:a hr:b'"),
            ("$(reboot)", "'$(reboot)'"),
            ("`reboot`;x", "'`reboot`;x'"),
            ("a'b", "\"a'b\""),
        ] {
            assert_eq!(shell_word(&scope.parse::<Scopes>().unwrap().to_string()), word);
        }
    }
}
