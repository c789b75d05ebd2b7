//! Finds where the token service publishes its keys and gives tokens (RFC 8414 section 3, OpenID Connect
//! Discovery). Owns which documents are believed; fetching is [`crate::fetch`]'s.

use bailiwick_core::Issuer;
use serde::Deserialize;
use url::{Host, Url};

use crate::fetch::{self, FetchError};

#[derive(Deserialize)]
struct ServerMetadata {
    issuer: String,
    jwks_uri: Option<String>,
    token_endpoint: Option<String>,
}

/// An address that the metadata names.
#[derive(Clone, Copy)]
enum Member {
    JwksUri,
    TokenEndpoint,
}

impl Member {
    fn name(self) -> &'static str {
        match self {
            Self::JwksUri => "jwks_uri",
            Self::TokenEndpoint => "token_endpoint",
        }
    }

    fn of(self, metadata: ServerMetadata) -> Option<String> {
        match self {
            Self::JwksUri => metadata.jwks_uri,
            Self::TokenEndpoint => metadata.token_endpoint,
        }
    }
}

/// The address of the issuer's keys.
///
/// # Errors
/// As [`address`].
pub(crate) async fn key_address(client: &reqwest::Client, issuer: &Issuer) -> Result<String, FetchError> {
    address(client, issuer, Member::JwksUri).await
}

/// The address of the issuer's token endpoint.
///
/// # Errors
/// As [`address`].
pub(crate) async fn token_endpoint(client: &reqwest::Client, issuer: &Issuer) -> Result<String, FetchError> {
    address(client, issuer, Member::TokenEndpoint).await
}

/// An address from the first of the well-known documents that is there and speaks for this issuer.
///
/// # Errors
/// The first document's error where none will do.
async fn address(client: &reqwest::Client, issuer: &Issuer, member: Member) -> Result<String, FetchError> {
    let mut first_error = None;
    for url in metadata_urls(issuer) {
        match read(client, issuer, &url, member).await {
            Ok(address) => return Ok(address),
            Err(error @ FetchError::Unreachable { .. }) => return Err(first_error.unwrap_or(error)),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error.unwrap_or_else(|| FetchError::NoAddress { url: issuer.to_string(), member: member.name() }))
}

/// RFC 8414 with its inserted path; then OpenID Connect with its path inserted, and appended.
fn metadata_urls(issuer: &Issuer) -> Vec<String> {
    let mut urls = vec![
        issuer.well_known("oauth-authorization-server"),
        issuer.well_known("openid-configuration"),
        issuer.endpoint("/.well-known/openid-configuration"),
    ];
    urls.dedup();
    urls
}

async fn read(client: &reqwest::Client, issuer: &Issuer, url: &str, member: Member) -> Result<String, FetchError> {
    let document = fetch::document(client, url).await?;
    let metadata: ServerMetadata = serde_json::from_slice(&document)
        .map_err(|source| FetchError::NotTheDocument { url: url.to_owned(), source })?;
    if metadata.issuer != issuer.as_str() {
        let ServerMetadata { issuer: found, .. } = metadata;
        return Err(FetchError::OtherIssuer { url: url.to_owned(), found, expected: issuer.clone() });
    }
    let (url, name) = (url.to_owned(), member.name());
    match member.of(metadata) {
        None => Err(FetchError::NoAddress { url, member: name }),
        Some(address) if is_safe(&address, issuer) => Ok(address),
        Some(address) => Err(FetchError::UnsafeAddress { url, member: name, address }),
    }
}

/// Keys and tokens come by `https`, or by `http` where issuer and address are both on this machine.
fn is_safe(address: &str, issuer: &Issuer) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    match url.scheme() {
        "https" => url.has_host(),
        "http" => issuer.is_loopback() && is_loopback(&url),
        _ => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_are_asked_for_in_their_order() {
        let urls = metadata_urls(&"https://id.example/tenant".parse().unwrap());
        assert_eq!(
            urls,
            [
                "https://id.example/.well-known/oauth-authorization-server/tenant",
                "https://id.example/.well-known/openid-configuration/tenant",
                "https://id.example/tenant/.well-known/openid-configuration",
            ]
        );
        assert_eq!(metadata_urls(&"https://id.example".parse().unwrap()).len(), 2);
    }

    #[test]
    fn keys_come_by_https_or_from_this_machine_to_this_machine() {
        let remote: Issuer = "https://id.example".parse().unwrap();
        let local: Issuer = "http://localhost:8000".parse().unwrap();
        for (address, from_remote, from_local) in [
            ("https://keys.example/jwks", true, true),
            ("http://keys.example/jwks", false, false),
            ("http://localhost:8000/jwks", false, true),
            ("http://127.0.0.1:9/jwks", false, true),
            ("http://[::1]:9/jwks", false, true),
            ("http://169.254.169.254/jwks", false, false),
            ("file:///etc/passwd", false, false),
            ("/jwks", false, false),
        ] {
            assert_eq!(is_safe(address, &remote), from_remote, "{address}");
            assert_eq!(is_safe(address, &local), from_local, "{address}");
        }
    }
}
