//! `mcp-agent whoami`: as whom servers are called, and what the token for a server says. Never shows
//! a token or a secret.

use std::process::ExitCode;

use serde_json::json;

use super::shown::{self, Shown, moment};
use super::{Caller, Context};
use crate::access::{Access, Intent};
use crate::credentials::Identity;
use crate::failure::Failure;
use crate::logins::Login;
use crate::token::{self, TokenClaims};

/// What is known of a token.
enum Known {
    /// None is asked for.
    NotNeeded,
    /// It is no JWT: only its holder's issuer can read it.
    Opaque,
    /// What it says.
    Claims(TokenClaims),
}

/// Shows who calls.
pub async fn run(context: Context<'_>) -> Result<ExitCode, Failure> {
    let caller = Caller::new(context)?;
    let mut shown = Vec::new();
    if let Some(profile) = &caller.resolved.profile {
        shown.push(("profile", profile.to_string().into()));
    }
    match (&caller.resolved.identity, caller.server()) {
        (Identity::Token(token), server) => {
            shown.push(("credentials", "a token of MCP_AGENT_TOKEN".into()));
            shown.extend(server.map(|server| ("server", server.as_str().into())));
            shown.extend(of_token(token::claims(token).map_or(Known::Opaque, Known::Claims)));
        }
        (identity, Some(server)) => {
            let (login, known) = at(&caller.access(server, None)).await?;
            shown.extend(login.unwrap_or_else(|| of_client(identity)));
            shown.push(("server", server.as_str().into()));
            shown.extend(of_token(known));
        }
        (identity, None) => shown.extend(of_client(identity)),
    }
    shown::print(&shown, caller.output)?;
    Ok(ExitCode::SUCCESS)
}

/// The login at a server, where the caller is logged in, and what the token says that they get there.
async fn at(access: &Access<'_>) -> Result<(Option<Vec<Shown>>, Known), Failure> {
    let Some(challenge) = access.challenge(Intent::See).await? else { return Ok((None, Known::NotNeeded)) };
    let entrance = access.entrance(Intent::See, &challenge).await?;
    let held = entrance.first_token().await?;
    let known = token::claims(&held.token.value).map_or(Known::Opaque, Known::Claims);
    Ok((entrance.login.as_ref().map(of_login), known))
}

fn of_login(login: &Login) -> Vec<Shown> {
    vec![
        ("issuer", login.issuer.as_str().into()),
        ("client_id", login.client_id.clone().into()),
        ("subject", json!(login.subject)),
        ("logged_in_at", moment(login.logged_in_at).into()),
    ]
}

fn of_client(identity: &Identity) -> Vec<Shown> {
    match identity {
        Identity::Client(client) => vec![
            ("issuer", json!(client.issuer.as_ref().map(ToString::to_string))),
            ("client_id", client.client_id.clone().into()),
        ],
        Identity::Nobody | Identity::Token(_) => vec![("credentials", "none".into())],
    }
}

fn of_token(known: Known) -> Vec<Shown> {
    match known {
        Known::NotNeeded => vec![("token", "the server asks for none".into())],
        Known::Opaque => vec![("token", "not readable: it is no JWT".into())],
        Known::Claims(claims) => vec![
            ("token_issuer", json!(claims.issuer)),
            ("token_subject", json!(claims.subject)),
            ("token_client_id", json!(claims.client_id)),
            ("token_roles", json!(claims.roles)),
            ("token_scope", json!(claims.scope)),
            ("token_audience", json!(claims.audience)),
            ("token_expires_at", json!(claims.expires_at.map(moment))),
        ],
    }
}
