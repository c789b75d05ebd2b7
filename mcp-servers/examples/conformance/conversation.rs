//! Tools that speak with the client while they run: log messages, progress, and requests of the server,
//! which only revisions before 2026-07-28 have. Owns what is said.

// MCP 2026-07-28 deprecates logging, sampling and elicitation by request; the suite asks for them still.
#![expect(deprecated, reason = "the suite asks for what older revisions have")]

use rmcp::RoleServer;
use rmcp::model::{
    CallToolResult, ContentBlock, CreateMessageRequestParams, ElicitRequest, ElicitRequestParams, LoggingLevel,
    LoggingMessageNotificationParam, ProgressNotificationParam, SamplingMessage, ServerRequest,
};
use rmcp::service::{RequestContext, ServiceError};
use serde_json::json;

type Context = RequestContext<RoleServer>;

/// Says three things to the client's log, where it wants to hear them.
pub async fn log(context: &Context, is_heard: bool) -> Result<CallToolResult, ServiceError> {
    for message in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        if is_heard {
            let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(message));
            context.peer.notify_logging_message(message).await?;
        }
    }
    Ok(said("Logged what there was to log."))
}

/// Tells how far it is, where the client asked.
pub async fn report_progress(context: &Context) -> Result<CallToolResult, ServiceError> {
    if let Some(token) = context.meta.get_progress_token() {
        for progress in [0.0, 50.0, 100.0] {
            let progress = ProgressNotificationParam::new(token.clone(), progress).with_total(100.0);
            context.peer.notify_progress(progress).await?;
        }
    }
    Ok(said("Done."))
}

/// Asks the client's model.
pub async fn sample(context: &Context, prompt: &str) -> Result<CallToolResult, ServiceError> {
    let question = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], 100);
    let answer = context.peer.create_message(question).await?;
    Ok(said(&format!("LLM response: {}", json!(answer.message.content))))
}

/// Asks the client's user.
pub async fn elicit(context: &Context, question: ElicitRequestParams) -> Result<CallToolResult, ServiceError> {
    let answer = context.peer.send_request(ServerRequest::ElicitRequest(ElicitRequest::new(question))).await?;
    Ok(said(&format!("User response: {}", json!(answer))))
}

fn said(text: &str) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}
