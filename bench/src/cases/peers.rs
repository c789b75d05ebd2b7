//! The tool `add` on our server and on those of FastMCP and the TypeScript SDK, guarded each by its
//! own means and bare.

use super::Case;
use crate::error::BenchError;
use crate::issuer::Issuer;
use crate::load::Callers;
use crate::peers::Peer;
use crate::report::{Bar, Bound, Chart, Section, Table, Target, figure};
use crate::run::{CONNECTIONS, Contender, Measured, Run};
use crate::server::Server;
use crate::tool_servers::{self, ADD_SCOPE, resource};

pub const CASE: Case = Case { name: "peers", title: "The same tool on the peers", run };

const OURS: &str = "Bailiwick";
const PEERS: [Peer; 2] = [Peer::FastMcp, Peer::TypeScriptSdk];

/// A server and who calls it.
struct Contestant {
    server: Server,
    callers: Callers,
}

impl Contestant {
    fn new(server: Server, issuer: Option<&mut Issuer>) -> Result<Self, BenchError> {
        let callers = match issuer {
            Some(issuer) => Callers::AnyOf(issuer.sign(1, &resource(server.port), ADD_SCOPE)?.into()),
            None => Callers::Nobody,
        };
        Ok(Self { server, callers })
    }
}

fn run(case: &Case, run: &mut Run) -> Result<Section, BenchError> {
    let mut issuer = Issuer::start()?;
    let url = issuer.url.clone();
    let mut contestants = Vec::new();
    for is_guarded in [true, false] {
        let trusted = is_guarded.then_some(url.as_str());
        let name = named(OURS, is_guarded);
        let server = tool_servers::adder(&run.programs, &name, trusted)?;
        contestants.push(Contestant::new(server, is_guarded.then_some(&mut issuer))?);
        for peer in installed(run) {
            let server = run.peers.adder(peer, &named(peer.name(), is_guarded), trusted)?;
            contestants.push(Contestant::new(server, is_guarded.then_some(&mut issuer))?);
        }
    }
    let contenders = contestants.iter().map(|Contestant { server, callers }| {
        Contender::load(server.name.clone(), server, tool_servers::add(CONNECTIONS, callers.clone()))
    });
    let measured = run.compare(contenders.collect())?;
    Ok(section(case, run, measured))
}

fn named(name: &str, is_guarded: bool) -> String {
    format!("{name}, {}", if is_guarded { "guarded" } else { "bare" })
}

fn installed(run: &Run) -> Vec<Peer> {
    PEERS.into_iter().filter(|peer| run.peers.version(*peer).is_some()).collect()
}

fn section(case: &Case, run: &Run, measured: Vec<Measured>) -> Section {
    let find = |name: &str, is_guarded| measured.iter().find(|one| one.name == named(name, is_guarded));
    let times = |peer: &str, is_guarded| Some(find(OURS, is_guarded)?.times(find(peer, is_guarded)?));
    let behind = |one: &Measured| {
        let (name, how) = one.name.split_once(", ")?;
        Some(format!("{} x", figure(times(name, how == "guarded")?.median))).filter(|_| name != OURS)
    };
    let quick = run.plan.is_quick;
    let target = |peer: Peer, bound| {
        let what = format!("Bailiwick over {}, both guarded", peer.name());
        Target::new(what, Bound::AtLeast(bound), " times", times(peer.name(), true), quick)
    };
    let guarded = measured.iter().filter(|one| one.name.ends_with("guarded"));
    let bars = guarded.map(|one| Bar::rate(one, one.name.starts_with(OURS), None)).collect();
    Section {
        case: case.name,
        title: case.title,
        about: format!(
            "tools/call of add(19, 23), {CONNECTIONS} connections, no sessions, JSON answers; each peer as one process in \
             its production settings, without access log, and guarded with one RS256 token by its own means. Our server \
             logs every call. The last column: how many times as many calls our server answers."
        ),
        table: Table::of(&measured, "ours", behind),
        targets: vec![target(Peer::FastMcp, 25.0), target(Peer::TypeScriptSdk, 20.0)],
        notes: run.peers.notes(&PEERS),
        chart: Some(Chart { title: "Guarded calls of add for each second of the server's CPU", bars }),
        measured,
        samples: Vec::new(),
    }
}
