//! From a server to the endpoints where its tokens are asked for: the server's metadata (RFC 9728),
//! then the metadata of an issuer (RFC 8414, OpenID Connect Discovery). Owns which documents are
//! believed, and what an issuer must offer for what; which issuer is trusted the credentials say.

use http::StatusCode;
use serde::Deserialize;
use url::Url;

use crate::address::{IssuerUrl, ServerUrl};
use crate::challenge::Bearer;
use crate::fetch::{FetchError, Http};
use crate::scopes::Scopes;

/// The most authorization servers that a server may name.
const MOST_ISSUERS: usize = 32;

/// The scope that asks for a refresh token (OpenID Connect Core section 11).
pub const OFFLINE_ACCESS: &str = "offline_access";

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
    /// An endpoint is not safe to send a secret to, or a person.
    #[error("{issuer} names the {endpoint} {found:?}, which is not https or is on this machine: it is not used")]
    UnsafeEndpoint {
        /// The issuer.
        issuer: String,
        /// What it is for.
        endpoint: &'static str,
        /// The endpoint.
        found: String,
    },
    /// The issuer lacks a grant, an endpoint, or a way to authenticate that we know.
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

/// How an issuer is asked for tokens, and what it offers.
#[derive(Clone, Debug)]
pub struct AuthorizationServer {
    /// Its identifier.
    pub issuer: IssuerUrl,
    /// Where tokens are asked for.
    pub token_endpoint: Url,
    /// Whether its answers to a browser say who gives them (RFC 9207 section 3).
    pub names_itself: bool,
    /// Whether it knows the scope that asks for a refresh token.
    pub offers_offline_access: bool,
    authorization_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    authentication_methods: Option<Vec<String>>,
    grants: Option<Vec<String>>,
    proof_keys: Vec<String>,
}

/// How a client says who it is at the issuer's endpoints (RFC 6749 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// With its secret, by HTTP Basic.
    Basic,
    /// With its secret, in the form.
    Post,
    /// By its name alone: it has no secret.
    Public,
}

impl AuthorizationServer {
    /// How a client authenticates here. Whether clients without a secret are known the issuer says
    /// when it is asked: many do not list it.
    pub fn authentication(&self, has_secret: bool) -> Result<Authentication, DiscoveryError> {
        if !has_secret {
            return Ok(Authentication::Public);
        }
        // What is not said is client_secret_basic (RFC 8414 section 2).
        let Some(methods) = &self.authentication_methods else { return Ok(Authentication::Basic) };
        if lists(methods, "client_secret_basic") {
            Ok(Authentication::Basic)
        } else if lists(methods, "client_secret_post") {
            Ok(Authentication::Post)
        } else {
            Err(self.not_offered("authentication with a client secret"))
        }
    }

    /// Checks that clients can get tokens for themselves.
    pub fn check_client_credentials(&self) -> Result<(), DiscoveryError> {
        match &self.grants {
            Some(grants) if !lists(grants, "client_credentials") => {
                Err(self.not_offered("the client credentials grant"))
            }
            _ => Ok(()),
        }
    }

    /// Where people are sent to sign in. Without proof keys by S256 nobody is (MCP, authorization).
    pub fn authorization_endpoint(&self) -> Result<Url, DiscoveryError> {
        let Some(endpoint) = &self.authorization_endpoint else { return Err(self.not_offered("signing in")) };
        if !lists(&self.proof_keys, "S256") {
            return Err(self.not_offered("PKCE with S256"));
        }
        safe(&self.issuer, "authorization endpoint", endpoint)
    }

    /// Where tokens are taken back (RFC 7009).
    pub fn revocation_endpoint(&self) -> Result<Url, DiscoveryError> {
        let Some(endpoint) = &self.revocation_endpoint else { return Err(self.not_offered("revocation")) };
        safe(&self.issuer, "revocation endpoint", endpoint)
    }

    fn not_offered(&self, missing: &'static str) -> DiscoveryError {
        DiscoveryError::NotOffered { issuer: self.issuer.to_string(), missing }
    }
}

fn safe(issuer: &IssuerUrl, endpoint: &'static str, found: &str) -> Result<Url, DiscoveryError> {
    issuer.endpoint_address(found).ok_or_else(|| DiscoveryError::UnsafeEndpoint {
        issuer: issuer.to_string(),
        endpoint,
        found: found.to_owned(),
    })
}

