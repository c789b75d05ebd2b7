//! The cases: one file each, which says who contends and what is to be reached. A new one is a file
//! and a line in [`CASES`].

use crate::error::BenchError;
use crate::report::Section;
use crate::run::Run;

mod clients;
mod connections;
mod deny;
mod guard;
mod ladder;
mod live;
mod peers;
mod start;
mod tokens;
mod waiting;

/// One case.
#[derive(Debug)]
pub struct Case {
    /// Its name on the command line and in the documents.
    pub name: &'static str,
    /// What it measures.
    pub title: &'static str,
    /// Measures it.
    pub run: fn(&Case, &mut Run) -> Result<Section, BenchError>,
}

/// All of them, in the order in which they run.
pub const CASES: &[Case] = &[
    tokens::CASE,
    guard::CASE,
    ladder::CASE,
    peers::CASE,
    connections::CASE,
    clients::CASE,
    deny::CASE,
    live::CASE,
    waiting::CASE,
    start::CASE,
];

/// Those of these names; all of them where none is named.
pub fn named(names: &[String]) -> Result<Vec<&'static Case>, BenchError> {
    if names.is_empty() {
        return Ok(CASES.iter().collect());
    }
    let find = |name: &String| CASES.iter().find(|case| case.name == name);
    names.iter().map(|name| find(name).ok_or_else(|| BenchError::NoSuchCase(name.clone()))).collect()
}
