//! A guard is built only where everything is said, and says all that is missing.

use bailiwick_guard::{Guard, GuardBuilder, GuardError, MethodRule, ToolKind};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};

fn builder<'a>() -> GuardBuilder<'a> {
    let resource = "https://hr.example/mcp".parse().unwrap();
    Guard::builder(resource, "https://id.example".parse().unwrap(), "hr".parse().unwrap())
}

fn tool(name: &'static str) -> Tool {
    Tool::new(name, "A tool", JsonObject::new())
}

#[test]
fn undeclared_doubled_and_badly_named_tools_refuse_to_build_and_all_are_named() {
    let declared = ToolAnnotations::new().read_only(true);
    let tools = [
        tool("look"),
        tool("list").annotate(declared.clone()),
        tool("list").annotate(declared),
        tool("write"),
        tool("add"),
    ];
    let error = builder().tools(tools).build().unwrap_err();
    assert!(matches!(&error, GuardError::Tools(problems) if problems.len() == 5));
    let text = error.to_string();
    for named in ["\"look\"", "\"list\"", "\"write\"", "\"add\"", "readOnlyHint", "twice"] {
        assert!(text.contains(named), "{named} is not in {text}");
    }
}

#[test]
fn the_manifest_holds_what_was_declared() {
    let tools = [
        tool("look").annotate(ToolAnnotations::new().read_only(true)),
        tool("add").annotate(ToolAnnotations::new().read_only(false)).with_title("Add one"),
    ];
    let guard = builder().tools(tools).build().unwrap();
    let manifest: Vec<_> =
        guard.manifest().iter().map(|tool| (tool.name.as_str(), tool.kind, tool.title.as_str())).collect();
    assert_eq!(manifest, [("add", ToolKind::Write, "Add one"), ("look", ToolKind::Read, "")]);
    assert_eq!(guard.resource().as_str(), "https://hr.example/mcp");
    assert!(!guard.is_ready());
    assert!(!guard.hears_revocations());
}

#[test]
fn settings_that_mean_nothing_are_refused_by_name() {
    let refused = |builder: GuardBuilder<'_>| builder.build().unwrap_err().to_string();
    assert!(refused(builder().allow_method("tools/call", MethodRule::AnyToken)).contains("\"tools/call\""));
    assert!(refused(builder().allowed_hosts(["https://x.example"])).contains("\"https://x.example\""));
    assert!(refused(builder().allowed_origins(["x.example"])).contains("\"x.example\""));
    let resource = "https://hr.example/mcp?tenant=1".parse().unwrap();
    let with_query = Guard::builder(resource, "https://id.example".parse().unwrap(), "hr".parse().unwrap());
    assert!(refused(with_query).contains("tenant=1"));
}

#[test]
fn a_plain_http_issuer_is_for_loopback_only() {
    assert!("http://id.example".parse::<bailiwick_guard::Issuer>().is_err());
    assert!("http://localhost:8000".parse::<bailiwick_guard::Issuer>().is_ok());
}
