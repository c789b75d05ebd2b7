//! Identifiers that cannot hold nonsense: each is parsed once, at the edge, and carried as proof.
//! Owns their grammar; never looks anything up.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::{Host, Url};

/// Why a text is not the identifier that it should be. The message says what is expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidIdentifier(pub &'static str);

/// A text type: cheap to clone, compared and ordered by its characters, (de)serialised as a string.
macro_rules! text_type {
    ($(#[$documentation:meta])* $name:ident, $check:expr, $expectation:literal) => {
        $(#[$documentation])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::identifier::InvalidIdentifier;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err($crate::identifier::InvalidIdentifier($expectation))
                }
            }
        }

        $crate::identifier::text_traits!($name);
    };
}

/// The traits that every text type shares, whatever its way of parsing.
macro_rules! text_traits {
    ($name:ident) => {
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "{}({:?})", stringify!($name), self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use {text_traits, text_type};

/// Whether `text` has 1 to `longest` characters, all of them accepted by `accepts`.
pub(crate) fn is_word(text: &str, longest: usize, accepts: fn(u8) -> bool) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(accepts)
}

text_type!(
    /// A client identifier (RFC 6749 section 2.2): 1 to 128 unreserved characters. Never begins
    /// with `usr_`, so that a `sub` claim is either a client or a user and never in doubt.
    ClientId,
    |text| is_word(text, 128, |byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
        && !text.starts_with("usr_"),
    "a client_id has 1 to 128 characters of A-Z a-z 0-9 . _ ~ - and does not begin with usr_"
);

text_type!(
    /// The name of a role: 1 to 64 characters.
    RoleName,
    |text| is_word(text, 64, |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)),
    "a role name has 1 to 64 characters of A-Z a-z 0-9 . _ -"
);

text_type!(
    /// The `kid` of a signing key (RFC 7515 section 4.1.4): 1 to 128 characters.
    KeyId,
    |text| is_word(text, 128, |byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte)),
    "a kid has 1 to 128 characters of A-Z a-z 0-9 . _ ~ -"
);

text_type!(
    /// The `jti` of a token (RFC 7519 section 4.1.7): 1 to 128 visible ASCII characters.
    TokenId,
    |text| is_word(text, 128, |byte| byte.is_ascii_graphic()),
    "a jti has 1 to 128 visible ASCII characters"
);

impl From<&ClientId> for TokenId {
    /// A `client_id` names as a `jti` does: every character of one may stand in the other.
    fn from(client_id: &ClientId) -> Self {
        Self(Arc::clone(&client_id.0))
    }
}

/// An authorization server's issuer identifier (RFC 8414 section 2): an `https` URL without query
/// and fragment. Compared as a string, byte for byte; so the text is kept as it was written.
/// `http` is accepted for loopback hosts only ([`Issuer::allows_plain_http`]) unless TLS ends in
/// front of the process, which is the process's affair.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Issuer(Arc<str>);

impl Issuer {
    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL of `path` (which begins with `/`) below the issuer.
    #[must_use]
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The URL of a well-known document of this issuer: the name is inserted between host and path
    /// (RFC 8414 section 3.1).
    #[must_use]
    pub fn well_known(&self, name: &str) -> String {
        let path_start = self.0.find("://").map_or(0, |at| at + 3);
        let path = self.0[path_start..].find('/').map_or(self.0.len(), |at| at + path_start);
        format!("{}/.well-known/{name}{}", &self.0[..path], &self.0[path..])
    }

    /// The host: a name or an address.
    #[must_use]
    pub fn host(&self) -> String {
        host(&self.0)
    }

    /// Whether there is a path behind the host.
    #[must_use]
    pub fn has_path(&self) -> bool {
        let authority = self.0.find("://").map_or(0, |at| at + 3);
        self.0[authority..].contains('/')
    }

    /// Whether the issuer is an `http` URL, which only a loopback host may be.
    #[must_use]
    pub fn is_plain_http(&self) -> bool {
        self.0.starts_with("http://")
    }

    /// Whether the host is a loopback address or `localhost`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        Url::parse(&self.0).is_ok_and(|url| is_loopback(&url))
    }
}

impl FromStr for Issuer {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: InvalidIdentifier = InvalidIdentifier(
            "an issuer is an https URL (http for a loopback host) of at most 512 characters, \
                               without query, fragment, user information and trailing slash",
        );
        let url = web_url(text).ok_or(EXPECTED)?;
        let written = url.as_str();
        let written = if url.path() == "/" { written.trim_end_matches('/') } else { written };
        let plain_remote = url.scheme() == "http" && !is_loopback(&url);
        if url.query().is_some() || written != text || text.ends_with('/') || plain_remote {
            return Err(EXPECTED);
        }
        Ok(Self(text.into()))
    }
}

text_traits!(Issuer);

/// The identifier of a protected resource (RFC 8707 section 2, RFC 9728 section 1.2): an absolute
/// `http` or `https` URL without fragment, in canonical form: scheme and host in lower case, no
/// default port, no trailing slash after a bare host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceUri(Arc<str>);

impl ResourceUri {
    /// The text itself, in canonical form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path, `/` where there is none.
    #[must_use]
    pub fn path(&self) -> &str {
        let rest = self.0.find("://").map_or("", |at| &self.0[at + 3..]);
        let path = rest.find('/').map_or("/", |at| &rest[at..]);
        path.split('?').next().unwrap_or("/")
    }

