//! How callers of the bench's own server prove who they are: what is set of it, and the clients that the
//! server knows by itself. What a caller sends is [`crate::rungs`]'s.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::num::NonZeroU32;
use std::path::PathBuf;

use bailiwick_core::{Issuer, ResourceUri, SecretDigest, SharedSecret};
use bailiwick_guard::{GuardBuilder, LocalClient, LocalClients, Mode, PublicKey};
use clap::Args;

use super::AdderError;
use crate::tool_servers::ADD_SCOPE;

/// The environment variable with the secret of the client that calls.
pub const CALLER_SECRET: &str = "CALLER_SECRET";
/// The environment variable with the secret of the mode hs256.
pub const SHARED_SECRET: &str = "MCP_SHARED_SECRET";
/// The client that calls.
pub const CALLER: &str = "caller";
/// Its role.
pub const ROLE: &str = "Caller";
/// How many clients the server knows by itself, the one that calls included.
pub const CLIENTS: usize = 10;

/// How callers prove who they are, and how often they may call.
#[derive(Args, Debug)]
pub struct Authentication {
    /// How callers prove who they are
    #[arg(long = "authentication", value_name = "MODE", default_value = Mode::OAuth.as_str())]
    mode: Mode,
    /// RSA public key of the mode public-key, PEM; its tokens name the issuer and the resource
    #[arg(long, value_name = "PATH", required_if_eq("mode", Mode::PublicKey.as_str()))]
    public_key: Option<PathBuf>,
    /// Calls in a second that one caller may make; 0 for however many, which are not counted then
    #[arg(long, value_name = "CALLS", default_value_t = 0)]
    calls_per_second: u32,
}

impl Authentication {
    /// Tells the guard of it.
    ///
    /// # Errors
    /// What is missing, or not what it should be.
    pub fn apply<'a>(
        &self,
        builder: GuardBuilder<'a>,
        issuer: &Issuer,
        resource: &ResourceUri,
    ) -> Result<GuardBuilder<'a>, AdderError> {
        let builder = builder.modes([self.mode]).calls_per_second(NonZeroU32::new(self.calls_per_second));
        let builder = match (self.mode, &self.public_key) {
            (Mode::OAuth, _) => return Ok(builder),
            (Mode::PublicKey, Some(path)) => {
                builder.public_key(PublicKey::from_pem(&fs::read(path)?, issuer.as_str(), resource.as_str())?)
            }
            (Mode::Hs256, _) => builder.shared_secret(SharedSecret::new(secret(SHARED_SECRET)?.as_bytes())?),
            (Mode::PublicKey | Mode::Basic | Mode::ApiKey, _) => builder,
        };
        Ok(builder.local_clients(known(&secret(CALLER_SECRET)?)?))
    }
}

/// A secret of the environment.
pub fn secret(name: &'static str) -> Result<String, AdderError> {
    env::var(name).map_err(|_| AdderError::NoSecret(name))
}

/// The clients, of which the one that calls has this secret.
fn known(secret_of_caller: &str) -> Result<LocalClients, AdderError> {
    let client = |name: &str, secret: &str| -> Result<_, AdderError> {
        let known = LocalClient { secret: SecretDigest::of(secret), roles: vec![ROLE.parse()?], expires_at: None };
        Ok((name.parse()?, known))
    };
    let mut clients = vec![client(CALLER, secret_of_caller)?];
    for number in 1..CLIENTS {
        let name = format!("another-{number}");
        clients.push(client(&name, &name)?);
    }
    Ok(LocalClients::new(BTreeMap::from([(ROLE.parse()?, ADD_SCOPE.parse()?)]), clients)?)
}
