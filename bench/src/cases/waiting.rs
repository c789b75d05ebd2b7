//! A thousand guards that wait at one auth-service: what it holds for each, what one revocation costs it
//! until the last has heard, and what the waiting itself costs.

use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::Case;
use crate::connection::Connection;
use crate::error::{BenchError, system};
use crate::progress::Progress;
use crate::report::{Bound, Samples, Section, Table, Target, figure, interval, number};
use crate::run::{Plan, Run};
use crate::site::{AGENT, Site};
use crate::statistics::Estimate;

pub const CASE: Case = Case { name: "waiting", title: "Guards that wait at one token service", run };

/// How long a guard asks the service to wait, in seconds.
const WAIT: u32 = 25;
/// How many windows long the waiting alone is looked at; with [`WAIT`] none of the guards comes back meanwhile.
const WINDOWS: u32 = 10;
/// The pause between two looks at how many wait.
const LOOKED_EVERY: Duration = Duration::from_millis(20);
/// The files that a process has open besides the connections of the guards, at most.
const OTHER_FILES: u64 = 200;
/// How long all of it may take.
const LONGEST: Duration = Duration::from_mins(15);

/// A guard as the token service sees it: a client of its own, with a connection and a token of its own.
struct Guard {
    connection: Connection,
    token: HeaderValue,
}

/// What a guard is told.
#[derive(Deserialize)]
struct Page {
    next: u64,
}

/// What one revocation came to.
struct Round {
    /// The service's CPU from before it until the last guard had heard, in milliseconds.
    told: f64,
    /// Its CPU until all of them waited again, in milliseconds.
    back: f64,
    /// How long after it was acknowledged each guard had heard, in milliseconds.
    heard: Vec<f64>,
}

/// All that was found.
struct Found {
    /// What the service holds more for each guard that waits, in KiB.
    memory: f64,
    /// Its CPU while all wait, in milliseconds a second.
    idle: f64,
    rounds: Vec<Round>,
}

impl Guard {
    /// Waits for what comes after a position: itself again, when it had heard, and the position then.
    async fn wait(mut self, after: u64) -> Result<(Self, Instant, u64), BenchError> {
        let answer = self.connection.exchange(self.question(&format!("after={after}&wait={WAIT}"))?).await?;
        let heard = Instant::now();
        let page: Page = answer.with(StatusCode::OK, r#""seq":"#)?.json()?;
        Ok((self, heard, page.next))
    }

    /// Where the feed stands.
    async fn position(&mut self) -> Result<u64, BenchError> {
        let question = self.question("")?;
        Ok(self.connection.exchange(question).await?.with(StatusCode::OK, r#""next":"#)?.json::<Page>()?.next)
    }

    fn question(&self, query: &str) -> Result<Request<Full<Bytes>>, BenchError> {
        let request = Request::get(format!("/revocations?{query}"));
        Ok(request.header(AUTHORIZATION, self.token.clone()).body(Full::default())?)
    }
}

/// The guards, all of them waiting at the service.
struct Waiting<'a> {
    site: &'a Site,
    guards: JoinSet<Result<(Guard, Instant, u64), BenchError>>,
}

impl<'a> Waiting<'a> {
    /// Lets them wait for what comes after a position; gives them when the service holds all of them.
    async fn begin(site: &'a Site, guards: Vec<Guard>, after: u64) -> Result<Self, BenchError> {
        let number = guards.len();
        let mut waiting = JoinSet::new();
        for guard in guards {
            waiting.spawn(guard.wait(after));
        }
        while site.metric("bailiwick_feed_waiting").await? != u64::try_from(number).ok() {
            sleep(LOOKED_EVERY).await;
        }
        Ok(Self { site, guards: waiting })
    }

    /// Revokes something, and lets all of them come back once they have heard.
    async fn round(self) -> Result<(Self, Round), BenchError> {
        let Self { site, guards } = self;
        let mut operator = site.operator().await?;
        let before = site.auth.cpu()?;
        let acknowledged = operator.revoke_client(AGENT).await?;
        let answers: Vec<_> = guards.join_all().await.into_iter().collect::<Result<_, _>>()?;
        let all_heard = site.auth.cpu()?;
        let (mut guards, mut heard, mut position) = (Vec::new(), Vec::new(), 0);
        for (guard, at, next) in answers {
            // Some have heard before the acknowledgement was read.
            heard.push(milliseconds_of(at.saturating_duration_since(acknowledged)));
            position = next.max(position);
            guards.push(guard);
        }
        let waiting = Self::begin(site, guards, position).await?;
        let (told, back) = (all_heard.since(&before), site.auth.cpu()?.since(&all_heard));
        Ok((waiting, Round { told: milliseconds_of(told), back: milliseconds_of(back), heard }))
    }
}

fn run(case: &Case, run: &mut Run) -> Result<Section, BenchError> {
    allow_open_files(u64::from(to_count(run.plan.guards)) + OTHER_FILES)?;
    let mut site = Site::start(run, "waiting")?;
    run.progress.step("registering the guards");
    site.installation.import(run.plan.guards, "guard")?;
    let clients = site.installation.callers(run.plan.guards)?;
    let Run { generator, progress, plan, .. } = run;
    let found = generator.drive(&site.auth.name, LONGEST, find(&site, &clients, plan, progress))?;
    Ok(section(case, run, &found))
}

/// Lets this process and those that it starts have so many files open, where they may not yet.
fn allow_open_files(number: u64) -> Result<(), BenchError> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= number) {
        return Ok(());
    }
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(number), ..limit });
    raised.map_err(|error| system(format!("{number} open files, which `ulimit -Hn` has to allow"))(error.into()))
}

