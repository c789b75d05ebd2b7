//! Makes the demo's world: an administrator and a client for each server, services that run, servers that
//! are registered, agents with a role each. Owns the order; each step prints what it did.

use std::process::Command;

use bailiwick_process::Secret;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::binaries::{self, AUTHORITIES, BinaryError};
use crate::cast::{AGENTS, EDITOR, KEY_HOLDER, PERSON};
use crate::ladder::Ladder;
use crate::questions::{Asking, Questioned};
use crate::screen::Screen;
use crate::services::Services;
use crate::wire::{self, AdminApi, Credentials, WireError};
use crate::{Demo, DemoError};

/// What is made on the host, before any service runs.
pub struct FirstClients {
    /// The first administrator.
    pub administrator: Credentials,
    /// The clients by which the servers hear of revocations, in the order of the servers.
    pub guards: Vec<Credentials>,
    /// The client whose secret is an API key too.
    pub ladder: Ladder,
}

/// Makes the first administrator, a client for each server, and the one of the ladder.
pub fn first_clients(demo: &Demo) -> Result<FirstClients, DemoError> {
    demo.screen.heading("Made on the host: the first administrator, and a client for each server");
    demo.screen.say("A server hears with a client of its own what was taken back.");
    let administrator = make_client(demo, "admin", "admin")?;
    let guards = demo.cast.servers.iter().map(|server| make_client(demo, &format!("{}-guard", server.name), "guard"));
    let guards = guards.collect::<Result<_, _>>()?;
    Ok(FirstClients { administrator, guards, ladder: Ladder::prepare(demo)? })
}

fn make_client(demo: &Demo, id: &str, role: &str) -> Result<Credentials, DemoError> {
    let made = shown_on_host(demo, &["client", "create", "--id", id, "--role", role])?;
    Credentials::read(&made).ok_or(DemoError::NoSecret)
}

/// Runs a command of auth-service on the host, as people read it; gives what it printed.
///
/// # Errors
/// It fails.
pub fn shown_on_host(demo: &Demo, words: &[&str]) -> Result<Value, BinaryError> {
    demo.screen.command(&format!("auth-service {}", words.join(" ")));
    binaries::json("auth-service", on_host(demo, words).arg("--json"))
}

/// A command of auth-service on the host: a process of its own on the data of the service.
fn on_host(Demo { cast, folder, binaries, .. }: &Demo, words: &[&str]) -> Command {
    let mut command = binaries.command("auth-service");
    command.args(words).envs([("AUTH_ISSUER", cast.issuer.clone()), ("AUTH_DATABASE_URL", folder.database("auth"))]);
    command
}

/// Starts the five services at once, each server with the client by which it hears, and waits until all are ready.
pub async fn start(demo: &Demo, clients: &FirstClients, services: &mut Services) -> Result<(), DemoError> {
    let Demo { screen, cast, folder, binaries, http, tls } = demo;
    let mut command = on_host(demo, &["serve", "--listen", &format!("127.0.0.1:{}", cast.port)]);
    command.envs(tls.iter().flat_map(|tls| tls.settings("AUTH")));
    services.start("auth-service", &cast.issuer, folder.log("auth-service"), command)?;
    for (server, guard) in cast.servers.iter().zip(&clients.guards) {
        let mut command = binaries.command(server.binary);
        command.args(["--sample-data", "--listen", &format!("127.0.0.1:{}", server.port)]);
        command.args(["--resource", &server.resource, "--issuer", &cast.issuer]);
        command.args(["--database-url", &folder.database(server.name)]);
        command.env("MCP_CLIENT_ID", &guard.id).env("MCP_CLIENT_SECRET", guard.secret.expose());
        command.envs(tls.iter().flat_map(|tls| tls.settings("MCP")));
        if server.name == cast.quickstart().name {
            clients.ladder.tell(&mut command);
        }
        services.start(server.binary, server.origin(), folder.log(server.binary), command)?;
    }
    screen.heading("Five services, started together");
    let urls = std::iter::once(&cast.issuer).chain(cast.servers.iter().map(|server| &server.resource));
    for (service, url) in services.ready(http).await?.iter().zip(urls) {
        screen.row(service.name, &format!("{url}, ready in {} ms", service.ready_after.as_millis()));
    }
    Ok(())
}

/// What the administrator does its work with.
pub async fn admin_api(Demo { cast, http, .. }: &Demo, administrator: &Credentials) -> Result<AdminApi, DemoError> {
    let token = wire::request_token(http, &cast.issuer, administrator, &cast.admin).await?;
    let token = Secret::new(token.text("access_token")?);
    Ok(AdminApi::new(http.clone(), cast.admin.clone(), token))
}

