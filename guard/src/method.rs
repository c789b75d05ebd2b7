//! What each MCP method needs. Owns the table of methods; tools are decided by
//! [`bailiwick_core::decide`] alone.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bailiwick_core::{Scope, ServerName, What};

/// What a method needs that a server declares beyond those the guard knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MethodRule {
    /// Any valid token.
    AnyToken,
    /// A token that has this scope, or one that implies it.
    Scope(Scope),
}

/// What the guard does with a method.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Needs<'a> {
    /// Nothing beyond a valid token.
    AnyToken,
    /// This scope.
    Scope(&'a Scope),
    /// What the called tool needs.
    ToolsOwn,
    /// Refused: nobody declared it.
    Undeclared,
}

/// The method that calls a tool.
pub(crate) const CALL: &str = "tools/call";

/// The method whose answer is filtered.
pub(crate) const LIST: &str = "tools/list";

/// The methods that the guard knows by name; all others are `other` in metrics unless declared.
const KNOWN: [&str; 17] = [
    CALL,
    LIST,
    "initialize",
    "ping",
    "server/discover",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "completion/complete",
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
];

/// The methods whose rule is fixed: what the guard itself relies on cannot be declared away.
const FIXED: [&str; 5] = [CALL, LIST, "initialize", "ping", "server/discover"];

/// The table of methods of one server.
#[derive(Clone, Debug)]
pub(crate) struct Methods {
    read: Scope,
    declared: BTreeMap<String, MethodRule>,
}

impl Methods {
    /// The rules of every MCP server, and none declared.
    pub(crate) fn new(server: ServerName) -> Self {
        Self { read: Scope::new(server, What::Read), declared: BTreeMap::new() }
    }

    /// Declares a method.
    ///
    /// # Errors
    /// Gives the name back where its rule is fixed.
    pub(crate) fn declare(&mut self, method: String, rule: MethodRule) -> Result<(), String> {
        if method.is_empty() || FIXED.contains(&method.as_str()) || method.starts_with("notifications/") {
            return Err(method);
        }
        self.declared.insert(method, rule);
        Ok(())
    }

    /// `<server>:read`, the least scope that opens anything beyond the handshake.
    pub(crate) fn read_scope(&self) -> &Scope {
        &self.read
    }

    /// What `method` needs.
    pub(crate) fn needs(&self, method: &str) -> Needs<'_> {
        match method {
            CALL => return Needs::ToolsOwn,
            LIST | "initialize" | "server/discover" | "ping" => return Needs::AnyToken,
            _ => {}
        }
        match self.declared.get(method) {
            Some(MethodRule::AnyToken) => return Needs::AnyToken,
            Some(MethodRule::Scope(scope)) => return Needs::Scope(scope),
            None => {}
        }
        let within = |family: &str| method.strip_prefix(family).is_some_and(|rest| !rest.is_empty());
        if within("notifications/") {
            Needs::AnyToken
        } else if method == "completion/complete" || within("prompts/") || within("resources/") {
            Needs::Scope(&self.read)
        } else {
            Needs::Undeclared
        }
    }

    /// The method's name for records and metrics, of which there are only so many.
    pub(crate) fn label(&self, method: &str) -> Cow<'static, str> {
        match KNOWN.iter().find(|known| **known == method) {
            Some(known) => Cow::Borrowed(*known),
            None if self.declared.contains_key(method) => Cow::Owned(method.to_owned()),
            None => Cow::Borrowed("other"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn methods() -> Methods {
        Methods::new("hr".parse().unwrap())
    }

    #[test]
    fn each_method_needs_what_the_contract_says() {
        let methods = methods();
        for any in
            ["initialize", "server/discover", "ping", "tools/list", "notifications/initialized", "notifications/x"]
        {
            assert_eq!(methods.needs(any), Needs::AnyToken, "{any}");
        }
        for read in ["prompts/list", "prompts/get", "resources/read", "resources/templates/list", "completion/complete"]
        {
            assert_eq!(methods.needs(read), Needs::Scope(&"hr:read".parse().unwrap()), "{read}");
        }
        assert_eq!(methods.needs("tools/call"), Needs::ToolsOwn);
        for other in
            ["", "tools/call ", "Tools/Call", "tools/", "prompts/", "logging/setLevel", "tasks/get", "resources"]
        {
            assert_eq!(methods.needs(other), Needs::Undeclared, "{other:?}");
        }
    }

    #[test]
    fn a_declared_method_has_its_own_rule_and_label() {
        let mut methods = methods();
        let fine: Scope = "hr:read_handbook".parse().unwrap();
        assert_eq!(methods.label("subscriptions/listen"), "other");
        methods.declare("subscriptions/listen".to_owned(), MethodRule::AnyToken).unwrap();
        methods.declare("resources/read".to_owned(), MethodRule::Scope(fine.clone())).unwrap();
        assert_eq!(methods.needs("subscriptions/listen"), Needs::AnyToken);
        assert_eq!(methods.needs("resources/read"), Needs::Scope(&fine));
        assert_eq!(methods.label("subscriptions/listen"), "subscriptions/listen");
    }

    #[test]
    fn what_the_guard_relies_on_cannot_be_declared_away() {
        for fixed in ["tools/call", "tools/list", "initialize", "notifications/initialized", ""] {
            assert_eq!(methods().declare(fixed.to_owned(), MethodRule::AnyToken), Err(fixed.to_owned()));
        }
    }
}