fn lists(list: &[String], word: &str) -> bool {
    list.iter().any(|listed| listed == word)
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
    authorization_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    grant_types_supported: Option<Vec<String>>,
    #[serde(default)]
    code_challenge_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    #[serde(default)]
    scopes_supported: Vec<String>,
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

/// The issuer's endpoints, from the first of the well-known documents that is there.
pub async fn authorization_server(http: &Http, issuer: &IssuerUrl) -> Result<AuthorizationServer, DiscoveryError> {
    for address in issuer.metadata_addresses() {
        let Some(document) = present(http.document::<IssuerDocument>(&address).await)? else { continue };
        if document.issuer != issuer.as_str() {
            let found = document.issuer;
            return Err(DiscoveryError::OtherIssuer { address: address.into(), found, issuer: issuer.to_string() });
        }
        return usable(document, issuer);
    }
    Err(DiscoveryError::NoIssuerMetadata { issuer: issuer.to_string() })
}

fn usable(document: IssuerDocument, issuer: &IssuerUrl) -> Result<AuthorizationServer, DiscoveryError> {
    Ok(AuthorizationServer {
        issuer: issuer.clone(),
        token_endpoint: safe(issuer, "token endpoint", &document.token_endpoint)?,
        names_itself: document.authorization_response_iss_parameter_supported,
        offers_offline_access: lists(&document.scopes_supported, OFFLINE_ACCESS),
        authorization_endpoint: document.authorization_endpoint,
        revocation_endpoint: document.revocation_endpoint,
        authentication_methods: document.token_endpoint_auth_methods_supported,
        grants: document.grant_types_supported,
        proof_keys: document.code_challenge_methods_supported,
    })
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
pub mod tests {
    use super::*;

    /// `https://id.example`, as its metadata describes it with these members more.
    pub fn described(members: &str) -> Result<AuthorizationServer, DiscoveryError> {
        let text = format!(r#"{{"issuer": "https://id.example", {members}}}"#);
        usable(serde_json::from_str(&text).unwrap(), &"https://id.example".parse().unwrap())
    }

    /// The member that all have.
    pub const ENDPOINT: &str = r#""token_endpoint": "https://id.example/token""#;

    #[test]
    fn basic_is_taken_where_it_is_offered_or_nothing_is_said() {
        for (methods, expected) in [
            ("", Some(Authentication::Basic)),
            (r#"["client_secret_basic", "client_secret_post"]"#, Some(Authentication::Basic)),
            (r#"["client_secret_post"]"#, Some(Authentication::Post)),
            (r#"["private_key_jwt"]"#, None),
        ] {
            let member = if methods.is_empty() {
                String::new()
            } else {
                format!(r#", "token_endpoint_auth_methods_supported": {methods}"#)
            };
            let server = described(&format!("{ENDPOINT}{member}")).unwrap();
            assert_eq!(server.authentication(true).ok(), expected, "{methods}");
            assert_eq!(server.authentication(false).ok(), Some(Authentication::Public), "{methods}");
        }
    }

    #[test]
    fn a_grant_that_is_not_listed_is_not_asked_for() {
        for (grants, is_offered) in [
            ("", true),
            (r#", "grant_types_supported": ["authorization_code"]"#, false),
            (r#", "grant_types_supported": ["client_credentials"]"#, true),
        ] {
            let server = described(&format!("{ENDPOINT}{grants}")).unwrap();
            assert_eq!(server.check_client_credentials().is_ok(), is_offered, "{grants}");
        }
    }

    #[test]
    fn nobody_is_sent_to_sign_in_without_proof_keys() {
        let endpoint = r#""authorization_endpoint": "https://id.example/authorize""#;
        for (members, is_offered) in [
            (String::new(), false),
            (format!(", {endpoint}"), false),
            (format!(r#", {endpoint}, "code_challenge_methods_supported": ["plain"]"#), false),
            (format!(r#", {endpoint}, "code_challenge_methods_supported": ["plain", "S256"]"#), true),
        ] {
            let server = described(&format!("{ENDPOINT}{members}")).unwrap();
            assert_eq!(server.authorization_endpoint().is_ok(), is_offered, "{members}");
        }
    }

    #[test]
    fn no_secret_and_no_person_is_sent_to_an_endpoint_that_is_not_safe() {
        let is_unsafe = |found| matches!(found, Err(DiscoveryError::UnsafeEndpoint { .. }));
        for endpoint in ["http://id.example/token", "http://localhost/token", "https://localhost/token", "/token", ""] {
            assert!(is_unsafe(described(&format!(r#""token_endpoint": "{endpoint}""#)).map(drop)), "{endpoint}");
            let others = format!(r#""authorization_endpoint": "{endpoint}", "revocation_endpoint": "{endpoint}""#);
            let server =
                described(&format!(r#"{ENDPOINT}, {others}, "code_challenge_methods_supported": ["S256"]"#)).unwrap();
            assert!(is_unsafe(server.authorization_endpoint().map(drop)), "{endpoint}");
            assert!(is_unsafe(server.revocation_endpoint().map(drop)), "{endpoint}");
        }
    }
}
