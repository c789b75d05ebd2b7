//! auth-service under load: its database with as many clients as a case wants, registered by its own
//! command line as an operator does it, and token requests. Owns the folder of its data.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bailiwick_core::Algorithm;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use crate::error::{BenchError, system};
use crate::load::{Callers, Load};
use crate::programs::{self, Programs};
use crate::server::{Ready, Server};

/// The resource that tokens are asked for.
pub const RESOURCE: &str = "http://localhost:8001/mcp";
/// What its clients may do there.
pub const SCOPE: &str = "hr:*";
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

/// A line of what an import writes.
#[derive(Deserialize)]
struct Imported {
    client_id: String,
    client_secret: String,
}

impl Installation {
    /// One with so many clients, all of them with the role `Officer`, in a folder that is made.
    pub fn make(programs: &Programs, folder: PathBuf, clients: usize) -> Result<Self, BenchError> {
        fs::create_dir_all(&folder).map_err(system("the folder of a database"))?;
        let mut installation = Self { import: Duration::ZERO, programs: programs.clone(), folder, clients };
        let manifest = programs::output(programs.command("mcp-hr").args(["manifest", "--resource", RESOURCE]))?;
        let file = installation.write("manifest.json", &manifest)?;
        programs::output(installation.command().args(["resource", "set", "hr", "--file"]).arg(file))?;
        programs::output(installation.command().args(["role", "set", "Officer", "--scope", SCOPE]))?;
        let mut fleet = String::new();
        for number in 0..clients {
            // A String takes all that is written to it.
            let _ = writeln!(fleet, r#"{{"client_id":"agent-{number}","roles":["Officer"]}}"#);
        }
        let file = installation.write("fleet.jsonl", &fleet)?;
        let began = Instant::now();
        let mut import = installation.command();
        import.args(["client", "import", "--secrets"]).arg(installation.secrets()).arg(file);
        programs::output(&mut import)?;
        installation.import = began.elapsed();
        Ok(installation)
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
        Server::start(name, &self.folder, Ready::Health, |port| {
            let mut command = self.command();
            command.args(["serve", "--listen", &format!("127.0.0.1:{port}")]);
            command.args(["--issuer", &format!("http://localhost:{port}"), "--metrics-listen", "127.0.0.1:0"]);
            command.args(["--signing-algorithm", &algorithm.to_string()]);
            command
        })
    }

    /// The credentials of `number` of the clients, spread evenly over all: the values of
    /// `Authorization`.
    pub fn callers(&self, number: usize) -> Result<Vec<HeaderValue>, BenchError> {
        let file = fs::File::open(self.secrets()).map_err(system("the secrets"))?;
        let step = (self.clients / number.max(1)).max(1);
        let lines = BufReader::new(file).lines().step_by(step).take(number);
        let read = lines.map(|line| {
            let line = line.map_err(system("the secrets"))?;
            let Imported { client_id, client_secret } = serde_json::from_str(&line)?;
            basic(&client_id, &client_secret)
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

fn form() -> (HeaderName, HeaderValue) {
    (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
}
