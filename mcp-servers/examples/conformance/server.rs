//! The server itself: what each method of MCP answers. Owns the state that the suite's scenarios need,
//! and nothing that outlives the process.

// The suite asks for subscriptions and log levels as older revisions have them, too.
#![expect(deprecated, reason = "the suite asks for what older revisions have")]

use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult, CompletionInfo,
    ContentBlock, ErrorCode, GetPromptRequestParams, GetPromptResponse, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, LoggingLevel, PaginatedRequestParams, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ResourceContents, ResourceTemplate,
    ServerCapabilities, ServerConfig, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool,
    UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::json;
use tokio::sync::broadcast;

use crate::content::{Act, Change, Content, Rounds};
use crate::conversation;
use crate::rounds::{self, Retry, States};

type Context = RequestContext<RoleServer>;
type Answer<T> = Result<T, ErrorData>;

/// The most changes that a listener may be behind.
const MOST_UNHEARD: usize = 16;

/// The template of the resources that are made as they are read.
const TEMPLATE: (&str, &str) = ("test://template/", "/data");

/// The server.
#[derive(Clone, Debug)]
pub struct Everything {
    content: Arc<Content>,
    states: States,
    changes: broadcast::Sender<Change>,
    /// The least that is logged to the session.
    level: Arc<Mutex<LoggingLevel>>,
}

impl Everything {
    /// A server that offers `content`.
    pub fn new(content: Arc<Content>) -> Self {
        let (changes, _) = broadcast::channel(MOST_UNHEARD);
        Self { content, states: States::default(), changes, level: Arc::new(Mutex::new(LoggingLevel::Debug)) }
    }

    /// The same server for one more session.
    pub fn in_new_session(&self) -> Self {
        Self { level: Arc::new(Mutex::new(LoggingLevel::Debug)), ..self.clone() }
    }

    /// Whether the client of a request wants to hear of what happens: in 2026-07-28 the request says
    /// so, before that the session does.
    fn is_heard(&self, context: &Context) -> bool {
        let level = if is_modern(context) {
            context.meta.log_level()
        } else {
            Some(*self.level.lock().unwrap_or_else(PoisonError::into_inner))
        };
        matches!(level, Some(LoggingLevel::Debug | LoggingLevel::Info))
    }

    fn ask(&self, asked: &Rounds, retry: &Retry, context: &Context) -> Answer<Option<CallToolResponse>> {
        let client = context.client_capabilities().unwrap_or_default();
        Ok(rounds::next(asked, retry, &client, &self.states)?.map(Into::into))
    }
}

