//! Names and values that a command shows: lines for people, one object for scripts.

use bailiwick_core::UnixSeconds;
use jiff::Timestamp;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::Output;

/// A name, in the words of scripts, and its value.
pub type Shown = (&'static str, Value);

/// Prints them in their order.
pub fn print(shown: &[Shown], output: Output) -> Result<(), Failure> {
    let members = shown.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    output.print(&Value::Object(members), || {
        let pairs: Vec<_> = shown.iter().map(|(name, value)| (name.replace('_', " "), words(value))).collect();
        output.lines(&pairs)
    })
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) if !all.is_empty() => all.iter().map(words).collect::<Vec<_>>().join(" "),
        Value::Null | Value::Array(_) => "-".to_owned(),
        other => other.to_string(),
    }
}

/// A moment as people and scripts read it (RFC 3339).
pub fn moment(at: UnixSeconds) -> String {
    Timestamp::from_second(at.0).map_or_else(|_| at.to_string(), |moment| moment.to_string())
}
