//! The rungs of the ladder: for each mode of the guard a server of the bench's own that takes it alone, and what a
//! caller of that mode sends. Owns the credentials, which are made for one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use aws_lc_rs::rand;
use bailiwick_core::{SharedSecret, UnixSeconds};
use bailiwick_guard::Mode;
use bailiwick_process::ClientSecret;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use serde_json::json;

use crate::adder::authentication::{CALLER, CALLER_SECRET, ROLE, SHARED_SECRET};
use crate::error::{BenchError, system};
use crate::issuer::{Issuer, LIFETIME, bearer};
use crate::load::{Callers, Load};
use crate::programs::Programs;
use crate::run::CONNECTIONS;
use crate::server::{Ready, Server};
use crate::token_service::basic;
use crate::tool_servers::{self, ADD_SCOPE, adder_command, resource};

/// The calls of a second that each server allows its caller: they are counted, as in operation, and never too many.
pub const CALLS_PER_SECOND: u32 = 1_000_000;

/// The credentials of all rungs.
pub struct Rungs {
    issuer: Issuer,
    public_key: PathBuf,
    /// Of the client that calls.
    secret: ClientSecret,
    /// Of the mode hs256.
    shared: ClientSecret,
}

impl Rungs {
    /// Makes them; the public half of the key pair is put into `folder`.
    pub fn prepare(folder: &Path) -> Result<Self, BenchError> {
        let issuer = Issuer::start()?;
        let public_key = folder.join("public.pem");
        fs::write(&public_key, issuer.public_key_pem()?).map_err(system("the public key"))?;
        Ok(Self {
            issuer,
            public_key,
            secret: ClientSecret::generate(rand::fill)?,
            shared: ClientSecret::generate(rand::fill)?,
        })
    }

    /// Starts the bench's own server, which takes this mode alone.
    pub fn server(&self, programs: &Programs, mode: Mode) -> Result<Server, BenchError> {
        Server::start(mode.as_str(), Ready::Health, |port| {
            let mut command = adder_command(programs, port, &resource(port));
            command.args(["--issuer", &self.issuer.url, "--authentication", mode.as_str(), "--public-key"]);
            command.arg(&self.public_key).args(["--calls-per-second", &CALLS_PER_SECOND.to_string()]);
            command.env(CALLER_SECRET, self.secret.expose()).env(SHARED_SECRET, self.shared.expose());
            command
        })
    }

    /// Calls of that server by a caller who proves in this mode who it is.
    pub fn calls(&mut self, mode: Mode, server: &Server) -> Result<Load, BenchError> {
        let (name, value) = self.shown(mode, server.port)?;
        let mut load = tool_servers::add(CONNECTIONS, Callers::Nobody);
        load.headers.push((name, value));
        Ok(load)
    }

    /// The header by which a caller does.
    fn shown(&mut self, mode: Mode, port: u16) -> Result<(HeaderName, HeaderValue), BenchError> {
        let (audience, secret) = (resource(port), self.secret.expose());
        let value = match mode {
            Mode::ApiKey => {
                let key = HeaderValue::from_str(secret).map_err(http::Error::from)?;
                return Ok((HeaderName::from_static("x-api-key"), key));
            }
            Mode::Basic => basic(CALLER, secret)?,
            Mode::Hs256 => self.token_of_shared_secret(port)?,
            Mode::PublicKey => self.issuer.sign_by_key_pair(&audience, ROLE)?,
            Mode::OAuth => {
                let mut tokens = self.issuer.sign(1, &audience, ADD_SCOPE)?;
                tokens.pop().ok_or_else(|| BenchError::Nothing(self.issuer.url.clone()))?
            }
        };
        Ok((AUTHORIZATION, value))
    }

    /// A token as the server's own `/token` makes it.
    fn token_of_shared_secret(&self, port: u16) -> Result<HeaderValue, BenchError> {
        let UnixSeconds(now) = SystemTime::now().into();
        let claims = json!({
            "iss": format!("http://localhost:{port}"), "aud": resource(port), "sub": CALLER, "client_id": CALLER,
            "iat": now, "exp": now + LIFETIME, "jti": "0123456789abcdef0123456789abcdef",
        });
        let shared = SharedSecret::new(self.shared.expose().as_bytes())?;
        bearer(&shared.sign(&claims)?)
    }
}
