//! `mcp-agent completion SHELL`: a script that completes this command line, for the shell to read.

use std::process::ExitCode;

use clap::{Arg, Args, Command, CommandFactory, ValueHint};
use clap_complete::Shell;

use super::CommandLine;
use crate::failure::Failure;
use crate::output::Output;

/// The flags that [`bailiwick_process::settings`] adds to every program, for this one.
const ADDED: [&str; 3] = ["config", "client-secret-file", "token-file"];

/// Which shell.
#[derive(Args, Debug)]
pub struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub fn run(output: Output, completion: &Completion) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(completion.shell, &mut whole_command(), "mcp-agent", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    Output { json: false, ..output }.print(&serde_json::Value::Null, || script)?;
    Ok(ExitCode::SUCCESS)
}

/// The command line with all flags that it takes.
fn whole_command() -> Command {
    let file =
        |flag: &'static str| Arg::new(flag).long(flag).global(true).value_name("PATH").value_hint(ValueHint::FilePath);
    CommandLine::command().args(ADDED.map(file))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bailiwick_process::settings::{Sources, load};

    use super::*;
    use crate::settings::NAMES;

    #[test]
    fn completion_knows_every_flag_that_help_shows() {
        let arguments = vec!["mcp-agent".into(), "--help".into()];
        let help =
            load::<CommandLine>(CommandLine::command(), NAMES, Sources { arguments, environment: BTreeMap::new() });
        let help = help.err().unwrap().to_string();
        let completed = whole_command();
        let flags: Vec<&str> = completed.get_arguments().filter_map(Arg::get_long).collect();
        let shown = help.lines().filter_map(|line| line.trim_start().trim_start_matches("-h, ").strip_prefix("--"));
        let shown: Vec<&str> = shown.filter_map(|line| line.split([' ', '\n']).next()).collect();
        assert!(shown.len() > 10, "{help}");
        for flag in shown.into_iter().filter(|flag| !["help", "version"].contains(flag)) {
            assert!(flags.contains(&flag), "--{flag} is not completed");
        }
    }
}