    /// Scheme, host and port: the form of an `Origin` header (RFC 6454 section 6.2).
    #[must_use]
    pub fn origin(&self) -> &str {
        let host = self.0.find("://").map_or(0, |at| at + 3);
        let end = self.0[host..].find(['/', '?']).map_or(self.0.len(), |at| host + at);
        &self.0[..end]
    }

    /// Host and port: the form of a `Host` header (RFC 9110 section 7.2).
    #[must_use]
    pub fn authority(&self) -> &str {
        let origin = self.origin();
        origin.find("://").map_or(origin, |at| &origin[at + 3..])
    }

    /// The host: a name or an address.
    #[must_use]
    pub fn host(&self) -> String {
        host(&self.0)
    }

    /// Whether the host is a loopback address or `localhost`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        Url::parse(&self.0).is_ok_and(|url| is_loopback(&url))
    }

    /// Whether the scheme is `http`.
    #[must_use]
    pub fn is_plain_http(&self) -> bool {
        self.0.starts_with("http://")
    }
}

impl FromStr for ResourceUri {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = web_url(text).ok_or(InvalidIdentifier(
            "a resource is an absolute http or https URL of at most 512 characters, without fragment and user information",
        ))?;
        let bare = url.path() == "/" && url.query().is_none();
        let canonical = if bare { url.as_str().trim_end_matches('/') } else { url.as_str() };
        Ok(Self(canonical.into()))
    }
}

text_traits!(ResourceUri);

/// An absolute `http(s)` URL of at most 512 characters without fragment and user information.
fn web_url(text: &str) -> Option<Url> {
    let url =
        (text.len() <= 512 && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Url::parse(text).ok())??;
    let web = matches!(url.scheme(), "http" | "https") && url.has_host();
    let plain = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    (web && plain).then_some(url)
}

/// The host of a URL that was parsed before, an IPv6 address without its brackets.
fn host(url: &str) -> String {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    host.trim_matches(['[', ']']).to_owned()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Deserialises through `FromStr`, for types that are not text inside.
pub(crate) fn from_text<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
    text.parse().map_err(de::Error::custom)
}

/// Serialises through `Display`, for types that are not text inside.
pub(crate) fn to_text<T: fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.to_string().serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_keeps_to_its_alphabet_and_never_looks_like_a_user() {
        assert!("agent-7.a_b~c".parse::<ClientId>().is_ok());
        for wrong in ["", "usr_x", "a b", "a:b", "é", &"x".repeat(129)] {
            assert!(wrong.parse::<ClientId>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_issuer_is_kept_as_written_or_refused() {
        for right in
            ["https://id.example.com", "http://localhost:8000", "http://127.0.0.1:8000", "https://a.example/tenant"]
        {
            assert_eq!(right.parse::<Issuer>().map(|issuer| issuer.to_string()), Ok(right.to_owned()));
        }
        for wrong in [
            "http://id.example.com",
            "https://id.example.com/",
            "https://ID.example.com",
            "https://a.example?x=1",
            "https://a.example#x",
            "https://u@a.example",
            "ftp://a.example",
            "https://a.example:443",
            "nonsense",
            "",
        ] {
            assert!(wrong.parse::<Issuer>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_well_known_document_is_inserted_before_the_issuers_path() {
        let issuer = |text: &str| text.parse::<Issuer>().map(|issuer| issuer.well_known("x"));
        assert_eq!(issuer("https://a.example"), Ok("https://a.example/.well-known/x".to_owned()));
        assert_eq!(issuer("https://a.example/t"), Ok("https://a.example/.well-known/x/t".to_owned()));
    }

    #[test]
    fn an_issuer_knows_whether_it_has_a_path() {
        let has_path = |text: &str| text.parse::<Issuer>().map(|issuer| issuer.has_path());
        assert_eq!((has_path("https://a.example:8443"), has_path("https://a.example/t")), (Ok(false), Ok(true)));
    }

    #[test]
    fn a_resource_takes_its_canonical_form() {
        let canonical = |text: &str| text.parse::<ResourceUri>().map(|uri| uri.to_string());
        assert_eq!(canonical("HTTPS://Api.Example:443/mcp"), Ok("https://api.example/mcp".to_owned()));
        assert_eq!(canonical("http://localhost:8001"), Ok("http://localhost:8001".to_owned()));
        assert_eq!(canonical("http://localhost:8001/"), Ok("http://localhost:8001".to_owned()));
        for wrong in ["", "/mcp", "urn:x", "http://a/#f", "http://a b/", "http://u:p@a/"] {
            assert!(canonical(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_resource_knows_its_parts() -> Result<(), InvalidIdentifier> {
        let resource: ResourceUri = "https://api.example:8443/mcp".parse()?;
        assert_eq!(
            (resource.path(), resource.origin(), resource.authority()),
            ("/mcp", "https://api.example:8443", "api.example:8443")
        );
        let bare: ResourceUri = "https://api.example".parse()?;
        assert_eq!((bare.path(), bare.authority()), ("/", "api.example"));
        assert_eq!((resource.host(), bare.host()), ("api.example".to_owned(), "api.example".to_owned()));
        assert_eq!("https://[::1]:8443/mcp".parse::<ResourceUri>()?.host(), "::1");
        Ok(())
    }
}
