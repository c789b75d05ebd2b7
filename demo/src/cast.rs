//! Who and what is on stage: the servers, the agents with the role of each, and a person. Owns names
//! and addresses, which `.demo/env` tells too; asks nobody anything.

use http::uri::Scheme;

/// The highest `--port-base`: the ports above it that the demo uses are still ports.
pub const HIGHEST_PORT_BASE: i64 = 65_435;

/// A guarded server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its name in scopes and in the admin API.
    pub name: &'static str,
    /// Its binary.
    pub binary: &'static str,
    /// Its resource identifier: the URL of its MCP endpoint.
    pub resource: String,
    /// The port that it listens on.
    pub port: u16,
}

impl Server {
    /// Where all that is not MCP lies: its health, and tokens of its own.
    pub fn origin(&self) -> &str {
        self.resource.trim_end_matches("/mcp")
    }
}

/// All that listens.
#[derive(Clone, Debug)]
pub struct Cast {
    /// The token service's identifier and base URL.
    pub issuer: String,
    /// The admin API as a resource, and its base URL.
    pub admin: String,
    /// The token service's port.
    pub port: u16,
    /// The guarded servers.
    pub servers: [Server; 4],
}

impl Cast {
    /// On `base`, the three ports after it, and the hundredth.
    pub fn on(base: u16, scheme: &Scheme) -> Self {
        let server = |name, binary, port| {
            let port = base.saturating_add(port);
            Server { name, binary, resource: format!("{scheme}://localhost:{port}/mcp"), port }
        };
        let issuer = format!("{scheme}://localhost:{base}");
        Self {
            admin: format!("{issuer}/admin/v1"),
            issuer,
            port: base,
            servers: [
                server("hr", "mcp-hr", 1),
                server("project", "mcp-project", 2),
                server("crm", "mcp-crm", 3),
                server("quickstart", "mcp-quickstart", 100),
            ],
        }
    }

    /// The server of the seed's first clients, which takes weaker credentials too.
    pub fn quickstart(&self) -> &Server {
        let [.., quickstart] = &self.servers;
        quickstart
    }

    /// Every port that is needed.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        std::iter::once(self.port).chain(self.servers.iter().map(|server| server.port))
    }
}

/// An agent: a client with one role.
#[derive(Clone, Copy, Debug)]
pub struct Agent {
    /// Its `client_id`.
    pub id: &'static str,
    /// The role that it holds.
    pub role: &'static str,
    /// The scope of that role.
    pub scope: &'static str,
    /// What its names in `.demo/env` begin with, where it has any.
    pub variable: Option<&'static str>,
}

/// The seed's three roles, and three narrower ones.
pub const AGENTS: [Agent; 6] = [
    Agent { id: "manager", role: "Manager", scope: "hr:* project:* crm:*", variable: Some("MANAGER") },
    Agent { id: "assistant", role: "AssistantManager", scope: "hr:* project:*", variable: Some("ASSISTANT_MANAGER") },
    Agent { id: "officer", role: "Officer", scope: "hr:*", variable: Some("OFFICER") },
    READER,
    Agent { id: "clerk", role: "LeaveClerk", scope: "hr:create_leave_request quickstart:TimeTool", variable: None },
    Agent { id: "sales", role: "Sales", scope: "crm:read crm:record_interaction", variable: None },
];

/// The agent that the story is about.
pub const READER: Agent =
    Agent { id: "reader", role: "Reader", scope: "hr:read project:read crm:read quickstart:read", variable: None };

/// The agent of the ladder, one of the seed's: its secret is its API key too.
pub const KEY_HOLDER: Agent =
    Agent { id: "test_client", role: "Forecaster", scope: "quickstart:read", variable: Some("QUICKSTART") };

/// What people connect with: a client without a secret, which acts for whoever signs in.
pub const EDITOR: &str = "editor";

/// Who signs in, and the role of theirs.
pub const PERSON: (&str, &str) = ("demo", "Manager");
