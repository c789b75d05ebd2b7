//! What is said of the modes before there is a guard. Owns checking that each mode has what it rests on.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use bailiwick_core::{Issuer, ResourceUri, SharedSecret, Tools};

use crate::builder::GuardError;
use crate::local_clients::{Directory, LocalClients};
use crate::mode::Mode;
use crate::modes::public_key::PublicKey;
use crate::modes::{CallerAddress, Modes};

/// The modes that are asked for, and what they are given.
pub(crate) struct Requested {
    pub(crate) modes: Vec<Mode>,
    pub(crate) shared_secret: Option<SharedSecret>,
    pub(crate) public_key: Option<PublicKey>,
    pub(crate) clients: Option<LocalClients>,
    pub(crate) caller_address: CallerAddress,
}

impl Default for Requested {
    fn default() -> Self {
        Self {
            modes: vec![Mode::OAuth],
            shared_secret: None,
            public_key: None,
            clients: None,
            caller_address: Arc::new(|request| {
                request.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
            }),
        }
    }
}

impl Requested {
    /// The modes of a guard for `resource`, which `issuer` speaks for where only access tokens are taken.
    ///
    /// # Errors
    /// What a mode lacks.
    pub(crate) fn build(mut self, resource: &ResourceUri, issuer: &Issuer, tools: &Tools) -> Result<Modes, GuardError> {
        self.modes.sort_unstable();
        self.modes.dedup();
        if self.modes.is_empty() {
            return Err(GuardError::NoMode);
        }
        self.modes.iter().try_for_each(|mode| self.has_what_it_needs(*mode))?;
        let own_issuer = match resource.origin().parse() {
            Ok(issuer) => issuer,
            Err(_) if self.modes == [Mode::OAuth] => issuer.clone(),
            Err(_) => return Err(GuardError::PlainHttp(resource.clone())),
        };
        let directory = Directory::new(resource.clone(), own_issuer);
        directory.replace(&self.clients.take().unwrap_or_default(), tools);
        Ok(Modes::new(self, directory))
    }

    fn has_what_it_needs(&self, mode: Mode) -> Result<(), GuardError> {
        let lacks = |what| Err(GuardError::ModeNeeds(mode, what));
        match mode {
            Mode::OAuth => Ok(()),
            Mode::Hs256 if self.shared_secret.is_none() => lacks("a shared secret"),
            Mode::PublicKey if self.public_key.is_none() => lacks("a public key"),
            _ if self.clients.is_none() => lacks("clients and their roles"),
            _ => Ok(()),
        }
    }
}
