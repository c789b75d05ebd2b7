//! What a person needs to take part: a client without a secret that acts for whoever signs in, and an
//! account to sign in with. Owns how to go on from there, which is printed at the end.

use bailiwick_process::Secret;
use http::Method;
use serde_json::json;

use crate::cast::{EDITOR, PERSON};
use crate::screen::Screen;
use crate::wire::AdminApi;
use crate::{Demo, DemoError, random, tls};

/// How many bytes of a password are random: they give 24 characters.
const RANDOM_BYTES: usize = 18;

/// Registers the client and the person, and gives the person's password.
pub async fn register(demo: &Demo, admin: &AdminApi) -> Result<Secret, DemoError> {
    let Demo { screen, .. } = demo;
    screen.heading("For people: a client without a secret, and somebody who signs in");
    let client = json!({
        "client_id": EDITOR, "client_name": "Demo editor", "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"],
    });
    let _ = admin.request(Method::POST, "/clients", &client).await?;
    screen.row(EDITOR, "a public client: it brings people back to 127.0.0.1 or localhost, on any port");
    let password = random::secret::<RANDOM_BYTES>()?;
    let (username, role) = PERSON;
    let person = json!({
        "username": username, "name": "Demo person", "roles": [role], "password": password.expose(),
    });
    let _ = admin.request(Method::POST, "/users", &person).await?;
    screen.row(username, &format!("a person with the role {role}, which bounds what they can allow"));
    Ok(password)
}

/// Whom to trust, how to sign in, and how to connect an editor.
pub fn show_how_to_go_on(demo: &Demo) {
    let Demo { screen, cast, binaries, tls, .. } = demo;
    if tls.is_some() {
        show_whom_to_trust(*screen);
    }
    let [hr, ..] = &cast.servers;
    let (username, _) = PERSON;
    screen.heading("Take part: your browser asks you to sign in, and what may be done for you");
    screen.row("sign in as", &format!("{username}; the password is DEMO_PASSWORD in .demo/env"));
    screen.row("my agents", &format!("{}/account", cast.issuer));
    screen.say("In a terminal:");
    screen.command(&format!("{} login --server {} --client-id {EDITOR}", binaries.shown("mcp-agent"), hr.resource));
    screen.say("In Claude Code:");
    screen.command(&format!("claude mcp add --transport http --client-id {EDITOR} hr {}", hr.resource));
    screen.say("Other editors, and SDKs: docs/guides/connect.md");
}

fn show_whom_to_trust(screen: Screen) {
    screen.heading("Trust: an authority that was made for this run vouches for all services");
    screen.row("authority", &format!(".demo/tls/authority.pem, for {} days; its key is gone", tls::DAYS));
    screen.row("browser", "asks whether to go on, or imports that file as an authority");
    screen.say("In a terminal first, which then trusts nobody else:");
    screen.command("set -a; source .demo/env; NODE_EXTRA_CA_CERTS=$SSL_CERT_FILE");
}
