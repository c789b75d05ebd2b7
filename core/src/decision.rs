//! The one decision: may a holder of these scopes call this tool? The list, the call, the challenge,
//! the record and the metrics all ask here, so they cannot disagree.

use crate::scope::{Scope, ScopeSet, What};
use crate::tool::{Tool, Tools};

/// The answer to "may this tool be called?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Yes, because of this scope.
    Allow {
        /// The tool.
        tool: &'a Tool,
        /// The scope that allowed it.
        by: &'a Scope,
    },
    /// No: this scope is missing.
    Deny {
        /// The least scope that would have allowed it.
        needed: Scope,
    },
    /// No: the server has no such tool. Never answered with a scope, which would promise one.
    UnknownTool,
}

impl Decision<'_> {
    /// Whether the tool may run.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }

    /// The stable word for logs, metrics and records.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Allow { .. } => "allowed",
            Self::Deny { .. } => "insufficient_scope",
            Self::UnknownTool => "unknown_tool",
        }
    }
}

/// Decides whether `scopes` allow a call of the tool named `name` among `tools`.
#[must_use]
pub fn decide<'a>(scopes: &'a ScopeSet, tools: &'a Tools, name: &str) -> Decision<'a> {
    let Some(tool) = tools.get(name) else {
        return Decision::UnknownTool;
    };
    let needed = Scope::new(tools.server().clone(), What::Tool(tool.name.clone()));
    match scopes.iter().find(|scope| scope.implies(&needed, tools)) {
        Some(by) => Decision::Allow { tool, by },
        None => Decision::Deny { needed },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::ToolKind;

    fn hr() -> Tools {
        let tool = |name: &str, kind| Tool { name: name.parse().unwrap(), kind, title: String::new() };
        let tools = [tool("get_employee_records", ToolKind::Read), tool("add_employee_record", ToolKind::Write)];
        Tools::new("hr".parse().unwrap(), tools).unwrap()
    }

    #[test]
    fn each_form_of_a_scope_opens_what_it_says_and_no_more() {
        let cases = [
            ("hr:*", true, true),
            ("hr:read", true, false),
            ("hr:write", false, true),
            ("hr:get_employee_records", true, false),
            ("hr:add_employee_record", false, true),
            ("project:*", false, false),
            ("", false, false),
        ];
        for (scopes, reads, writes) in cases {
            let scopes: ScopeSet = scopes.parse().unwrap();
            assert_eq!(decide(&scopes, &hr(), "get_employee_records").is_allowed(), reads, "{scopes}");
            assert_eq!(decide(&scopes, &hr(), "add_employee_record").is_allowed(), writes, "{scopes}");
        }
    }

    #[test]
    fn a_denial_names_the_tools_own_scope() {
        let scopes: ScopeSet = "hr:read".parse().unwrap();
        let needed = "hr:add_employee_record".parse().unwrap();
        assert_eq!(decide(&scopes, &hr(), "add_employee_record"), Decision::Deny { needed });
    }

    #[test]
    fn a_tool_that_only_a_scope_names_stays_unknown() {
        let scopes: ScopeSet = "hr:* hr:drop_everything".parse().unwrap();
        assert_eq!(decide(&scopes, &hr(), "drop_everything"), Decision::UnknownTool);
    }
}
