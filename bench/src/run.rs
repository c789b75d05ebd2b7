//! A run: its plan in numbers, and contenders that take turns slice by slice, so that whatever else
//! the machine does falls on all alike. Owns the order of the turns; a case decides who contends.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use tempfile::TempDir;

use crate::error::{BenchError, system};
use crate::load::{Generator, Load, Slice};
use crate::peers::Peers;
use crate::programs::Programs;
use crate::progress::Progress;
use crate::server::Server;
use crate::statistics::Estimate;

/// The connections of a case that is not about them.
pub const CONNECTIONS: usize = 16;

/// How much is measured.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// How often each contender takes its turn.
    pub slices: usize,
    /// How long one turn is.
    pub window: Duration,
    /// The clients of a small installation.
    pub few_clients: usize,
    /// The clients of a large one.
    pub many_clients: usize,
    /// Those of them that are active.
    pub active_clients: usize,
    /// The numbers of connections that are compared.
    pub connections: &'static [usize],
    /// The tokens of one turn that are new to the server.
    pub new_tokens: usize,
    /// The revocations whose way to the servers is timed.
    pub revocations: usize,
    /// The revocations that are live where that is to be felt.
    pub live_revocations: usize,
    /// The guards that wait at one token service.
    pub guards: usize,
    /// Whether it only shows that everything works: its figures say nothing.
    pub is_quick: bool,
}

impl Plan {
    /// What figures are taken from.
    pub fn full(slices: usize, many_clients: usize) -> Self {
        Self {
            slices,
            window: Duration::from_secs(1),
            few_clients: many_clients.min(1000),
            many_clients,
            active_clients: (many_clients / 10).max(1),
            connections: &[1, 16, 64, 512],
            new_tokens: 6000,
            revocations: 200,
            live_revocations: 100_000,
            guards: 1000,
            is_quick: false,
        }
    }

    /// Every case with hardly any work.
    pub fn quick() -> Self {
        Self {
            slices: 2,
            window: Duration::from_millis(30),
            few_clients: 40,
            many_clients: 200,
            active_clients: 100,
            connections: &[1, 512],
            new_tokens: 50,
            revocations: 3,
            live_revocations: 200,
            guards: 40,
            is_quick: true,
        }
    }
}

/// What the cases of a run have at hand.
#[derive(Debug)]
pub struct Run {
    /// How much is measured.
    pub plan: Plan,
    /// What makes the load.
    pub generator: Generator,
    /// What the person who waits sees.
    pub progress: Progress,
    /// The built programs.
    pub programs: Programs,
    /// The peers.
    pub peers: Peers,
    folder: TempDir,
}

impl Run {
    /// Prepares a run; its data goes with it.
    pub fn new(plan: Plan, programs: Programs, progress: Progress) -> Result<Self, BenchError> {
        let beside = programs.bench_folder();
        std::fs::create_dir_all(&beside).map_err(system("the folder of the bench"))?;
        let folder = tempfile::tempdir_in(&beside).map_err(system("the folder of the run"))?;
        let peers = Peers::in_folder(beside.join("peers"));
        Ok(Self { plan, generator: Generator::new()?, progress, programs, peers, folder })
    }

    /// Where the run keeps its data.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A folder of its own for `name`.
    pub fn folder_for(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Lets the contenders take turns. Each round begins with another one, so that none always
    /// follows the same. The first round is not counted: what compiles or caches as it goes has its
    /// chance to.
    pub fn compare(&mut self, contenders: Vec<Contender<'_>>) -> Result<Vec<Measured>, BenchError> {
        self.compare_finely(1, contenders)
    }

    /// The same with so many times as many turns, each so many times as short, for differences that are small
    /// beside what changes on the machine within a turn.
    pub fn compare_finely(
        &mut self,
        times: u32,
        mut contenders: Vec<Contender<'_>>,
    ) -> Result<Vec<Measured>, BenchError> {
        let Plan { slices, window, .. } = self.plan;
        let (slices, window) = (slices * times as usize, window / times);
        let count = contenders.len().max(1);
        for round in 0..=slices {
            for place in 0..contenders.len() {
                let Some(contender) = contenders.get_mut((round + place) % count) else { continue };
                self.progress.show(&format!("slice {round} of {slices}: {}", contender.name));
                let slice = (contender.turn)(&mut self.generator, window)?;
                if round > 0 {
                    contender.slices.push(slice);
                }
            }
        }
        contenders.into_iter().map(Contender::measured).collect()
    }
}

/// One of those that are compared: what takes its turn, and the server that works meanwhile.
pub struct Contender<'a> {
    name: String,
    server: Option<&'a Server>,
    turn: Box<Turn<'a>>,
    slices: Vec<Slice>,
}

