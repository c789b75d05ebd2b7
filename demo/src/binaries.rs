//! The built programs, which lie where this one does. Owns that they get nothing of the caller's own
//! settings.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// Why a program that runs to its end was of no use.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// It cannot be run.
    #[error("{name} cannot be run ({error}): run scripts/demo, which builds it")]
    NotRun {
        /// The program.
        name: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// It failed, or printed something else than JSON.
    #[error("{name} failed: {said}")]
    Failed {
        /// The program.
        name: &'static str,
        /// What it said.
        said: String,
    },
}

/// Where the programs lie.
#[derive(Clone, Debug)]
pub struct Binaries(PathBuf);

impl Binaries {
    /// Beside this program.
    ///
    /// # Errors
    /// The system does not say where this program lies.
    pub fn beside_this_one() -> io::Result<Self> {
        let mut path = std::env::current_exe()?;
        path.pop();
        Ok(Self(path))
    }

    /// How a person in this folder calls `name`.
    pub fn shown(&self, name: &str) -> String {
        let path = self.0.join(name);
        let below = std::env::current_dir().ok().and_then(|folder| path.strip_prefix(folder).ok().map(PathBuf::from));
        below.unwrap_or(path).display().to_string()
    }

    /// A command that runs `name`.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.0.join(name));
        command.env_clear();
        command
    }
}

/// Runs a command to its end.
///
/// # Errors
/// It cannot be run.
pub fn run(name: &'static str, command: &mut Command) -> Result<Output, BinaryError> {
    command.output().map_err(|error| BinaryError::NotRun { name, error })
}

/// Runs a command that prints JSON.
///
/// # Errors
/// It does not.
pub fn json(name: &'static str, command: &mut Command) -> Result<Value, BinaryError> {
    let output = run(name, command)?;
    let failed = |said: &[u8]| BinaryError::Failed { name, said: String::from_utf8_lossy(said).trim().to_owned() };
    if !output.status.success() {
        return Err(failed(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).map_err(|_| failed(&output.stdout))
}
