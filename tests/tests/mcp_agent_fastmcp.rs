//! mcp-agent against a server made with FastMCP, unchanged from the package index, which verifies the
//! tokens of our service by its own means. `scripts/test` makes its environment.

#![expect(clippy::unwrap_used, reason = "a test may panic; that is how it fails")]

use bailiwick_e2e::{Agent, Service, World, python};
use serde_json::{Value, json};

/// The revisions of both eras that FastMCP speaks.
const REVISIONS: [(&str, &str); 3] =
    [("auto", "2026-07-28"), ("2026-07-28", "2026-07-28"), ("2025-11-25", "2025-11-25")];

/// A running FastMCP server that is registered at the token service of `world`.
struct FastMcp {
    resource: String,
    _process: Service,
}

impl FastMcp {
    fn start(world: &World) -> Self {
        let process = Service::start("fastmcp", |port| {
            python::command("fastmcp_server.py", &[&port.to_string(), &world.auth.issuer])
        });
        let resource = format!("http://localhost:{}/mcp", process.port);
        let admin = world.admin();
        let tools = json!([{"name": "add", "kind": "read"}, {"name": "store", "kind": "write"}]);
        admin.set_resource("fast", &json!({"resource": resource, "title": "FastMCP", "tools": tools}));
        admin.set_role("FastReader", "fast:read");
        admin.set_role("FastWriter", "fast:write");
        admin.set_role("FastUser", "fast:read fast:write");
        Self { resource, _process: process }
    }

    /// Somebody with this role who calls it.
    fn person(&self, world: &World, role: &str) -> Agent {
        Agent::of(&world.client(&[role]), &world.auth.issuer, &self.resource)
    }
}

fn names(list: &Value) -> Vec<&str> {
    list["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[test]
fn a_fastmcp_server_is_entered_listed_and_called_in_both_eras() {
    let world = World::start();
    let server = FastMcp::start(&world);
    let agent = server.person(&world, "FastUser");
    let reader = server.person(&world, "FastReader");
    for (asked, spoken) in REVISIONS {
        let listed = agent.run(&["tools", "--json", "--protocol", asked]).well().json();
        assert_eq!((names(&listed), &listed["protocol_version"]), (vec!["add", "store"], &json!(spoken)), "{listed}");
        let result = agent.run(&["call", "add", "a=2", "b=0.5", "--json", "--protocol", asked]).well().json();
        assert_eq!(result["structuredContent"], json!({"sum": 2.5}), "{result}");
        let wrong = agent.run(&["call", "add", "a:=\"x\"", "--protocol", asked]);
        assert_eq!(wrong.code, 1, "{wrong:#?}");
        let unknown = agent.run(&["call", "nonsense", "--protocol", asked]);
        assert!(matches!(unknown.code, 1 | 2), "{unknown:#?}");
        // The first token is for what the server's challenge names, fast:read, and shows no `store`.
        let stored = agent.run(&["call", "store", "text=7", "times=2", "--json", "--protocol", asked]).well().json();
        assert_eq!(stored["structuredContent"], json!({"stored": ["7", "7"]}), "{stored}");
        let hidden = reader.run(&["call", "store", "text=7", "times=2", "--protocol", asked]);
        assert!(matches!(hidden.code, 1 | 2) && hidden.stderr.contains("Unknown tool"), "{asked}: {hidden:#?}");
    }
}

#[test]
fn a_token_without_the_scope_that_fastmcp_asks_of_all_is_told_as_refused() {
    let world = World::start();
    let server = FastMcp::start(&world);
    let agent = server.person(&world, "FastWriter");
    // FastMCP answers 401 here, not 403: a new token is asked for once where the old one was kept.
    for _ in 0..2 {
        let refused = agent.run(&["tools"]);
        assert_eq!(refused.code, 3, "{refused:#?}");
        assert!(refused.stderr.contains("does not accept the token"), "{refused:#?}");
    }
}

#[test]
fn a_fastmcp_server_takes_a_static_token_and_refuses_a_foreign_one() {
    let world = World::start();
    let server = FastMcp::start(&world);
    let client = world.client(&["FastReader"]);
    let token = world.auth.token(&client, &[("resource", &server.resource)]);
    let with = |token: &str| Agent::new().with("MCP_AGENT_TOKEN", token).with("MCP_AGENT_SERVER", &server.resource);
    assert_eq!(names(&with(&token).run(&["tools", "--json"]).well().json()), ["add"]);
    let foreign = world.hr_token(&["Reader"], "");
    for (asked, _) in REVISIONS {
        let refused = with(&foreign).run(&["tools", "--protocol", asked]);
        assert_eq!(refused.code, 3, "{refused:#?}");
    }
    let nobody = Agent::new().run(&["tools", "--server", &server.resource]);
    assert_eq!(nobody.code, 3, "{nobody:#?}");
}
