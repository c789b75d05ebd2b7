//! `mcp-agent tools [TOOL]`: what the caller may call at a server, and what a tool takes.

use std::process::ExitCode;

use clap::Args;
use rmcp::model::Tool;
use serde_json::{Value, json};

use super::{Caller, Context};
use crate::access::Intent;
use crate::failure::Failure;
use crate::output::Output;
use crate::scopes::Scopes;

/// What is listed.
#[derive(Args, Debug)]
pub struct Tools {
    /// Describe this tool and its parameters
    tool: Option<String>,
    /// Ask for a token with this scope alone [default: all that you are allowed]
    #[arg(long)]
    scope: Option<Scopes>,
}

/// Lists the tools, or describes one.
pub async fn run(context: Context<'_>, command: &Tools) -> Result<ExitCode, Failure> {
    let caller = Caller::new(context)?;
    let server = caller.required_server()?;
    let connector = caller.connector(server);
    let access = caller.access(server, command.scope.as_ref());
    let tools = access.run(Intent::See, async |attempt| {
        let session = connector.connect(attempt.token).await?;
        let revision = session.protocol_version();
        let tools = session.tools().await;
        session.end().await;
        Ok((revision, tools?))
    });
    let (revision, tools) = tools.await?;
    let Some(name) = &command.tool else {
        list(caller.output, revision.as_deref(), &tools)?;
        return Ok(ExitCode::SUCCESS);
    };
    let Some(tool) = tools.iter().find(|tool| tool.name == *name) else {
        return Err(Failure::Usage(format!(
            "{server} shows you no tool {name}; mcp-agent tools lists those that you may call"
        )));
    };
    caller.output.print(&described(tool), || description(tool, caller.output))?;
    Ok(ExitCode::SUCCESS)
}

fn list(output: Output, revision: Option<&str>, tools: &[Tool]) -> Result<(), Failure> {
    let all: Vec<Value> = tools.iter().map(described).collect();
    output.print(&json!({"protocol_version": revision, "tools": all}), || {
        let row = |tool: &Tool| vec![tool.name.to_string(), kind(tool).to_owned(), title(tool)];
        output.table(&["NAME", "KIND", "TITLE"], &tools.iter().map(row).collect::<Vec<_>>())
    })
}

/// The tool as the protocol has it, and its kind.
fn described(tool: &Tool) -> Value {
    let mut described = json!(tool);
    if let Some(members) = described.as_object_mut() {
        members.insert("kind".to_owned(), kind(tool).into());
    }
    described
}

/// A tool writes unless it says that it does not: the hint's default (MCP, server/tools).
fn kind(tool: &Tool) -> &'static str {
    let only_reads = tool.annotations.as_ref().and_then(|annotations| annotations.read_only_hint) == Some(true);
    if only_reads { "read" } else { "write" }
}

/// What people call the tool: its title, else the first line of its description.
fn title(tool: &Tool) -> String {
    let annotated = || tool.annotations.as_ref().and_then(|annotations| annotations.title.clone());
    let first_line = || tool.description.as_deref().and_then(|text| text.lines().next()).map(str::to_owned);
    tool.title.clone().or_else(annotated).or_else(first_line).unwrap_or_default()
}

fn description(tool: &Tool, output: Output) -> String {
    let pair = |name: &str, value: String| (name.to_owned(), value);
    let mut pairs =
        vec![pair("name", tool.name.to_string()), pair("kind", kind(tool).to_owned()), pair("title", title(tool))];
    if let Some(description) = &tool.description {
        pairs.push(pair("description", description.to_string()));
    }
    let parameters = parameters(tool);
    let mut text = output.lines(&pairs);
    if !parameters.is_empty() {
        text.push('\n');
        text.push_str(&output.table(&["PARAMETER", "TYPE", "REQUIRED", "DESCRIPTION"], &parameters));
    }
    text
}

/// The parameters of a tool, those that it requires first.
fn parameters(tool: &Tool) -> Vec<Vec<String>> {
    let schema = &tool.input_schema;
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let mut rows: Vec<_> = properties
        .map(|(name, schema)| {
            let is_required = required.contains(&name.as_str());
            let text = |member: &str| schema.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
            let required = if is_required { "yes" } else { "no" };
            vec![name.clone(), kind_of_value(schema), required.to_owned(), text("description")]
        })
        .collect();
    rows.sort_by_key(|row| row[2] != "yes");
    rows
}

/// What a value is, in the words of its schema: the values of an enum, else its types.
fn kind_of_value(schema: &Value) -> String {
    let words = |list: &Value| -> Option<String> {
        let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        list.as_array().map(|values| values.iter().map(word).collect::<Vec<_>>().join(" | "))
    };
    let of_type = |kind: &Value| kind.as_str().map(str::to_owned).or_else(|| words(kind));
    let listed = schema.get("enum").and_then(words);
    listed.or_else(|| schema.get("type").and_then(of_type)).unwrap_or_else(|| "see --json".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(value: Value) -> Tool {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_tool_writes_unless_it_says_that_it_does_not() {
        let with = |annotations: Value| tool(json!({"name": "t", "inputSchema": {}, "annotations": annotations}));
        assert_eq!(kind(&with(json!({"readOnlyHint": true}))), "read");
        assert_eq!(kind(&with(json!({"readOnlyHint": false}))), "write");
        assert_eq!(kind(&with(json!({}))), "write");
        assert_eq!(kind(&tool(json!({"name": "t", "inputSchema": {}}))), "write");
    }

    #[test]
    fn required_parameters_come_first() {
        let tool = tool(json!({"name": "t", "description": "First.\nSecond.", "inputSchema": {
            "properties": {"a": {"type": ["string", "null"]}, "b": {"enum": ["x", 1]}, "c": {}}, "required": ["b"],
        }}));
        let columns: Vec<_> = parameters(&tool).into_iter().map(|row| row[..3].join(",")).collect();
        assert_eq!(columns, ["b,x | 1,yes", "a,string | null,no", "c,see --json,no"]);
        assert_eq!(title(&tool), "First.");
    }
}
