//! How long each server takes until it answers, started again and again on data that is there.

use bailiwick_core::Algorithm;

use super::Case;
use crate::error::BenchError;
use crate::issuer::Issuer;
use crate::peers::Peer;
use crate::report::{Samples, Section, Table, figure, mebibytes, milliseconds};
use crate::run::Run;
use crate::server::Server;
use crate::statistics::Estimate;
use crate::token_service::Installation;
use crate::tool_servers;

pub const CASE: Case = Case { name: "start", title: "From start to ready", run };

/// A server that is started anew in every round.
struct Starter<'a> {
    name: &'static str,
    start: Box<dyn Fn() -> Result<Server, BenchError> + 'a>,
    ready: Samples,
    memory: Samples,
}

impl<'a> Starter<'a> {
    fn new(name: &'static str, start: impl Fn() -> Result<Server, BenchError> + 'a) -> Self {
        let samples = |what: &str, unit| Samples { name: format!("{name}: {what}"), unit, values: Vec::new() };
        Self {
            name,
            start: Box::new(start),
            ready: samples("ready after", "ms"),
            memory: samples("memory then", "MiB"),
        }
    }

    fn take_turn(&mut self) -> Result<(), BenchError> {
        let server = (self.start)()?;
        self.ready.values.push(server.start.as_secs_f64() * 1e3);
        self.memory.values.push(server.peak_mebibytes()?);
        Ok(())
    }

    fn row(&self) -> Vec<String> {
        let Estimate { median, low, high } = self.ready.estimate();
        let interval = format!("{}-{}", figure(low), milliseconds(high));
        vec![self.name.to_owned(), milliseconds(median), interval, mebibytes(self.memory.estimate().median)]
    }
}

fn run(case: &Case, run: &mut Run) -> Result<Section, BenchError> {
    let issuer = Issuer::start()?;
    let installation = Installation::make(&run.programs, run.folder_for("start"), 1)?;
    let (run, folder) = (&*run, run.folder());
    let peer = |peer: Peer| {
        let start = move || match peer {
            Peer::OidcProvider => run.peers.oidc_provider(Algorithm::RS256),
            _ => run.peers.adder(peer, peer.name(), None),
        };
        run.peers.version(peer).map(|_| Starter::new(peer.name(), start))
    };
    let mut starters = vec![
        Starter::new("auth-service", || installation.serve("auth-service", Algorithm::RS256)),
        Starter::new("mcp-hr", || tool_servers::hr(&run.programs, "mcp-hr", folder, &issuer.url)),
    ];
    starters.extend(Peer::ALL.into_iter().filter_map(peer));
    for round in 0..run.plan.slices {
        for starter in &mut starters {
            run.progress.show(&format!("start {} of {}: {}", round + 1, run.plan.slices, starter.name));
            starter.take_turn()?;
        }
    }
    Ok(Section {
        case: case.name,
        title: case.title,
        about: "From the start of the process to the first answer: ours to /health/ready, which needs the database, \
                and at mcp-hr the issuer's keys; a peer to any request."
            .to_owned(),
        table: Table {
            heading: ["", "ready after", "interval", "memory then"].map(str::to_owned).to_vec(),
            rows: starters.iter().map(Starter::row).collect(),
        },
        targets: Vec::new(),
        notes: run.peers.notes(&Peer::ALL),
        chart: None,
        measured: Vec::new(),
        samples: starters.into_iter().flat_map(|starter| [starter.ready, starter.memory]).collect(),
    })
}
