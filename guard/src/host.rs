//! Which `Host` names this server (MCP, streamable HTTP, security: DNS rebinding). Owns the list and
//! the comparison.

use bailiwick_core::ResourceUri;
use http::uri::Authority;

use crate::head::Head;
use crate::refusal::Refusal;

/// The hosts that requests may be for, as `host` or `host:port` in lower case, without the default
/// port of the resource's scheme.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    default_port: &'static str,
    allowed: Vec<String>,
}

impl Hosts {
    /// The resource's own authority, and no other.
    pub(crate) fn of(resource: &ResourceUri) -> Self {
        let default_port = if resource.is_plain_http() { ":80" } else { ":443" };
        Self { default_port, allowed: vec![resource.authority().to_owned()] }
    }

    /// Allows one more.
    ///
    /// # Errors
    /// Gives the text back where it is not `host` or `host:port`.
    pub(crate) fn allow(&mut self, host: String) -> Result<(), String> {
        if host.contains('@') || host.parse::<Authority>().is_err() {
            return Err(host);
        }
        self.allowed.push(self.canonical(&host).to_ascii_lowercase());
        Ok(())
    }

    /// Checks the one `Host` header, and the authority of the request target where it has one
    /// (HTTP/2, or the absolute form).
    pub(crate) fn check(&self, head: &Head<'_>) -> Result<(), Refusal> {
        let header = head.host.at_most_once(|| Refusal::HostMissing)?;
        let header = header.map(|value| value.to_str().map_err(|_| Refusal::HostMissing)).transpose()?;
        let target = head.request.uri.authority().map(Authority::as_str);
        if header.is_none() && target.is_none() {
            return Err(Refusal::HostMissing);
        }
        let all_allowed = header.into_iter().chain(target).all(|host| self.is_allowed(host));
        if all_allowed { Ok(()) } else { Err(Refusal::HostForeign) }
    }

    fn is_allowed(&self, host: &str) -> bool {
        let host = self.canonical(host);
        self.allowed.iter().any(|allowed| allowed == host || allowed.eq_ignore_ascii_case(host))
    }

    fn canonical<'a>(&self, host: &'a str) -> &'a str {
        host.strip_suffix(self.default_port).unwrap_or(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use http::header::HOST;

    fn checked(resource: &str, uri: &str, hosts: &[&str]) -> &'static str {
        let mut allowed = Hosts::of(&resource.parse().unwrap());
        allowed.allow("Other.Example:8443".to_owned()).unwrap();
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        match allowed.check(&Head::of(&parts)) {
            Ok(()) => "allowed",
            Err(refusal) => refusal.reason(),
        }
    }

    #[test]
    fn only_the_resources_own_authority_and_what_was_allowed_pass() {
        for (host, expected) in [
            ("api.example", "allowed"),
            ("API.example:443", "allowed"),
            ("other.example:8443", "allowed"),
            ("other.example", "host_not_allowed"),
            ("api.example:8443", "host_not_allowed"),
            ("api.example.", "host_not_allowed"),
            ("evil.example", "host_not_allowed"),
            ("api.example@evil.example", "host_not_allowed"),
            ("", "host_not_allowed"),
        ] {
            assert_eq!(checked("https://api.example/mcp", "/mcp", &[host]), expected, "{host:?}");
        }
        assert_eq!(checked("http://localhost:8001/mcp", "/mcp", &["localhost:8001"]), "allowed");
        assert_eq!(checked("http://localhost:8001/mcp", "/mcp", &["localhost"]), "host_not_allowed");
    }

    #[test]
    fn no_host_and_two_hosts_are_refused() {
        assert_eq!(checked("https://api.example/mcp", "/mcp", &[]), "host_missing");
        assert_eq!(checked("https://api.example/mcp", "/mcp", &["api.example", "api.example"]), "host_missing");
    }

    #[test]
    fn the_authority_of_the_target_counts_as_well() {
        let resource = "https://api.example/mcp";
        assert_eq!(checked(resource, "https://api.example/mcp", &[]), "allowed");
        assert_eq!(checked(resource, "https://evil.example/mcp", &["api.example"]), "host_not_allowed");
        assert_eq!(checked(resource, "https://api.example/mcp", &["evil.example"]), "host_not_allowed");
    }

    #[test]
    fn what_is_no_host_cannot_be_allowed() {
        let mut hosts = Hosts::of(&"https://api.example/mcp".parse().unwrap());
        for wrong in ["", "https://x.example", "x/y", "a b", "u@x.example"] {
            assert_eq!(hosts.allow(wrong.to_owned()), Err(wrong.to_owned()));
        }
    }
}
