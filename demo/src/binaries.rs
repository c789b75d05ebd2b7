//! The built programs, which lie where this one does. Owns that they get nothing of the caller's own
//! settings, and whom they trust.

use std::io;
use std::path::{Path, PathBuf};
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

/// The variable that names the file of the authorities which a program trusts instead of the system's.
pub const AUTHORITIES: &str = "SSL_CERT_FILE";

/// Where the programs lie, and the authority that they trust, where it is not the system's.
#[derive(Clone, Debug)]
pub struct Binaries {
    folder: PathBuf,
    authority: Option<PathBuf>,
}

impl Binaries {
    /// Beside this program.
    ///
    /// # Errors
    /// The system does not say where this program lies.
    pub fn beside_this_one(authority: Option<&Path>) -> io::Result<Self> {
        let mut folder = std::env::current_exe()?;
        folder.pop();
        Ok(Self { folder, authority: authority.map(Path::to_owned) })
    }

    /// How a person in this folder calls `name`.
    pub fn shown(&self, name: &str) -> String {
        let path = self.folder.join(name);
        let below = std::env::current_dir().ok().and_then(|folder| path.strip_prefix(folder).ok().map(PathBuf::from));
        below.unwrap_or(path).display().to_string()
    }

    /// A command that runs `name`.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join(name));
        command.env_clear().envs(self.authority.iter().map(|authority| (AUTHORITIES, authority)));
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
