//! Third parties in Python, in the environment that scripts/test made.

use std::path::PathBuf;
use std::process::Command;

use crate::binary;

/// A command that runs a script of tests/python.
#[must_use]
pub fn command(script: &str, arguments: &[&str]) -> Command {
    let environment = binary::folder().parent().map(|target| target.join("python")).unwrap_or_default();
    let interpreter: PathBuf = environment.join("bin/python");
    let hint = "is missing: scripts/test makes it (CONTRIBUTING.md says how to do it by hand)";
    assert!(interpreter.exists(), "{} {hint}", interpreter.display());
    let mut command = Command::new(interpreter);
    // Apart from the tester's own settings and packages; what lies beside the script is found.
    command.args(["-E", "-s", "-B"]).arg(binary::repository().join("tests/python").join(script)).args(arguments);
    for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env_remove(proxy);
    }
    command
}
