//! `mcp-agent logout`: ends a login, at its service (RFC 7009) and here.

use std::process::ExitCode;

use serde_json::json;

use super::{Caller, Context};
use crate::access::Access;
use crate::cache;
use crate::credentials::{Client, Identity};
use crate::discovery;
use crate::failure::Failure;
use crate::logins::{Login, Logins, LoginsError};
use crate::token_request::{self, TokenError};

/// Logs out.
pub async fn run(context: Context<'_>) -> Result<ExitCode, Failure> {
    let caller = Caller::new(context)?;
    let logins = caller.logins.as_ref().ok_or(LoginsError::NoHome)?;
    let meant = meant(&caller, logins)?;
    let lock = logins.lock(meant.key()).await?;
    // As it is now: another process may have renewed it.
    let login = logins.find(meant.key())?.unwrap_or(meant);
    let access = caller.access(&login.server, None);
    let ended = end(&access, &login).await;
    logins.forget(login.key(), &lock)?;
    if let Some(cache) = access.cache {
        cache.drop_login(&login.id);
    }
    ended.map_err(|error| {
        Failure::Unreachable(format!(
            "the login is forgotten here, and {} could not be told ({error}): end it there, on the page of your account",
            login.issuer
        ))
    })?;
    let told = json!({"logged_out": login.server.as_str(), "client_id": login.client_id});
    caller.output.print(&told, || format!("logged out of {} as client {}\n", login.server, login.client_id))?;
    Ok(ExitCode::SUCCESS)
}

/// The login that the settings mean.
fn meant(caller: &Caller<'_>, logins: &Logins) -> Result<Login, Failure> {
    let mut found = match caller.server() {
        Some(server) => logins.at(server),
        None => logins.all(),
    };
    if let Identity::Client(client) = &caller.resolved.identity {
        found.retain(|login| login.client_id == client.client_id);
        found.retain(|login| client.issuer.as_ref().is_none_or(|issuer| issuer == &login.issuer));
    }
    let named = |login: &Login| format!("--server {} --client-id {}", login.server, login.client_id);
    match found.len() {
        0 => Err(Failure::Usage("there is no such login; mcp-agent login makes one".to_owned())),
        1 => found.pop().ok_or_else(|| Failure::Usage("there is no such login".to_owned())),
        _ => Err(Failure::Usage(format!("which login? {}", found.iter().map(named).collect::<Vec<_>>().join(", or ")))),
    }
}

/// Takes back at the service what the login has: its refresh token, else the token that is left of it.
async fn end(access: &Access<'_>, login: &Login) -> Result<(), TokenError> {
    let Login { issuer, client_id, id, resource, .. } = login;
    let key = cache::Key { issuer: issuer.as_str(), client_id, login: Some(id), resource, scope: None };
    let kept = || access.cache.and_then(|cache| cache.find(key, access.clock.now())).map(|token| token.value);
    let secret = match access.identity {
        Identity::Client(credentials) => credentials.secret.as_ref(),
        Identity::Nobody | Identity::Token(_) => None,
    };
    let client = Client { issuer, client_id, secret };
    let left = if login.refresh_token.is_some() { None } else { kept() };
    let Some(token) = login.refresh_token.as_ref().or(left.as_ref()) else { return Ok(()) };
    let server = discovery::authorization_server(access.http, issuer).await?;
    token_request::revoke(access.http, &server, client, token).await
}
