//! What the server offers, as `content.json` has it. Owns reading it; what a tool does is done
//! elsewhere.

use std::collections::BTreeMap;

use rmcp::model::{
    CallToolResult, ClientCapabilities, ElicitRequestParams, GetPromptResult, InputRequests, JsonObject, Prompt,
    Resource, ResourceContents, ResultType, Tool, ToolAnnotations,
};
use serde::Deserialize;
use serde_json::Value;

/// All that is offered.
#[derive(Debug, Deserialize)]
pub struct Content {
    tools: Vec<OfferedTool>,
    prompts: Vec<OfferedPrompt>,
    resources: Vec<OfferedResource>,
}

/// A tool and what it does.
#[derive(Debug, Deserialize)]
pub struct OfferedTool {
    #[serde(flatten)]
    tool: Tool,
    /// What it does.
    pub does: Act,
}

/// What a tool does.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Act {
    /// Answers.
    Answer(CallToolResult),
    /// Asks first, by results that require input (MCP 2026-07-28).
    AskInRounds(Rounds),
    /// Asks the client's user, by a request of the server (MCP 2025-11-25).
    Elicit(ElicitRequestParams),
    /// Asks the client's model, by a request of the server (MCP 2025-11-25).
    Sample,
    /// Sends log messages.
    Log,
    /// Sends progress notifications.
    ReportProgress,
    /// Refuses clients without these capabilities.
    Require(ClientCapabilities),
    /// Tells listeners of a change.
    Tell(Change),
}

/// What is asked, one round after the other.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rounds {
    /// Whether the server remembers the round, and takes a retry with its own state alone.
    pub keeps_state: bool,
    /// The questions of each round.
    pub rounds: Vec<InputRequests>,
}

/// A list that may change.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
}

/// A prompt and its text.
#[derive(Debug, Deserialize)]
pub struct OfferedPrompt {
    #[serde(flatten)]
    prompt: Prompt,
    answer: Value,
    /// What is asked first.
    #[serde(default)]
    pub rounds: Vec<InputRequests>,
}

/// A resource and what is in it.
#[derive(Debug, Deserialize)]
struct OfferedResource {
    #[serde(flatten)]
    resource: Resource,
    text: Option<String>,
    blob: Option<String>,
}

impl Content {
    /// Reads it.
    ///
    /// # Errors
    /// It is not as rmcp has it.
    pub fn read() -> serde_json::Result<Self> {
        let mut content: Self = serde_json::from_str(include_str!("content.json"))?;
        for offered in &mut content.tools {
            // None of them changes anything that anybody keeps.
            offered.tool.annotations = Some(ToolAnnotations::new().read_only(true));
            if let Act::Answer(result) = &mut offered.does {
                result.result_type = Some(ResultType::COMPLETE);
            }
        }
        Ok(content)
    }

    /// The tools as they are listed.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.tools.iter().map(|offered| &offered.tool)
    }

    /// What the tool of this name does.
    pub fn act(&self, name: &str) -> Option<&Act> {
        self.tools.iter().find(|offered| offered.tool.name == name).map(|offered| &offered.does)
    }

    /// The prompts as they are listed.
    pub fn prompts(&self) -> impl Iterator<Item = &Prompt> {
        self.prompts.iter().map(|offered| &offered.prompt)
    }

    /// The prompt of this name.
    pub fn prompt(&self, name: &str) -> Option<&OfferedPrompt> {
        self.prompts.iter().find(|offered| offered.prompt.name == name)
    }

    /// The resources as they are listed.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter().map(|offered| &offered.resource)
    }

    /// What is in the resource at this URI.
    pub fn contents(&self, uri: &str) -> Option<ResourceContents> {
        let OfferedResource { resource, text, blob } =
            self.resources.iter().find(|offered| offered.resource.uri == uri)?;
        let contents = match (text, blob) {
            (Some(text), _) => ResourceContents::text(text, uri),
            (None, blob) => ResourceContents::blob(blob.as_deref()?, uri),
        };
        Some(contents.with_mime_type(resource.mime_type.as_deref()?))
    }
}

impl OfferedPrompt {
    /// Its text, each `{argument}` replaced by what is given for it.
    ///
    /// # Errors
    /// What is given makes it no prompt.
    pub fn filled(&self, arguments: &JsonObject) -> serde_json::Result<GetPromptResult> {
        let texts = arguments.iter().filter_map(|(name, value)| Some((format!("{{{name}}}"), value.as_str()?)));
        let mut answer = self.answer.clone();
        fill(&mut answer, &texts.collect());
        let mut result: GetPromptResult = serde_json::from_value(answer)?;
        result.result_type = Some(ResultType::COMPLETE);
        Ok(result)
    }
}

fn fill(value: &mut Value, arguments: &BTreeMap<String, &str>) {
    match value {
        Value::String(text) => {
            for (place, given) in arguments {
                *text = text.replace(place, given);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| fill(value, arguments)),
        Value::Object(members) => members.values_mut().for_each(|value| fill(value, arguments)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
