//! The built binaries: where they lie, and running one of them to its end.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The folder that `cargo build` put the binaries of this build into: the one above the test's own.
#[must_use]
pub fn folder() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().to_path_buf()
}

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A command that runs the built binary `name`, with nothing of the tester's own settings.
#[must_use]
pub fn command(name: &str) -> Command {
    let path = folder().join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace` first, as scripts/test does", path.display());
    let mut command = Command::new(path);
    command.env_clear().stdin(Stdio::null());
    for kept in ["PATH", "HOME", "TMPDIR"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code.
    pub code: i32,
    /// What it said on its standard output.
    pub stdout: String,
    /// What it said on its standard error.
    pub stderr: String,
}

impl Ended {
    /// Of what a process left.
    #[must_use]
    pub fn of(output: Output) -> Self {
        let Output { status, stdout, stderr } = output;
        Self {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }

    /// Itself, where the command ended well.
    #[must_use]
    pub fn well(self) -> Self {
        assert_eq!(self.code, 0, "the command failed: {self:#?}");
        self
    }

    /// What it printed as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:#?}"))
    }

    /// All that it said.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs `command` to its end, with a standard input.
#[must_use]
pub fn run_with_input(command: &mut Command, input: &str) -> Ended {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Ended::of(child.wait_with_output().unwrap())
}

/// Runs `command` to its end.
#[must_use]
pub fn run(command: &mut Command) -> Ended {
    Ended::of(command.output().unwrap())
}
