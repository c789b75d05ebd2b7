//! May this caller send this message? Owns putting the question to the table of methods and to core's
//! one decision; knows no HTTP.

use bailiwick_core::{Decision, decide};

use crate::guard::Parts;
use crate::message::Message;
use crate::method::Needs;
use crate::principal::Principal;
use crate::record::{Record, ToolLabel};
use crate::refusal::Refusal;

/// Whether the message may go on to the server. Notes in `record` what it is about.
pub(crate) fn authorize(
    guard: &Parts,
    principal: &Principal,
    message: Message<'_>,
    record: &mut Record<'_>,
) -> Result<(), Refusal> {
    let Message::Call { id, method, name } = message else {
        record.method = "response".into();
        return Ok(());
    };
    record.method = guard.methods.label(&method);
    record.request_id = id;
    match guard.methods.needs(&method) {
        Needs::AnyToken => Ok(()),
        Needs::Scope(scope) if principal.scope().implies(scope, &guard.tools) => Ok(()),
        Needs::Scope(scope) => Err(Refusal::InsufficientScope(scope.clone())),
        Needs::Undeclared => Err(Refusal::Undeclared(record.request_id.clone())),
        Needs::ToolsOwn => {
            let Some(name) = name else { return Err(Refusal::NoToolName(record.request_id.clone())) };
            let known = guard.tools.get(&name).map(|tool| ToolLabel::Known(tool.name.clone()));
            record.tool = known.unwrap_or(ToolLabel::Other);
            match decide(principal.scope(), &guard.tools, &name) {
                Decision::Allow { .. } => Ok(()),
                Decision::Deny { needed } => Err(Refusal::InsufficientScope(needed)),
                Decision::UnknownTool => Err(Refusal::UnknownTool(record.request_id.clone())),
            }
        }
    }
}
