//! What commands print: a table or a few lines for people, JSON for scripts (`--json`). Owns the
//! look; secrets pass through here to the terminal once and are not kept.

use std::io::Write;

use clap::Args;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use jiff::Timestamp;
use serde::Serialize;

use super::CommandError;
use crate::shown_text::printable;
use bailiwick_core::UnixSeconds;

/// How to print.
#[derive(Args, Clone, Copy, Debug)]
pub struct Format {
    /// Print JSON, for scripts
    #[arg(long)]
    pub json: bool,
}

impl Format {
    /// Prints `value` as JSON, or what `text` makes of it.
    pub fn print<T: Serialize>(self, value: &T, text: impl FnOnce(&T) -> String) -> Result<(), CommandError> {
        let printed = if self.json {
            let mut json = serde_json::to_string_pretty(value).map_err(CommandError::other)?;
            json.push('\n');
            json
        } else {
            text(value)
        };
        std::io::stdout().write_all(printed.as_bytes()).map_err(CommandError::other)
    }

    /// Says that something was done; nothing in JSON, where the exit code says it.
    pub fn done(self, sentence: &str) -> Result<(), CommandError> {
        if self.json {
            return Ok(());
        }
        writeln!(std::io::stdout(), "{sentence}").map_err(CommandError::other)
    }
}

/// A table with a heading and one line for each row.
pub fn table<const COLUMNS: usize>(
    heading: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(heading);
    for row in rows {
        table.add_row(row.map(|text| printable(&text)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt() + "\n"
}

/// Names and values, one a line, the values aligned.
pub fn lines<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let pairs: Vec<_> = pairs.into_iter().collect();
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (name, value) in pairs {
        // Nothing is written at the end of a line that has no value.
        let line = format!("{name:<width$}  {}", printable(&value));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A moment for people.
pub fn moment(at: UnixSeconds) -> String {
    Timestamp::from_second(at.0).map_or_else(|_| at.to_string(), |moment| moment.to_string())
}

/// Names joined for people; `-` where there are none.
pub fn joined<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(" ") }
}
