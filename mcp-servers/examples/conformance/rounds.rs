//! Results that require input, round by round (MCP 2026-07-28, multi round-trip requests). Owns which
//! round is next and what counts as an answer.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::ErrorData;
use rmcp::model::{ClientCapabilities, InputRequest, InputRequiredResult, InputResponses};
use serde_json::{Value, json};

use crate::content::Rounds;

/// The states that were given out, each with its round. They are kept here, so that one which was
/// tampered with is simply unknown.
#[derive(Clone, Debug, Default)]
pub struct States(Arc<Mutex<Given>>);

#[derive(Debug, Default)]
struct Given {
    count: u64,
    rounds: HashMap<String, usize>,
}

impl States {
    fn give(&self, round: usize) -> String {
        let mut given = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        given.count += 1;
        let state = format!("state-{}", given.count);
        given.rounds.insert(state.clone(), round);
        state
    }

    fn take(&self, state: &str) -> Option<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).rounds.remove(state)
    }
}

/// What a client sends with a retry.
#[derive(Debug, Default)]
pub struct Retry {
    /// The state that it was given.
    pub state: Option<String>,
    /// Its answers.
    pub responses: InputResponses,
}

/// What is to be asked now; nothing when all is answered.
///
/// # Errors
/// The state is unknown, or the client can answer nothing of what would be asked.
pub fn next(
    asked: &Rounds,
    retry: &Retry,
    client: &ClientCapabilities,
    states: &States,
) -> Result<Option<InputRequiredResult>, ErrorData> {
    // Without a state the answers alone tell whether anything was asked.
    let last = match &retry.state {
        Some(state) => Some(states.take(state).ok_or_else(|| ErrorData::invalid_params("unknown requestState", None))?),
        None if asked.keeps_state => None,
        None => Some(0),
    };
    let can_answer = |question: &InputRequest| json!(client)[capability(question)].is_object();
    let is_answered = |round: usize| {
        let mut questions = asked.rounds.get(round).into_iter().flatten().filter(|(_, question)| can_answer(question));
        questions.all(|(name, question)| retry.responses.get(name).is_some_and(|given| is_answer(question, given)))
    };
    let round = match last {
        Some(last) if !retry.responses.is_empty() && is_answered(last) => last + 1,
        other => other.unwrap_or_default(),
    };
    let Some(questions) = asked.rounds.get(round) else { return Ok(None) };
    let mut answerable = questions.clone();
    answerable.retain(|_, question| can_answer(question));
    if answerable.is_empty() {
        let needed: BTreeSet<_> = questions.values().map(capability).collect();
        let needed: HashMap<_, _> = needed.into_iter().map(|capability| (capability, json!({}))).collect();
        return Err(serde_json::from_value(json!(needed)).map_or_else(
            |error| ErrorData::internal_error(error.to_string(), None),
            ErrorData::missing_required_client_capability,
        ));
    }
    Ok(Some(InputRequiredResult::new(Some(answerable), asked.keeps_state.then(|| states.give(round)))))
}

/// The capability of a client that can answer a question.
fn capability(question: &InputRequest) -> &'static str {
    match question {
        InputRequest::Elicitation(_) => "elicitation",
        InputRequest::CreateMessage(_) => "sampling",
        InputRequest::ListRoots(_) => "roots",
        _ => "unknown",
    }
}

/// Whether `given` is an answer to `question`, as far as its shape goes.
fn is_answer(question: &InputRequest, given: &Value) -> bool {
    match question {
        InputRequest::Elicitation(_) => given["action"].is_string(),
        InputRequest::CreateMessage(_) => given["role"].is_string() && !given["content"].is_null(),
        InputRequest::ListRoots(_) => given["roots"].is_array(),
        _ => false,
    }
}
