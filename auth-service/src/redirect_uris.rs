//! Redirect URIs (RFC 6749 section 3.1.2): where a person is sent back to with a code. Owns which may
//! be registered and when a requested one is a registered one; a code never goes anywhere else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use url::{Host, Url};

/// The longest redirect URI, in bytes.
const LONGEST: usize = 512;

/// Schemes without a dot that are known for their application. Any other might be one that a browser or the
/// operating system acts on by itself, as on `javascript:`, `ftp:` or `mailto:`.
const APPLICATION_SCHEMES: [&str; 9] =
    ["claude", "code-oss", "cursor", "vscode", "vscode-insiders", "vscodium", "windsurf", "windsurf-next", "zed"];

/// A redirect URI that may be registered: `https`, `http` for a loopback host alone, or the scheme of
/// an application (RFC 8252 section 7.1: with a dot in it, or one that is known for its application).
/// No fragment, no user information, no white space. Kept as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One that is registered already. What was accepted once stays as it is; nobody is sent there unless the
    /// request, which is parsed, may name it still.
    pub fn registered(text: String) -> Self {
        Self(text)
    }

    /// Whether a request that names `requested` is for this one: the very same text, and of a
    /// loopback URI any port (RFC 8252 section 7.3; `localhost` as well, docs/decisions).
    pub fn accepts(&self, requested: &Self) -> bool {
        self == requested || (self.is_loopback() && self.without_port() == requested.without_port())
    }

    /// Whether it leads to the user's own machine: `http` to `localhost`, 127.0.0.1 or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        self.0.starts_with("http://")
    }

    /// What a person is told about where it leads: the host, or the scheme of an application.
    pub fn host(&self) -> String {
        let Ok(url) = Url::parse(&self.0) else { return String::new() };
        match url.host_str().filter(|_| self.is_web()) {
            Some(host) => host.to_owned(),
            None => format!("{}:", url.scheme()),
        }
    }

    /// The source by which a Content-Security-Policy lets a form lead there. A policy cannot name an
    /// IPv6 address, so that there the scheme has to do.
    pub fn content_security_source(&self) -> String {
        let Ok(url) = Url::parse(&self.0) else { return String::new() };
        match url.host() {
            Some(Host::Ipv6(_)) => format!("{}:", url.scheme()),
            Some(_) if self.is_web() => url.origin().ascii_serialization(),
            _ => format!("{}:", url.scheme()),
        }
    }

    /// The URI with these parameters added to its query (RFC 6749 section 4.1.2).
    pub fn with(&self, parameters: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        let separator = if self.0.contains('?') { '&' } else { '?' };
        format!("{}{separator}{}", self.0, query.finish())
    }

    fn is_web(&self) -> bool {
        self.0.starts_with("http://") || self.0.starts_with("https://")
    }

    /// The text without the port of its authority; `None` for other than `http`.
    fn without_port(&self) -> Option<(&str, &str)> {
        let rest = self.0.strip_prefix("http://")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host = match authority.rfind(':') {
            Some(at) if !authority.ends_with(']') => &authority[..at],
            _ => authority,
        };
        Some((host, path))
    }
}

impl FromStr for RedirectUri {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "a redirect URI is an https URL, an http URL of localhost, 127.0.0.1 or [::1], or \
                                has an application's own scheme, with a dot in it, as com.example.app:/callback; \
                                at most 512 characters, without fragment, user information, backslash and wildcard";
        let characters = |byte: u8| byte.is_ascii_graphic() && !b"\\*\"<>^`{|}#".contains(&byte);
        if text.len() > LONGEST || !text.bytes().all(characters) {
            return Err(EXPECTED);
        }
        let url = Url::parse(text).map_err(|_| EXPECTED)?;
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let accepted = match url.scheme() {
            "https" => url.has_host() && is_canonical(text, &url),
            "http" => has_loopback_host(&url) && is_canonical(text, &url),
            scheme => text.starts_with(scheme) && (scheme.contains('.') || APPLICATION_SCHEMES.contains(&scheme)),
        };
        (plain && accepted).then(|| Self(text.to_owned())).ok_or(EXPECTED)
    }
}

/// Whether a parser reads the text as it stands: else two parsers might see two hosts in it. A
/// missing path, and a default port that is written out, are the only freedoms.
fn is_canonical(text: &str, url: &Url) -> bool {
    let authority_end = |at: usize| text[at..].find(['/', '?']).map_or(text.len(), |end| at + end);
    let Some(start) = text.find("://").map(|at| at + 3) else { return false };
    let authority = &text[start..authority_end(start)];
    let host = url.host_str().unwrap_or_default();
    let port = authority.strip_prefix(host).unwrap_or("?");
    let port_is_plain = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|digits| digits.parse::<u16>().is_ok_and(|port| port.to_string() == digits));
    let dots = ["/./", "/../", "%2e", "%2E"].iter().any(|step| text.contains(step))
        || text.ends_with("/.")
        || text.ends_with("/..");
    text.starts_with(&format!("{}://{host}", url.scheme())) && is_host(host) && port_is_plain && !dots
}

