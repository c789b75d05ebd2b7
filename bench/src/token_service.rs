//! auth-service under load: its database with as many clients as a case wants, registered by its own
//! command line as an operator does it, and token requests. Owns the folder of its data.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bailiwick_core::Algorithm;
use bailiwick_process::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Deserializer};

use crate::error::{BenchError, system};
use crate::load::{Callers, Load};
use crate::programs::{self, Programs};
use crate::server::{Ready, Server};

/// The resource that tokens are asked for.
pub const RESOURCE: &str = "http://localhost:8001/mcp";
/// What its clients may do there.
pub const SCOPE: &str = "hr:*";
/// The longest life of an access token, in seconds.
const LONGEST_LIFETIME: &str = "3600";
/// The body of a token request of RFC 6749 section 4.4.2, with the resource of RFC 8707.
pub const TOKEN_REQUEST: &str = "grant_type=client_credentials&resource=http%3A%2F%2Flocalhost%3A8001%2Fmcp";

/// The data of an auth-service.
#[derive(Debug)]
pub struct Installation {
    /// How many clients it has.
    pub clients: usize,
    /// How long their import took.
    pub import: Duration,
    programs: Programs,
    folder: PathBuf,
}

/// What a client authenticates with.
#[derive(Deserialize)]
pub struct Credentials {
    /// Its `client_id`.
    #[serde(rename = "client_id")]
    pub id: String,
    /// Its secret.
    #[serde(rename = "client_secret", deserialize_with = "secret")]
    pub secret: Secret,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

impl Installation {
    /// One with so many clients, all of them with the role `Officer`, in a folder that is made.
    pub fn make(programs: &Programs, folder: PathBuf, clients: usize) -> Result<Self, BenchError> {
        let mut installation = Self::without_clients(programs, folder)?;
        let manifest = programs::output(programs.command("mcp-hr").args(["manifest", "--resource", RESOURCE]))?;
        installation.set_resource("hr", &manifest)?;
        installation.run(&["role", "set", "Officer", "--scope", SCOPE])?;
        installation.import(clients, "Officer")?;
        Ok(installation)
    }

    /// One with nothing in it, in a folder that is made.
    pub fn without_clients(programs: &Programs, folder: PathBuf) -> Result<Self, BenchError> {
        fs::create_dir_all(&folder).map_err(system("the folder of a database"))?;
        Ok(Self { import: Duration::ZERO, programs: programs.clone(), folder, clients: 0 })
    }

    /// Runs a command of auth-service on the data, from a process of its own; what it printed.
    pub fn run(&self, arguments: &[&str]) -> Result<String, BenchError> {
        programs::output(self.command().args(arguments))
    }

    /// Registers a server as it is described.
    pub fn set_resource(&self, name: &str, manifest: &str) -> Result<(), BenchError> {
        let file = self.write("manifest.json", manifest)?;
        programs::output(self.command().args(["resource", "set", name, "--file"]).arg(file)).map(drop)
    }

    /// Registers a client whose tokens live for as long as tokens may.
    pub fn create_client(&self, id: &str, role: &str) -> Result<Credentials, BenchError> {
        let lifetime = ["--access-token-ttl", LONGEST_LIFETIME, "--json"];
        let made = self.run(&[&["client", "create", "--id", id, "--role", role], &lifetime[..]].concat())?;
        Ok(serde_json::from_str(&made)?)
    }

    /// All that it holds but secrets, as a file that can be applied.
    pub fn export(&self) -> Result<PathBuf, BenchError> {
        self.write("kept.toml", &self.run(&["export"])?)
    }

    /// Deletes what such a file does not name.
    pub fn apply_pruning(&self, file: &Path) -> Result<(), BenchError> {
        programs::output(self.command().arg("apply").arg(file).arg("--prune")).map(drop)
    }

