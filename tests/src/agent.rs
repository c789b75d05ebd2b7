//! `mcp-agent` as a person with a home of their own runs it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

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

/// `mcp-agent login` while it waits for the person.
#[derive(Debug)]
pub struct LoggingIn {
    /// Where the person is sent.
    pub url: String,
    process: Child,
    told: BufReader<ChildStderr>,
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

    /// A shell of the same person that finds the built binaries and stops at the first failure.
    #[must_use]
    pub fn shell(&self, commands: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", commands]).current_dir(self.home.path()).stdin(Stdio::null());
        let path = std::env::var("PATH").unwrap_or_default();
        command.env_clear().env("PATH", format!("{}:{path}", binary::folder().display()));
        command.env("HOME", self.home.path());
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

    /// Begins to log in with these arguments, and reads where the person is sent.
    #[must_use]
    pub fn begin_login(&self, arguments: &[&str]) -> LoggingIn {
        self.begin_login_in_browser(&[arguments, &["--no-browser"]].concat())
    }

    /// The same, where a browser of the machine is opened.
    #[must_use]
    pub fn begin_login_in_browser(&self, arguments: &[&str]) -> LoggingIn {
        let mut command = self.command(&[&["login", "--json"], arguments].concat());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        let note: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("no JSON ({error}): {line:?}"));
        let url = note["authorization_url"].as_str().unwrap_or_else(|| panic!("nobody is sent anywhere: {note}"));
        LoggingIn { url: url.to_owned(), process, told }
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
        self.json_files(".cache/mcp-agent/tokens")
    }

    /// The files of the logins.
    #[must_use]
    pub fn logins(&self) -> Vec<PathBuf> {
        self.json_files(".local/state/mcp-agent/logins")
    }

    /// The only login, as its file has it.
    #[must_use]
    pub fn login(&self) -> Value {
        let files = self.logins();
        let [path] = files.as_slice() else { panic!("not one login: {files:?}") };
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    /// Changes the only kept token's file.
    pub fn change_kept_token(&self, change: impl FnOnce(&mut Value)) {
        let files = self.kept_tokens();
        let [path] = files.as_slice() else { panic!("not one kept token: {files:?}") };
        let mut kept: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        change(&mut kept);
        std::fs::write::<&Path, String>(path, kept.to_string()).unwrap();
    }

    fn json_files(&self, folder: &str) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.home.path().join(folder)).into_iter().flatten();
        files
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .collect()
    }
}

impl LoggingIn {
    /// Waits until it has ended.
    #[must_use]
    pub fn end(self) -> Ended {
        let Self { process, mut told, .. } = self;
        let mut rest = String::new();
        told.read_to_string(&mut rest).unwrap();
        let mut ended = Ended::of(process.wait_with_output().unwrap());
        ended.stderr = rest;
        ended
    }
}