/// Registers the servers with the tools that their own binaries name.
pub async fn servers<'a>(demo: &'a Demo, admin: &AdminApi) -> Result<Vec<Questioned<'a>>, DemoError> {
    let Demo { screen, cast, binaries, .. } = demo;
    let mut registered = Vec::new();
    for server in &cast.servers {
        let mut command = binaries.command(server.binary);
        let manifest = binaries::json(server.binary, command.args(["manifest", "--resource", &server.resource]))?;
        let _ = admin.request(Method::PUT, &format!("/resources/{}", server.name), &manifest).await?;
        let texts = |value: &Value, member: &str| value[member].as_str().unwrap_or_default().to_owned();
        let tools: Vec<_> =
            manifest["tools"].as_array().into_iter().flatten().map(|tool| texts(tool, "name")).collect();
        screen.row(server.name, &format!("{} tools, as `{} manifest` names them", tools.len(), server.binary));
        registered.push(Questioned {
            name: server.name,
            resource: &server.resource,
            title: texts(&manifest, "title"),
            tools,
        });
    }
    Ok(registered)
}

/// Registers the agents, each with a role of its own.
pub async fn agents(screen: Screen, admin: &AdminApi) -> Result<Vec<Credentials>, DemoError> {
    let mut agents = Vec::new();
    for agent in AGENTS {
        let role = json!({"description": "Of the demo", "scope": agent.scope});
        let _ = admin.request(Method::PUT, &format!("/roles/{}", agent.role), &role).await?;
        let client = json!({"client_id": agent.id, "client_name": agent.id, "roles": [agent.role]});
        let made = admin.request(Method::POST, "/clients", &client).await?;
        agents.push(Credentials::read(&made.json()).ok_or(DemoError::NoSecret)?);
        screen.row(agent.id, &format!("{}: {}", agent.role, agent.scope));
    }
    Ok(agents)
}

/// Asks for each agent's tokens. Where the role holds nothing at a server, the token service gives none.
pub async fn tokens(demo: &Demo, agents: &[Credentials]) -> Result<Vec<Asking>, DemoError> {
    let mut asking = Vec::new();
    for (agent, credentials) in AGENTS.iter().zip(agents) {
        let mut tokens = Vec::new();
        for server in &demo.cast.servers {
            let answer = wire::request_token(&demo.http, &demo.cast.issuer, credentials, &server.resource).await?;
            tokens.push(given(answer)?);
        }
        asking.push(Asking { id: agent.id, tokens });
    }
    Ok(asking)
}

fn given(answer: wire::Answer) -> Result<Option<Secret>, WireError> {
    let nothing_allowed = matches!(answer.json()["error"].as_str(), Some("invalid_target" | "invalid_scope"));
    if answer.status == StatusCode::BAD_REQUEST && nothing_allowed {
        return Ok(None);
    }
    answer.text("access_token").map(Secret::new).map(Some)
}

/// Whom `.demo/env` names.
pub struct Published<'a> {
    /// The administrator.
    pub administrator: &'a Credentials,
    /// All agents, of whom some are named.
    pub agents: &'a [Credentials],
    /// The client of the ladder.
    pub key_holder: &'a Credentials,
    /// The password of the person.
    pub password: &'a Secret,
}

/// Writes `.demo/env`.
pub fn env(Demo { cast, folder, tls, .. }: &Demo, published: &Published<'_>) -> Result<(), DemoError> {
    let Published { administrator, agents, key_holder, password } = *published;
    let mut names = vec![("AUTH_ISSUER".to_owned(), cast.issuer.as_str()), ("ADMIN_RESOURCE".to_owned(), &cast.admin)];
    for server in &cast.servers {
        names.push((format!("{}_URL", server.name.to_uppercase()), &server.resource));
    }
    let agents = AGENTS.iter().zip(agents).chain([(&KEY_HOLDER, key_holder)]);
    let agents = agents.filter_map(|(agent, client)| Some((agent.variable?, client)));
    for (name, client) in std::iter::once(("ADMIN", administrator)).chain(agents) {
        names.push((format!("{name}_CLIENT_ID"), &client.id));
        names.push((format!("{name}_CLIENT_SECRET"), client.secret.expose()));
    }
    for (name, value) in [
        ("QUICKSTART_API_KEY", key_holder.secret.expose()),
        ("QUICKSTART_BASIC_USER", &key_holder.id),
        ("QUICKSTART_BASIC_PASSWORD", key_holder.secret.expose()),
        ("PUBLIC_CLIENT_ID", EDITOR),
        ("DEMO_USER", PERSON.0),
        ("DEMO_PASSWORD", password.expose()),
    ] {
        names.push((name.to_owned(), value));
    }
    let authority = tls.as_ref().map(|tls| tls.authority.display().to_string());
    names.extend(authority.iter().map(|authority| (AUTHORITIES.to_owned(), authority.as_str())));
    Ok(folder.write_env(&names)?)
}