    /// Registers so many clients with that role, and remembers how long it took. It is done once.
    pub fn import(&mut self, clients: usize, role: &str) -> Result<(), BenchError> {
        let mut fleet = String::new();
        for number in 0..clients {
            // A String takes all that is written to it.
            let _ = writeln!(fleet, r#"{{"client_id":"agent-{number}","roles":["{role}"]}}"#);
        }
        let file = self.write("fleet.jsonl", &fleet)?;
        let began = Instant::now();
        let mut import = self.command();
        import.args(["client", "import", "--secrets"]).arg(self.secrets()).arg(file);
        programs::output(&mut import)?;
        (self.clients, self.import) = (clients, began.elapsed());
        Ok(())
    }

    /// The same data once more, for another service at the same time.
    pub fn copy(&self, folder: PathBuf) -> Result<Self, BenchError> {
        fs::create_dir_all(&folder).map_err(system("the folder of a database"))?;
        for entry in fs::read_dir(&self.folder).map_err(system("the folder of a database"))? {
            let name = entry.map_err(system("the folder of a database"))?.file_name();
            if name.to_string_lossy().starts_with("auth.db") || name == "master.key" {
                fs::copy(self.folder.join(&name), folder.join(&name)).map_err(system("the copy of a database"))?;
            }
        }
        Ok(Self { import: self.import, programs: self.programs.clone(), folder, clients: self.clients })
    }

    /// Serves it, with logs and metrics on.
    pub fn serve(&self, name: &str, algorithm: Algorithm) -> Result<Server, BenchError> {
        self.serve_with_metrics(name, algorithm, 0)
    }

    /// The same, with the metrics on that port; 0 is a port that nobody knows.
    pub fn serve_with_metrics(&self, name: &str, algorithm: Algorithm, metrics: u16) -> Result<Server, BenchError> {
        Server::start(name, Ready::Health, |port| {
            let mut command = self.command();
            command.args(["serve", "--listen", &format!("127.0.0.1:{port}")]);
            command.args(["--issuer", &format!("http://localhost:{port}")]);
            command.args(["--metrics-listen", &format!("127.0.0.1:{metrics}")]);
            command.args(["--signing-algorithm", &algorithm.to_string()]);
            command
        })
    }

    /// The credentials of `number` of the imported clients, spread evenly over all: the values of
    /// `Authorization`.
    pub fn callers(&self, number: usize) -> Result<Vec<HeaderValue>, BenchError> {
        let file = fs::File::open(self.secrets()).map_err(system("the secrets"))?;
        let step = (self.clients / number.max(1)).max(1);
        let lines = BufReader::new(file).lines().step_by(step).take(number);
        let read = lines.map(|line| {
            let line = line.map_err(system("the secrets"))?;
            serde_json::from_str::<Credentials>(&line)?.basic()
        });
        read.collect()
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, BenchError> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(system("a file for auth-service"))?;
        Ok(path)
    }

    fn secrets(&self) -> PathBuf {
        self.folder.join("secrets.jsonl")
    }

    fn command(&self) -> Command {
        let mut command = self.programs.command("auth-service");
        command.env("AUTH_DATABASE_URL", format!("sqlite://{}", Path::new(&self.folder).join("auth.db").display()));
        command
    }
}

impl Credentials {
    /// The value of `Authorization` of RFC 7617.
    pub fn basic(&self) -> Result<HeaderValue, BenchError> {
        basic(&self.id, self.secret.expose())
    }
}

/// The value of `Authorization` of RFC 7617.
pub fn basic(id: &str, secret: &str) -> Result<HeaderValue, BenchError> {
    let value = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    Ok(HeaderValue::from_str(&value).map_err(http::Error::from)?)
}

/// Token requests.
pub fn token_requests(path: &'static str, connections: usize, callers: Callers) -> Load {
    Load {
        path,
        headers: vec![form()],
        body: Bytes::from_static(TOKEN_REQUEST.as_bytes()),
        expected: r#""access_token":"eyJ"#,
        connections,
        callers,
    }
}

/// What the body of a token request is.
pub fn form() -> (HeaderName, HeaderValue) {
    (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
}
