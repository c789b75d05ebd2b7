//! The ladder at mcp-quickstart: a client of the token service whose secret the server takes as an API key,
//! as a password, and for a token of its own. Owns what the server has to know for that, and the scene in
//! which each way is tried.

use std::path::PathBuf;
use std::process::Command;

use bailiwick_process::Secret;
use serde_json::json;

use crate::cast::KEY_HOLDER;
use crate::screen::GREEN;
use crate::wire::{self, Answer, Credentials, Proof, WireError};
use crate::{Demo, DemoError, random, setup};

/// The rungs on which the server stands at once, strongest first, as its setting names them.
const MODES: &str = "oauth,hs256,basic,api-key";

/// The random bytes of the secret that signs the server's own tokens: as many as the digest of HS256 has.
const SHARED_SECRET_BYTES: usize = 32;

/// The tool that is called on each rung, and the zone that it is asked for.
const TOOL: &str = "TimeTool";
const ZONE: &str = "Europe/Berlin";

/// What the server and its client have for the ladder.
pub struct Ladder {
    /// The client.
    pub client: Credentials,
    clients_file: PathBuf,
    shared_secret: Secret,
}

impl Ladder {
    /// Makes the client on the host, and the file by which the server knows it too.
    ///
    /// # Errors
    /// A command fails, or the file system refuses.
    pub fn prepare(demo: &Demo) -> Result<Self, DemoError> {
        let (id, role, scope) = (KEY_HOLDER.id, KEY_HOLDER.role, KEY_HOLDER.scope);
        demo.screen.say(&format!("The secret of {id} is to be its API key at mcp-quickstart too."));
        let _ = setup::shown_on_host(demo, &["role", "set", role, "--scope", scope])?;
        let made = setup::shown_on_host(demo, &["client", "create", "--id", id, "--role", role, "--api-key"])?;
        let entry = made["clients_file_entry"].as_str().ok_or(DemoError::NoSecret)?;
        let file = format!("[roles]\n{role} = \"{scope}\"\n\n{entry}");
        Ok(Self {
            client: Credentials::read(&made).ok_or(DemoError::NoSecret)?,
            clients_file: demo.folder.write("data/quickstart-clients.toml", &file)?,
            shared_secret: random::secret::<SHARED_SECRET_BYTES>()?,
        })
    }

    /// Tells the server on which rungs it stands.
    pub fn tell(&self, server: &mut Command) {
        server.args(["--authentication", MODES, "--clients-file"]).arg(&self.clients_file);
        server.env("MCP_SHARED_SECRET", self.shared_secret.expose());
    }

    /// The same client calls the same tool on each rung, weakest first.
    ///
    /// # Errors
    /// It is not let in on one of them.
    pub async fn climb(&self, demo: &Demo) -> Result<(), DemoError> {
        let Demo { screen, cast, http, .. } = demo;
        let (client, server) = (&self.client, cast.quickstart());
        screen.heading("The ladder: one client, one secret, and four ways to prove who calls");
        screen.act(&format!("{} calls {TOOL}: POST {}", client.id, server.resource));
        let own = token(wire::request_own_token(http, server.origin(), client).await?)?;
        let access = token(wire::request_token(http, &cast.issuer, client, &server.resource).await?)?;
        for (proof, rung) in [
            (Proof::ApiKey(&client.secret), "api-key: its secret in x-api-key, each time"),
            (Proof::Basic(client), "basic: its name and its secret, each time"),
            (Proof::Bearer(&own), "hs256: a token that POST /token of the server gave for the secret"),
            (Proof::Bearer(&access), "oauth: a token that the token service gave for the secret"),
        ] {
            let call = Some((TOOL, json!({"input_timezone": ZONE})));
            let answer = wire::ask(http, &server.resource, proof, "tools/call", call).await?.well()?;
            let status = told_the_time(answer)?;
            screen.hanging(&format!("  {GREEN}{status}{GREEN:#}  "), rung);
        }
        screen.say("So servers move up first, and each client when it can: docs/ladder.md has every step.");
        Ok(())
    }
}

fn token(answer: Answer) -> Result<Secret, WireError> {
    answer.text("access_token").map(Secret::new)
}

/// The status of an answer in which the tool told the time.
fn told_the_time(answer: Answer) -> Result<u16, WireError> {
    let result = &answer.json()["result"];
    if result["isError"] == false && result["structuredContent"]["timezone"] == ZONE {
        Ok(answer.status.as_u16())
    } else {
        Err(answer.unexpected())
    }
}