fn is_modern(context: &Context) -> bool {
    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

fn text(text: &str) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

impl ServerHandler for Everything {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_completions()
            .enable_logging();
        ServerConfig::new(capabilities.build())
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: Context) -> Answer<ListToolsResult> {
        Ok(ListToolsResult::with_all_items(self.content.tools().cloned().collect()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.content.tools().find(|tool| tool.name == name).cloned()
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: Context) -> Answer<CallToolResponse> {
        let act = self.content.act(&request.name).ok_or_else(|| ErrorData::invalid_params("unknown tool", None))?;
        let arguments = request.arguments.unwrap_or_default();
        let result = match act.clone() {
            Act::Answer(result) => Ok(result),
            Act::AskInRounds(asked) => {
                let retry =
                    Retry { state: request.request_state, responses: request.input_responses.unwrap_or_default() };
                if let Some(question) = self.ask(&asked, &retry, &context)? {
                    return Ok(question);
                }
                Ok(text("All is answered."))
            }
            Act::Elicit(question) => conversation::elicit(&context, question).await,
            Act::Sample => {
                let prompt = arguments.get("prompt").and_then(|prompt| prompt.as_str()).unwrap_or_default();
                conversation::sample(&context, prompt).await
            }
            Act::Log => conversation::log(&context, self.is_heard(&context)).await,
            Act::ReportProgress => conversation::report_progress(&context).await,
            Act::Require(needed) => return Err(ErrorData::missing_required_client_capability(needed)),
            Act::Tell(change) => {
                // Where nobody listens, nobody is told.
                let _ = self.changes.send(change);
                Ok(text("Told."))
            }
        };
        let failed = |error| CallToolResult::error(vec![ContentBlock::text(format!("{error}"))]);
        Ok(result.unwrap_or_else(failed).into())
    }

    async fn list_prompts(&self, _: Option<PaginatedRequestParams>, _: Context) -> Answer<ListPromptsResult> {
        Ok(ListPromptsResult::with_all_items(self.content.prompts().cloned().collect()))
    }

    async fn get_prompt(&self, request: GetPromptRequestParams, context: Context) -> Answer<GetPromptResponse> {
        let prompt =
            self.content.prompt(&request.name).ok_or_else(|| ErrorData::invalid_params("unknown prompt", None))?;
        let retry = Retry { state: request.request_state, responses: request.input_responses.unwrap_or_default() };
        let asked = Rounds { keeps_state: false, rounds: prompt.rounds.clone() };
        let client = context.client_capabilities().unwrap_or_default();
        if let Some(question) = rounds::next(&asked, &retry, &client, &self.states)? {
            return Ok(question.into());
        }
        let filled = prompt.filled(&request.arguments.unwrap_or_default());
        filled.map(Into::into).map_err(|error| ErrorData::internal_error(error.to_string(), None))
    }

    async fn list_resources(&self, _: Option<PaginatedRequestParams>, _: Context) -> Answer<ListResourcesResult> {
        Ok(ListResourcesResult::with_all_items(self.content.resources().cloned().collect()))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: Context,
    ) -> Answer<ListResourceTemplatesResult> {
        let (start, end) = TEMPLATE;
        let template = ResourceTemplate::new(format!("{start}{{id}}{end}"), "template")
            .with_description("A resource that is made as it is read")
            .with_mime_type("application/json");
        Ok(ListResourceTemplatesResult::with_all_items(vec![template]))
    }

    async fn read_resource(&self, request: ReadResourceRequestParams, _: Context) -> Answer<ReadResourceResponse> {
        let uri = request.uri;
        let (start, end) = TEMPLATE;
        let made = |id: &str| {
            let text = json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")}).to_string();
            ResourceContents::text(text, &uri).with_mime_type("application/json")
        };
        let id = uri.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
        match self.content.contents(&uri).or_else(|| id.map(made)) {
            Some(contents) => Ok(ReadResourceResult::new(vec![contents]).into()),
            None => Err(ErrorData::resource_not_found("unknown resource", Some(json!({"uri": uri})))),
        }
    }

    async fn subscribe(&self, _: SubscribeRequestParams, _: Context) -> Answer<()> {
        Ok(())
    }

    async fn unsubscribe(&self, _: UnsubscribeRequestParams, _: Context) -> Answer<()> {
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Answer<()> {
        let mut changes = self.changes.subscribe();
        loop {
            let change = tokio::select! {
                () = context.cancelled() => return Ok(()),
                change = changes.recv() => change,
            };
            let sink = context.sink();
            // What the client did not ask for, the sink refuses to send.
            let _ = match change {
                Ok(Change::Tools) => sink.notify_tool_list_changed().await,
                Ok(Change::Prompts) => sink.notify_prompt_list_changed().await,
                Err(_) => return Ok(()),
            };
        }
    }

    async fn set_level(&self, request: SetLevelRequestParams, context: Context) -> Answer<()> {
        if is_modern(&context) {
            return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "logging/setLevel", None));
        }
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = request.level;
        Ok(())
    }

    async fn complete(&self, request: CompleteRequestParams, _: Context) -> Answer<CompleteResult> {
        let value = request.argument.value;
        let completion = CompletionInfo::new(vec![value.clone(), format!("{value} and more")]);
        completion.map(CompleteResult::new).map_err(|error| ErrorData::internal_error(error, None))
    }
}
