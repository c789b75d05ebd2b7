//! What commands print: tables and lines for people, JSON for scripts. Owns the look, the width and
//! that no text of a server can command the terminal that it is printed to.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write as _};

use anstyle::{AnsiColor, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::{Value, json};

use crate::failure::Failure;

/// The least that a column needs to be read, in characters. Where a table has less for each, its
/// rows are printed one below the other.
const NARROWEST_COLUMN: usize = 10;

/// The most cells that are aligned. Where there are more, rows are printed one a line as they are.
pub const MOST_CELLS: usize = 100_000;

/// The most characters that aligned columns may take, what fills them up included: one long cell widens all others
/// of its column.
const MOST_CHARACTERS: usize = 4 * 1024 * 1024;

/// How output is printed.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// JSON for scripts, else text for people.
    pub json: bool,
    /// The width of the terminal in characters; `None` where it does not matter.
    pub width: Option<usize>,
}

impl Output {
    /// As the standard output is: `COLUMNS` says how wide, else the terminal; a pipe has no width.
    pub fn new(json: bool, columns: Option<&str>) -> Self {
        let terminal = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        let columns = columns.and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
        Self { json, width: columns.or_else(terminal) }
    }

    /// Prints JSON, or what `text` makes of it.
    pub fn print(self, value: &Value, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let printed = if self.json { escaped(&format!("{value:#}\n")) } else { text() };
        match anstream::stdout().write_all(printed.as_bytes()) {
            // Whoever reads has seen enough: `mcp-agent tools | head`.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(|error| Failure::Unreachable(format!("the output cannot be written: {error}"))),
        }
    }

    /// Tells why a command failed, on the standard error.
    pub fn tell(self, failure: &Failure) {
        self.mark(AnsiColor::Red, "error", &failure.message(), &failure.to_json());
    }

    /// A line on the standard error: marked for people, an object for scripts.
    fn mark(self, colour: AnsiColor, mark: &str, text: &str, object: &Value) {
        let style = Style::new().bold().fg_color(Some(colour.into()));
        // A terminal that is gone cannot be told that it is gone.
        let _ = if self.json {
            writeln!(anstream::stderr(), "{}", escaped(&object.to_string()))
        } else {
            writeln!(anstream::stderr(), "{style}{mark}:{style:#} {}", printable(text))
        };
    }

    /// Tells what is worth a warning, on the standard error.
    pub fn warn(self, text: &str) {
        self.mark(AnsiColor::Yellow, "warning", &in_one_line(text), &json!({"warning": text}));
    }

    /// Tells what a person has to know to go on, on the standard error.
    pub fn note(self, text: &str, object: &Value) {
        let _ = if self.json {
            writeln!(anstream::stderr(), "{}", escaped(&object.to_string()))
        } else {
            writeln!(anstream::stderr(), "{}", printable(text))
        };
    }

    /// Tells what a tool complains of, on the standard error.
    pub fn complain(text: &str) {
        let _ = writeln!(anstream::stderr(), "{}", printable(text));
    }

    /// A table with a heading; `none` where it has no rows.
    pub fn table(self, heading: &[&str], rows: &[Vec<String>]) -> String {
        if rows.is_empty() {
            return "none\n".to_owned();
        }
        let is_narrow = self.width.is_some_and(|width| width < heading.len() * NARROWEST_COLUMN);
        if is_narrow { self.records(heading, rows) } else { self.columns(Some(heading), rows) }
    }

    /// The rows of a table, each as lines.
    fn records(self, heading: &[&str], rows: &[Vec<String>]) -> String {
        let record = |row: &Vec<String>| {
            let pairs = heading.iter().zip(row).map(|(name, cell)| ((*name).to_owned(), cell.clone()));
            self.lines(&pairs.collect::<Vec<_>>())
        };
        rows.iter().map(record).collect::<Vec<_>>().join("\n")
    }

    /// Names and values, one below the other, the values aligned.
    pub fn lines(self, pairs: &[(String, String)]) -> String {
        let rows: Vec<_> = pairs.iter().map(|(name, value)| vec![name.clone(), value.clone()]).collect();
        self.columns(None, &rows)
    }

    /// Aligned columns, no line of them wider than the terminal.
    fn columns(self, heading: Option<&[&str]>, rows: &[Vec<String>]) -> String {
        if !can_be_aligned(heading.unwrap_or_default(), rows) {
            return unaligned(heading.unwrap_or_default(), rows);
        }
        let mut table = Table::new();
        table.load_style(NOTHING);
        if let Some(heading) = heading {
            table.set_header(heading.iter().map(|name| in_one_line(name)));
        }
        if let Some(width) = self.width {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
        }
        table.add_rows(rows.iter().map(|row| printable_row(row)));
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        table.trim_fmt() + "\n"
    }
}

/// Whether the columns stay within [`MOST_CELLS`] and [`MOST_CHARACTERS`] when they are filled up.
fn can_be_aligned(heading: &[&str], rows: &[Vec<String>]) -> bool {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default().max(heading.len());
    if columns.saturating_mul(rows.len()) > MOST_CELLS {
        return false;
    }
    // Bytes are no fewer than characters, and counted at once.
    let mut widths: Vec<usize> = heading.iter().map(|name| name.len()).collect();
    widths.resize(columns, 0);
    let mut lines = 1_usize;
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.len());
        }
        let ends = row.iter().map(|cell| cell.matches('\n').count()).max().unwrap_or_default();
        lines = lines.saturating_add(1 + ends);
    }
    lines.saturating_mul(widths.iter().sum()) <= MOST_CHARACTERS
}

