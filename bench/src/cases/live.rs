//! What live revocations add to a call: guards that have heard of none beside such as hold a hundred
//! thousand, with a token that is newer than all of them and with one that is older and looked up.
//!
//! Two processes of one program differ by more than is looked for, by where their memory happens to lie. So
//! there are several of each kind, and one figure comes of each pair.

use std::time::{Duration, Instant};

use http::HeaderValue;

use super::Case;
use crate::error::BenchError;
use crate::load::{Callers, Load};
use crate::report::{Bound, Samples, Section, Table, Target, figure, number};
use crate::run::{CONNECTIONS, Contender, Measured, Run};
use crate::server::Server;
use crate::site::{Probe, ROLE, Site};
use crate::statistics::Estimate;
use crate::tool_servers::{self, resource};

pub const CASE: Case = Case { name: "live", title: "Calls under live revocations", run };

/// The pairs of servers: an interval of 95 % needs 6.
const PAIRS: usize = 6;
/// What is called at a pair: one server with one token, the other with two.
const OF_PAIR: usize = 3;
/// How many times as many and as short turns they take as elsewhere.
const FINENESS: u32 = 5;
/// What is called with a token of a guard that has heard of nothing.
const NONE: &str = "none live";
/// The client whose token says, by being refused, that all revocations before its own were heard.
const WITNESS: &str = "witness";
/// How long they may take to be heard.
const LONGEST: Duration = Duration::from_mins(5);

/// A storm of revocations.
struct Storm {
    /// How long the service took to make them, in seconds.
    appended: f64,
    /// How long after that the last of the guards had heard of all of them, in seconds.
    heard: f64,
}

/// What is called under live revocations, with which token.
struct Names {
    newer: String,
    older: String,
}

fn run(case: &Case, run: &mut Run) -> Result<Section, BenchError> {
    let (quiet, mut stormy) = (Site::start(run, "quiet")?, Site::start(run, "stormy")?);
    let (mut without, mut with): (Vec<Server>, Vec<Server>) = Default::default();
    // A quick run only shows that it works.
    let (pairs, fineness) = if run.plan.is_quick { (1, 1) } else { (PAIRS, FINENESS) };
    for number in 1..=pairs {
        run.progress.show(&format!("starting pair {number} of {pairs}"));
        without.push(quiet.adder("a server that has heard of nothing", without.first())?);
        with.push(stormy.adder("a server that hears of much", with.first())?);
    }
    let (token, older) = (token_for(run, &quiet, &without)?, token_for(run, &stormy, &with)?);
    let storm = storm(run, &mut stormy, &with)?;
    let newer = token_for(run, &stormy, &with)?;
    let names = Names::of(run.plan.live_revocations);
    let contenders = without.iter().zip(&with).flat_map(|(without, with)| {
        [
            Contender::load(NONE, without, calls(&token)),
            Contender::load(names.newer.as_str(), with, calls(&newer)),
            Contender::load(names.older.as_str(), with, calls(&older)),
        ]
    });
    let measured = run.compare_finely(fineness, contenders.collect())?;
    Ok(section(case, run, &names, &storm, measured))
}

impl Names {
    fn of(live: usize) -> Self {
        let many = format!("{} live", number(f64::from(u32::try_from(live).unwrap_or(u32::MAX))));
        Self { newer: format!("{many}, newer token"), older: format!("{many}, older token") }
    }
}

/// A token of the site's agent for these servers.
fn token_for(run: &mut Run, site: &Site, servers: &[Server]) -> Result<HeaderValue, BenchError> {
    let first = servers.first().ok_or_else(|| BenchError::Nothing(site.auth.name.clone()))?;
    run.generator.drive(&site.auth.name, LONGEST, async {
        site.operator().await?.token(&site.agent, &resource(first.port)).await
    })
}

fn calls(token: &HeaderValue) -> Load {
    tool_servers::add(CONNECTIONS, Callers::AnyOf([token.clone()].into()))
}

/// Registers a fleet and deletes it at one stroke, each client a revocation, as an operator does by a file that
/// does not name it. The guards hear of them by the feed while they run.
fn storm(run: &mut Run, site: &mut Site, servers: &[Server]) -> Result<Storm, BenchError> {
    let witness = site.installation.create_client(WITNESS, ROLE)?.basic()?;
    let kept = site.installation.export()?;
    run.progress.step("registering clients that will be deleted");
    site.installation.import(run.plan.live_revocations, ROLE)?;
    run.progress.step("deleting them");
    let began = Instant::now();
    site.installation.apply_pruning(&kept)?;
    let appended = began.elapsed();
    run.progress.step("waiting until the guards have heard of it");
    run.generator.drive("a server", LONGEST, async {
        let mut operator = site.operator().await?;
        let mut probes = Vec::new();
        for server in servers {
            probes.push(Probe::at(server, "add").await?);
        }
        let resource = probes.first().map(|first| first.resource.clone()).unwrap_or_default();
        let token = operator.token(&witness, &resource).await?;
        operator.revoke_client(WITNESS).await?;
        for probe in &mut probes {
            probe.refused(&token).await?;
        }
        Ok(())
    })?;
    let heard = began.elapsed().saturating_sub(appended);
    Ok(Storm { appended: appended.as_secs_f64(), heard: heard.as_secs_f64() })
}

fn section(case: &Case, run: &Run, names: &Names, storm: &Storm, measured: Vec<Measured>) -> Section {
    let all = |place: usize| Measured::joined(measured.iter().skip(place).step_by(OF_PAIR));
    let (none, newer, older) = (all(0), all(1), all(2));
    // Of each pair one figure.
    let added = |place: usize| {
        let of_pair = |pair: &[Measured]| Some(pair.get(place)?.microseconds_over(pair.first()?).median);
        Estimate::of(measured.chunks(OF_PAIR).filter_map(of_pair))
    };
    let adds = [(&names.newer, added(1)), (&names.older, added(2))];
    let column = |one: &Measured| {
        let (_, adds) = adds.iter().find(|(name, _)| **name == one.name)?;
        Some(format!("{} µs", figure(adds.median)))
    };
    let target = |(name, adds): (&String, Estimate)| {
        let what = format!("the check adds, {name}");
        Target::new(what, Bound::AtMost(1.0), " µs", Some(adds), run.plan.is_quick)
    };
    let seconds = |name: &str, value| Samples { name: name.to_owned(), unit: "s", values: vec![value] };
    Section {
        case: case.name,
        title: case.title,
        about: format!(
            "tools/call of add(19, 23), {CONNECTIONS} connections, a seen token of an auth-service whose revocations the \
             servers hear: {PAIRS} pairs of processes, since two of one kind differ by more than is looked for. A newer \
             token is told by its position alone; an older one is looked up under each of its subjects. The last column: \
             CPU over the server of its pair that holds none, the median of the pairs."
        ),
        table: Table::of(&[none, newer, older], "added", column),
        targets: adds.into_iter().map(target).collect(),
        notes: vec![format!(
            "auth-service apply --prune deleted the clients, each a revocation, in {} s; {} s later all {PAIRS} servers had \
             heard of all of them.",
            figure(storm.appended),
            figure(storm.heard)
        )],
        chart: None,
        measured,
        samples: vec![seconds("revocations appended", storm.appended), seconds("and heard after", storm.heard)],
    }
}
