//! The words by which a client is registered (RFC 7591 section 2): the grants that it may use, and how it
//! authenticates. Owns the words; which of them go together is the client's rule.

use std::collections::BTreeSet;
use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::redirect_uris::RedirectUri;

/// A grant that a client may be registered for (RFC 7591 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum GrantType {
    /// It acts for people who sign in (OAuth 2.1 section 4.1).
    AuthorizationCode,
    /// It acts for itself (RFC 6749 section 4.4).
    ClientCredentials,
    /// It goes on acting for them (RFC 6749 section 6).
    RefreshToken,
}

impl GrantType {
    /// All that there are.
    pub const ALL: [Self; 3] = [Self::AuthorizationCode, Self::ClientCredentials, Self::RefreshToken];

    /// The value of `grant_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
            Self::RefreshToken => "refresh_token",
        }
    }

    /// What a client may use that says nothing: to act for itself, or for people where it says
    /// where to send them back to.
    pub fn default_with(redirect_uris: &BTreeSet<RedirectUri>) -> BTreeSet<Self> {
        if redirect_uris.is_empty() {
            BTreeSet::from([Self::ClientCredentials])
        } else {
            BTreeSet::from([Self::AuthorizationCode, Self::RefreshToken])
        }
    }
}

impl FromStr for GrantType {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or("grant_type must be authorization_code, client_credentials or refresh_token")
    }
}

/// How a client authenticates at the token endpoint (RFC 7591 section 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum AuthenticationMethod {
    /// By its secret, in the header or in the form.
    #[default]
    ClientSecretBasic,
    /// Not at all: a public client, on machines where no secret would stay one.
    None,
}

impl AuthenticationMethod {
    /// Its word in metadata.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::None => "none",
        }
    }
}

impl FromStr for AuthenticationMethod {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = [Self::ClientSecretBasic, Self::None].into_iter().find(|one| one.as_str() == text);
        found.ok_or("token_endpoint_auth_method must be client_secret_basic or none")
    }
}
