//! The story of one denied call: refused, allowed by a wider role, refused again; and of a token that is
//! taken back. Owns the scenes, and that each ends as it should; else the demo fails.

use std::time::Duration;

use bailiwick_process::Secret;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::cast::{READER, Server};
use crate::screen::{DIM, GREEN, RED};
use crate::wire::{self, AdminApi, Answer, Credentials, Proof, WireError};
use crate::{Demo, DemoError, binaries, setup};

/// The tool that the reader wants.
const TOOL: &str = "add_employee_record";

/// The one of its arguments that is shown.
const SHOWN_ARGUMENT: &str = "first_name=Ada";

/// The lines of the new employee's record that are shown.
const SHOWN_OF_RECORD: [&str; 4] = ["employee_id", "employment_status", "first_name", "last_name"];

/// The tool that the reader may call.
const ALLOWED_TOOL: &str = "get_hr_summary";

/// Within which a token that was taken back is refused: the promise.
pub const FELT_WITHIN: Duration = Duration::from_secs(1);

/// The pause between two calls with a token that was taken back.
const ASKED_EVERY: Duration = Duration::from_millis(5);

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
        self.call_by_agent(&["--fresh"], NOT_ALLOWED)?;
        screen.heading("A token is stolen: it works for whoever has it");
        let stolen = self.token().await?;
        self.let_through(&stolen).await?;
        screen.heading("The operator takes it back, and the very same token is refused");
        self.taken_back(&stolen).await?;
        screen.heading("The reader goes on, with a new token");
        self.let_through(&self.token().await?).await
    }

    async fn denied_on_the_wire(&self) -> Result<(), DemoError> {
        let Demo { screen, http, .. } = self.demo;
        let token = self.token().await?;
        screen.act(&format!("{} calls {TOOL}: POST {}", self.reader.id, self.hr.resource));
        let call = Some((TOOL, new_employee()));
        let answer = wire::ask(http, &self.hr.resource, Proof::Bearer(&token), "tools/call", call).await?;
        let missing = format!(r#"error="insufficient_scope", scope="hr:{TOOL}""#);
        if answer.status != StatusCode::FORBIDDEN || !answer.challenge.contains(&missing) {
            return Err(answer.unexpected().into());
        }
        screen.quote(&format!("HTTP {}", answer.status), RED);
        self.show_challenge(&answer);
        Ok(())
    }

    /// The operator ends the tokens of the reader, on the command line and so in another process; the token is
    /// tried until it is refused.
    async fn taken_back(&self, token: &Secret) -> Result<(), DemoError> {
        let screen = self.demo.screen;
        let words = ["revocation", "add", "client", &self.reader.id, "--reason", "stolen"];
        let _ = setup::shown_on_host(self.demo, &words)?;
        let done = Instant::now();
        let refused = loop {
            let answer = self.call(token).await?;
            if answer.status != StatusCode::OK {
                break answer;
            }
            if done.elapsed() > FELT_WITHIN {
                return Err(DemoError::NotFelt);
            }
            sleep(ASKED_EVERY).await;
        };
        let elapsed = done.elapsed().as_millis();
        if !refused.challenge.contains(r#"error="invalid_token""#) {
            return Err(refused.unexpected().into());
        }
        self.say_call();
        screen.quote(&format!("HTTP {}, {elapsed} ms after the command had ended", refused.status), RED);
        self.show_challenge(&refused);
        Ok(())
    }

    /// A new token of the reader for HR.
    async fn token(&self) -> Result<Secret, WireError> {
        let Demo { cast, http, .. } = self.demo;
        let answer = wire::request_token(http, &cast.issuer, self.reader, &self.hr.resource).await?;
        answer.text("access_token").map(Secret::new)
    }

    /// A call that the reader may do.
    async fn call(&self, token: &Secret) -> Result<Answer, WireError> {
        let call = Some((ALLOWED_TOOL, json!({})));
        wire::ask(&self.demo.http, &self.hr.resource, Proof::Bearer(token), "tools/call", call).await
    }

    /// Does that call, which has to be let through.
    async fn let_through(&self, token: &Secret) -> Result<(), DemoError> {
        let answer = self.call(token).await?.well()?;
        self.say_call();
        self.demo.screen.quote(&format!("HTTP {}", answer.status), GREEN);
        Ok(())
    }

    fn say_call(&self) {
        self.demo.screen.act(&format!("{} calls {ALLOWED_TOOL}: POST {}", self.reader.id, self.hr.resource));
    }

    fn show_challenge(&self, answer: &Answer) {
        let screen = self.demo.screen;
        screen.quote("WWW-Authenticate: Bearer", DIM);
        for parameter in answer.challenge.trim_start_matches("Bearer ").split_inclusive(", ") {
            screen.quote(&format!("  {}", parameter.trim_end()), DIM);
        }
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
        screen.command(&format!("mcp-agent {shown}"));
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
