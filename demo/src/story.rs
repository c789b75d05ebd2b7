//! The story of one denied call: refused, allowed by a wider role, refused again. Owns the scenes, and
//! that each ends as it should; else the demo fails.

use bailiwick_process::Secret;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::binaries;
use crate::cast::{READER, Server};
use crate::screen::{DIM, GREEN, RED};
use crate::wire::{self, AdminApi, Credentials};
use crate::{Demo, DemoError};

/// The tool that the reader wants.
const TOOL: &str = "add_employee_record";

/// The one of its arguments that is shown.
const SHOWN_ARGUMENT: &str = "first_name=Ada";

/// The lines of the new employee's record that are shown.
const SHOWN_OF_RECORD: [&str; 4] = ["employee_id", "employment_status", "first_name", "last_name"];

/// mcp-agent's exit codes for a denial and for success.
const NOT_ALLOWED: i32 = 4;
const DONE: i32 = 0;

/// What all scenes use.
pub struct Story<'a> {
    /// The world.
    pub demo: &'a Demo,
    /// Who changes roles.
    pub admin: &'a AdminApi,
    /// The reader.
    pub reader: &'a Credentials,
    /// HR.
    pub hr: &'a Server,
}

impl Story<'_> {
    /// All scenes in order.
    pub async fn tell(&self) -> Result<(), DemoError> {
        let screen = self.demo.screen;
        screen.heading("What the reader sees at HR, with the client that people use");
        self.run_agent(&["tools"], "tools", DONE)?;
        screen.heading("A call that is not allowed: no tool runs, and the answer says what is missing");
        self.denied_on_the_wire().await?;
        screen.heading("The administrator gives the role that one tool");
        self.set_role(&format!("{} hr:{TOOL}", READER.scope)).await?;
        screen.heading("The same call, with a new token");
        self.call_by_agent(&[], DONE)?;
        screen.heading("The administrator takes it back, and no new token allows the call");
        self.set_role(READER.scope).await?;
        // The token of the call above lives until it expires. Once servers hear of revocations, it is
        // tried again here.
        self.call_by_agent(&["--fresh"], NOT_ALLOWED)
    }

    async fn denied_on_the_wire(&self) -> Result<(), DemoError> {
        let Demo { screen, cast, http, .. } = self.demo;
        let token = wire::request_token(http, &cast.issuer, self.reader, &self.hr.resource).await?;
        let token = Secret::new(token.text("access_token")?);
        screen.act(&format!("{} calls {TOOL}: POST {}", self.reader.id, self.hr.resource));
        let answer = wire::ask(http, &self.hr.resource, &token, "tools/call", Some((TOOL, new_employee()))).await?;
        let missing = format!(r#"error="insufficient_scope", scope="hr:{TOOL}""#);
        if answer.status != StatusCode::FORBIDDEN || !answer.challenge.contains(&missing) {
            return Err(answer.unexpected().into());
        }
        screen.quote(&format!("HTTP {}", answer.status), RED);
        screen.quote("WWW-Authenticate: Bearer", DIM);
        for parameter in answer.challenge.trim_start_matches("Bearer ").split_inclusive(", ") {
            screen.quote(&format!("  {}", parameter.trim_end()), DIM);
        }
        Ok(())
    }

    async fn set_role(&self, scope: &str) -> Result<(), DemoError> {
        let Demo { screen, cast, .. } = self.demo;
        let path = format!("/roles/{}", READER.role);
        screen.act(&format!("PUT {}{path}", cast.admin));
        screen.quote(&format!("scope: {scope}"), DIM);
        let role = json!({"description": "Of the demo", "scope": scope});
        let answer = self.admin.request(Method::PUT, &path, &role).await?;
        screen.quote(&format!("HTTP {}", answer.status), GREEN);
        Ok(())
    }

    fn call_by_agent(&self, more: &[&str], code: i32) -> Result<(), DemoError> {
        let written = written(&new_employee());
        let command = [&["call", TOOL], more].concat();
        let shown = format!("{} {SHOWN_ARGUMENT} …", command.join(" "));
        let written = written.iter().map(String::as_str);
        self.run_agent(&command.into_iter().chain(written).collect::<Vec<_>>(), &shown, code)
    }

    /// Runs mcp-agent as the reader, and shows what it says.
    fn run_agent(&self, arguments: &[&str], shown: &str, code: i32) -> Result<(), DemoError> {
        let Demo { screen, cast, folder, binaries, .. } = self.demo;
        let mut command = binaries.command("mcp-agent");
        command.args(arguments).env("COLUMNS", screen.quoted_width().to_string());
        command.env("XDG_CONFIG_HOME", folder.of_agent()).env("XDG_CACHE_HOME", folder.of_agent());
        command.env("MCP_AGENT_SERVER", &self.hr.resource).env("MCP_AGENT_ISSUER", &cast.issuer);
        command.env("MCP_AGENT_CLIENT_ID", &self.reader.id);
        command.env("MCP_AGENT_CLIENT_SECRET", self.reader.secret.expose());
        let output = binaries::run("mcp-agent", &mut command)?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        screen.act(&format!("$ mcp-agent {shown}"));
        if output.status.code() != Some(code) {
            return Err(DemoError::OtherEnd { said, expected: code });
        }
        screen.quote(&shown_of(&said), if code == DONE { DIM } else { RED });
        Ok(())
    }
}

/// Whom the reader wants to add.
fn new_employee() -> Value {
    json!({
        "first_name": "Ada",
        "last_name": "King",
        "email": "ada.king@company.com",
        "phone": "+1-555-0199",
        "department": "Engineering",
        "position": "Engineer",
        "hire_date": "2026-01-05",
        "salary": 91000,
        "location": "London",
        "emergency_contact": "Ann King",
        "emergency_phone": "+1-555-0198",
    })
}

/// Arguments as mcp-agent takes them.
fn written(arguments: &Value) -> Vec<String> {
    let written = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}:={other}"),
    };
    arguments.as_object().into_iter().flatten().map(written).collect()
}

/// What mcp-agent said, of a record its most telling lines only.
fn shown_of(said: &str) -> String {
    let is_shown = |line: &&str| SHOWN_OF_RECORD.iter().any(|name| line.starts_with(name));
    let shown: Vec<&str> = said.lines().filter(is_shown).collect();
    if shown.is_empty() { said.to_owned() } else { shown.join("\n") + "\n…" }
}
