//! A section as a person reads it in a terminal of 100 columns. Colour is for verdicts; anstream
//! leaves it out where nobody sees it or `NO_COLOR` is set.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table as TextTable};

use super::{Section, Table, Target, Verdict};
use crate::machine::Machine;

/// The most characters in a line of prose.
const WIDTH: usize = 98;

/// Prints a section.
///
/// # Errors
/// Where standard output takes nothing.
pub fn print(section: &Section) -> io::Result<()> {
    let bold = Style::new().bold();
    let mut out = anstream::stdout();
    writeln!(out, "\n{bold}{}{bold:#} ({})", section.title, section.case)?;
    for line in wrapped(&section.about) {
        writeln!(out, "  {line}")?;
    }
    writeln!(out, "\n{}\n", laid_out(&section.table))?;
    for target in &section.targets {
        let (style, mark) = look(target.verdict);
        writeln!(out, "  {style}{mark} {:<12}{style:#}  {}", target.verdict.word(), target.sentence())?;
        writeln!(out, "                  measured: {}", target.found())?;
    }
    for note in &section.notes {
        for line in wrapped(note) {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}

/// The last lines: the verdicts, counted, and on what the figures were measured.
///
/// # Errors
/// Where standard output takes nothing.
pub fn print_sum(sections: &[Section], machine: &Machine) -> io::Result<()> {
    let count = |verdict| targets(sections).filter(|target| target.verdict == verdict).count();
    let all = [Verdict::Met, Verdict::Missed, Verdict::NotMeasured].map(|verdict| {
        let (style, _) = look(verdict);
        format!("{style}{} {}{style:#}", count(verdict), verdict.word())
    });
    let mut out = anstream::stdout();
    writeln!(out, "\n{} targets: {}", targets(sections).count(), all.join(", "))?;
    writeln!(out, "Figures are medians of the slices, intervals those of the sign test (95 %).")?;
    for line in wrapped(&machine.sentence()) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn targets(sections: &[Section]) -> impl Iterator<Item = &Target> {
    sections.iter().flat_map(|section| &section.targets)
}

fn look(verdict: Verdict) -> (Style, char) {
    let (colour, mark) = match verdict {
        Verdict::Met => (AnsiColor::Green, '✓'),
        Verdict::Missed => (AnsiColor::Red, '✗'),
        Verdict::NotMeasured => (AnsiColor::Yellow, '-'),
    };
    (Style::new().bold().fg_color(Some(colour.into())), mark)
}

fn laid_out(table: &Table) -> String {
    let mut text = TextTable::new();
    text.load_style(NOTHING);
    text.set_header(&table.heading).add_rows(&table.rows);
    for column in text.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
        column.set_padding((1, 0));
    }
    text.lines().map(|line| format!(" {}", line.trim_end())).collect::<Vec<_>>().join("\n")
}

/// The words of a text in lines that fit.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.pop().unwrap_or_default();
        if last.is_empty() {
            lines.push(word.to_owned());
        } else if last.chars().count() + word.chars().count() < WIDTH {
            lines.push(format!("{last} {word}"));
        } else {
            lines.extend([last, word.to_owned()]);
        }
    }
    lines
}
