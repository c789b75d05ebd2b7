//! A token service with an administrator, and servers that hear of what it takes back: what the cases
//! about revocation have in common. Owns their start; what is timed or counted is the cases'.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use bailiwick_core::Algorithm;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::connection::Connection;
use crate::error::BenchError;
use crate::programs::{self, Programs};
use crate::run::Run;
use crate::server::{Server, free_port};
use crate::token_service::{Credentials, Installation, form};
use crate::tool_servers::{self, resource};

/// The client that agents have.
pub const AGENT: &str = "agent";
/// The role of agents, and what it holds.
pub const ROLE: &str = "Agent";
const SCOPE: &str = "hr:* project:* crm:* add:*";
/// What describes the bench's own server.
const ADD_TOOLS: &str = r#"[{"name": "add", "kind": "read", "title": "Add"}]"#;
/// The pause between two calls with a token that was taken back: a call and this is what a time may be wrong by.
pub const ASKED_EVERY: Duration = Duration::from_millis(2);
/// How long a refusal is waited for.
const REFUSED_WITHIN: Duration = Duration::from_mins(1);

/// A running token service and its data.
pub struct Site {
    /// The token service.
    pub auth: Server,
    /// Its data.
    pub installation: Installation,
    /// The client of agents, for the whole of its time: the value of `Authorization`.
    pub agent: HeaderValue,
    metrics: SocketAddr,
    administrator: HeaderValue,
    guard: Credentials,
    folder: PathBuf,
    programs: Programs,
}

impl Site {
    /// Starts one on new data below the folder of the run.
    pub fn start(run: &Run, name: &str) -> Result<Self, BenchError> {
        let (folder, programs) = (run.folder_for(name), run.programs.clone());
        let installation = Installation::without_clients(&programs, folder.clone())?;
        installation.run(&["role", "set", ROLE, "--scope", SCOPE])?;
        let administrator = installation.create_client("admin", "admin")?.basic()?;
        let guard = installation.create_client("guard", "guard")?;
        let agent = installation.create_client(AGENT, ROLE)?.basic()?;
        let port = free_port()?;
        let auth = installation.serve_with_metrics("auth-service", Algorithm::RS256, port)?;
        let metrics = (Ipv4Addr::LOCALHOST, port).into();
        Ok(Self { auth, installation, agent, metrics, administrator, guard, folder, programs })
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> String {
        format!("http://localhost:{}", self.auth.port)
    }

    /// Starts one of the real servers, which hears of revocations, and registers it under that name in scopes.
    pub fn server(&self, binary: &str, name: &str) -> Result<Server, BenchError> {
        let server = tool_servers::hearing(&self.programs, binary, &self.folder, (&self.issuer(), &self.guard))?;
        let mut command = self.programs.command(binary);
        let manifest = programs::output(command.args(["manifest", "--resource", &resource(server.port)]))?;
        self.installation.set_resource(name, &manifest)?;
        Ok(server)
    }

    /// The same with the bench's own server, registered where it is no further process of `first`.
    pub fn adder(&self, name: &str, first: Option<&Server>) -> Result<Server, BenchError> {
        let shared = first.map(|first| resource(first.port));
        let (issuer, shared_as) = (self.issuer(), shared.as_deref());
        let heard = (issuer.as_str(), &self.guard);
        let server = tool_servers::hearing_adder(&self.programs, name, heard, shared_as)?;
        if shared.is_none() {
            let uri = resource(server.port);
            let manifest = format!(r#"{{"resource": "{uri}", "title": "Add", "tools": {ADD_TOOLS}}}"#);
            self.installation.set_resource("add", &manifest)?;
        }
        Ok(server)
    }

    /// A connection to the token service, with a token of the administrator.
    pub async fn operator(&self) -> Result<Operator, BenchError> {
        let mut connection = Connection::open(&self.auth.name, self.auth.address()).await?;
        let admin = token(&mut connection, &self.administrator, &format!("{}/admin/v1", self.issuer())).await?;
        Ok(Operator { connection, admin })
    }

    /// A number of the token service's metrics.
    pub async fn metric(&self, name: &str) -> Result<Option<u64>, BenchError> {
        let mut connection = Connection::open(&self.auth.name, self.metrics).await?;
        let answer = connection.exchange(Request::get("/metrics").body(Full::default())?).await?;
        let text = String::from_utf8_lossy(&answer.body);
        Ok(text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok()))
    }
}

/// Who gets tokens from the token service and takes them back.
#[derive(Debug)]
pub struct Operator {
    connection: Connection,
    admin: HeaderValue,
}

impl Operator {
    /// A token of a client, which authenticates with that, for a resource: the value of `Authorization`.
    pub async fn token(&mut self, client: &HeaderValue, resource: &str) -> Result<HeaderValue, BenchError> {
        token(&mut self.connection, client, resource).await
    }

