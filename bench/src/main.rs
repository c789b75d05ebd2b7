//! Measures the built servers, and the peers where they are installed, on this machine alone and
//! without a network. Owns the load, the clock and the report; it never touches a server that it did
//! not start.

mod adder;
mod cases;
mod connection;
mod cpu;
mod error;
mod issuer;
mod limit;
mod load;
mod log;
mod machine;
mod peers;
mod programs;
mod progress;
mod report;
mod run;
mod rungs;
mod server;
mod site;
mod statistics;
mod token_service;
mod tool_servers;

use std::fs;
use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde_json::json;
use tokio::runtime::Runtime;

use cases::CASES;
use error::{BenchError, system};
use machine::Machine;
use programs::Programs;
use progress::Progress;
use report::{Section, chart, document, terminal};
use run::{Plan, Run};

/// The documents that `--docs` brings up to date.
const DOCUMENTS: [&str; 2] = ["docs/performance.md", "docs/ladder.md"];
/// The picture in the first.
const PICTURE: &str = "docs/performance.svg";

#[derive(Parser)]
#[command(version, about = "Measures the built Bailiwick servers, and the peers where they are installed")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Measure),
    Adder(adder::ServeAdder),
}

/// Measure
#[derive(Args)]
struct Measure {
    /// What to measure; everything where nothing is named
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
    /// List the cases and stop
    #[arg(long)]
    list: bool,
    /// How often each contender takes its turn; an interval of 95 % needs 6
    #[arg(long, value_name = "NUMBER", default_value = "9", value_parser = clap::value_parser!(u8).range(1..))]
    slices: u8,
    /// How many clients a large installation has; a tenth of them are active
    #[arg(long, value_name = "NUMBER", default_value = "1000000", value_parser = clap::value_parser!(u32).range(1000..))]
    clients: u32,
    /// Only show that every case works: hardly any work, and figures that say nothing
    #[arg(long, conflicts_with_all = ["slices", "clients"])]
    quick: bool,
    /// Write the figures of every slice
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the charts
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Put the tables into a document that has places for them; may be repeated
    #[arg(long, value_name = "FILE")]
    markdown: Vec<PathBuf>,
    /// Bring docs/performance.md and docs/ladder.md up to date, and the picture where no case is named
    #[arg(long, conflicts_with_all = ["svg", "markdown", "quick"])]
    docs: bool,
}

impl Measure {
    fn documents(&self) -> Vec<PathBuf> {
        if self.docs { DOCUMENTS.map(PathBuf::from).into() } else { self.markdown.clone() }
    }

    fn picture(&self) -> Option<&Path> {
        let is_whole = self.docs && self.cases.is_empty();
        self.svg.as_deref().or(is_whole.then_some(Path::new(PICTURE)))
    }
}

fn main() -> ExitCode {
    let ended = match CommandLine::parse().command {
        Command::Run(command) => measure(&command).map_err(|error| error.to_string()),
        Command::Adder(command) => serve_adder(command).map_err(|error| error.to_string()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A terminal that is gone cannot be told that it is gone.
            let _ = writeln!(stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve_adder(command: adder::ServeAdder) -> Result<(), adder::AdderError> {
    Runtime::new()?.block_on(adder::serve(command))
}

fn measure(command: &Measure) -> Result<(), BenchError> {
    let cases = cases::named(&command.cases)?;
    if command.list {
        for case in CASES {
            writeln!(stdout(), "{:<12} {}", case.name, case.title).map_err(system("standard output"))?;
        }
        return Ok(());
    }
    let documents = command.documents();
    if !documents.is_empty() {
        document::have_places(&documents, &cases)?;
    }
    let plan = if command.quick {
        Plan::quick()
    } else {
        Plan::full(command.slices.into(), command.clients.try_into().unwrap_or(usize::MAX))
    };
    let mut run = Run::new(plan, Programs::of_this_build()?, Progress::begin())?;
    let machine = Machine::this(&run.peers);
    let mut sections = Vec::new();
    for case in cases {
        run.progress.case(case.name);
        let section = (case.run)(case, &mut run);
        run.progress.clear();
        let section = section?;
        terminal::print(&section).map_err(system("standard output"))?;
        sections.push(section);
    }
    terminal::print_sum(&sections, &machine).map_err(system("standard output"))?;
    keep(command, &run.plan, &machine, &sections)
}

/// Writes what is to be kept of a run.
fn keep(command: &Measure, plan: &Plan, machine: &Machine, sections: &[Section]) -> Result<(), BenchError> {
    if let Some(path) = &command.json {
        let figures = json!({"machine": machine, "plan": plan, "cases": sections});
        write(path, &format!("{figures:#}\n"))?;
    }
    let documents = command.documents();
    if !documents.is_empty() {
        document::rewrite(&documents, sections, machine)?;
    }
    if let Some(path) = command.picture() {
        write(path, &chart::draw(sections).ok_or(BenchError::NoChart)?)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), BenchError> {
    fs::write(path, text).map_err(system(path.display().to_string()))
}
