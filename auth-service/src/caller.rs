//! Who sends a request, as far as that is known, and the record of what was refused to whom. Owns that one line
//! of the log, for every endpoint: from where, who, what and why. Nothing that somebody merely claims to be is
//! in it, and no credential ever.

use std::fmt::Display;
use std::net::IpAddr;

use actix_web::HttpRequest;
use bailiwick_core::{Claims, ClientId};

use crate::service::Service;

/// The longest method that is recorded, in characters: any word may be one.
const LONGEST_METHOD: usize = 16;
/// The longest path of a request that is recorded, in characters.
const LONGEST_PATH: usize = 256;
/// The longest reason that is recorded, in characters: it may quote what was asked for.
const LONGEST_REASON: usize = 1000;

/// The sender of a request.
pub struct Caller {
    /// From where.
    pub address: IpAddr,
    /// What was asked for, cut as the path is.
    pub method: String,
    /// Where, cut to what a record has room for.
    pub path: String,
    /// The client, once there is one of that name here.
    pub client_id: Option<ClientId>,
    /// The user or client for whom it acts, once that is known.
    pub sub: Option<String>,
}

impl Caller {
    /// The sender of `request`, of whom nothing is known yet but the address.
    pub fn of(request: &HttpRequest, service: &Service) -> Self {
        Self {
            address: service.address_of(request),
            method: beginning(request.method().as_str(), LONGEST_METHOD),
            path: beginning(request.path(), LONGEST_PATH),
            client_id: None,
            sub: None,
        }
    }

    /// Whoever brought a token of these claims, which are ours and good.
    pub fn brought(&mut self, claims: &Claims) {
        self.client_id = Some(claims.client_id.clone());
        self.sub = Some(claims.sub.clone());
    }

    /// Records that `what` was refused: the word that the caller was sent, and why.
    pub fn refused(&self, what: &str, outcome: &str, reason: &dyn Display) {
        let Self { address, method, path, client_id, sub } = self;
        let client_id = client_id.as_ref().map(ClientId::as_str);
        let reason = beginning(&reason.to_string(), LONGEST_REASON);
        tracing::info!(outcome, reason, client_id, sub, %address, method, path, "{what} refused");
    }
}

fn beginning(text: &str, longest: usize) -> String {
    text.chars().take(longest).collect()
}
