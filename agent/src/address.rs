//! The addresses that this program speaks to: the server that the person named, the issuer that the
//! credentials name, and what their documents point at. Owns which of them are safe; fetches nothing.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// The longest address, in bytes.
const LONGEST: usize = 2048;

/// The path under which protected resource metadata is found (RFC 9728 section 3).
const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource";

/// Why a text is not an address that may be spoken to. The message says what is expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAddress(&'static str);

/// Reads an address to which a secret may travel: `https`, or `http` that stays on this machine.
pub fn safe(text: &str) -> Result<Url, InvalidAddress> {
    if text.len() > LONGEST {
        return Err(InvalidAddress("an address has at most 2048 characters"));
    }
    let url = Url::parse(text).map_err(|_| InvalidAddress("expected a URL such as https://hr.example.com/mcp"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidAddress("a URL must not hold a user name or a password"));
    }
    if url.fragment().is_some() {
        return Err(InvalidAddress("a URL must not have a fragment (#…)"));
    }
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(InvalidAddress(
            "plain http would send tokens unencrypted across the network: use the https URL (http is for localhost)",
        )),
        _ => Err(InvalidAddress("a URL begins with https:// (or http://localhost)")),
    }
}

/// Whether the host is this machine: a loopback address or `localhost`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether a connection to the host may end on this machine: what [`is_loopback`] knows, and other ways to write it.
fn leads_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => {
            let inner = address.to_ipv4_mapped();
            let is_inner = inner.is_some_and(|inner| inner.is_loopback() || inner.is_unspecified());
            address.is_loopback() || address.is_unspecified() || is_inner
        }
        None => false,
    }
}

/// The URL of an MCP server, as the person wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    text: String,
    url: Url,
}

impl ServerUrl {
    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL itself.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Whether `resource`, as a metadata document writes it, is this very server (RFC 9728
    /// section 3.3): equal but for what URLs do not distinguish, such as a written-out default port.
    pub fn is_resource(&self, resource: &str) -> bool {
        Url::parse(resource).is_ok_and(|url| url == self.url)
    }

    /// The address of the server's metadata that a challenge names, where it lies on the server
    /// itself. Documents elsewhere are not fetched: a server must not choose whom else we talk to.
    pub fn own_address(&self, text: &str) -> Option<Url> {
        safe(text).ok().filter(|url| url.origin() == self.url.origin())
    }

    /// Where the server's metadata is looked for without a hint: beside its path, then at the root
    /// (RFC 9728 section 3.1).
    pub fn well_known(&self) -> Vec<Url> {
        let mut root = self.url.clone();
        root.set_path(RESOURCE_METADATA);
        root.set_query(None);
        let mut urls = vec![root];
        if self.url.path() != "/" || self.url.query().is_some() {
            let mut inserted = self.url.clone();
            inserted.set_path(&format!("{RESOURCE_METADATA}{}", self.url.path().trim_end_matches('/')));
            urls.insert(0, inserted);
        }
        urls
    }
}

impl FromStr for ServerUrl {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self { url: safe(text)?, text: text.to_owned() })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The identifier of an authorization server. Compared byte by byte (RFC 8414 section 3.3), so it
/// is kept as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerUrl {
    text: String,
    url: Url,
}

impl IssuerUrl {
    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a server's metadata means this issuer by `name`. Only the lone slash after a host
    /// is overlooked, which common servers add to what they were told; the issuer's own metadata
    /// gets no such leniency.
    pub fn is_named_by(&self, name: &str) -> bool {
        let without_slash = |text: &str| text.strip_suffix('/').unwrap_or(text).to_owned();
        name == self.text || (self.url.path() == "/" && without_slash(name) == without_slash(&self.text))
    }

    /// The URL of `path` (which begins with `/`) below the issuer.
    pub fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.text.trim_end_matches('/'))
    }

    /// Where its metadata is looked for: RFC 8414 with the path inserted, then OpenID Connect with
    /// the path inserted, and appended.
    pub fn metadata_addresses(&self) -> Vec<Url> {
        let path = self.url.path().trim_end_matches('/');
        let at = |path: String| {
            let mut url = self.url.clone();
            url.set_path(&path);
            url
        };
        let mut addresses = vec![
            at(format!("/.well-known/oauth-authorization-server{path}")),
            at(format!("/.well-known/openid-configuration{path}")),
            at(format!("{path}/.well-known/openid-configuration")),
        ];
        addresses.dedup();
        addresses
    }

    /// An endpoint that the issuer's metadata names: `https`, or `http` where the issuer has it too; on this
    /// machine only where the issuer is.
    pub fn endpoint_address(&self, text: &str) -> Option<Url> {
        let is_as_safe = |url: &Url| url.scheme() == "https" || self.url.scheme() == "http";
        let is_no_nearer = |url: &Url| !leads_here(url) || leads_here(&self.url);
        safe(text).ok().filter(|url| is_as_safe(url) && is_no_nearer(url))
    }
}

