//! The bench keeps up with what it measures: every case runs against the built binaries, with hardly
//! any work, and its outputs are what their readers expect.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The columns of the terminal that the output is made for.
const COLUMNS: usize = 100;

fn bench(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick-bench"));
    command.arg("run").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The names that `--list` prints.
fn cases() -> Vec<String> {
    let list = text(&bench(&["--list"]).stdout);
    list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// What a quick run of everything left.
struct QuickRun {
    printed: String,
    figures: Value,
    picture: String,
    documents: String,
}

impl QuickRun {
    fn new(folder: &Path) -> Self {
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let documents = ["performance.md", "ladder.md"].map(|name| {
            let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
            std::fs::copy(docs.join(name), path(name)).unwrap();
            path(name)
        });
        let (json, svg, [performance, ladder]) = (path("figures.json"), path("charts.svg"), &documents);
        let outputs = ["--json", &json, "--svg", &svg, "--markdown", performance, "--markdown", ladder];
        let ended = bench(&[&["--quick"], &outputs[..]].concat());
        assert!(ended.status.success(), "{}\n{}", text(&ended.stdout), text(&ended.stderr));
        let read = |path: &str| std::fs::read_to_string(path).unwrap();
        Self {
            printed: text(&ended.stdout),
            figures: serde_json::from_str(&read(&json)).unwrap(),
            picture: read(&svg),
            documents: documents.map(|path| read(&path)).concat(),
        }
    }
}

#[test]
fn every_case_measures_something_and_reports_it_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let run = QuickRun::new(folder.path());
    let sections = run.figures["cases"].as_array().unwrap();
    let names: Vec<&str> = sections.iter().map(|section| section["case"].as_str().unwrap()).collect();
    assert_eq!(names, cases());
    for section in sections {
        let case = section["case"].as_str().unwrap();
        assert!(run.printed.contains(&format!("({case})")), "{case} is not printed:\n{}", run.printed);
        let rows = section["table"]["rows"].as_array().unwrap();
        assert!(!rows.is_empty(), "{case} has an empty table");
        for row in rows {
            let name = row[0].as_str().unwrap();
            assert!(run.documents.contains(&format!("| {name} | {} |", row[1].as_str().unwrap())), "{case}: {name}");
        }
        let (measured, samples) = (section["measured"].as_array().unwrap(), section["samples"].as_array().unwrap());
        assert!(!measured.is_empty() || !samples.is_empty(), "{case} measures nothing");
        assert!(samples.iter().all(|one| one["values"].as_array().is_some_and(|values| !values.is_empty())), "{case}");
        for measured in measured {
            for slice in measured["slices"].as_array().unwrap() {
                for figure in ["requests", "seconds", "cpu_seconds", "p50_ms", "p99_ms"] {
                    assert!(slice[figure].as_f64().is_some_and(|figure| figure > 0.0), "{measured:#}");
                }
            }
        }
    }
    assert!(run.picture.starts_with("<svg ") && run.picture.contains("auth-service RS256"), "{}", run.picture);
}

#[test]
fn what_is_printed_fits_a_terminal_and_judges_no_quick_run() {
    let ended = bench(&["--quick", "tokens", "start"]);
    let printed = text(&ended.stdout);
    assert!(ended.status.success(), "{printed}\n{}", text(&ended.stderr));
    for line in printed.lines() {
        assert!(line.chars().count() <= COLUMNS, "{line}");
        assert!(!line.contains('\u{1b}'), "colour where nobody sees it: {line:?}");
    }
    assert!(printed.contains("0 met, 0 missed"), "{printed}");
}

#[test]
fn a_case_that_does_not_exist_is_named() {
    let ended = bench(&["--quick", "tokens", "nonsense"]);
    assert!(!ended.status.success() && ended.stdout.is_empty());
    assert_eq!(text(&ended.stderr), "error: there is no case \"nonsense\": --list names them\n");
}

#[test]
fn a_document_without_a_place_for_a_table_is_refused_before_anything_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.md");
    std::fs::write(&path, "Nothing.\n").unwrap();
    let ended = bench(&["--quick", "guard", "--markdown", path.to_str().unwrap()]);
    assert!(!ended.status.success() && ended.stdout.is_empty());
    assert!(text(&ended.stderr).contains("the line \"<!-- bench guard -->\" is missing"), "{}", text(&ended.stderr));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "Nothing.\n");
}
