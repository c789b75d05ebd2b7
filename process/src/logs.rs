//! Where a process tells what it does: JSON lines on standard output for services, plain text on
//! standard error for commands. Owns the form; what is worth a line its caller decides.

use std::fmt::{Display, Formatter, Result as Formatted};
use std::io;
use std::str::FromStr;

use tracing::Metadata;
use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, fmt};

use self::json_line::JsonLine;
pub use self::lines::Lines;

mod json_line;
mod lines;
mod timestamp;

/// Which records are written: a level (`info`), or directives such as `info,bailiwick_guard=debug`.
/// Checked when it is parsed, so that a wrong one is an error of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// What an MCP server writes where nothing is set: of rmcp only what is amiss, since it tells three times of
    /// every request what the guard tells once. Its service says nothing: a client that hangs up is an error to it,
    /// and what fails in a call the server tells itself.
    pub const DEFAULT: &'static str = "info,rmcp=warn,rmcp::service=off";

    fn to_env_filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl FromStr for Filter {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        EnvFilter::try_new(text)?;
        Ok(Self(text.to_owned()))
    }
}

impl Display for Filter {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Formatted {
        formatter.write_str(&self.0)
    }
}

/// From now on every record is one JSON object on one line of standard output. Spans, which libraries
/// open for every request, are switched off: no line would show them. The lines of the records of `gathered`
/// are written together, and whoever tells of them waits for [`Lines::written`].
///
/// # Errors
/// Where the process already has a subscriber.
pub fn as_json_lines(filter: &Filter, gathered: Option<&'static str>) -> Result<Lines, TryInitError> {
    let lines = Lines::new(io::stdout(), gathered);
    tracing_subscriber::registry()
        .with(filter.to_env_filter())
        .with(filter_fn(is_event))
        .with(fmt::layer().event_format(JsonLine).with_writer(lines.clone()))
        .try_init()?;
    Ok(lines)
}

fn is_event(metadata: &Metadata<'_>) -> bool {
    metadata.is_event()
}

/// From now on every record is a line for people on standard error, so that a command's result has
/// standard output to itself.
///
/// # Errors
/// Where the process already has a subscriber.
pub fn as_text(filter: &Filter) -> Result<(), TryInitError> {
    fmt()
        .with_target(false)
        .without_time()
        .with_env_filter(filter.to_env_filter())
        .with_writer(io::stderr)
        .finish()
        .try_init()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_or_directives_and_nothing_else() {
        for right in ["info", "warn", "info,bailiwick_guard=debug", "off"] {
            assert_eq!(right.parse::<Filter>().map(|filter| filter.to_string()).ok(), Some(right.to_owned()));
        }
        for wrong in ["a=b=c", "info,x=loudest", "[{"] {
            assert!(wrong.parse::<Filter>().is_err(), "{wrong}");
        }
    }
}