async fn find(site: &Site, clients: &[HeaderValue], plan: &Plan, progress: &Progress) -> Result<Found, BenchError> {
    let tokens = tokens(site, clients).await?;
    let before = site.auth.resident_kibibytes()?;
    let mut guards = Vec::new();
    for token in tokens {
        guards.push(Guard { connection: Connection::open(&site.auth.name, site.auth.address()).await?, token });
    }
    let Some(first) = guards.first_mut() else { return Err(BenchError::Nothing(site.auth.name.clone())) };
    let position = first.position().await?;
    let mut waiting = Waiting::begin(site, guards, position).await?;
    let memory = (site.auth.resident_kibibytes()? - before) / f64::from(to_count(clients.len()));
    progress.step("all wait, and nothing happens");
    let (cpu, window) = (site.auth.cpu()?, plan.window * WINDOWS);
    sleep(window).await;
    let idle = milliseconds_of(site.auth.cpu()?.since(&cpu)) / window.as_secs_f64();
    let mut rounds = Vec::new();
    for number in 0..=plan.slices {
        progress.show(&format!("revocation {number} of {}", plan.slices));
        let round;
        (waiting, round) = waiting.round().await?;
        // The first is not counted, as elsewhere.
        rounds.extend((number > 0).then_some(round));
    }
    Ok(Found { memory, idle, rounds })
}

async fn tokens(site: &Site, clients: &[HeaderValue]) -> Result<Vec<HeaderValue>, BenchError> {
    let (mut operator, feed) = (site.operator().await?, format!("{}/revocations", site.issuer()));
    let mut tokens = Vec::new();
    for client in clients {
        tokens.push(operator.token(client, &feed).await?);
    }
    Ok(tokens)
}

fn milliseconds_of(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn to_count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn section(case: &Case, run: &Run, Found { memory, idle, rounds }: &Found) -> Section {
    let samples = |name: &str, unit, values| Samples { name: name.to_owned(), unit, values };
    let of_rounds = |name: &str, figure: &dyn Fn(&Round) -> f64| {
        samples(name, "ms", rounds.iter().map(figure).collect::<Vec<f64>>())
    };
    let share = |percent| move |round: &Round| Estimate::percentile(percent, round.heard.iter().copied()).median;
    let memory = samples("memory for each guard that waits", "KiB", vec![*memory]);
    let idle = samples("CPU of the waiting alone, a second", "ms", vec![*idle]);
    let last = of_rounds("the last has heard after", &share(100));
    let back = of_rounds("CPU until all wait again", &|round| round.back);
    let target =
        Target::new("the last has heard after", Bound::AtMost(1000.0), " ms", Some(last.estimate()), run.plan.is_quick);
    let every_wait = figure(back.estimate().median / f64::from(WAIT));
    let samples = vec![
        memory,
        idle,
        of_rounds("CPU of a revocation until all have heard", &|round| round.told),
        back,
        of_rounds("half have heard after", &share(50)),
        of_rounds("99 of 100 have heard after", &share(99)),
        last,
    ];
    let guards = number(f64::from(to_count(run.plan.guards)));
    Section {
        case: case.name,
        title: case.title,
        about: format!(
            "{guards} guards, each with a client, a token and a connection of its own, wait at one auth-service. CPU and \
             memory are the service's; the times are from the acknowledgement of a revocation, and one thread of the \
             bench reads all answers meanwhile."
        ),
        table: Table {
            heading: ["", "measured", "interval"].map(str::to_owned).to_vec(),
            rows: samples.iter().map(row).collect(),
        },
        targets: vec![target],
        notes: vec![format!(
            "Each guard comes back every {WAIT} s besides, whatever happens: {every_wait} ms of CPU a second for all of \
             them."
        )],
        chart: None,
        measured: Vec::new(),
        samples,
    }
}

fn row(samples: &Samples) -> Vec<String> {
    let (estimate, unit) = (samples.estimate(), samples.unit);
    let is_repeated = samples.values.len() > 1;
    let interval = if is_repeated { format!("{} {unit}", interval(estimate)) } else { String::new() };
    vec![samples.name.clone(), format!("{} {unit}", figure(estimate.median)), interval]
}
