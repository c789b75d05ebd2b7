//! From a revocation to its refusal: how long the three real servers go on taking a token after the
//! token service has said that it is taken back.

use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;

use super::Case;
use crate::error::BenchError;
use crate::report::{Bound, Samples, Section, Table, Target, interval, milliseconds};
use crate::run::Run;
use crate::server::Server;
use crate::site::{AGENT, ASKED_EVERY, Operator, Probe, Site};

pub const CASE: Case = Case { name: "deny", title: "From a revocation to its refusal", run };

/// Each server: its binary, its name in scopes, and a tool that needs no arguments.
const SERVERS: [(&str, &str, &str); 3] = [
    ("mcp-hr", "hr", "get_hr_summary"),
    ("mcp-project", "project", "get_project_summary"),
    ("mcp-crm", "crm", "get_crm_summary"),
];
/// The longest pause between two revocations, in milliseconds. Most find the servers waiting; some find them
/// in the pause that a guard makes after it has heard something.
const LONGEST_PAUSE: u64 = 200;
/// How long all of it may take.
const LONGEST: Duration = Duration::from_mins(15);

fn run(case: &Case, run: &mut Run) -> Result<Section, BenchError> {
    let site = Site::start(run, "deny")?;
    let [hr, project, crm] = SERVERS.map(|(binary, name, _)| site.server(binary, name));
    let servers = [hr?, project?, crm?];
    let Run { generator, progress, plan, .. } = run;
    let times = generator.drive("the servers", LONGEST, async {
        let mut operator = site.operator().await?;
        let mut probes = probes(&servers).await?;
        let (mut random, mut times) = (Rng::new(), Vec::new());
        for number in 0..=plan.revocations {
            progress.show(&format!("revocation {number} of {}", plan.revocations));
            let felt = felt_after(&site, &mut operator, &mut probes).await?;
            // The first is not counted, as elsewhere.
            times.extend((number > 0).then_some(felt));
            sleep(Duration::from_millis(random.u64(..LONGEST_PAUSE))).await;
        }
        Ok(times)
    })?;
    Ok(section(case, run, &times))
}

async fn probes([hr, project, crm]: &[Server; 3]) -> Result<[Probe; 3], BenchError> {
    let [of_hr, of_project, of_crm] = SERVERS.map(|(_, _, tool)| tool);
    Ok([Probe::at(hr, of_hr).await?, Probe::at(project, of_project).await?, Probe::at(crm, of_crm).await?])
}

/// Takes the agent's tokens back; how long each server lets its own through after that, in milliseconds.
async fn felt_after(site: &Site, operator: &mut Operator, probes: &mut [Probe; 3]) -> Result<[f64; 3], BenchError> {
    let mut tokens = Vec::new();
    for probe in probes.iter_mut() {
        let token = operator.token(&site.agent, &probe.resource).await?;
        probe.let_through(&token).await?;
        tokens.push(token);
    }
    let acknowledged = operator.revoke_client(AGENT).await?;
    let [hr, project, crm] = probes;
    let [of_hr, of_project, of_crm] = &tokens[..] else { return Err(BenchError::Nothing(site.auth.name.clone())) };
    let refused = tokio::try_join!(hr.refused(of_hr), project.refused(of_project), crm.refused(of_crm))?;
    // A server may have heard of it before we did.
    Ok(<[_; 3]>::from(refused).map(|at| at.saturating_duration_since(acknowledged).as_secs_f64() * 1e3))
}

fn section(case: &Case, run: &Run, times: &[[f64; 3]]) -> Section {
    let samples = SERVERS.iter().enumerate().map(|(place, (binary, ..))| Samples {
        name: format!("{binary}: refused after"),
        unit: "ms",
        values: times.iter().filter_map(|felt| felt.get(place).copied()).collect(),
    });
    let samples: Vec<Samples> = samples.collect();
    let row = |(name, samples): (&str, &Samples)| {
        let longest = samples.values.iter().copied().fold(0.0, f64::max);
        let (p50, p99) = (samples.percentile(50), samples.percentile(99));
        let interval = format!("{} ms", interval(p99));
        vec![name.to_owned(), milliseconds(p50.median), milliseconds(p99.median), interval, milliseconds(longest)]
    };
    let target = |(name, samples): (&str, &Samples)| {
        let what = format!("{name}, p99");
        Target::new(what, Bound::AtMost(250.0), " ms", Some(samples.percentile(99)), run.plan.is_quick)
    };
    let named = || SERVERS.map(|(binary, ..)| binary).into_iter().zip(&samples);
    Section {
        case: case.name,
        title: case.title,
        about: format!(
            "From the answer to POST /admin/v1/revocations, which ends a client's tokens, to the first 401 of a tool \
             call with its token: {} times, 0 to {LONGEST_PAUSE} ms after the time before, at three servers that hear one \
             auth-service. Each is called over one connection, {} ms after its answer before.",
            run.plan.revocations,
            ASKED_EVERY.as_millis()
        ),
        table: Table {
            heading: ["", "p50", "p99", "interval of p99", "longest"].map(str::to_owned).to_vec(),
            rows: named().map(row).collect(),
        },
        targets: named().map(target).collect(),
        notes: Vec::new(),
        chart: None,
        measured: Vec::new(),
        samples,
    }
}
