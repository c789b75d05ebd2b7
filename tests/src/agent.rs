//! `mcp-agent` as a person with a home of their own runs it.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::auth::Credentials;
use crate::binary::{self, Ended};

/// A person who runs `mcp-agent`: a home without anything in it, and an environment.
#[derive(Debug)]
pub struct Agent {
    home: TempDir,
    environment: Vec<(String, String)>,
}

impl Default for Agent {
    fn default() -> Self {
        Self::new()
    }
}

impl Agent {
    /// Somebody without any credentials.
    #[must_use]
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), environment: Vec::new() }
    }

    /// Somebody with the credentials of a client of `issuer` in their environment, who calls `server`.
    #[must_use]
    pub fn of(client: &Credentials, issuer: &str, server: &str) -> Self {
        Self::new()
            .with("MCP_AGENT_CLIENT_ID", &client.id)
            .with("MCP_AGENT_CLIENT_SECRET", &client.secret)
            .with("MCP_AGENT_ISSUER", issuer)
            .with("MCP_AGENT_SERVER", server)
    }

    /// The same person with one more environment variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The command with these arguments, not run yet.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary::command("mcp-agent");
        command.args(arguments).current_dir(self.home.path()).env("HOME", self.home.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `mcp-agent` with these arguments.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ended {
        binary::run(&mut self.command(arguments))
    }

    /// Runs it with a standard input.
    #[must_use]
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        binary::run_with_input(&mut self.command(arguments), input)
    }

    /// Writes a file of this mode into the home and gives its path.
    #[must_use]
    pub fn file(&self, name: &str, mode: u32, text: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Writes a client's credentials into a file of mode 0600 and gives its path.
    #[must_use]
    pub fn credentials_file(&self, client: &Credentials, issuer: &str) -> String {
        let text = json!({"client_id": client.id, "client_secret": client.secret, "issuer": issuer}).to_string();
        self.file("credentials.json", 0o600, &text)
    }

    /// The path of the profiles.
    #[must_use]
    pub fn profiles(&self) -> PathBuf {
        self.home.path().join(".config/mcp-agent/profiles.toml")
    }

    /// The files of the kept tokens.
    #[must_use]
    pub fn kept_tokens(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.home.path().join(".cache/mcp-agent/tokens"));
        files.into_iter().flatten().map(|file| file.unwrap().path()).collect()
    }

    /// Changes the only kept token's file.
    pub fn change_kept_token(&self, change: impl FnOnce(&mut Value)) {
        let files = self.kept_tokens();
        let [path] = files.as_slice() else { panic!("not one kept token: {files:?}") };
        let mut kept: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        change(&mut kept);
        std::fs::write::<&Path, String>(path, kept.to_string()).unwrap();
    }
}
