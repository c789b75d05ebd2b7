//! Tools: each declares its name, kind, words and types where it is defined, and becomes what rmcp
//! serves. Owns the way from a call to an answer; what a tool does is the domain's.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;

use rmcp::handler::server::router::tool::{ToolRoute, ToolRouter};
use rmcp::handler::server::tool::ToolCallContext;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult,
    ContentBlock, CustomRequest, CustomResult, ErrorCode, GetPromptRequestParams, GetPromptResponse, Implementation,
    JsonObject, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, MetaObject,
    PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities,
    ServerConfig, SubscribeRequestParams, Tool, ToolAnnotations, UnsubscribeRequestParams,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::arguments::{ArgumentSchema, Flawed, Problems, object_schema};
use crate::initialize;

/// The revisions of MCP that are spoken, newest first.
const PROTOCOL_VERSIONS: &[ProtocolVersion] =
    &[ProtocolVersion::V_2026_07_28, ProtocolVersion::V_2025_11_25, ProtocolVersion::V_2025_06_18];

/// Those of the transport HTTP with SSE: the one that has it, and what its clients learned since. The newest has
/// no handshake, and so no session.
const PROTOCOL_VERSIONS_OF_HTTP_SSE: &[ProtocolVersion] = &[
    ProtocolVersion::V_2025_11_25,
    ProtocolVersion::V_2025_06_18,
    ProtocolVersion::V_2025_03_26,
    ProtocolVersion::V_2024_11_05,
];

/// Why a tool gives no result.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The caller can put it right: answered as a tool error that names every bad field.
    #[error("{0}")]
    Arguments(Problems),
    /// What the tool asks elsewhere is not to be had: answered as a tool error in these words.
    #[error("{0}")]
    Unavailable(&'static str),
    /// The caller cannot: answered as an internal error without particulars, which the log has.
    #[error("storage: {0}")]
    Storage(#[from] sqlx::Error),
}

impl ToolError {
    /// The refusal of a flawed call, with what the data speaks against it as well.
    pub async fn flawed(mut flawed: Flawed, objections: impl Future<Output = sqlx::Result<Problems>>) -> Self {
        match objections.await {
            Ok(objections) => {
                flawed.problems.extend(objections);
                flawed.into()
            }
            Err(error) => error.into(),
        }
    }
}

impl From<Flawed> for ToolError {
    fn from(flawed: Flawed) -> Self {
        Self::Arguments(flawed.problems)
    }
}

impl From<Problems> for ToolError {
    fn from(problems: Problems) -> Self {
        Self::Arguments(problems)
    }
}

/// A tool that cannot be declared as it is: the server does not start.
#[derive(Debug, thiserror::Error)]
#[error("tool {name}: {reason}")]
pub struct InvalidTool {
    name: &'static str,
    reason: String,
}

/// What a tool does to the data, which is also its kind: whatever does not only read is a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It only reads.
    Reads,
    /// It adds, and leaves what there is as it is.
    Adds,
    /// It changes what there is.
    Changes,
}

/// How a tool presents itself.
#[derive(Clone, Copy, Debug)]
pub struct Presentation {
    /// Its name in MCP and in scopes.
    pub name: &'static str,
    /// What it does to the data.
    pub effect: Effect,
    /// What a person is shown.
    pub title: &'static str,
    /// What a model is told.
    pub description: &'static str,
}

/// The tools of a server whose work is done on a `D`.
pub struct ToolSet<D>(Vec<DeclaredTool<D>>);

/// A tool as MCP shows it, and what a call does.
struct DeclaredTool<D> {
    tool: Tool,
    call: Arc<dyn Fn(D, JsonObject) -> Called + Send + Sync>,
}

type Called = Pin<Box<dyn Future<Output = Result<CallToolResult, ErrorData>> + Send>>;

