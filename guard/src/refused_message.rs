//! What a refusal says of the message that was refused, for transports that answer elsewhere than in the
//! response to it, as HTTP+SSE does. Owns its form.

use serde_json::Value;

use crate::answer;
use crate::principal::Principal;
use crate::record::Record;
use crate::refusal::Refusal;

/// A request of a known caller that was refused, among the extensions of the response.
#[derive(Clone, Debug)]
pub struct RefusedMessage {
    /// Who sent it.
    pub principal: Principal,
    /// Its `id`.
    pub id: Value,
    /// The code of the JSON-RPC error that answers it.
    pub code: i32,
    /// The words of that error.
    pub message: String,
}

impl RefusedMessage {
    /// What is said of the request that `record` is about, where it has an `id` and its caller is known.
    pub(crate) fn of(refusal: &Refusal, record: &Record<'_>) -> Option<Self> {
        let (principal, id) = (record.principal.as_deref()?.clone(), record.request_id.clone()?);
        let (code, message) = answer::error_of(refusal)?;
        Some(Self { principal, id: id.into(), code, message })
    }
}
