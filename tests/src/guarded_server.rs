//! A running guarded server of any kind beside a world: registered there, on its sample data in a
//! folder of its own. Owns its start and its end; what its tools do is the tests'.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::binary;
use crate::http::{Answer, Http};
use crate::mcp::{Caller, Era};
use crate::service::Service;
use crate::world::World;

/// What is to be known of a server before it runs.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The name of its binary.
    pub binary: &'static str,
    /// Its name in scopes.
    pub server: &'static str,
    /// What it calls itself in MCP.
    pub mcp_name: &'static str,
    /// Its tools that only read.
    pub reading: &'static [&'static str],
    /// Its tools that change something.
    pub writing: &'static [&'static str],
}

impl Kind {
    /// All its tools, in alphabetical order.
    #[must_use]
    pub fn tools(&self) -> Vec<&'static str> {
        let mut tools = [self.reading, self.writing].concat();
        tools.sort_unstable();
        tools
    }

    /// Its tool that sums up all that it has; it needs no arguments.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        self.reading.iter().find(|tool| tool.ends_with("_summary")).unwrap()
    }

    /// The command that serves on `port` with the sample data, its own data in `folder`, trusting `issuer`.
    #[must_use]
    pub fn serve(&self, folder: &Path, port: u16, issuer: &str) -> Command {
        let mut command = binary::command(self.binary);
        command.arg("--sample-data").current_dir(folder);
        command.args(["--listen", &format!("127.0.0.1:{port}"), "--resource", &Self::resource_on(port)]);
        // Tests race and flood it; how often a caller may call is proved elsewhere.
        command.args(["--issuer", issuer, "--calls-per-second", "0"]);
        command
    }

    /// The resource of a server on `port`.
    #[must_use]
    pub fn resource_on(port: u16) -> String {
        format!("http://localhost:{port}/mcp")
    }

    /// What its binary prints to register its tools as those of `resource`.
    #[must_use]
    pub fn manifest(&self, resource: &str) -> Value {
        binary::run(binary::command(self.binary).args(["manifest", "--resource", resource])).well().json()
    }
}

/// A running server and the world that it is registered in.
#[derive(Debug)]
pub struct GuardedServer {
    /// The process.
    pub process: Service,
    /// Its resource identifier: the URL of its MCP endpoint.
    pub resource: String,
    /// The world, which runs another server too.
    pub world: World,
    kind: &'static Kind,
    http: Http,
    folder: TempDir,
}

impl GuardedServer {
    /// Starts one in a world of its own, for a test that changes what others rely on.
    #[must_use]
    pub fn start(kind: &'static Kind) -> Self {
        let world = World::start();
        let folder = tempfile::tempdir().unwrap();
        let process = Service::start(kind.binary, |port| kind.serve(folder.path(), port, &world.auth.issuer));
        let resource = Kind::resource_on(process.port);
        let server = Self { process, resource, world, kind, http: Http::new(), folder };
        server.world.admin().set_resource(kind.server, &server.manifest());
        server
    }

    /// The one that the tests of one file share, as they do with [`World::shared`].
    #[must_use]
    pub fn shared(kind: &'static Kind) -> Arc<Self> {
        static LENT: Mutex<Weak<GuardedServer>> = Mutex::new(Weak::new());
        // A test that failed while it started the server says so itself.
        let mut lent = LENT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let server = lent.upgrade().unwrap_or_else(|| Arc::new(Self::start(kind)));
        assert_eq!(server.kind, kind, "a file of tests shares one kind of server");
        *lent = Arc::downgrade(&server);
        server
    }

    /// The same server after a restart on the same data.
    #[must_use]
    pub fn restarted(self) -> Self {
        let Self { process, resource, world, kind, http, folder } = self;
        let port = process.port;
        assert!(process.stop().0.success());
        let process = Service::start_on(kind.binary, port, kind.serve(folder.path(), port, &world.auth.issuer));
        let process = process.unwrap_or_else(|log| panic!("{} did not start again:\n{log}", kind.binary));
        Self { process, resource, world, kind, http, folder }
    }

    /// What its binary prints to register its tools.
    #[must_use]
    pub fn manifest(&self) -> Value {
        self.kind.manifest(&self.resource)
    }

    /// What a new client with these roles is answered where it asks for a token for this server,
    /// narrowed to `scope` where that is not empty.
    #[must_use]
    pub fn request_token(&self, roles: &[&str], scope: &str) -> Answer {
        let client = self.world.client(roles);
        self.world.auth.request_token(&client, &[("resource", &self.resource), ("scope", scope)])
    }

    /// A token for this server, from a request that succeeds.
    #[must_use]
    pub fn token(&self, roles: &[&str], scope: &str) -> String {
        self.request_token(roles, scope).expect(200).text("access_token")
    }

    /// A caller of its tools.
    #[must_use]
    pub fn caller(&self, token: &str, era: Era) -> Caller<'_> {
        Caller::new(&self.http, &self.resource, Some(token), era)
    }

    /// A caller that may call every tool.
    #[must_use]
    pub fn manager(&self) -> Caller<'_> {
        self.caller(&self.token(&["Manager"], ""), Era::July2026)
    }

    /// In every era `tools/list` shows a caller with `token` exactly these tools, and exactly their
    /// calls are let through to the tool. The arguments are wrong on purpose, so that none does anything.
    pub fn shows_exactly_what_a_call_allows(&self, token: &str, allowed: &[&str]) {
        for era in Era::ALL {
            let caller = self.caller(token, era);
            assert_eq!(caller.list(), allowed, "{era}");
            for tool in self.kind.tools() {
                if allowed.contains(&tool) {
                    assert!(caller.tool_error(tool, &json!({"no_such_argument": 1})).contains("no_such_argument"));
                } else {
                    let answer = caller.call(tool, &json!({})).expect(403);
                    let scope = format!(r#"error="insufficient_scope", scope="{}:{tool}""#, self.kind.server);
                    assert!(answer.challenge().contains(&scope), "{era} {tool}: {answer:#?}");
                }
            }
        }
    }
}