impl<D> Default for ToolSet<D> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<D: Send + 'static> ToolSet<D> {
    /// All tools as MCP shows them, ordered by name.
    #[must_use]
    pub fn list(&self) -> Vec<Tool> {
        let mut tools: Vec<Tool> = self.0.iter().map(|declared| declared.tool.clone()).collect();
        tools.sort_by(|one, other| one.name.cmp(&other.name));
        tools
    }

    /// Declares a tool. Its function gets the domain and the arguments, or what is wrong with them;
    /// the schemas come from its types.
    ///
    /// # Errors
    /// The name is taken, or a type has no schema of an object.
    pub fn with<A, R, F, Answer>(mut self, presentation: Presentation, function: F) -> Result<Self, InvalidTool>
    where
        A: DeserializeOwned + JsonSchema,
        R: Serialize + JsonSchema,
        F: Fn(D, Result<A, Flawed>) -> Answer + Send + Sync + 'static,
        Answer: Future<Output = Result<R, ToolError>> + Send,
    {
        let name = presentation.name;
        let invalid = |reason| InvalidTool { name, reason };
        if self.0.iter().any(|declared| declared.tool.name == name) {
            return Err(invalid("is declared twice".to_owned()));
        }
        let arguments = ArgumentSchema::of::<A>().map_err(invalid)?;
        let result = object_schema::<R>(SchemaSettings::draft2020_12().for_serialize()).map_err(invalid)?;
        let tool = declared(presentation, arguments.advertised(), result);
        let shared = Arc::new((arguments, function));
        let call = move |domain, members| -> Called {
            let shared = Arc::clone(&shared);
            Box::pin(async move {
                let (arguments, function) = &*shared;
                respond(name, function(domain, arguments.read(members)).await)
            })
        };
        self.0.push(DeclaredTool { tool, call: Arc::new(call) });
        Ok(self)
    }
}

fn declared(presentation: Presentation, arguments: &JsonObject, result: JsonObject) -> Tool {
    let Presentation { name, effect, title, description } = presentation;
    let annotations = ToolAnnotations::with_title(title).read_only(effect == Effect::Reads);
    let annotations = match effect {
        Effect::Reads => annotations,
        Effect::Adds | Effect::Changes => annotations.destructive(effect == Effect::Changes),
    };
    Tool::new(name, description, Arc::new(arguments.clone()))
        .with_title(title)
        .with_raw_output_schema(Arc::new(result))
        .with_annotations(annotations.open_world(false))
}

fn respond<R: Serialize>(tool: &'static str, answer: Result<R, ToolError>) -> Result<CallToolResult, ErrorData> {
    match answer {
        Ok(result) => match serde_json::to_value(result) {
            Ok(result) => Ok(CallToolResult::structured(result)),
            Err(error) => Err(internal_error(tool, &error)),
        },
        Err(ToolError::Arguments(problems)) => {
            let structured = json!({"error": "invalid_arguments", "problems": problems.to_json()});
            let mut result = CallToolResult::structured_error(structured);
            result.content = vec![ContentBlock::text(problems.to_string())];
            Ok(result)
        }
        Err(ToolError::Unavailable(words)) => {
            let mut result = CallToolResult::structured_error(json!({"error": "unavailable", "message": words}));
            result.content = vec![ContentBlock::text(words)];
            Ok(result)
        }
        Err(ToolError::Storage(error)) => Err(internal_error(tool, &error)),
    }
}

fn internal_error(tool: &'static str, error: &(dyn std::error::Error + 'static)) -> ErrorData {
    tracing::error!(tool, error, "a tool call failed");
    ErrorData::internal_error("the call could not be carried out; try again later", None)
}

/// What says on a result who answers it.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

/// An MCP server. Its tools hold the domain that they work on, so that all servers are one type, and
/// all that rmcp makes of it is compiled once. Cloned for every request, which costs a counter.
#[derive(Clone)]
pub struct McpServer {
    tools: Arc<ToolRouter<Self>>,
    name: &'static str,
    versions: &'static [ProtocolVersion],
}

impl McpServer {
    /// A server that calls itself `name` in MCP, with these tools on this domain.
    #[must_use]
    pub fn new<D: Clone + Send + Sync + 'static>(name: &'static str, domain: D, tools: ToolSet<D>) -> Self {
        let mut router = ToolRouter::default();
        for DeclaredTool { tool, call } in tools.0 {
            let domain = domain.clone();
            router.add_route(ToolRoute::new_dyn(tool, move |context: ToolCallContext<'_, Self>| {
                let called = call(domain.clone(), context.arguments.unwrap_or_default());
                Box::pin(async move { called.await.map(CallToolResponse::from) })
            }));
        }
        Self { tools: Arc::new(router), name, versions: PROTOCOL_VERSIONS }
    }

    /// The same as clients of HTTP with SSE meet it.
    #[must_use]
    pub(crate) fn of_the_old_transport(self) -> Self {
        Self { versions: PROTOCOL_VERSIONS_OF_HTTP_SSE, ..self }
    }

    fn identity(&self) -> Implementation {
        Implementation::new(self.name, env!("CARGO_PKG_VERSION"))
    }

    /// Who begins with `initialize` in a revision that has none is told which are spoken (MCP 2026-07-28,
    /// versioning).
    fn method_not_found(&self, method: &str) -> ErrorData {
        let (text, data) = if method == initialize::METHOD {
            let spoken: Vec<_> = self.versions.iter().map(ProtocolVersion::as_str).collect();
            let words =
                format!("method not found: initialize is of earlier revisions; spoken are {}", spoken.join(", "));
            (words, Some(json!({ "supported": spoken })))
        } else {
            (format!("method not found: {method}"), None)
        };
        ErrorData::new(ErrorCode::METHOD_NOT_FOUND, text, data)
    }

    /// Servers should say on each result who they are (MCP 2026-07-28, server/discover).
    fn name_itself(&self, meta: &mut Option<MetaObject>) {
        meta.get_or_insert_default().insert(SERVER_INFO.to_owned(), json!(self.identity()));
    }
}