impl FromStr for IssuerUrl {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = safe(text)?;
        if url.query().is_some() {
            return Err(InvalidAddress("an issuer has no query (?…)"));
        }
        Ok(Self { url, text: text.to_owned() })
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(urls: Vec<Url>) -> Vec<String> {
        urls.into_iter().map(String::from).collect()
    }

    #[test]
    fn tokens_travel_by_https_or_stay_on_this_machine() {
        for right in ["https://hr.example/mcp", "http://localhost:8001/mcp", "http://127.0.0.1/mcp", "http://[::1]:1/"]
        {
            assert!(right.parse::<ServerUrl>().is_ok(), "{right}");
        }
        for wrong in [
            "http://hr.example/mcp",
            "http://10.0.0.1/mcp",
            "http://localhost.example/mcp",
            "ftp://hr.example",
            "https://u:p@hr.example",
            "https://hr.example/#x",
            "hr.example",
            "",
            &format!("https://hr.example/{}", "x".repeat(LONGEST)),
        ] {
            assert!(wrong.parse::<ServerUrl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_metadata_of_a_server_lies_beside_its_path_then_at_the_root() {
        let well_known = |text: &str| texts(text.parse::<ServerUrl>().unwrap().well_known());
        assert_eq!(
            well_known("https://a.example/hr/mcp"),
            [
                "https://a.example/.well-known/oauth-protected-resource/hr/mcp",
                "https://a.example/.well-known/oauth-protected-resource",
            ]
        );
        assert_eq!(well_known("https://a.example"), ["https://a.example/.well-known/oauth-protected-resource"]);
    }

    #[test]
    fn only_the_server_itself_tells_of_itself() {
        let server: ServerUrl = "https://a.example/mcp".parse().unwrap();
        assert!(server.own_address("https://a.example:443/elsewhere").is_some());
        for foreign in
            ["https://b.example/x", "http://a.example/x", "https://a.example:8443/x", "http://localhost/x", "/x"]
        {
            assert!(server.own_address(foreign).is_none(), "{foreign}");
        }
        assert!(server.is_resource("HTTPS://A.example:443/mcp"));
        for other in ["https://a.example/mcp/", "https://a.example", "https://b.example/mcp", "mcp", ""] {
            assert!(!server.is_resource(other), "{other}");
        }
    }

    #[test]
    fn the_metadata_of_an_issuer_is_looked_for_in_the_order_of_the_specification() {
        let addresses = |text: &str| texts(text.parse::<IssuerUrl>().unwrap().metadata_addresses());
        assert_eq!(
            addresses("https://id.example/tenant"),
            [
                "https://id.example/.well-known/oauth-authorization-server/tenant",
                "https://id.example/.well-known/openid-configuration/tenant",
                "https://id.example/tenant/.well-known/openid-configuration",
            ]
        );
        assert_eq!(addresses("https://id.example").len(), 2);
        assert_eq!(addresses("https://id.example/"), addresses("https://id.example"));
    }

    #[test]
    fn an_issuer_is_named_to_the_byte_but_for_the_slash_after_its_host() {
        let issuer = |text: &str| text.parse::<IssuerUrl>().unwrap();
        assert!(issuer("https://id.example").is_named_by("https://id.example/"));
        assert!(issuer("https://id.example/").is_named_by("https://id.example"));
        for other in ["https://ID.example", "https://id.example//", "https://id.example/t", "http://id.example", ""] {
            assert!(!issuer("https://id.example").is_named_by(other), "{other}");
        }
        assert!(!issuer("https://id.example/t").is_named_by("https://id.example/t/"));
    }

    #[test]
    fn an_issuer_elsewhere_cannot_send_secrets_to_this_machine() {
        let remote: IssuerUrl = "https://id.example".parse().unwrap();
        let local: IssuerUrl = "http://localhost:8000".parse().unwrap();
        for (address, from_remote, from_local) in [
            ("https://token.example/t", true, true),
            ("http://localhost:8000/t", false, true),
            ("https://localhost:8443/t", false, true),
            ("https://id.localhost./t", false, true),
            ("https://127.9.9.9/t", false, true),
            ("https://0.0.0.0/t", false, true),
            ("https://[::1]/t", false, true),
            ("https://[::]/t", false, true),
            ("https://[::ffff:127.0.0.1]/t", false, true),
            ("https://10.0.0.1/t", true, true),
            ("http://id.example/t", false, false),
            ("file:///etc/passwd", false, false),
        ] {
            assert_eq!(remote.endpoint_address(address).is_some(), from_remote, "{address}");
            assert_eq!(local.endpoint_address(address).is_some(), from_local, "{address}");
        }
    }
}
