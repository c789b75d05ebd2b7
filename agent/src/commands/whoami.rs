//! `mcp-agent whoami`: as whom servers are called, and what the token for a server says. Never shows
//! a token or a secret.

use std::process::ExitCode;

use bailiwick_core::UnixSeconds;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Caller, Context};
use crate::access::{Access, Intent};
use crate::address::ServerUrl;
use crate::credentials::Identity;
use crate::failure::Failure;
use crate::output::Output;
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
    let known = match (&caller.resolved.identity, caller.server()) {
        (Identity::Token(token), _) => Some(token::claims(token).map_or(Known::Opaque, Known::Claims)),
        (_, Some(server)) => Some(token_at(&caller.access(server, None)).await?),
        (_, None) => None,
    };
    let mut shown = identity(&caller);
    shown.extend(caller.server().map(|server: &ServerUrl| ("server", server.as_str().into())));
    shown.extend(known.into_iter().flat_map(of_token));
    print(&shown, caller.output)?;
    Ok(ExitCode::SUCCESS)
}

/// What the token that the caller gets at a server says.
async fn token_at(access: &Access<'_>) -> Result<Known, Failure> {
    let Some(challenge) = access.challenge(Intent::See).await? else { return Ok(Known::NotNeeded) };
    let held = access.entrance(Intent::See, &challenge).await?.first_token().await?;
    Ok(token::claims(&held.token.value).map_or(Known::Opaque, Known::Claims))
}

fn identity(caller: &Caller<'_>) -> Vec<(&'static str, Value)> {
    let mut shown = Vec::new();
    if let Some(profile) = &caller.resolved.profile {
        shown.push(("profile", profile.to_string().into()));
    }
    match &caller.resolved.identity {
        Identity::Nobody => shown.push(("credentials", "none".into())),
        Identity::Token(_) => shown.push(("credentials", "a token of MCP_AGENT_TOKEN".into())),
        Identity::Client(client) => {
            let issuer = client.issuer.as_ref().map(ToString::to_string);
            shown.push(("issuer", json!(issuer)));
            shown.push(("client_id", client.client_id.clone().into()));
        }
    }
    shown
}

fn of_token(known: Known) -> Vec<(&'static str, Value)> {
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

fn print(shown: &[(&'static str, Value)], output: Output) -> Result<(), Failure> {
    let members = shown.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    output.print(&Value::Object(members), || {
        let pairs: Vec<_> = shown.iter().map(|(name, value)| (name.replace('_', " "), words(value))).collect();
        output.lines(&pairs)
    })
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) if !all.is_empty() => all.iter().map(words).collect::<Vec<_>>().join(" "),
        Value::Null | Value::Array(_) => "-".to_owned(),
        other => other.to_string(),
    }
}

fn moment(at: UnixSeconds) -> String {
    Timestamp::from_second(at.0).map_or_else(|_| at.to_string(), |moment| moment.to_string())
}