    /// Ends all tokens of a client; when that was acknowledged.
    pub async fn revoke_client(&mut self, id: &str) -> Result<Instant, BenchError> {
        let body = json!({"subject": {"kind": "client", "id": id}}).to_string();
        let mut request = Request::post("/admin/v1/revocations").body(Full::from(body))?;
        request.headers_mut().insert(AUTHORIZATION, self.admin.clone());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = self.connection.exchange(request).await?;
        let acknowledged = Instant::now();
        let _ = answer.with(StatusCode::ACCEPTED, r#""seq":"#)?;
        Ok(acknowledged)
    }
}

async fn token(connection: &mut Connection, client: &HeaderValue, resource: &str) -> Result<HeaderValue, BenchError> {
    let resource = resource.replace(':', "%3A").replace('/', "%2F");
    let body = Bytes::from(format!("grant_type=client_credentials&resource={resource}"));
    let mut request = Request::post("/oauth2/token").body(Full::from(body))?;
    request.headers_mut().extend([form(), (AUTHORIZATION, client.clone())]);
    let answer = connection.exchange(request).await?.with(StatusCode::OK, r#""access_token":"eyJ"#)?;
    let token = answer.json::<Value>()?["access_token"].as_str().map(|token| format!("Bearer {token}"));
    Ok(HeaderValue::from_str(&token.unwrap_or_default()).map_err(http::Error::from)?)
}

/// Somebody who calls a tool with a token until that is refused.
#[derive(Debug)]
pub struct Probe {
    /// For which its tokens are.
    pub resource: String,
    name: String,
    tool: &'static str,
    connection: Connection,
}

impl Probe {
    /// One with a connection of its own, and a tool that needs no arguments or refuses to have none.
    pub async fn at(server: &Server, tool: &'static str) -> Result<Self, BenchError> {
        let connection = Connection::open(&server.name, server.address()).await?;
        Ok(Self { resource: resource(server.port), name: server.name.clone(), tool, connection })
    }

    /// Calls the tool, which has to be let through.
    pub async fn let_through(&mut self, token: &HeaderValue) -> Result<(), BenchError> {
        let answer = self.connection.exchange(tool_servers::call_of(self.tool, token)?).await?;
        answer.with(StatusCode::OK, r#""result":"#).map(drop)
    }

    /// Calls the tool again and again; when the first refusal came.
    pub async fn refused(&mut self, token: &HeaderValue) -> Result<Instant, BenchError> {
        let began = Instant::now();
        while began.elapsed() < REFUSED_WITHIN {
            let answer = self.connection.exchange(tool_servers::call_of(self.tool, token)?).await?;
            let answered = Instant::now();
            if answer.status == StatusCode::UNAUTHORIZED {
                return Ok(answered);
            }
            let _ = answer.with(StatusCode::OK, r#""result":"#)?;
            sleep(ASKED_EVERY).await;
        }
        Err(BenchError::NotRefused(self.name.clone(), REFUSED_WITHIN))
    }
}