/// The rows as they are, one below the other.
fn unaligned(heading: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    let mut line = |cells: Vec<String>| {
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    };
    if !heading.is_empty() {
        line(heading.iter().map(|name| in_one_line(name)).collect());
    }
    for row in rows {
        line(printable_row(row));
    }
    text
}

/// The cells of a row. What it begins with stays in its line, so that no text can look like another row.
fn printable_row(row: &[String]) -> Vec<String> {
    let cell = |(place, cell): (usize, &String)| if place == 0 { in_one_line(cell) } else { printable(cell) };
    row.iter().enumerate().map(cell).collect()
}

/// JSON in which what could command a terminal stands escaped. Such characters can only be in its
/// strings.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character != '\n' && commands_a_terminal(character) {
            // All of them are below U+10000.
            let _ = write!(text, "\\u{:04x}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    text
}

/// The text without what could command a terminal or turn its line around.
pub fn printable(text: &str) -> String {
    let shown = |character| match character {
        '\n' => '\n',
        '\t' => ' ',
        dangerous if commands_a_terminal(dangerous) => char::REPLACEMENT_CHARACTER,
        harmless => harmless,
    };
    text.chars().map(shown).collect()
}

/// The same without line ends: for texts from outside in sentences of ours, so that none of them can go on as if it
/// were our next line.
pub fn in_one_line(text: &str) -> String {
    printable(text).replace('\n', " ")
}

/// Control characters, the separators of lines and paragraphs, and the marks that change the direction of writing
/// (the property `Bidi_Control` of Unicode, and the retired marks beside them).
fn commands_a_terminal(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Output = Output { json: false, width: Some(80) };

    #[test]
    fn no_text_of_a_server_commands_the_terminal() {
        let evil = "a\u{1b}[2J\u{9b}1m\u{202e}\u{61c}\u{2069}\u{206f}b\r\u{7}";
        for text in [
            WIDE.table(&["X"], &[vec![evil.to_owned()]]),
            WIDE.lines(&[(evil.to_owned(), evil.to_owned())]),
            escaped(&json!({evil: evil}).to_string()),
        ] {
            assert!(!text.chars().any(|character| character != '\n' && commands_a_terminal(character)), "{text:?}");
        }
        assert_eq!(serde_json::from_str::<Value>(&escaped(&json!([evil]).to_string())).ok(), Some(json!([evil])));
    }

    #[test]
    fn a_table_that_is_too_narrow_is_read_row_by_row() {
        let heading = ["NAME", "KIND", "TITLE"];
        let rows =
            [vec!["a".to_owned(), "read".to_owned(), "A".to_owned()], vec!["b".into(), "write".into(), "B".into()]];
        assert_eq!(WIDE.table(&heading, &rows), "NAME  KIND   TITLE\na     read   A\nb     write  B\n");
        let narrow = Output { width: Some(20), ..WIDE };
        assert_eq!(
            narrow.table(&heading, &rows),
            "NAME   a\nKIND   read\nTITLE  A\n\nNAME   b\nKIND   write\nTITLE  B\n"
        );
        assert_eq!(narrow.table(&heading, &[]), "none\n");
    }

    #[test]
    fn no_line_of_a_table_is_wider_than_the_terminal() {
        let rows = [vec!["name".to_owned(), "word ".repeat(40)]];
        let table = Output { width: Some(30), ..WIDE }.table(&["NAME", "TEXT"], &rows);
        assert!(table.lines().all(|line| line.chars().count() <= 30), "{table}");
    }

    #[test]
    fn no_text_of_a_server_looks_like_another_row() {
        let rows = [vec!["a\nadmin  read".to_owned(), "A\nB".to_owned()]];
        assert_eq!(
            WIDE.table(&["NAME\nX", "TITLE"], &rows),
            "NAME X         TITLE\na admin  read  A\n               B\n"
        );
    }

    #[test]
    fn what_would_be_too_large_aligned_is_printed_as_it_is() {
        let row = |name: &str, title: &str| vec![name.to_owned(), title.to_owned()];
        let long = "x".repeat(MOST_CHARACTERS);
        for output in [WIDE, Output { width: None, ..WIDE }] {
            assert_eq!(output.table(&["NAME", "TITLE"], &[row("a", &long)]), format!("NAME  TITLE\na  {long}\n"));
            // One long cell among many short ones.
            let mut rows = vec![row("a", "A"); 50_000];
            rows.push(row("b", &long[..1000]));
            let table = output.table(&["NAME", "TITLE"], &rows);
            assert_eq!(table.len(), "NAME  TITLE\n".len() + 50_000 * "a  A\n".len() + "b  \n".len() + 1000);
            // Many lines beside one long name.
            let lines = output.lines(&[(long[..100_000].to_owned(), "\n".repeat(100_000))]);
            assert!(lines.len() < 300_000, "{}", lines.len());
        }
    }

    #[test]
    fn a_value_of_several_lines_stays_in_its_column() {
        assert_eq!(WIDE.lines(&[("a".into(), "x\ny".into()), ("bb".into(), String::new())]), "a   x\n    y\nbb\n");
    }
}
