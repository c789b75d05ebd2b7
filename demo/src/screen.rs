//! What is printed: headings, rows and quotations, none wider than the terminal. Owns width and
//! colour; every difference that colour shows is there without it.

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use textwrap::core::{Word, display_width};
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// The width where nobody says another, in characters.
const USUAL_WIDTH: usize = 80;

/// The least and the most that is used: nothing is readable below, and no line above.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=100;

/// How wide the names of rows are, in characters.
const NAME: usize = 14;

/// What tells the shell that a command goes on.
const CONTINUED: &str = " \\";

/// Headings.
pub const BOLD: Style = Style::new().bold();
/// What is let through.
pub const GREEN: Style = AnsiColor::Green.on_default();
/// What is refused.
pub const RED: Style = AnsiColor::Red.on_default();
/// What is of less weight.
pub const DIM: Style = Style::new().dimmed();

/// The terminal.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// How many characters a line may have.
    pub width: usize,
}

impl Screen {
    /// As wide as `COLUMNS` says, else the terminal.
    pub fn of_terminal() -> Self {
        let terminal = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width = columns.or_else(terminal).unwrap_or(USUAL_WIDTH);
        Self { width: width.clamp(*WIDTHS.start(), *WIDTHS.end()) }
    }

    /// A heading, after an empty line.
    pub fn heading(self, text: &str) {
        print(&format!("\n{}", self.wrapped(text, "", "", BOLD)));
    }

    /// A paragraph.
    pub fn say(self, text: &str) {
        print(&self.wrapped(text, "  ", "  ", Style::new()));
    }

    /// A name and what belongs to it.
    pub fn row(self, name: &str, text: &str) {
        self.hanging(&format!("  {name:<NAME$} "), text);
    }

    /// A text that begins after `start`, its further lines below its first.
    pub fn hanging(self, start: &str, text: &str) {
        print(&self.wrapped(text, start, &" ".repeat(display_width(start)), Style::new()));
    }

    /// A command of the shell, which can be copied as it stands unless a word of it has no room.
    pub fn command(self, text: &str) {
        print(&self.continued(text));
    }

    /// What somebody does.
    pub fn act(self, text: &str) {
        print(&self.wrapped(text, "  ", "      ", Style::new()));
    }

    /// What a service answered, a little to the right.
    pub fn quote(self, text: &str, style: Style) {
        for line in text.lines() {
            print(&self.wrapped(line, "    ", "      ", style));
        }
    }

    /// How wide a quotation may be.
    pub fn quoted_width(self) -> usize {
        self.width - 4
    }

    /// A command on lines that the shell joins.
    fn continued(self, text: &str) -> String {
        let options = Options::new(self.width - CONTINUED.len()).initial_indent("  $ ").subsequent_indent("      ");
        let options = options.word_separator(WordSeparator::AsciiSpace).word_splitter(WordSplitter::NoHyphenation);
        textwrap::wrap(text, options.wrap_algorithm(WrapAlgorithm::FirstFit)).join(&format!("{CONTINUED}\n")) + "\n"
    }

    /// Lines of at most the terminal's width, each in `style`.
    fn wrapped(self, text: &str, start: &str, further: &str, style: Style) -> String {
        let options = Options::new(self.width)
            .initial_indent(start)
            .subsequent_indent(further)
            .word_separator(WordSeparator::Custom(pieces))
            .word_splitter(WordSplitter::NoHyphenation)
            .wrap_algorithm(WrapAlgorithm::FirstFit);
        let lines = textwrap::wrap(text, options).into_iter().map(|line| format!("{style}{line}{style:#}"));
        lines.collect::<Vec<_>>().join("\n") + "\n"
    }
}

/// Prints lines that fit as they are.
pub fn print(text: &str) {
    // Whoever reads may have seen enough; the demo goes on all the same.
    let _ = anstream::stdout().write_all(text.as_bytes());
}

/// Where a line may be broken: after a space, and within addresses and lists after what joins them.
fn pieces(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    Box::new(line.split_inclusive([' ', '/', '=', ',']).map(Word::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let long = format!("resource_metadata=\"http://localhost:8001/{}/mcp\"", "x".repeat(70));
        for width in [40, 60, 80] {
            let text = Screen { width }.wrapped(&format!("a word {long} and more"), "  ", "      ", Style::new());
            assert!(text.lines().all(|line| line.len() <= width), "{width}: {text}");
            let joined: String = text.split_whitespace().collect();
            assert_eq!(joined, format!("aword{long}andmore"), "nothing is lost");
        }
    }

    #[test]
    fn a_command_is_the_same_to_the_shell_at_any_width() {
        let command = "claude mcp add --transport http --client-id editor hr https://localhost:8001/mcp";
        for width in [40, 60, 80, 100] {
            let text = Screen { width }.continued(command);
            assert!(text.lines().all(|line| line.len() <= width), "{width}: {text}");
            let joined = text.replace("\\\n", "");
            assert_eq!(joined.split_whitespace().skip(1).collect::<Vec<_>>().join(" "), command, "{text}");
        }
    }
}
