//! Makes the demo's world: services that run, an administrator, servers that are registered, agents
//! with a role each. Owns the order; each step prints what it did.

use bailiwick_process::Secret;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::binaries;
use crate::cast::{AGENTS, Cast, EDITOR, PERSON};
use crate::folder::Folder;
use crate::questions::{Asking, Questioned};
use crate::screen::Screen;
use crate::services::Services;
use crate::wire::{self, AdminApi, Credentials, WireError};
use crate::{Demo, DemoError};

/// Starts the four services at once and waits until all are ready.
pub async fn start(demo: &Demo, services: &mut Services) -> Result<(), DemoError> {
    let Demo { screen, cast, folder, binaries, http } = demo;
    let mut command = binaries.command("auth-service");
    command.args(["serve", "--listen", &format!("127.0.0.1:{}", cast.port)]).envs(of_auth_service(cast, folder));
    services.start("auth-service", &cast.issuer, folder.log("auth-service"), command)?;
    for server in &cast.servers {
        let mut command = binaries.command(server.binary);
        command.args(["--sample-data", "--listen", &format!("127.0.0.1:{}", server.port)]);
        command.args(["--resource", &server.resource, "--issuer", &cast.issuer]);
        command.args(["--database-url", &folder.database(server.name)]);
        let origin = server.resource.trim_end_matches("/mcp");
        services.start(server.binary, origin, folder.log(server.binary), command)?;
    }
    screen.heading("Four services, started together");
    let urls = std::iter::once(&cast.issuer).chain(cast.servers.iter().map(|server| &server.resource));
    for (service, url) in services.ready(http).await?.iter().zip(urls) {
        screen.row(service.name, &format!("{url}, ready after {} ms", service.ready_after.as_millis()));
    }
    Ok(())
}

/// The settings of auth-service, for the service and for its commands.
fn of_auth_service(cast: &Cast, folder: &Folder) -> [(&'static str, String); 2] {
    [("AUTH_ISSUER", cast.issuer.clone()), ("AUTH_DATABASE_URL", folder.database("auth"))]
}

/// Makes the first administrator, on the host, and gives its credentials and what it does its work with.
pub async fn administrator(demo: &Demo) -> Result<(Credentials, AdminApi), DemoError> {
    let Demo { screen, cast, folder, binaries, http } = demo;
    screen.heading("The first administrator, made on the host");
    screen.act("$ auth-service client create --id admin --role admin");
    let mut command = binaries.command("auth-service");
    command.args(["client", "create", "--id", "admin", "--role", "admin", "--json"]);
    let made = binaries::json("auth-service", command.envs(of_auth_service(cast, folder)))?;
    let credentials = Credentials::read(&made).ok_or(DemoError::NoSecret)?;
    let token = wire::request_token(http, &cast.issuer, &credentials, &cast.admin).await?;
    let token = Secret::new(token.text("access_token")?);
    Ok((credentials, AdminApi::new(http.clone(), cast.admin.clone(), token)))
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

/// Writes `.demo/env`.
pub fn env(
    cast: &Cast,
    folder: &Folder,
    administrator: &Credentials,
    agents: &[Credentials],
    password: &Secret,
) -> Result<(), DemoError> {
    let mut names = vec![("AUTH_ISSUER".to_owned(), cast.issuer.as_str()), ("ADMIN_RESOURCE".to_owned(), &cast.admin)];
    for server in &cast.servers {
        names.push((format!("{}_URL", server.name.to_uppercase()), &server.resource));
    }
    let published = AGENTS.iter().zip(agents).filter_map(|(agent, client)| Some((agent.variable?, client)));
    for (name, client) in std::iter::once(("ADMIN", administrator)).chain(published) {
        names.push((format!("{name}_CLIENT_ID"), &client.id));
        names.push((format!("{name}_CLIENT_SECRET"), client.secret.expose()));
    }
    for (name, value) in [("PUBLIC_CLIENT_ID", EDITOR), ("DEMO_USER", PERSON.0), ("DEMO_PASSWORD", password.expose())] {
        names.push((name.to_owned(), value));
    }
    Ok(folder.write_env(&names)?)
}