/// What tools are not, refused in our words: rmcp's own are the bare name of the method.
macro_rules! not_offered {
    ($($method:literal: $function:ident($params:ty) -> $result:ty;)*) => {$(
        async fn $function(&self, _: $params, _: RequestContext<RoleServer>) -> Result<$result, ErrorData> {
            Err(self.method_not_found($method))
        }
    )*};
}

impl ServerHandler for McpServer {
    not_offered! {
        "prompts/list": list_prompts(Option<PaginatedRequestParams>) -> ListPromptsResult;
        "prompts/get": get_prompt(GetPromptRequestParams) -> GetPromptResponse;
        "resources/list": list_resources(Option<PaginatedRequestParams>) -> ListResourcesResult;
        "resources/templates/list":
            list_resource_templates(Option<PaginatedRequestParams>) -> ListResourceTemplatesResult;
        "resources/read": read_resource(ReadResourceRequestParams) -> ReadResourceResponse;
        "resources/subscribe": subscribe(SubscribeRequestParams) -> ();
        "resources/unsubscribe": unsubscribe(UnsubscribeRequestParams) -> ();
        "completion/complete": complete(CompleteRequestParams) -> CompleteResult;
    }

    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build()).with_server_info(self.identity())
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(self.versions)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut list = ListToolsResult::with_all_items(self.tools.list_all());
        if is_modern(&context) {
            self.name_itself(&mut list.meta);
            // The guard shows each caller a list of its own: no cache may give it to another.
            list.ttl_ms = Some(0);
            list.cache_scope = Some(CacheScope::Private);
        }
        Ok(list)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let is_modern = is_modern(&context);
        let mut response = self.tools.call(ToolCallContext::new(self, request, context)).await?;
        if let CallToolResponse::Complete(result) = &mut response
            && is_modern
        {
            self.name_itself(&mut result.meta);
        }
        Ok(response)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools.get(name).cloned()
    }

    /// What rmcp cannot read as a request that it knows comes here; a call with arguments that are no object
    /// does too, and an `initialize` that lacks something.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        if request.method == "tools/call" {
            let message = "the params of tools/call are an object with the text name and the object arguments";
            return Err(ErrorData::invalid_params(message, None));
        }
        if request.method == initialize::METHOD && !is_modern(&context) {
            return Err(initialize::refused(&request));
        }
        Err(self.method_not_found(&request.method))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, Serialize, JsonSchema)]
    struct Nothing {}

    fn presentation(effect: Effect) -> Presentation {
        Presentation { name: "tool", effect, title: "Tool", description: "Does nothing." }
    }

    async fn nothing((): (), given: Result<Nothing, Flawed>) -> Result<Nothing, ToolError> {
        Ok(given?)
    }

    async fn text((): (), _: Result<Nothing, Flawed>) -> Result<String, ToolError> {
        Ok(String::new())
    }

    #[test]
    fn a_tool_that_is_declared_twice_stops_the_start() {
        let once = ToolSet::default().with(presentation(Effect::Reads), nothing).unwrap();
        let error = once.with(presentation(Effect::Reads), nothing).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("tool tool: is declared twice"));
    }

    #[test]
    fn a_tool_whose_result_is_no_object_stops_the_start() {
        let error = ToolSet::default().with(presentation(Effect::Reads), text).err().map(|error| error.to_string());
        assert!(error.unwrap().starts_with("tool tool: only a struct"));
    }

    #[test]
    fn a_tool_tells_its_effect_by_its_annotations() {
        for (effect, reads, destroys) in
            [(Effect::Reads, true, None), (Effect::Adds, false, Some(false)), (Effect::Changes, false, Some(true))]
        {
            let tools = ToolSet::default().with(presentation(effect), nothing).unwrap().list();
            let annotations = tools[0].annotations.clone().unwrap();
            assert_eq!((annotations.read_only_hint, annotations.destructive_hint), (Some(reads), destroys));
        }
    }
}
