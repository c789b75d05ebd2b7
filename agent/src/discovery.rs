//! From a server to the endpoint where its tokens are asked for: the server's metadata (RFC 9728),
//! then the metadata of an issuer (RFC 8414, OpenID Connect Discovery). Owns which documents are
//! believed; which issuer is trusted the credentials say.

use http::StatusCode;
use serde::Deserialize;
use url::Url;

use crate::address::{IssuerUrl, ServerUrl};
use crate::challenge::Bearer;
use crate::fetch::{FetchError, Http};
use crate::scopes::Scopes;

/// The most authorization servers that a server may name.
const MOST_ISSUERS: usize = 32;

/// Why no token endpoint was found.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// A document cannot be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The server asks for a token and does not say whose.
    #[error(
        "{server} asks for a token but does not say where to get one: it has no protected resource metadata \
         (RFC 9728); if its tokens come from elsewhere, put one into MCP_AGENT_TOKEN"
    )]
    NoResourceMetadata {
        /// The server.
        server: String,
    },
    /// The document speaks for another server (RFC 9728 section 3.3).
    #[error(
        "{address} describes the server {found:?}, not {server}: call the server by the URL that it knows itself by, \
         or have its administrator correct the document"
    )]
    OtherResource {
        /// The document.
        address: String,
        /// The server that it names.
        found: String,
        /// The server that was called.
        server: String,
    },
    /// No document of the issuer.
    #[error("{issuer} publishes no authorization server metadata (RFC 8414); check the issuer")]
    NoIssuerMetadata {
        /// The issuer.
        issuer: String,
    },
    /// The document speaks for another issuer (RFC 8414 section 3.3).
    #[error("{address} is the metadata of another issuer, {found:?}: it must be {issuer}, to the character")]
    OtherIssuer {
        /// The document.
        address: String,
        /// The issuer that it names.
        found: String,
        /// The issuer that was asked.
        issuer: String,
    },
    /// The token endpoint is not safe to send a secret to.
    #[error("{issuer} names the token endpoint {found:?}, which is not https: the secret is not sent there")]
    UnsafeEndpoint {
        /// The issuer.
        issuer: String,
        /// The endpoint.
        found: String,
    },
    /// The issuer has no client credentials grant, or no way to authenticate that we know.
    #[error("{issuer} does not offer {missing}, which mcp-agent needs")]
    NotOffered {
        /// The issuer.
        issuer: String,
        /// What is missing.
        missing: &'static str,
    },
}

/// What a server says of itself.
#[derive(Clone, Debug)]
pub struct ProtectedResource {
    /// Its identifier, as it writes it: the `resource` of token requests.
    pub resource: String,
    /// The issuers whose tokens it takes.
    pub issuers: Vec<String>,
    /// The scopes that are of use at it.
    pub scopes: Option<Scopes>,
}

/// How an issuer is asked for a token.
#[derive(Clone, Debug)]
pub struct AuthorizationServer {
    /// Where.
    pub token_endpoint: Url,
    /// Whether the client authenticates by HTTP Basic, else in the form.
    pub basic: bool,
}

#[derive(Deserialize)]
struct ResourceDocument {
    resource: String,
    #[serde(default)]
    authorization_servers: Vec<String>,
    #[serde(default)]
    scopes_supported: Vec<String>,
}

#[derive(Deserialize)]
struct IssuerDocument {
    issuer: String,
    token_endpoint: String,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    grant_types_supported: Option<Vec<String>>,
}

