//! The `WWW-Authenticate` header (RFC 9110 section 11.6.1, RFC 6750 section 3, RFC 9728 section 5.1): what a
//! client must do to be let in. Owns its parameters and their order; never decides who is.

use std::fmt::Write as _;

use bailiwick_core::{Decision, InvalidToken, ResourceUri, Scope, ScopeSet, ServerName, Tools, decide};
use http::{HeaderMap, HeaderValue};

use crate::method;
use crate::mode::Mode;

/// The path under which protected resource metadata is found (RFC 9728 section 3).
pub(crate) const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// The challenges of one resource: one header for each scheme that is taken, strongest first.
#[derive(Clone, Debug)]
pub(crate) struct Challenges {
    /// Where a token is told of that a token service issues; `None` where none is taken.
    metadata_url: Option<String>,
    realm: ServerName,
    /// The strongest mode of each scheme.
    modes: Vec<Mode>,
}

impl Challenges {
    /// The challenges of these modes, which point at the metadata of `resource` where that helps.
    pub(crate) fn new(resource: &ResourceUri, realm: ServerName, on: &[Mode]) -> Self {
        let path = if resource.path() == "/" { "" } else { resource.path() };
        let url = format!("{}{METADATA_PATH}{path}", resource.origin());
        let mut modes = on.to_vec();
        modes.dedup_by_key(|mode| mode.scheme());
        Self { metadata_url: on.contains(&Mode::OAuth).then_some(url), realm, modes }
    }

    /// For a caller without credentials: no `error`, since nothing was wrong (RFC 6750 section 3.1).
    pub(crate) fn no_token(&self, scope: &Scope) -> Vec<HeaderValue> {
        self.of_each("", Some(scope))
    }

    /// What a caller without credentials is told.
    pub(crate) fn advice(&self) -> &'static str {
        match &self.metadata_url {
            Some(_) => "a bearer token is needed: WWW-Authenticate says where to get it",
            None => "credentials are needed: WWW-Authenticate says which",
        }
    }

    /// For a request that presents its credentials wrongly.
    pub(crate) fn invalid_request(&self, description: &str) -> Vec<HeaderValue> {
        self.of_each(&format!(r#"error="invalid_request", error_description="{description}""#), None)
    }

    /// For a token that is not accepted.
    pub(crate) fn invalid_token(&self, error: &InvalidToken, scope: &Scope) -> Vec<HeaderValue> {
        self.of_each(&format!(r#"error="invalid_token", error_description="{error}""#), Some(scope))
    }

    /// For a caller who lacks `scope`: with a token, the step-up challenge (MCP 2026-07-28, authorization).
    pub(crate) fn insufficient_scope(&self, scope: &Scope, mode: Mode) -> HeaderValue {
        let error = format!(r#"error="insufficient_scope", scope="{scope}""#);
        match &self.metadata_url {
            Some(url) => header(format!(r#"Bearer {error}, resource_metadata="{url}""#)),
            None => header(format!("{} {error}", mode.scheme())),
        }
    }

    /// A challenge of each scheme; what was wrong with a bearer token stands in that scheme's.
    fn of_each(&self, error: &str, scope: Option<&Scope>) -> Vec<HeaderValue> {
        self.modes.iter().map(|mode| self.of(*mode, error, scope)).collect()
    }

    fn of(&self, mode: Mode, error: &str, scope: Option<&Scope>) -> HeaderValue {
        let realm = &self.realm;
        match mode {
            Mode::OAuth | Mode::PublicKey | Mode::Hs256 => {
                let mut parameters = error.to_owned();
                let mut add = |name: &str, value: &dyn std::fmt::Display| {
                    let separator = if parameters.is_empty() { "" } else { ", " };
                    // Writing to a String cannot fail.
                    let _ = write!(parameters, r#"{separator}{name}="{value}""#);
                };
                match &self.metadata_url {
                    Some(url) => add("resource_metadata", url),
                    None => add("realm", realm),
                }
                if let Some(scope) = scope {
                    add("scope", scope);
                }
                header(format!("Bearer {parameters}"))
            }
            Mode::Basic => header(format!(r#"Basic realm="{realm}", charset="UTF-8""#)),
            Mode::ApiKey => header(format!(r#"ApiKey realm="{realm}", header="x-api-key""#)),
        }
    }
}

/// The scope that a caller without an accepted token is asked for: that of the tool which `Mcp-Name`
/// names, else `read`. With `Mcp-Method` it has to be that of a call: `Mcp-Name` names prompts as well.
/// The headers choose words here and nothing else; decisions rest on the body, which is not read for
/// a caller who is unknown.
pub(crate) fn hinted_scope(headers: &HeaderMap, tools: &Tools, read: &Scope) -> Scope {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let called = text("mcp-name").filter(|_| text("mcp-method").is_none_or(|method| method == method::CALL));
    let nothing = ScopeSet::default();
    match called.map(|name| decide(&nothing, tools, name)) {
        Some(Decision::Deny { needed }) => needed,
        _ => read.clone(),
    }
}

/// All parts are visible ASCII without quotes by their types, so the header always holds.
fn header(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer"))
}