/// Whether a host has the characters of a name or an address alone: it is written into a policy, where others
/// would end the list that it stands in.
fn is_host(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte))
}

/// A loopback host in one of its three usual spellings, so that a request's text can be compared.
fn has_loopback_host(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RedirectUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> RedirectUri {
        text.parse().unwrap_or_else(|_| panic!("{text}"))
    }

    #[test]
    fn web_loopback_and_application_uris_may_be_registered() {
        for text in [
            "https://app.example/callback",
            "https://app.example:8443/cb?tenant=1",
            "https://app.example",
            "http://127.0.0.1/callback",
            "http://localhost:3000/callback",
            "http://[::1]:3000/cb",
            "com.example.app:/callback",
            "com.example.app://sign-in/callback",
            "vscode://example.agent/callback",
            "cursor://anysphere.cursor-mcp/oauth/callback",
        ] {
            assert_eq!(uri(text).as_str(), text);
        }
    }

    #[test]
    fn what_leads_astray_may_not_be_registered() {
        for text in [
            "",
            "/callback",
            "//app.example/callback",
            "http://app.example/callback",
            "http://127.0.0.1.evil.example/",
            "http://localhost.evil.example/",
            "http://127.0.0.2/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://127.0.0.1:03000/",
            "http://127.0.0.1:99999/",
            "https://user@app.example/",
            "https://app.example@evil.example/",
            "https://app.example\\@evil.example/",
            "https://app.example/cb#fragment",
            "https://app.example/#",
            "https://*.example/cb",
            "https://APP.example/cb",
            "https:app.example/cb",
            "https:///app.example/cb",
            "https://app.example/a/../cb",
            "https://app.example/a/%2e%2e/cb",
            "https://app.example/a b",
            " https://app.example/",
            "https://app.example/\n",
            "https://ex\u{e4}mple.com/",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "blob:https://app.example/1",
            "ftp://app.example/cb",
            "wss://app.example/cb",
            "mailto:ada@app.example",
            "res:x",
            "tel:1",
            "myapp:/callback",
            "https://app.example;script-src/cb",
            "https://app.example,other.example/cb",
            "https://app.example'/cb",
        ] {
            assert!(text.parse::<RedirectUri>().is_err(), "{text:?}");
        }
        assert!(format!("https://app.example/{}", "a".repeat(600)).parse::<RedirectUri>().is_err());
    }

    #[test]
    fn a_request_must_name_the_very_same_text() {
        let registered = uri("https://app.example/cb");
        assert!(registered.accepts(&registered));
        for other in [
            "https://app.example/cb/",
            "https://app.example/cb?x=1",
            "https://app.example/cB",
            "https://app.example:443/cb",
            "https://app.example:8443/cb",
            "https://www.app.example/cb",
            "https://app.example.evil.example/cb",
            "https://app.example/cb%2f",
            "http://localhost/cb",
        ] {
            assert!(!registered.accepts(&uri(other)), "{other}");
        }
    }

    #[test]
    fn of_a_loopback_uri_the_port_is_free_and_nothing_else_is() {
        for (registered, requested, accepted) in [
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", true),
            ("http://127.0.0.1:3000/cb", "http://127.0.0.1:51004/cb", true),
            ("http://127.0.0.1:3000/cb", "http://127.0.0.1/cb", true),
            ("http://localhost/cb", "http://localhost:51004/cb", true),
            ("http://[::1]/cb", "http://[::1]:51004/cb", true),
            ("http://[::1]:1/cb", "http://[::1]/cb", true),
            ("http://127.0.0.1/cb", "http://localhost:51004/cb", false),
            ("http://127.0.0.1/cb", "http://[::1]:51004/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/other", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb?x", false),
            ("http://127.0.0.1/cb", "https://127.0.0.1:51004/cb", false),
        ] {
            assert_eq!(uri(registered).accepts(&uri(requested)), accepted, "{registered} {requested}");
        }
    }

    #[test]
    fn parameters_are_added_to_the_query_that_is_there() {
        assert_eq!(
            uri("https://a.example/cb").with(&[("code", "a&b"), ("state", "é")]),
            "https://a.example/cb?code=a%26b&state=%C3%A9"
        );
        assert_eq!(uri("https://a.example/cb?x=1").with(&[("code", "1")]), "https://a.example/cb?x=1&code=1");
    }

    #[test]
    fn people_are_told_the_host_and_policies_the_source() {
        for (text, host, source) in [
            ("https://app.example:8443/cb", "app.example", "https://app.example:8443"),
            ("http://127.0.0.1:3000/cb", "127.0.0.1", "http://127.0.0.1:3000"),
            ("http://[::1]:3000/cb", "[::1]", "http:"),
            ("cursor://anysphere/cb", "cursor:", "cursor:"),
        ] {
            assert_eq!((uri(text).host().as_str(), uri(text).content_security_source().as_str()), (host, source));
        }
    }
}