/// The server's description: where its challenge points to, else at the well-known places.
pub async fn protected_resource(
    http: &Http,
    server: &ServerUrl,
    challenge: &Bearer,
) -> Result<ProtectedResource, DiscoveryError> {
    let named = challenge.resource_metadata.as_deref().and_then(|address| server.own_address(address));
    let mut addresses: Vec<Url> = named.into_iter().collect();
    for address in server.well_known() {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    for address in addresses {
        let Some(document) = present(http.document::<ResourceDocument>(&address).await)? else { continue };
        if !server.is_resource(&document.resource) {
            let found = document.resource;
            return Err(DiscoveryError::OtherResource { address: address.into(), found, server: server.to_string() });
        }
        let mut issuers = document.authorization_servers;
        issuers.truncate(MOST_ISSUERS);
        let scopes = Scopes::listed(&document.scopes_supported);
        return Ok(ProtectedResource { resource: document.resource, issuers, scopes });
    }
    Err(DiscoveryError::NoResourceMetadata { server: server.to_string() })
}

/// The issuer's token endpoint, from the first of the well-known documents that is there.
pub async fn authorization_server(http: &Http, issuer: &IssuerUrl) -> Result<AuthorizationServer, DiscoveryError> {
    for address in issuer.metadata_addresses() {
        let Some(document) = present(http.document::<IssuerDocument>(&address).await)? else { continue };
        if document.issuer != issuer.as_str() {
            let found = document.issuer;
            return Err(DiscoveryError::OtherIssuer { address: address.into(), found, issuer: issuer.to_string() });
        }
        return usable(&document, issuer);
    }
    Err(DiscoveryError::NoIssuerMetadata { issuer: issuer.to_string() })
}

fn usable(document: &IssuerDocument, issuer: &IssuerUrl) -> Result<AuthorizationServer, DiscoveryError> {
    let not_offered = |missing| Err(DiscoveryError::NotOffered { issuer: issuer.to_string(), missing });
    let Some(token_endpoint) = issuer.endpoint_address(&document.token_endpoint) else {
        let found = document.token_endpoint.clone();
        return Err(DiscoveryError::UnsafeEndpoint { issuer: issuer.to_string(), found });
    };
    let lists = |list: &[String], word| list.iter().any(|listed| listed == word);
    if document.grant_types_supported.as_ref().is_some_and(|grants| !lists(grants, "client_credentials")) {
        return not_offered("the client credentials grant");
    }
    // What is not said is client_secret_basic (RFC 8414 section 2).
    let basic = document
        .token_endpoint_auth_methods_supported
        .as_ref()
        .is_none_or(|methods| lists(methods, "client_secret_basic"));
    let post = || document.token_endpoint_auth_methods_supported.iter().any(|all| lists(all, "client_secret_post"));
    if !basic && !post() {
        return not_offered("authentication with a client secret");
    }
    Ok(AuthorizationServer { token_endpoint, basic })
}

/// The document; nothing where there is none at that place, so that the next is looked at.
fn present<T>(fetched: Result<T, FetchError>) -> Result<Option<T>, FetchError> {
    match fetched {
        Ok(document) => Ok(Some(document)),
        Err(FetchError::Status { status, .. }) if is_absent(status) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a status says that there is no such document, as servers of all kinds say it.
fn is_absent(status: StatusCode) -> bool {
    status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usable_document(members: &str) -> Result<AuthorizationServer, DiscoveryError> {
        let text = format!(r#"{{"issuer": "https://id.example", {members}}}"#);
        usable(&serde_json::from_str(&text).unwrap(), &"https://id.example".parse().unwrap())
    }

    #[test]
    fn basic_is_taken_where_it_is_offered_or_nothing_is_said() {
        let endpoint = r#""token_endpoint": "https://id.example/token""#;
        for (methods, basic) in [
            (String::new(), Some(true)),
            (
                r#", "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"]"#
                    .to_owned(),
                Some(true),
            ),
            (r#", "token_endpoint_auth_methods_supported": ["client_secret_post"]"#.to_owned(), Some(false)),
            (r#", "token_endpoint_auth_methods_supported": ["private_key_jwt"]"#.to_owned(), None),
            (r#", "grant_types_supported": ["authorization_code"]"#.to_owned(), None),
            (r#", "grant_types_supported": ["client_credentials"]"#.to_owned(), Some(true)),
        ] {
            let found = usable_document(&format!("{endpoint}{methods}"));
            assert_eq!(found.ok().map(|server| server.basic), basic, "{methods}");
        }
    }

    #[test]
    fn no_secret_is_sent_to_an_endpoint_that_is_not_safe() {
        for endpoint in ["http://id.example/token", "http://localhost/token", "/token", ""] {
            let found = usable_document(&format!(r#""token_endpoint": "{endpoint}""#));
            assert!(matches!(found, Err(DiscoveryError::UnsafeEndpoint { .. })), "{endpoint}");
        }
    }
}
