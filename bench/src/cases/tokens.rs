//! Token requests of one client, by algorithm, beside what the processor can sign at most and what
//! oidc-provider issues.

use bailiwick_core::Algorithm;

use super::Case;
use crate::error::BenchError;
use crate::limit::SigningLoop;
use crate::load::Callers;
use crate::peers::{CLIENT_ID, CLIENT_SECRET, Peer};
use crate::report::{Bar, Bound, Chart, Section, Table, Target, figure};
use crate::run::{CONNECTIONS, Contender, Measured, Run};
use crate::server::Server;
use crate::token_service::{Installation, basic, token_requests};

pub const CASE: Case = Case { name: "tokens", title: "Tokens for one client", run };

const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// A token service, its limit beside it.
struct Service {
    algorithm: Algorithm,
    server: Server,
    callers: Callers,
    limit: SigningLoop,
}

impl Service {
    fn start(run: &Run, algorithm: Algorithm) -> Result<Self, BenchError> {
        let installation = Installation::make(&run.programs, run.folder_for(&format!("tokens-{algorithm}")), 1)?;
        let server = installation.serve("auth-service", algorithm)?;
        let callers = Callers::AnyOf(installation.callers(1)?.into());
        Ok(Self { algorithm, server, callers, limit: SigningLoop::new(algorithm)? })
    }
}

fn run(case: &Case, run: &mut Run) -> Result<Section, BenchError> {
    let services = ALGORITHMS.iter().map(|algorithm| Service::start(run, *algorithm)).collect::<Result<Vec<_>, _>>()?;
    let peer = match run.peers.version(Peer::OidcProvider) {
        Some(_) => Some(run.peers.oidc_provider(Algorithm::RS256)?),
        None => None,
    };
    let mut contenders = Vec::new();
    for Service { algorithm, server, callers, limit } in &services {
        let load = token_requests("/oauth2/token", CONNECTIONS, callers.clone());
        contenders.push(Contender::load(format!("auth-service {algorithm}"), server, load));
        contenders.push(Contender::work(format!("{algorithm} limit"), |window| limit.slice(window)));
    }
    if let Some(peer) = &peer {
        let client = Callers::AnyOf([basic(CLIENT_ID, CLIENT_SECRET)?].into());
        contenders.push(Contender::load("oidc-provider RS256", peer, token_requests("/token", CONNECTIONS, client)));
    }
    let measured = run.compare(contenders)?;
    Ok(section(case, run, measured))
}

fn section(case: &Case, run: &Run, measured: Vec<Measured>) -> Section {
    let find = |name: &str| measured.iter().find(|one| one.name == name);
    let limit = |one: &Measured| find(&format!("{} limit", one.name.rsplit(' ').next().unwrap_or_default()));
    let of_limit =
        |one: &Measured| Some(figure(one.times(limit(one)?).median)).filter(|_| !one.name.ends_with("limit"));
    let quick = run.plan.is_quick;
    let ours = |name: &str| find(&format!("auth-service {name}"));
    let rs256 = ours("RS256").and_then(|one| Some(one.times(limit(one)?)));
    let targets = vec![
        Target::new("RS256, of the limit", Bound::AtLeast(0.85), "", rs256, quick),
        Target::new(
            "ES256",
            Bound::AtLeast(20_000.0),
            " per CPU-second",
            ours("ES256").map(Measured::per_cpu_second),
            quick,
        ),
    ];
    let peer = find("oidc-provider RS256");
    let times = ours("RS256").zip(peer).map(|(ours, peer)| ours.times(peer));
    let ahead = times.map(|times| {
        format!("auth-service issues {} times as many RS256 tokens as oidc-provider.", figure(times.median))
    });
    let notes = ahead.into_iter().chain(run.peers.notes(&[Peer::OidcProvider])).collect();
    let servers = measured.iter().filter(|one| one.peak_mebibytes.is_some());
    // The limits of the fast algorithms are so far off that nothing else would be seen.
    let drawn = |one: &Measured| limit(one).filter(|limit| limit.name.starts_with("RS256"));
    let bars = servers.map(|one| Bar::rate(one, one.name.starts_with("auth-service"), drawn(one))).collect();
    Section {
        case: case.name,
        title: case.title,
        about: format!(
            "Client credentials, {CONNECTIONS} connections. The limit: signing {} bytes with a parsed key on every core and \
             nothing else, in the same run.",
            crate::limit::MESSAGE.len()
        ),
        table: Table::of(&measured, "of limit", of_limit),
        targets,
        notes,
        chart: Some(Chart { title: "Tokens for each second of the server's CPU", bars }),
        measured,
        samples: Vec::new(),
    }
}
