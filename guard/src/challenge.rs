//! The `WWW-Authenticate` header (RFC 6750 section 3, RFC 9728 section 5.1): what a client must do to
//! be let in. Owns its parameters and their order; never decides who is.

use bailiwick_core::{Decision, InvalidToken, ResourceUri, Scope, ScopeSet, Tools, decide};
use http::{HeaderMap, HeaderValue};

use crate::method;

/// The path under which protected resource metadata is found (RFC 9728 section 3).
pub(crate) const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// The challenges of one resource.
#[derive(Clone, Debug)]
pub(crate) struct Challenges {
    metadata_url: String,
}

impl Challenges {
    /// The challenges that point at the metadata of `resource`.
    pub(crate) fn new(resource: &ResourceUri) -> Self {
        let path = if resource.path() == "/" { "" } else { resource.path() };
        Self { metadata_url: format!("{}{METADATA_PATH}{path}", resource.origin()) }
    }

    /// For a caller without a token: no `error`, since nothing was wrong (RFC 6750 section 3.1).
    pub(crate) fn no_token(&self, scope: &Scope) -> HeaderValue {
        header(format!(r#"Bearer resource_metadata="{}", scope="{scope}""#, self.metadata_url))
    }

    /// For a request that presents its token wrongly.
    pub(crate) fn invalid_request(&self, description: &str) -> HeaderValue {
        header(format!(
            r#"Bearer error="invalid_request", error_description="{description}", resource_metadata="{}""#,
            self.metadata_url
        ))
    }

    /// For a token that is not accepted.
    pub(crate) fn invalid_token(&self, error: &InvalidToken, scope: &Scope) -> HeaderValue {
        header(format!(
            r#"Bearer error="invalid_token", error_description="{error}", resource_metadata="{}", scope="{scope}""#,
            self.metadata_url
        ))
    }

    /// For a token that lacks `scope`: the step-up challenge (MCP 2026-07-28, authorization).
    pub(crate) fn insufficient_scope(&self, scope: &Scope) -> HeaderValue {
        header(format!(
            r#"Bearer error="insufficient_scope", scope="{scope}", resource_metadata="{}""#,
            self.metadata_url
        ))
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
