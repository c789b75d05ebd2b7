//! Why a client was denied, as far as it may know: what it holds, by its own tokens; and, for an
//! administrator of a Bailiwick service, which roles hold what it lacks. Owns that explanation, which
//! is best effort: where anything fails, less is said and nothing else happens.

use bailiwick_core::{Scope, ScopeSet, ServerName, Tool, Tools};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::entrance::Entrance;
use crate::failure::Denial;
use crate::scopes::Scopes;
use crate::token;

/// The role that reads the admin API. Others are not tried: an agent that was denied something must
/// not look, in the service's records, as if it reached for administration.
const ADMINISTRATOR: &str = "admin";

/// The most that is read of each list of the admin API.
const PAGE: &str = "limit=1000";

#[derive(Deserialize)]
struct RoleList {
    roles: Vec<Role>,
}

#[derive(Deserialize)]
struct Role {
    role: String,
    scope: String,
}

#[derive(Deserialize)]
struct ResourceList {
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: ServerName,
    #[serde(default)]
    tools: Vec<Tool>,
}

/// The denial with what can be found out of it.
pub async fn explained(entrance: &Entrance<'_>, mut denial: Denial) -> Denial {
    let Ok(held) = entrance.broadest_token().await else { return denial };
    let claims = token::claims(&held.token.value).unwrap_or_default();
    denial.held = held.token.scope.or_else(|| claims.scope.and_then(|scope| scope.parse().ok()));
    denial.roles = claims.roles;
    if let Some(needed) = &denial.needed {
        denial.log_in = entrance.login_command(denial.held.as_ref(), needed);
    }
    if let (Some(needed), true) = (&denial.needed, denial.roles.iter().any(|role| role == ADMINISTRATOR)) {
        denial.holders = holders(entrance, needed).await.unwrap_or_default();
    }
    denial
}

/// The roles that hold all of `needed`.
async fn holders(entrance: &Entrance<'_>, needed: &Scopes) -> Option<Vec<String>> {
    let needed: Vec<Scope> = needed.iter().map(str::parse).collect::<Result<_, _>>().ok()?;
    let api = entrance.client().issuer.endpoint("/admin/v1");
    let administration = entrance.at(api.clone())?;
    let token = administration.broadest_token().await.ok()?.token.value;
    let roles: RoleList = fetch(entrance, &format!("{api}/roles?{PAGE}"), token.expose()).await?;
    let resources: ResourceList = fetch(entrance, &format!("{api}/resources?{PAGE}"), token.expose()).await?;
    let servers: Vec<Tools> =
        resources.resources.into_iter().filter_map(|resource| Tools::new(resource.name, resource.tools).ok()).collect();
    let holds_all = |scope: &ScopeSet| needed.iter().all(|needed| holds(scope, needed, &servers));
    let holding = roles.roles.into_iter().filter(|role| role.scope.parse().is_ok_and(|scope| holds_all(&scope)));
    Some(holding.map(|role| role.role).collect())
}

fn holds(scope: &ScopeSet, needed: &Scope, servers: &[Tools]) -> bool {
    servers.iter().any(|tools| tools.server() == &needed.server && scope.implies(needed, tools))
}

async fn fetch<T: DeserializeOwned>(entrance: &Entrance<'_>, address: &str, token: &str) -> Option<T> {
    let address: Url = address.parse().ok()?;
    let http = entrance.http();
    let answer = http.json(&address, http.client(&address).get(address.clone()).bearer_auth(token)).await.ok()?;
    answer.status.is_success().then(|| answer.read(&address).ok())?
}
