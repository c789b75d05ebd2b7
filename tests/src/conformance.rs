//! The public conformance suite of MCP, in the Node that scripts/test installed. Owns how it is run and
//! what is read from its results.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::binary;
use crate::dialogue::Dialogue;
use crate::node;
use crate::service::free_port;

/// A check of the suite: the scenario and its own name.
pub type CheckName = (String, String);

/// What came of the checks of one run. One that was made several times counts as its worst.
#[derive(Debug, Default)]
pub struct Verdicts(BTreeMap<CheckName, Verdict>);

/// What came of one check, the worst last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It does not apply, or only informs.
    None,
    /// Passed.
    Passed,
    /// Something that should be is not.
    Warned(String),
    /// Failed, and why.
    Failed(String),
}

impl Verdicts {
    /// The checks that were passed.
    pub fn passed(&self) -> impl Iterator<Item = &CheckName> {
        self.0.iter().filter(|(_, verdict)| **verdict == Verdict::Passed).map(|(name, _)| name)
    }

    /// The checks that were not, each as `scenario:check` with the reason.
    pub fn not_passed(&self) -> impl Iterator<Item = (String, &str)> {
        self.0.iter().filter_map(|((scenario, check), verdict)| match verdict {
            Verdict::Warned(why) | Verdict::Failed(why) => Some((format!("{scenario}:{check}"), why.as_str())),
            Verdict::None | Verdict::Passed => None,
        })
    }

    fn add(&mut self, scenario: &str, check: &Value) {
        let text = |member: &str| check[member].as_str().unwrap_or_default().to_owned();
        let verdict = match check["status"].as_str() {
            Some("SUCCESS") => Verdict::Passed,
            Some("WARNING") => Verdict::Warned(text("errorMessage")),
            Some("FAILURE") => Verdict::Failed(text("errorMessage")),
            _ => Verdict::None,
        };
        let worst = self.0.entry((scenario.to_owned(), text("id"))).or_insert(Verdict::None);
        if *worst < verdict {
            *worst = verdict;
        }
    }
}

/// How many passed and failed.
impl fmt::Display for Verdicts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} not", self.passed().count(), self.not_passed().count())
    }
}

/// Runs all server scenarios of a revision, scored or not, against the server at `url`; or the ones that
/// are named.
#[must_use]
pub fn run(url: &str, revision: &str, scenarios: &[&str]) -> Verdicts {
    let folder = tempfile::tempdir().unwrap();
    if scenarios.is_empty() {
        suite(url, folder.path(), &["--requirements", revision]);
    }
    for scenario in scenarios {
        suite(url, folder.path(), &["--scenario", scenario, "--spec-version", revision]);
    }
    let verdicts = read(folder.path(), "server-");
    for scenario in scenarios {
        assert!(verdicts.0.keys().any(|(name, _)| name == scenario), "{scenario} left no results");
    }
    verdicts
}

/// Runs all scenarios for authorization servers against the one at `issuer`, in the name of a public client
/// with the redirect URI `http://127.0.0.1/callback`. The suite asks for no scope; `person` opens the page that
/// it wants opened, and comes back to it.
#[must_use]
pub fn run_authorization(issuer: &str, client_id: &str, resource: &str, person: impl FnOnce(&str)) -> Verdicts {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port().to_string();
    let mut command = command();
    command.args(["authorization", "--url", issuer, "--client-id", client_id, "--resource", resource, "--port", &port]);
    command.arg("--output-dir").arg(folder.path());
    let mut suite = Dialogue::start(command);
    let page = format!("{issuer}/oauth2/authorize?");
    loop {
        let line = suite.hear();
        if line.starts_with(&page) {
            person(&line);
            break;
        }
    }
    let ended = suite.finish();
    assert!(matches!(ended.code, 0 | 1), "the suite did not run: {ended:#?}");
    read(folder.path(), "authorization-server-")
}

fn suite(url: &str, folder: &Path, what: &[&str]) {
    let mut command = command();
    command.args(["server", "--url", url, "--output-dir"]).arg(folder).args(what);
    // It ends with 1 where a check failed; which one, its files say.
    let ended = binary::run(&mut command);
    assert!(matches!(ended.code, 0 | 1), "the suite did not run: {ended:#?}");
}

/// The folder of each scenario is named `<prefix><scenario>-<time>`.
fn read(folder: &Path, prefix: &str) -> Verdicts {
    let mut verdicts = Verdicts::default();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let scenario = name.strip_prefix(prefix).and_then(|name| name.split("-20").next());
        let scenario = scenario.unwrap_or_else(|| panic!("{name} is no folder of the suite"));
        let checks = std::fs::read_to_string(path.join("checks.json")).unwrap();
        let checks: Vec<Value> = serde_json::from_str(&checks).unwrap();
        for check in &checks {
            verdicts.add(scenario, check);
        }
    }
    assert!(!verdicts.0.is_empty(), "the suite left no results");
    verdicts
}

fn command() -> Command {
    let mut command = node::command();
    command.arg(node::package("@modelcontextprotocol/conformance").join("dist/index.js"));
    command
}
