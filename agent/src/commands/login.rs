//! `mcp-agent login`: a person lets the client act for them at a server, in their browser; and what
//! comes of it is kept.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use url::Url;

use super::{Caller, Context, shown};
use crate::access::{Access, Intent};
use crate::cache;
use crate::credentials::{Client, ClientCredentials, Identity};
use crate::discovery::{self, DiscoveryError, ProtectedResource};
use crate::failure::Failure;
use crate::login::loopback::Loopback;
use crate::login::{CodeFlow, LoginError, browser, request};
use crate::logins::{Login, Logins, LoginsError};
use crate::output::Output;
use crate::scopes::Scopes;
use crate::token::{self, AccessToken};
use crate::token_request::{self, Granted};

/// The longest that a login may be waited for, in seconds: an hour.
const LONGEST_WAIT: u64 = 3600;

/// How a person logs in.
#[derive(Args, Debug)]
pub struct LogIn {
    /// Let the client do this alone [default: all that you may let it do]
    #[arg(long)]
    scope: Option<Scopes>,
    /// Print the address and open no browser
    #[arg(long)]
    no_browser: bool,
    /// How long to wait for the browser, in seconds
    #[arg(long, default_value = "300", value_name = "SECONDS", value_parser = seconds)]
    wait: Duration,
    /// The port of this machine that the browser comes back to [default: one that is free]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    callback_port: Option<u16>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds @ 1..=LONGEST_WAIT) => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("expected 1 to {LONGEST_WAIT} seconds")),
    }
}

/// Logs in.
pub async fn run(context: Context<'_>, command: &LogIn) -> Result<ExitCode, Failure> {
    let opens_browser = context.has_browser && !command.no_browser;
    let entropy = context.entropy;
    let caller = Caller::new(context)?;
    let server = caller.required_server()?;
    let credentials = credentials(&caller)?;
    let access = caller.access(server, command.scope.as_ref());
    let logins = access.logins.ok_or(LoginsError::NoHome)?;
    let resource = described(&access).await?;
    let issuer = access.issuer_of(credentials, &resource)?;
    let authorization_server = discovery::authorization_server(access.http, &issuer).await?;
    let client = Client { issuer: &issuer, client_id: &credentials.client_id, secret: credentials.secret.as_ref() };
    let flow = CodeFlow {
        http: access.http,
        server: &authorization_server,
        client,
        resource: &resource.resource,
        scope: command.scope.as_ref(),
        entropy,
        clock: access.clock,
    };
    let announce = |url: &Url, loopback: &Loopback| announce(caller.output, url, loopback, command.wait, opens_browser);
    let keep = async |granted: Granted| {
        let login = Login {
            issuer: issuer.clone(),
            client_id: credentials.client_id.clone(),
            server: server.clone(),
            resource: resource.resource.clone(),
            id: request::identifier(entropy)?,
            subject: token::claims(&granted.token.value).and_then(|claims| claims.subject),
            logged_in_at: access.clock.now(),
            refresh_token: granted.refresh_token,
        };
        let before = replace(&access, logins, &login, &granted.token).await?;
        Ok::<_, LoginError>((login, granted.token, before))
    };
    let ended = flow.run(command.callback_port, command.wait, announce, keep).await;
    let (login, token, before) = ended.map_err(|error| Failure::of_login(command.scope.as_ref(), error))?;
    if let Some(before) = before.and_then(|before| before.refresh_token) {
        // What was allowed before is not needed any more.
        if let Err(error) = token_request::revoke(access.http, &authorization_server, client, &before).await {
            caller.output.warn(&format!("the login before this one could not be ended: {error}"));
        }
    }
    tell(caller.output, &login, &token)?;
    Ok(ExitCode::SUCCESS)
}

/// What the server says of itself, also where it asks for no token until something is called.
async fn described(access: &Access<'_>) -> Result<ProtectedResource, Failure> {
    let challenge = access.challenge(Intent::See).await?;
    let asks = challenge.is_some();
    match discovery::protected_resource(access.http, access.server, &challenge.unwrap_or_default()).await {
        Err(DiscoveryError::NoResourceMetadata { .. }) if !asks => {
            Err(Failure::Usage(format!("{} asks for no token: there is nothing to log in to", access.server)))
        }
        described => Ok(described?),
    }
}

/// The client that the person lets act for them.
fn credentials<'a>(caller: &'a Caller<'_>) -> Result<&'a ClientCredentials, Failure> {
    match &caller.resolved.identity {
        Identity::Client(credentials) => Ok(credentials),
        Identity::Nobody => Err(Failure::Usage(
            "which client may act for you? Name it by --client-id CLIENT_ID, as it is registered at the token service, \
             or by --profile NAME"
                .to_owned(),
        )),
        Identity::Token(_) => {
            Err(Failure::Usage("MCP_AGENT_TOKEN is a token already; unset it to log in for another".to_owned()))
        }
    }
}

/// Keeps the login, and its token, in the place of the one before; gives that one.
async fn replace(
    access: &Access<'_>,
    logins: &Logins,
    login: &Login,
    token: &AccessToken,
) -> Result<Option<Login>, LoginsError> {
    let lock = logins.lock(login.key()).await?;
    // One that cannot be read cannot be ended either.
    let before = logins.find(login.key()).unwrap_or_default();
    logins.keep(login, &lock)?;
    if let Some(cache) = access.cache {
        if let Some(before) = &before {
            cache.drop_login(&before.id);
        }
        let Login { issuer, client_id, id, resource, .. } = login;
        let key = cache::Key { issuer: issuer.as_str(), client_id, login: Some(id), resource, scope: None };
        cache.keep(key, token, access.clock.now());
    }
    Ok(before)
}

/// Says where to sign in, and opens it where there is a browser. It is said in any case: whether a
/// browser has appeared only the person sees.
fn announce(output: Output, url: &Url, loopback: &Loopback, within: Duration, opens_browser: bool) {
    let (before, after) = if opens_browser {
        ("your browser opens; if it does not, open this address yourself:", String::new())
    } else {
        let port = loopback.port;
        let tunnel = format!("; one on another machine reaches this one after: ssh -L {port}:127.0.0.1:{port} HOST");
        ("open this address in a browser of this machine:", tunnel)
    };
    let seconds = within.as_secs();
    let text = format!("{before}\n\n{url}\n\nwaiting {seconds} s for the browser to come back{after}");
    output.note(&text, &json!({"authorization_url": url.as_str()}));
    if opens_browser {
        // Where the terminal's own browser is all there is, it stays until it is left; meanwhile the
        // answer is waited for all the same.
        let url = url.clone();
        tokio::task::spawn_blocking(move || browser::open(&url));
    }
}

fn tell(output: Output, login: &Login, token: &AccessToken) -> Result<(), Failure> {
    let claims = token::claims(&token.value).unwrap_or_default();
    let scope = token.scope.as_ref().map(ToString::to_string).or(claims.scope);
    let offline_access = login.refresh_token.is_some();
    shown::print(
        &[
            ("server", login.server.as_str().into()),
            ("issuer", login.issuer.as_str().into()),
            ("client_id", login.client_id.clone().into()),
            ("subject", json!(login.subject)),
            ("roles", json!(claims.roles)),
            ("scope", json!(scope)),
            ("logged_in_at", shown::moment(login.logged_in_at).into()),
            ("offline_access", offline_access.into()),
        ],
        output,
    )?;
    if !offline_access {
        output.warn("the service gave no refresh token: the login is over when its token is");
    }
    Ok(())
}
