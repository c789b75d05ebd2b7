//! Asks the servers, as each agent, for every tool: is it listed, and is a call let through? Owns that
//! both answers are asked for and have to agree; no call of it changes anything.

use std::collections::BTreeSet;

use bailiwick_process::Secret;
use http::StatusCode;
use serde_json::{Value, json};

use crate::matrix::{Matrix, Rows, Verdict};
use crate::wire::{self, Answer, Proof, WireError};

/// An argument that no tool takes: a call with it reaches the tool, is refused there, and changes nothing.
const NO_ARGUMENT: &str = "only_asking";

/// Why there is no matrix.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// No answer, or none that can be understood.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A tool is listed and may not be called. The product promises that this never is.
    #[error("list and call disagree: {0} is shown {1}, and a call of it is refused")]
    ShownAndRefused(&'static str, String),
    /// A tool may be called and is not listed. Nor is this.
    #[error("list and call disagree: {0} is not shown {1}, and a call of it is let through")]
    HiddenAndLetThrough(&'static str, String),
}

/// A server as the questions see it.
pub struct Questioned<'a> {
    /// Its name in scopes.
    pub name: &'a str,
    /// Its URL.
    pub resource: &'a str,
    /// What people call it.
    pub title: String,
    /// The names of all its tools.
    pub tools: Vec<String>,
}

/// An agent and its tokens, one for each server in their order, where the token service gives one.
pub struct Asking {
    /// The agent.
    pub id: &'static str,
    /// Its tokens.
    pub tokens: Vec<Option<Secret>>,
}

/// What was found, and how much was asked for it.
pub struct Found {
    /// The picture.
    pub matrix: Matrix,
    /// How many lists.
    pub lists: usize,
    /// How many calls.
    pub calls: usize,
}

/// Asks everything.
///
/// # Errors
/// An answer is missing or makes no sense, or two disagree.
pub async fn ask_all(
    http: &reqwest::Client,
    servers: &[Questioned<'_>],
    agents: &[Asking],
) -> Result<Found, QuestionError> {
    let mut found = Vec::new();
    for (index, server) in servers.iter().enumerate() {
        let mut tools: Vec<_> = server.tools.iter().map(|tool| (tool.clone(), Vec::new())).collect();
        for agent in agents {
            let verdicts = match agent.tokens.get(index).and_then(Option::as_ref) {
                Some(token) => asked_with(http, server, agent.id, token).await?,
                None => asked_without(http, server, agent).await?,
            };
            for ((_, row), verdict) in tools.iter_mut().zip(verdicts) {
                row.push(verdict);
            }
        }
        found.push(Rows { title: server.title.clone(), tools });
    }
    let matrix = Matrix { agents: agents.iter().map(|agent| agent.id).collect(), servers: found };
    let tools: usize = servers.iter().map(|server| server.tools.len()).sum();
    Ok(Found { matrix, lists: servers.len() * agents.len(), calls: tools * agents.len() })
}

/// The verdicts for an agent that has a token for the server.
async fn asked_with(
    http: &reqwest::Client,
    server: &Questioned<'_>,
    agent: &'static str,
    token: &Secret,
) -> Result<Vec<Verdict>, QuestionError> {
    let list = wire::ask(http, server.resource, Proof::Bearer(token), "tools/list", None).await?.well()?;
    let shown: BTreeSet<String> = names(&list.json()).ok_or_else(|| list.unexpected())?;
    let mut verdicts = Vec::new();
    for tool in &server.tools {
        let is_shown = shown.contains(tool);
        let is_let_through = is_let_through(call(http, server, tool, token).await?, server.name, tool)?;
        verdicts.push(agreed(agent, tool, is_shown, is_let_through)?);
    }
    Ok(verdicts)
}

/// The verdict where list and call agree.
fn agreed(agent: &'static str, tool: &str, is_shown: bool, is_let_through: bool) -> Result<Verdict, QuestionError> {
    match (is_shown, is_let_through) {
        (true, true) => Ok(Verdict::Allowed),
        (false, false) => Ok(Verdict::Denied),
        (true, false) => Err(QuestionError::ShownAndRefused(agent, tool.to_owned())),
        (false, true) => Err(QuestionError::HiddenAndLetThrough(agent, tool.to_owned())),
    }
}

/// The verdicts for an agent that has none: it tries with a token that it has for another server.
async fn asked_without(
    http: &reqwest::Client,
    server: &Questioned<'_>,
    agent: &Asking,
) -> Result<Vec<Verdict>, QuestionError> {
    let nothing = Secret::new("none".to_owned());
    let other = agent.tokens.iter().flatten().next().unwrap_or(&nothing);
    refused_as_foreign(wire::ask(http, server.resource, Proof::Bearer(other), "tools/list", None).await?)?;
    let mut verdicts = Vec::new();
    for tool in &server.tools {
        refused_as_foreign(call(http, server, tool, other).await?)?;
        verdicts.push(Verdict::Hidden);
    }
    Ok(verdicts)
}

async fn call(
    http: &reqwest::Client,
    server: &Questioned<'_>,
    tool: &str,
    token: &Secret,
) -> Result<Answer, WireError> {
    let call = Some((tool, json!({NO_ARGUMENT: true})));
    wire::ask(http, server.resource, Proof::Bearer(token), "tools/call", call).await
}

/// Whether a call reached its tool. The tool refuses the argument, so it was the tool that answered; a
/// guard that refuses names the scope that is missing.
fn is_let_through(answer: Answer, server: &str, tool: &str) -> Result<bool, WireError> {
    let missing = format!(r#"error="insufficient_scope", scope="{server}:{tool}""#);
    let result = &answer.json()["result"];
    let answered_by_the_tool = result["isError"] == true && result.to_string().contains(NO_ARGUMENT);
    match answer.status {
        StatusCode::OK if answered_by_the_tool => Ok(true),
        StatusCode::FORBIDDEN if answer.challenge.contains(&missing) => Ok(false),
        _ => Err(answer.unexpected()),
    }
}

fn refused_as_foreign(answer: Answer) -> Result<(), WireError> {
    let is_refused = answer.status == StatusCode::UNAUTHORIZED && answer.challenge.contains(r#"error="invalid_token""#);
    if is_refused { Ok(()) } else { Err(answer.unexpected()) }
}

fn names(list: &Value) -> Option<BTreeSet<String>> {
    let tools = list["result"]["tools"].as_array()?;
    tools.iter().map(|tool| tool["name"].as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_and_a_call_that_disagree_end_the_demo() {
        assert_eq!(agreed("reader", "look", true, true).unwrap(), Verdict::Allowed);
        assert_eq!(agreed("reader", "look", false, false).unwrap(), Verdict::Denied);
        let error =
            |is_shown, is_let_through| agreed("reader", "look", is_shown, is_let_through).unwrap_err().to_string();
        assert_eq!(error(true, false), "list and call disagree: reader is shown look, and a call of it is refused");
        assert_eq!(
            error(false, true),
            "list and call disagree: reader is not shown look, and a call of it is let through"
        );
    }
}
