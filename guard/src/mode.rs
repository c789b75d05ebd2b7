//! The ways in which a caller may prove who it is, strongest first. Owns their names and what is said
//! of them at the start; what each asks of a request is [`crate::modes`]'s.

use std::fmt;
use std::str::FromStr;

/// A way to prove who calls. The order is that of their strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Access tokens of a token service (RFC 9068), verified with the keys that it publishes.
    OAuth,
    /// Tokens signed with a key pair whose public half this server was given (RS256).
    PublicKey,
    /// Tokens signed with a secret that this server shares (HS256).
    Hs256,
    /// A client's name and secret in each request (RFC 7617).
    Basic,
    /// A client's secret in the header `x-api-key` of each request.
    ApiKey,
}

/// A text that names no mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a mode is one of oauth, public-key, hs256, basic, api-key")]
pub struct UnknownMode;

impl Mode {
    /// Every mode there is, strongest first.
    pub const ALL: [Self; 5] = [Self::OAuth, Self::PublicKey, Self::Hs256, Self::Basic, Self::ApiKey];

    /// Its word in settings, records and start-up lines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OAuth => "oauth",
            Self::PublicKey => "public-key",
            Self::Hs256 => "hs256",
            Self::Basic => "basic",
            Self::ApiKey => "api-key",
        }
    }

    /// What is weak about it, where something is: such a mode is for loopback or TLS only.
    #[must_use]
    pub fn weakness(self) -> Option<&'static str> {
        match self {
            Self::OAuth | Self::PublicKey => None,
            Self::Hs256 => Some("whoever can check a token can make one, in anybody's name"),
            Self::Basic => Some("the secret itself travels in each request, and is good until it is withdrawn here"),
            Self::ApiKey => Some("the key itself travels in each request, and is good until it is withdrawn here"),
        }
    }

    /// The authentication scheme (RFC 9110 section 11.1) that a caller is challenged with.
    pub(crate) fn scheme(self) -> &'static str {
        match self {
            Self::OAuth | Self::PublicKey | Self::Hs256 => "Bearer",
            Self::Basic => "Basic",
            Self::ApiKey => "ApiKey",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or(UnknownMode)
    }
}
