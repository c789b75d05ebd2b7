//! The built programs and how they are run: by their own command lines, with nothing of the tester's
//! settings. Owns no process.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{BenchError, system};

/// The environment that a program keeps.
const KEPT: [&str; 3] = ["PATH", "HOME", "TMPDIR"];

/// The folder that `cargo build` put this program and its siblings into.
#[derive(Clone, Debug)]
pub struct Programs(PathBuf);

impl Programs {
    /// Those that were built with this one.
    pub fn of_this_build() -> Result<Self, BenchError> {
        let this = std::env::current_exe().map_err(system("this program's own path"))?;
        let programs = Self(this.parent().map(Path::to_path_buf).unwrap_or_default());
        for name in ["auth-service", "mcp-hr", "mcp-project", "mcp-crm"] {
            let path = programs.0.join(name);
            if !path.exists() {
                return Err(BenchError::NotBuilt(path));
            }
        }
        Ok(programs)
    }

    /// What the bench keeps beside the builds.
    pub fn bench_folder(&self) -> PathBuf {
        self.0.parent().unwrap_or(&self.0).join("bench")
    }

    /// A command that runs one of them.
    pub fn command(&self, name: &str) -> Command {
        command(&self.0.join(name))
    }

    /// A command that runs this very program.
    pub fn bench(&self) -> Command {
        self.command(env!("CARGO_BIN_NAME"))
    }
}

/// A command that runs a program in an environment that holds nothing of its own.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(KEPT.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))));
    command
}

/// Runs a command to its end; what it printed.
pub fn output(command: &mut Command) -> Result<String, BenchError> {
    let line = format!("{command:?}");
    let ended = command.output().map_err(system(line.clone()))?;
    if !ended.status.success() {
        let output = [ended.stdout, ended.stderr].concat();
        return Err(BenchError::Command { command: line, output: String::from_utf8_lossy(&output).trim().to_owned() });
    }
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}
