//! A token service and all three guarded servers, registered there, with the roles of every world. Owns
//! their start and their end, and with what the servers hear of revocations.

use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use crate::admin::AdminApi;
use crate::auth::{AuthService, Credentials};
use crate::crm::CRM;
use crate::guarded_server::Kind;
use crate::hr::HR;
use crate::http::{self, Answer, Http};
use crate::mcp::{Caller, Era};
use crate::project::PROJECT;
use crate::service::Service;
use crate::world::ROLES;

/// All guarded servers.
const KINDS: [&Kind; 3] = [&HR, &PROJECT, &CRM];

/// Settings by environment.
type Environment = Vec<(&'static str, String)>;

/// A running token service and all three servers.
#[derive(Debug)]
pub struct Site {
    /// The token service.
    pub auth: AuthService,
    /// HR, project and CRM, in this order.
    pub servers: [Server; 3],
    /// A client with the role `admin`.
    pub administrator: Credentials,
    /// Where all of them have their data. The last to go.
    pub folder: TempDir,
}

/// One of the servers.
#[derive(Debug)]
pub struct Server {
    /// The process.
    pub process: Service,
    /// What is to be known of it.
    pub kind: &'static Kind,
    /// Its resource identifier: the URL of its MCP endpoint.
    pub resource: String,
    http: Http,
    issuer: String,
    folder: PathBuf,
    environment: Environment,
}

impl Site {
    /// A site whose servers have no credentials: a token lives there until `exp`.
    #[must_use]
    pub fn start() -> Self {
        Self::with(|_| Environment::new())
    }

    /// A site whose servers hear of revocations, each with a client of its own.
    #[must_use]
    pub fn hearing() -> Self {
        Self::with(credentials)
    }

    /// The same, where nobody is let through after so many seconds of silence.
    #[must_use]
    pub fn hearing_within(max_staleness: u32) -> Self {
        Self::with(|admin| {
            let mut environment = credentials(admin);
            environment.push(("MCP_MAX_STALENESS", max_staleness.to_string()));
            environment
        })
    }

    fn with(environment: impl Fn(&AdminApi<'_>) -> Environment) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let auth = AuthService::start(folder.path());
        let administrator = auth.make_administrator("admin");
        let admin = auth.admin(&administrator);
        for (role, scope) in ROLES {
            admin.set_role(role, scope);
        }
        let servers = KINDS.map(|kind| {
            let environment = environment(&admin);
            let process = Service::start(kind.binary, |port| {
                let mut command = kind.serve(folder.path(), port, &auth.issuer);
                command.envs(environment.iter().cloned());
                command
            });
            let (issuer, folder) = (auth.issuer.clone(), folder.path().to_path_buf());
            let server = Server::new(process, kind, issuer, folder, environment);
            server.register(&admin);
            server
        });
        Self { auth, servers, administrator, folder }
    }

    /// The admin API with all that an administrator may do.
    #[must_use]
    pub fn admin(&self) -> AdminApi<'_> {
        self.auth.admin(&self.administrator)
    }

    /// A new client with these roles.
    #[must_use]
    pub fn client(&self, roles: &[&str]) -> Credentials {
        self.admin().client_with_roles(roles)
    }

    /// A token of `client` for each server, in their order.
    #[must_use]
    pub fn tokens(&self, client: &Credentials) -> [String; 3] {
        self.servers.each_ref().map(|server| self.auth.token(client, &[("resource", &server.resource)]))
    }
}

impl Server {
    fn new(process: Service, kind: &'static Kind, issuer: String, folder: PathBuf, environment: Environment) -> Self {
        let resource = Kind::resource_on(process.port);
        Self { process, kind, resource, http: Http::new(), issuer, folder, environment }
    }

    /// Registers its tools.
    pub fn register(&self, admin: &AdminApi<'_>) {
        admin.set_resource(self.kind.server, &self.kind.manifest(&self.resource));
    }

    /// The same server after a crash (SIGKILL) and a start.
    #[must_use]
    pub fn crashed_and_restarted(self) -> Self {
        let Self { process, kind, issuer, folder, environment, .. } = self;
        let port = process.port;
        process.kill();
        let mut command = kind.serve(&folder, port, &issuer);
        command.envs(environment.iter().cloned());
        let process = Service::start_on(kind.binary, port, command);
        let process = process.unwrap_or_else(|log| panic!("{} did not start again:\n{log}", kind.binary));
        Self::new(process, kind, issuer, folder, environment)
    }

    /// A caller of its tools.
    #[must_use]
    pub fn caller(&self, token: &str) -> Caller<'_> {
        Caller::new(&self.http, &self.resource, Some(token), Era::July2026)
    }

    /// What a list of its tools and a call of its summary are answered.
    #[must_use]
    pub fn list_and_call(&self, token: &str) -> [Answer; 2] {
        let caller = self.caller(token);
        [caller.request("tools/list", json!({})), caller.call(self.kind.summary(), &json!({}))]
    }

    /// What it says of its readiness.
    #[must_use]
    pub fn readiness(&self) -> Answer {
        http::send(self.http.get(self.resource.replace("/mcp", "/health/ready")))
    }
}

/// The settings of a server with a new client of its own, which may read the feed.
fn credentials(admin: &AdminApi<'_>) -> Environment {
    let Credentials { id, secret } = admin.client_with_roles(&["guard"]);
    vec![("MCP_CLIENT_ID", id), ("MCP_CLIENT_SECRET", secret)]
}
