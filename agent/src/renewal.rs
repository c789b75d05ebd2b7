//! The next token of a login. Owns that a refresh token is used by one process at a time, and that its
//! successor is on disk before anything else comes of it: one that is used twice ends the login.

use crate::access::Access;
use crate::cache;
use crate::credentials::Client;
use crate::discovery;
use crate::failure::Failure;
use crate::logins::{Login, LoginsError};
use crate::token::AccessToken;
use crate::token_request::{self, Grant, Granted, TokenError};

/// A token under `login`, for the scope of `key`. Another process may have asked for one meanwhile: its
/// token is taken, for its refresh token is the only one that is still good.
pub async fn renew(
    access: &Access<'_>,
    client: Client<'_>,
    login: &Login,
    key: cache::Key<'_>,
) -> Result<AccessToken, Failure> {
    let logins = access.logins.ok_or(LoginsError::NoHome)?;
    let lock = logins.lock(login.key()).await?;
    let kept = access.cache.filter(|_| !access.fresh);
    if let Some(token) = kept.and_then(|cache| cache.find(key, access.clock.now())) {
        return Ok(token);
    }
    let current = logins.find(login.key())?.filter(|current| current.id == login.id);
    let over = |why: &str| over(access, client.client_id, why);
    let mut current = current.ok_or_else(|| over("somebody has logged out or in again meanwhile"))?;
    let Some(refresh_token) = &current.refresh_token else {
        return Err(over("its token has expired, and the service gave none to renew it with"));
    };
    let server = discovery::authorization_server(access.http, client.issuer).await?;
    let grant = Grant::Refresh { token: refresh_token, resource: key.resource, scope: key.scope };
    let granted = token_request::request(access.http, &server, client, grant, access.clock).await;
    let Granted { token, refresh_token } = granted.map_err(|error| match error {
        TokenError::Ended { .. } => over(&error.to_string()),
        error => Failure::of_token(key.scope, &error),
    })?;
    if refresh_token.is_some() {
        current.refresh_token = refresh_token;
        logins.keep(&current, &lock)?;
    }
    if let Some(cache) = access.cache {
        cache.keep(key, &token, access.clock.now());
    }
    Ok(token)
}

/// The login stays where it is: without it a client that has a secret would go on as itself.
fn over(access: &Access<'_>, client_id: &str, why: &str) -> Failure {
    Failure::NotAuthenticated(format!(
        "your login at {} is over ({why}): log in again with {}, or forget it with mcp-agent logout",
        access.server,
        access.login_command(client_id, None)
    ))
}
