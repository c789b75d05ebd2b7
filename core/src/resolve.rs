//! What a token's `scope` becomes: each requested scope resolved alone against what the roles allow
//! (docs/reference/scopes.md). Owns narrowing; it can only ever narrow.

use std::collections::BTreeSet;

use crate::scope::{Scope, ScopeSet, What};
use crate::tool::{ToolKind, Tools};

/// Why no scope was granted; always `invalid_scope` (RFC 6749 section 5.2) to the caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a scope, or a tool that the server does not have.
    #[error("unknown scope: {0}")]
    Unknown(String),
    /// A scope of another server than the one that the token is for.
    #[error("scope {0} belongs to another server than the requested resource")]
    OtherServer(Scope),
    /// Nothing of it is allowed.
    #[error("scope {0} is not allowed")]
    NotAllowed(Scope),
    /// None was requested and none is allowed.
    #[error("nothing is allowed at the requested resource")]
    NothingAllowed,
}

/// The scopes that a token for the server of `tools` carries, where `allowed` is what the roles
/// give and `requested` the `scope` parameter, `None` when it was not sent (or sent empty).
///
/// `s:read`, `s:write` and `s:*` stay where they are wholly allowed and else become the allowed
/// tools under them; a tool is allowed or refused; without a request all that is allowed is given.
pub fn resolve(requested: Option<&str>, allowed: &ScopeSet, tools: &Tools) -> Result<ScopeSet, Refusal> {
    let words: BTreeSet<&str> = requested.unwrap_or_default().split(' ').filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        let all: ScopeSet = allowed.at(tools).iter().filter(|scope| exists(scope, tools)).cloned().collect();
        return if all.is_empty() { Err(Refusal::NothingAllowed) } else { Ok(all) };
    }
    let mut granted = ScopeSet::default();
    for word in words {
        granted.extend(&resolve_one(word, allowed, tools)?);
    }
    Ok(granted)
}

fn resolve_one(word: &str, allowed: &ScopeSet, tools: &Tools) -> Result<ScopeSet, Refusal> {
    let scope: Scope = word.parse().map_err(|_| Refusal::Unknown(word.to_owned()))?;
    if &scope.server != tools.server() {
        return Err(Refusal::OtherServer(scope));
    }
    if !exists(&scope, tools) {
        return Err(Refusal::Unknown(word.to_owned()));
    }
    if allowed.implies(&scope, tools) {
        return Ok(ScopeSet::from_iter([scope]));
    }
    let left = allowed_tools_under(&scope, allowed, tools);
    if left.is_empty() { Err(Refusal::NotAllowed(scope)) } else { Ok(left) }
}

/// Whether a scope of this server can mean anything: the three classes always do.
fn exists(scope: &Scope, tools: &Tools) -> bool {
    match &scope.what {
        What::Tool(tool) => tools.get(tool.as_str()).is_some(),
        What::All | What::Read | What::Write => true,
    }
}

fn allowed_tools_under(scope: &Scope, allowed: &ScopeSet, tools: &Tools) -> ScopeSet {
    let covered = |kind| match &scope.what {
        What::All => true,
        What::Read => kind == ToolKind::Read,
        What::Write => kind == ToolKind::Write,
        What::Tool(_) => false,
    };
    tools
        .iter()
        .filter(|tool| covered(tool.kind))
        .map(|tool| Scope::new(scope.server.clone(), What::Tool(tool.name.clone())))
        .filter(|one| allowed.implies(one, tools))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::Tool;

    fn hr() -> Tools {
        let tool = |name: &str, kind| Tool { name: name.parse().unwrap(), kind, title: String::new() };
        let read = ToolKind::Read;
        let write = ToolKind::Write;
        let tools = [tool("look", read), tool("list", read), tool("add", write), tool("drop", write)];
        Tools::new("hr".parse().unwrap(), tools).unwrap()
    }

    fn resolved(requested: &str, allowed: &str) -> Result<String, Refusal> {
        let requested = (!requested.is_empty()).then_some(requested);
        resolve(requested, &allowed.parse().unwrap(), &hr()).map(|scopes| scopes.to_string())
    }

    #[test]
    fn a_class_stays_where_it_is_wholly_allowed() {
        for (requested, allowed) in
            [("hr:*", "hr:*"), ("hr:read", "hr:*"), ("hr:write", "hr:write"), ("hr:*", "hr:read hr:write")]
        {
            assert_eq!(resolved(requested, allowed), Ok(requested.to_owned()), "{requested} of {allowed}");
        }
    }

    #[test]
    fn a_class_else_becomes_the_allowed_tools_under_it() {
        assert_eq!(resolved("hr:*", "hr:read"), Ok("hr:list hr:look".to_owned()));
        assert_eq!(resolved("hr:write", "hr:add hr:read"), Ok("hr:add".to_owned()));
        assert_eq!(resolved("hr:*", "hr:read hr:add"), Ok("hr:add hr:list hr:look".to_owned()));
    }

    #[test]
    fn a_class_of_which_nothing_is_left_is_refused_by_name() {
        assert_eq!(resolved("hr:write", "hr:read"), Err(Refusal::NotAllowed("hr:write".parse().unwrap())));
        assert_eq!(resolved("hr:*", "project:*"), Err(Refusal::NotAllowed("hr:*".parse().unwrap())));
    }

    #[test]
    fn a_tool_that_is_not_allowed_refuses_the_whole_request() {
        assert_eq!(resolved("hr:read hr:add", "hr:read"), Err(Refusal::NotAllowed("hr:add".parse().unwrap())));
    }

    #[test]
    fn unknown_scopes_and_other_servers_are_named() {
        for unknown in ["openid", "hr", "hr:", "hr:nothing", "HR:read", "hr:read:x", "offline_access"] {
            assert_eq!(resolved(unknown, "hr:*"), Err(Refusal::Unknown(unknown.to_owned())));
        }
        let other = "project:read".parse().unwrap();
        assert_eq!(resolved("project:read", "hr:* project:*"), Err(Refusal::OtherServer(other)));
    }

    #[test]
    fn without_a_request_all_that_is_allowed_here_is_given() {
        assert_eq!(resolved("", "hr:* project:*"), Ok("hr:*".to_owned()));
        assert_eq!(resolved("", "hr:read hr:look hr:add"), Ok("hr:read hr:add".to_owned()));
        assert_eq!(resolved("", "hr:gone hr:add"), Ok("hr:add".to_owned()));
        assert_eq!(resolved("", "project:*"), Err(Refusal::NothingAllowed));
        assert_eq!(resolved("", "hr:gone"), Err(Refusal::NothingAllowed));
    }
}
