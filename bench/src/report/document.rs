//! Tables in a Markdown document: what a run has measured takes the place of what stood there. The
//! places of a case are between `<!-- bench NAME -->` and `<!-- /bench NAME -->`; all else is its
//! author's.

use std::fmt::Write as _;
use std::path::Path;

use super::{Section, Table};
use crate::cases::Case;
use crate::error::{BenchError, system};
use crate::machine::Machine;

/// Whether the document has a place for each of the cases: asked before a run, which takes minutes.
pub fn has_places(path: &Path, cases: &[&Case]) -> Result<(), BenchError> {
    let text = read(path)?;
    cases.iter().try_for_each(|case| cut(&text, case.name).map(drop).ok_or_else(|| no_place(path, case.name)))
}

/// Puts the sections into the document, all of them or none.
pub fn rewrite(path: &Path, sections: &[Section], machine: &Machine) -> Result<(), BenchError> {
    let mut text = read(path)?;
    for section in sections {
        text = replaced(&text, section, machine).ok_or_else(|| no_place(path, section.case))?;
    }
    std::fs::write(path, text).map_err(system(path.display().to_string()))
}

fn read(path: &Path) -> Result<String, BenchError> {
    std::fs::read_to_string(path).map_err(system(path.display().to_string()))
}

fn no_place(path: &Path, case: &str) -> BenchError {
    BenchError::NoPlace { path: path.to_path_buf(), marker: opening(case) }
}

fn opening(case: &str) -> String {
    format!("<!-- bench {case} -->")
}

fn closing(case: &str) -> String {
    format!("<!-- /bench {case} -->")
}

/// What stands before and after the place of a case.
fn cut<'a>(text: &'a str, case: &str) -> Option<(&'a str, &'a str)> {
    let (before, rest) = text.split_once(&opening(case))?;
    let (_, after) = rest.split_once(&closing(case))?;
    Some((before, after))
}

fn replaced(text: &str, section: &Section, machine: &Machine) -> Option<String> {
    let (before, after) = cut(text, section.case)?;
    let (opening, closing) = (opening(section.case), closing(section.case));
    Some(format!("{before}{opening}\n{}{closing}{after}", block(section, machine)))
}

fn block(section: &Section, machine: &Machine) -> String {
    // A String takes all that is written to it.
    let mut text = format!("{}\n\n{}", section.about, markdown(&section.table));
    if !section.targets.is_empty() {
        let row = |target: &super::Target| vec![target.sentence(), target.found(), target.verdict.word().to_owned()];
        let heading = ["target", "measured", "verdict"].map(str::to_owned).to_vec();
        let table = Table { heading, rows: section.targets.iter().map(row).collect() };
        let _ = write!(text, "\n{}", markdown(&table));
    }
    for note in &section.notes {
        let _ = write!(text, "\n{note}\n");
    }
    let _ = write!(text, "\n{}\n", machine.sentence());
    text
}

fn markdown(table: &Table) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | ")).replace("  ", " ");
    let rule: Vec<String> =
        (0..table.heading.len()).map(|column| if column == 0 { "---" } else { "---:" }.to_owned()).collect();
    let rows = table.rows.iter().map(|row| line(row)).collect::<String>();
    format!("{}{}{rows}", line(&table.heading), line(&rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section() -> Section {
        let row = ["auth-service", "1"].map(str::to_owned).to_vec();
        let table = Table { heading: ["", "rate"].map(str::to_owned).to_vec(), rows: vec![row] };
        Section {
            case: "tokens",
            title: "Tokens",
            about: "About.".to_owned(),
            table,
            targets: Vec::new(),
            notes: Vec::new(),
            chart: None,
            measured: Vec::new(),
            samples: Vec::new(),
        }
    }

    #[test]
    fn only_the_place_of_the_case_is_rewritten() {
        let document = "Before\n<!-- bench tokens -->\nold\n<!-- /bench tokens -->\nAfter\n";
        let machine = Machine::unknown();
        let new = replaced(document, &section(), &machine).unwrap();
        assert!(new.starts_with(
            "Before\n<!-- bench tokens -->\nAbout.\n\n| | rate |\n| --- | ---: |\n| auth-service | 1 |\n"
        ));
        assert!(new.ends_with("\n<!-- /bench tokens -->\nAfter\n") && !new.contains("old"));
        assert_eq!(replaced(&new, &section(), &machine).unwrap(), new);
        assert_eq!(replaced("nothing here", &section(), &machine), None);
    }
}
