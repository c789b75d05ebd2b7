//! An `initialize` that rmcp cannot read. Owns the words for what is wrong with its params; one that can be read
//! is rmcp's to answer.

use rmcp::ErrorData;
use rmcp::model::{CustomRequest, InitializeRequestParams};
use serde_json::Value;

/// The method that begins a session (MCP 2025-11-25, lifecycle).
pub(crate) const METHOD: &str = "initialize";

/// What its params have to hold, and what tells that they do.
const NEEDED: [(&str, &str); 4] = [
    ("protocolVersion", "protocolVersion, a string"),
    ("capabilities", "capabilities, an object"),
    ("clientInfo/name", "clientInfo.name, a string"),
    ("clientInfo/version", "clientInfo.version, a string"),
];

/// The error that names all that is missing or mistyped.
pub(crate) fn refused(request: &CustomRequest) -> ErrorData {
    let params = request.params.clone().unwrap_or_default();
    let is_there = |path: &str| {
        let value = params.pointer(&format!("/{path}"));
        value.is_some_and(|value| if path == "capabilities" { value.is_object() } else { value.is_string() })
    };
    let missing: Vec<&str> = NEEDED.iter().filter(|(path, _)| !is_there(path)).map(|(_, words)| *words).collect();
    let words = if missing.is_empty() { mistyped(params) } else { missing.join("; ") };
    ErrorData::invalid_params(format!("the params of initialize need {words}"), None)
}

/// What is wrong deeper inside.
fn mistyped(params: Value) -> String {
    match serde_json::from_value::<InitializeRequestParams>(params) {
        Ok(_) => "the members that MCP gives them".to_owned(),
        Err(error) => format!("members of the types that MCP gives them: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        let told = |params: Option<Value>| refused(&CustomRequest::new(METHOD, params)).message;
        let all = "the params of initialize need protocolVersion, a string; capabilities, an object; clientInfo.name, \
                   a string; clientInfo.version, a string";
        for nothing in [None, Some(json!(null)), Some(json!({})), Some(json!([])), Some(json!({"clientInfo": null}))] {
            assert_eq!(told(nothing), all);
        }
        let half = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x"}});
        assert_eq!(told(Some(half)), "the params of initialize need clientInfo.version, a string");
        let deep = json!({"protocolVersion": "2025-11-25", "capabilities": {"roots": 1},
            "clientInfo": {"name": "x", "version": "1"}});
        assert!(told(Some(deep)).contains("invalid type"));
    }
}
