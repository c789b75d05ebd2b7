//! Tables in Markdown documents: what a run has measured takes the place of what stood there. The places of
//! a case are between `<!-- bench NAME -->` and `<!-- /bench NAME -->`, in whichever of the documents its
//! author wants them; all else is its author's.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{Section, Table};
use crate::cases::Case;
use crate::error::{BenchError, system};
use crate::machine::Machine;

/// Whether one of the documents has a place for each of the cases: asked before a run, which takes minutes.
pub fn have_places(paths: &[PathBuf], cases: &[&Case]) -> Result<(), BenchError> {
    let texts = read(paths)?;
    let has_place = |case: &&&Case| texts.iter().any(|text| cut(text, case.name).is_some());
    match cases.iter().find(|case| !has_place(case)) {
        Some(case) => Err(no_place(paths, case.name)),
        None => Ok(()),
    }
}

/// Puts the sections into the documents, all of them or none.
pub fn rewrite(paths: &[PathBuf], sections: &[Section], machine: &Machine) -> Result<(), BenchError> {
    let mut texts = read(paths)?;
    for section in sections {
        let place = texts.iter_mut().find_map(|text| replaced(text, section, machine).map(|new| (text, new)));
        let (text, new) = place.ok_or_else(|| no_place(paths, section.case))?;
        *text = new;
    }
    let write = |(path, text): (&PathBuf, String)| std::fs::write(path, text).map_err(system(shown(path)));
    paths.iter().zip(texts).try_for_each(write)
}

fn read(paths: &[PathBuf]) -> Result<Vec<String>, BenchError> {
    paths.iter().map(|path| std::fs::read_to_string(path).map_err(system(shown(path)))).collect()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn no_place(paths: &[PathBuf], case: &str) -> BenchError {
    let documents = paths.iter().map(|path| shown(path)).collect::<Vec<_>>().join(" and ");
    BenchError::NoPlace { documents, marker: opening(case) }
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

    #[test]
    fn a_section_goes_into_the_document_that_has_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["one.md", "other.md"].map(|name| folder.path().join(name));
        std::fs::write(&paths[0], "<!-- bench clients -->\n<!-- /bench clients -->\n").unwrap();
        std::fs::write(&paths[1], "<!-- bench tokens -->\nold\n<!-- /bench tokens -->\n").unwrap();
        rewrite(&paths, &[section()], &Machine::unknown()).unwrap();
        let [one, other] = paths.each_ref().map(|path| std::fs::read_to_string(path).unwrap());
        assert_eq!(one, "<!-- bench clients -->\n<!-- /bench clients -->\n");
        assert!(other.contains("| auth-service | 1 |") && !other.contains("old"), "{other}");
        // Where one has no place nothing is written at all.
        let lost = Section { case: "deny", ..section() };
        let error = rewrite(&paths, &[section(), lost], &Machine::unknown()).unwrap_err().to_string();
        assert!(error.ends_with("other.md: the line \"<!-- bench deny -->\" is missing"), "{error}");
        assert_eq!(std::fs::read_to_string(&paths[1]).unwrap(), other);
    }
}
