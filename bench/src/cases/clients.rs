//! Many clients: whether a million registered ones are felt, and whether a hundred thousand active
//! ones are, each asked for in random order after it was seen once.

use std::sync::Arc;
use std::time::Duration;

use bailiwick_core::Algorithm;
use http::HeaderValue;

use super::Case;
use crate::error::BenchError;
use crate::load::{Callers, Load};
use crate::report::{Bound, Samples, Section, Table, Target, figure, number};
use crate::run::{CONNECTIONS, Contender, Measured, Plan, Run};
use crate::server::Server;
use crate::token_service::{Installation, token_requests};

pub const CASE: Case = Case { name: "clients", title: "Many clients", run };

/// RS256 because it is the default, ES256 because a fast signature hides less of what a client costs.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::RS256, Algorithm::ES256];
/// How long every active client may take to be seen once.
const FIRST_ROUND: Duration = Duration::from_mins(30);

/// The installations, who asks there, and the services on their data.
struct Fleet {
    few: Installation,
    many: Installation,
    of_few: Arc<[HeaderValue]>,
    of_many: Arc<[HeaderValue]>,
    active: Arc<[HeaderValue]>,
    services: Vec<Services>,
}

/// The services of one algorithm. A process that a hundred thousand clients have asked has their memory to look
/// through, so that it could not tell what registered clients cost which never ask.
struct Services {
    algorithm: Algorithm,
    few: Server,
    many: Server,
    busy: Server,
}

impl Fleet {
    fn start(run: &mut Run) -> Result<Self, BenchError> {
        let Plan { few_clients, many_clients, active_clients, .. } = run.plan;
        let register = |clients: usize| {
            run.progress.step(&format!("registering {} clients", number_of(clients)));
            Installation::make(&run.programs, run.folder_for(&format!("clients-{clients}")), clients)
        };
        let (few, many) = (register(few_clients)?, register(many_clients)?);
        let of_few = few.callers(few_clients)?.into();
        let (of_many, active) = (many.callers(few_clients)?.into(), many.callers(active_clients)?.into());
        let start = |name: &str, algorithm, installation: &Installation| {
            // Two processes on one database would wait for each other's locks.
            let folder = run.folder_for(&format!("{name}-{algorithm}"));
            installation.copy(folder)?.serve("auth-service", algorithm)
        };
        let of_algorithm = |&algorithm: &Algorithm| {
            let start = |name, installation| start(name, algorithm, installation);
            Ok(Services {
                algorithm,
                few: start("few", &few)?,
                many: start("many", &many)?,
                busy: start("busy", &many)?,
            })
        };
        let services = ALGORITHMS.iter().map(of_algorithm).collect::<Result<_, BenchError>>()?;
        Ok(Self { few, many, of_few, of_many, active, services })
    }

    /// Lets every active client ask once, so that its secret needs no hashing any more.
    fn warm_up(&self, run: &mut Run) -> Result<(), BenchError> {
        for Services { algorithm, few, many, busy } in &self.services {
            run.progress.step(&format!("{algorithm}: every active client asks once"));
            for (server, callers) in [(few, &self.of_few), (many, &self.of_many), (busy, &self.active)] {
                let once = requests(Callers::EachOnce(Arc::clone(callers)));
                let seen = run.generator.slice(server, &once, FIRST_ROUND)?.requests;
                if to_count(CONNECTIONS) + seen < to_count(callers.len()) {
                    return Err(BenchError::Silent(server.name.clone(), FIRST_ROUND));
                }
            }
        }
        Ok(())
    }

    fn contenders(&self) -> Vec<Contender<'_>> {
        let one: Arc<[HeaderValue]> = self.active.iter().take(1).cloned().collect();
        let of_services = self.services.iter().flat_map(|Services { algorithm, few, many, busy }| {
            let names = Names::of(*algorithm, self);
            [
                (names.few, few, &self.of_few),
                (names.many, many, &self.of_many),
                (names.one, busy, &one),
                (names.active, busy, &self.active),
            ]
        });
        let contender = |(name, server, callers): (String, _, &Arc<[HeaderValue]>)| {
            Contender::load(name, server, requests(Callers::AnyOf(Arc::clone(callers))))
        };
        of_services.map(contender).collect()
    }
}

/// What the contenders of one algorithm are called.
struct Names {
    few: String,
    many: String,
    one: String,
    active: String,
}

impl Names {
    fn of(algorithm: Algorithm, fleet: &Fleet) -> Self {
        let name = |count: usize, what: &str| format!("{algorithm}, {} {what}", number_of(count));
        Self {
            few: name(fleet.few.clients, "clients"),
            many: name(fleet.many.clients, "clients"),
            one: name(1, "of them active"),
            active: name(fleet.active.len(), "of them active"),
        }
    }
}

fn run(case: &Case, run: &mut Run) -> Result<Section, BenchError> {
    let fleet = Fleet::start(run)?;
    fleet.warm_up(run)?;
    let measured = run.compare(fleet.contenders())?;
    Ok(section(case, run, &fleet, measured))
}

fn requests(callers: Callers) -> Load {
    token_requests("/oauth2/token", CONNECTIONS, callers)
}

fn section(case: &Case, run: &Run, fleet: &Fleet, measured: Vec<Measured>) -> Section {
    let find = |name: &str| measured.iter().find(|one| one.name == name);
    let mut targets = Vec::new();
    for algorithm in ALGORITHMS {
        let names = Names::of(algorithm, fleet);
        let ratio = |one: &str, other: &str| Some(find(one)?.cost_ratio(find(other)?));
        let mut target = |what: String, bound, measured| {
            targets.push(Target::new(what, Bound::AtMost(bound), " times the CPU", measured, run.plan.is_quick));
        };
        let (few, many, active) = (fleet.few.clients, fleet.many.clients, fleet.active.len());
        let many_what = format!("{algorithm}: {} clients, over {}", number_of(many), number_of(few));
        target(many_what, 1.05, ratio(&names.many, &names.few));
        target(format!("{algorithm}: {} active, over one", number_of(active)), 1.3, ratio(&names.active, &names.one));
    }
    let (import, note) = import(&fleet.many);
    Section {
        case: case.name,
        title: case.title,
        about: format!(
            "Token requests, {CONNECTIONS} connections, clients in random order, each seen once before. The first two of \
             an algorithm have {} active clients each; the last two are one process.",
            number_of(fleet.few.clients)
        ),
        table: Table::of(&measured, "", |_| None),
        targets,
        notes: vec![note],
        chart: None,
        measured,
        samples: vec![import],
    }
}

/// How long the registration of a fleet took.
fn import(fleet: &Installation) -> (Samples, String) {
    let (clients, seconds) = (number_of(fleet.clients), fleet.import.as_secs_f64());
    let took = Samples { name: format!("import of {clients} clients"), unit: "s", values: vec![seconds] };
    let what = format!("auth-service client import registered {clients} clients, each with a hashed secret of its own");
    (took, format!("{what}, in {} s.", figure(seconds)))
}

fn number_of(clients: usize) -> String {
    number(f64::from(to_count(clients)))
}

fn to_count(clients: usize) -> u32 {
    u32::try_from(clients).unwrap_or(u32::MAX)
}
