//! From one connection to many: token requests at auth-service and calls at mcp-hr, each number of
//! connections at a process of its own, whose memory is then its alone.

use bailiwick_core::Algorithm;

use super::Case;
use crate::error::BenchError;
use crate::issuer::Issuer;
use crate::load::{Callers, Load};
use crate::report::{Bound, Section, Table, Target};
use crate::run::{Contender, Run};
use crate::server::Server;
use crate::statistics::Estimate;
use crate::token_service::{Installation, token_requests};
use crate::tool_servers::{self, HR_SCOPE, resource};

pub const CASE: Case = Case { name: "connections", title: "From one connection to many", run };

/// The connections under which memory is held to its target.
const MOST: usize = 512;

fn run(case: &Case, run: &mut Run) -> Result<Section, BenchError> {
    let mut issuer = Issuer::start()?;
    let mut loaded: Vec<(Server, Load)> = Vec::new();
    for connections in run.plan.connections.iter().copied() {
        let folder = run.folder_for(&format!("connections-{connections}"));
        let installation = Installation::make(&run.programs, folder, 1)?;
        let server = installation.serve(&named("auth-service", connections), Algorithm::RS256)?;
        let client = Callers::AnyOf(installation.callers(1)?.into());
        loaded.push((server, token_requests("/oauth2/token", connections, client)));
    }
    for connections in run.plan.connections.iter().copied() {
        let server = tool_servers::hr(&run.programs, &named("mcp-hr", connections), run.folder(), &issuer.url)?;
        let token = Callers::AnyOf(issuer.sign(1, &resource(server.port), HR_SCOPE)?.into());
        loaded.push((server, tool_servers::get_employee_records(connections, token)));
    }
    let contenders = loaded.iter().map(|(server, load)| Contender::load(server.name.clone(), server, load.clone()));
    let measured = run.compare(contenders.collect())?;
    let target = |name: &str| {
        let name = named(name, MOST);
        let peak = measured.iter().find(|one| one.name == name).and_then(|one| one.peak_mebibytes);
        let peak = peak.map(Estimate::single);
        Target::new(format!("memory of {name}"), Bound::AtMost(80.0), " MiB", peak, run.plan.is_quick)
    };
    Ok(Section {
        case: case.name,
        title: case.title,
        about: "Token requests (RS256) of one client, and calls of get_employee_records with a token that was seen. \
                The peak is that of the process, its start included."
            .to_owned(),
        table: Table::of(&measured, "", |_| None),
        targets: vec![target("auth-service"), target("mcp-hr")],
        notes: Vec::new(),
        chart: None,
        measured,
        samples: Vec::new(),
    })
}

fn named(name: &str, connections: usize) -> String {
    format!("{name}, {connections}")
}
