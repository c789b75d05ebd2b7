//! Filters the tools that a server lists down to those that the caller may call. Owns reading and
//! rebuilding a `tools/list` result; what may be called is [`bailiwick_core::decide`]'s to say.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bailiwick_core::{ScopeSet, Tools, decide};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

/// The members of an object, each value as it was written.
type Members<'a> = BTreeMap<String, &'a RawValue>;

#[derive(Deserialize)]
struct Listed<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

/// The message with its list of tools filtered, or as it came where it is no result with one. A
/// `cacheScope` becomes `private`, since the list is this caller's alone (MCP 2026-07-28, caching);
/// nothing else changes.
///
/// # Errors
/// Where the message cannot be read: then nobody knows what it would show.
pub(crate) fn filter<'a>(
    message: &'a [u8],
    scopes: &ScopeSet,
    tools: &Tools,
) -> Result<Cow<'a, [u8]>, serde_json::Error> {
    let envelope: Members<'a> = serde_json::from_slice(message)?;
    let result = envelope.get("result").filter(|result| result.get().starts_with('{'));
    let members: Option<Members<'a>> = result.map(|result| serde_json::from_str(result.get())).transpose()?;
    let Some((members, list)) = members.and_then(|members| members.get("tools").copied().map(|list| (members, list)))
    else {
        return Ok(Cow::Borrowed(message));
    };
    let mut kept: Vec<&'a RawValue> = serde_json::from_str(list.get())?;
    kept.retain(|tool| may_be_called(tool, scopes, tools));
    let result = rebuilt(members, &kept)?;
    let mut envelope = envelope;
    envelope.insert("result".to_owned(), &result);
    Ok(Cow::Owned(serde_json::to_vec(&envelope)?))
}

/// What has no one name cannot be called, and so is not shown.
fn may_be_called(tool: &RawValue, scopes: &ScopeSet, tools: &Tools) -> bool {
    let listed = serde_json::from_str::<Listed<'_>>(tool.get());
    listed.is_ok_and(|listed| decide(scopes, tools, &listed.name).is_allowed())
}

fn rebuilt<'a>(members: Members<'a>, kept: &[&'a RawValue]) -> Result<Box<RawValue>, serde_json::Error> {
    let kept = to_raw_value(kept)?;
    let private = to_raw_value("private")?;
    let mut members: Members<'_> = members;
    members.insert("tools".to_owned(), &kept);
    if let Some(cache_scope) = members.get_mut("cacheScope") {
        *cache_scope = &private;
    }
    to_raw_value(&members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailiwick_core::{Tool, ToolKind};
    use serde_json::{Value, json};

    fn filtered(message: &str, scopes: &str) -> Option<Value> {
        let tool = |name: &str, kind| Tool { name: name.parse().unwrap(), kind, title: String::new() };
        let tools = [tool("look", ToolKind::Read), tool("add", ToolKind::Write)];
        let tools = Tools::new("hr".parse().unwrap(), tools).unwrap();
        let filtered = filter(message.as_bytes(), &scopes.parse().unwrap(), &tools).ok()?;
        Some(serde_json::from_slice(&filtered).unwrap())
    }

    #[test]
    fn exactly_the_tools_that_may_be_called_stay_as_they_were_written() {
        let message = r#"{"jsonrpc":"2.0","id":7,"result":{"ttlMs":1.50,"cacheScope":"public","tools":[
            {"name":"look","inputSchema":{"x":1e2}},{"name":"add"},{"name":"hidden"},{"title":"nameless"},7,
            {"name":"look","name":"add"}]}}"#;
        let expected = json!({"jsonrpc": "2.0", "id": 7, "result": {
            "ttlMs": 1.5, "cacheScope": "private", "tools": [{"name": "look", "inputSchema": {"x": 100.0}}]}});
        assert_eq!(filtered(message, "hr:read"), Some(expected));
        let names =
            |scopes| filtered(message, scopes).map(|message| message["result"]["tools"].as_array().unwrap().len());
        assert_eq!(
            (names("hr:*"), names("hr:add"), names("project:*"), names("")),
            (Some(2), Some(1), Some(0), Some(0))
        );
    }

    #[test]
    fn what_lists_no_tools_stays_to_the_byte() {
        let tools = Tools::new("hr".parse().unwrap(), []).unwrap();
        for message in [
            r#"{"jsonrpc":"2.0", "id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"no"}}"#,
            r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"tools":[{"name":"x"}]}}"#,
        ] {
            let filtered = filter(message.as_bytes(), &ScopeSet::default(), &tools).unwrap();
            assert!(matches!(filtered, Cow::Borrowed(bytes) if bytes == message.as_bytes()), "{message}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for message in
            ["", "{", "[]", r#"{"result":{"tools":7}}"#, r#"[{"result":{"tools":[{"name":"add"}]}}]"#, "\u{1}"]
        {
            assert_eq!(filtered(message, "hr:*"), None, "{message}");
        }
    }
}