type Turn<'a> = dyn FnMut(&mut Generator, Duration) -> Result<Slice, BenchError> + 'a;

impl<'a> Contender<'a> {
    /// A server under the same load in each of its turns.
    pub fn load(name: impl Into<String>, server: &'a Server, load: Load) -> Self {
        Self::server(name, server, move |generator, window| generator.slice(server, &load, window))
    }

    /// A server whose turns are all prepared by `turn`.
    pub fn server(
        name: impl Into<String>,
        server: &'a Server,
        turn: impl FnMut(&mut Generator, Duration) -> Result<Slice, BenchError> + 'a,
    ) -> Self {
        Self { name: name.into(), server: Some(server), turn: Box::new(turn), slices: Vec::new() }
    }

    /// Work in this very process.
    pub fn work(name: impl Into<String>, mut work: impl FnMut(Duration) -> Result<Slice, BenchError> + 'a) -> Self {
        let turn = Box::new(move |_: &mut Generator, window| work(window));
        Self { name: name.into(), server: None, turn, slices: Vec::new() }
    }

    fn measured(self) -> Result<Measured, BenchError> {
        let peak_mebibytes = self.server.map(Server::peak_mebibytes).transpose()?;
        Ok(Measured { name: self.name, slices: self.slices, peak_mebibytes })
    }
}

/// What came of a contender's turns.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Its name.
    pub name: String,
    /// The most memory that its server held, start and all slices included, in MiB.
    pub peak_mebibytes: Option<f64>,
    /// Its turns.
    pub slices: Vec<Slice>,
}

impl Measured {
    /// What came of several that were measured alike, under the name of the first.
    pub fn joined<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let peak = |one: &Self| one.peak_mebibytes;
        Self {
            name: all.clone().next().map(|first| first.name.clone()).unwrap_or_default(),
            peak_mebibytes: all.clone().filter_map(peak).max_by(f64::total_cmp),
            slices: all.flat_map(|one| one.slices.clone()).collect(),
        }
    }

    /// The estimate of something that every slice has.
    pub fn estimate(&self, figure: impl Fn(&Slice) -> f64) -> Estimate {
        Estimate::of(self.slices.iter().map(figure))
    }

    /// The requests for each second of the server's CPU.
    pub fn per_cpu_second(&self) -> Estimate {
        self.estimate(Slice::per_cpu_second)
    }

    /// How many times as many requests for each second of CPU it answers as `other` does.
    pub fn times(&self, other: &Self) -> Estimate {
        self.compared(other, Slice::per_cpu_second, |one, other| one / other)
    }

    /// How many times the CPU of `other` it takes for a request.
    pub fn cost_ratio(&self, other: &Self) -> Estimate {
        self.compared(other, Slice::cpu_microseconds, |one, other| one / other)
    }

    /// How much more CPU than `other` it takes for a request, in microseconds.
    pub fn microseconds_over(&self, other: &Self) -> Estimate {
        self.compared(other, Slice::cpu_microseconds, |one, other| one - other)
    }

    fn compared(&self, other: &Self, figure: fn(&Slice) -> f64, compare: fn(f64, f64) -> f64) -> Estimate {
        let values = |measured: &Self| measured.slices.iter().map(figure).collect::<Vec<_>>();
        Estimate::of_pairs(&values(self), &values(other), compare)
    }
}
