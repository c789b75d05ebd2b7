//! The load: connections over loopback that are kept alive and send one request after the other, each
//! as soon as the answer before was read and found right. One thread makes all of it, so that it never
//! takes more than a core from the server. Owns requests and their times; what they cost the server
//! the server's own clock tells.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use crate::connection::Connection;
use crate::error::{BenchError, system};
use crate::server::Server;

/// How long answers may be missing before the run ends.
const PATIENCE: Duration = Duration::from_mins(1);

/// Who sends the requests.
#[derive(Clone, Debug)]
pub enum Callers {
    /// Somebody without credentials.
    Nobody,
    /// One of these for each request, in random order: the values of `Authorization`.
    AnyOf(Arc<[HeaderValue]>),
    /// Each of these once, and then the slice ends.
    EachOnce(Arc<[HeaderValue]>),
}

/// A load, the same in every slice.
#[derive(Clone, Debug)]
pub struct Load {
    /// The path that is posted to.
    pub path: &'static str,
    /// Headers besides `Host` and `Authorization`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
    /// What the body of every right answer holds.
    pub expected: &'static str,
    /// The connections at one time.
    pub connections: usize,
    /// Who asks.
    pub callers: Callers,
}

/// What one slice came to.
#[derive(Clone, Debug, Serialize)]
pub struct Slice {
    /// The requests, all of them answered rightly.
    pub requests: u32,
    /// How long they took together.
    pub seconds: f64,
    /// What they took of the server's CPU.
    pub cpu_seconds: f64,
    /// The time that half of them took at most, in milliseconds.
    pub p50_ms: f64,
    /// The time that 99 of 100 took at most, in milliseconds.
    pub p99_ms: f64,
}

impl Slice {
    /// The requests for each second of the server's CPU.
    pub fn per_cpu_second(&self) -> f64 {
        f64::from(self.requests) / self.cpu_seconds
    }

    /// The requests for each second.
    pub fn per_second(&self) -> f64 {
        f64::from(self.requests) / self.seconds
    }

    /// The server's CPU for each request, in microseconds.
    pub fn cpu_microseconds(&self) -> f64 {
        self.cpu_seconds * 1e6 / f64::from(self.requests)
    }
}

/// What makes the load.
#[derive(Debug)]
pub struct Generator {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl Generator {
    /// One that hears Ctrl-C from now on.
    pub fn new() -> Result<Self, BenchError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(system("the event loop"))?;
        let entered = runtime.enter();
        let listen = |kind| signal(kind).map_err(system("signals"));
        let (interrupt, terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        drop(entered);
        Ok(Self { runtime, interrupt, terminate })
    }

    /// Loads `server` for as long as `window`, or until every caller had a turn. Opening the
    /// connections and the first request on each are no part of what is measured.
    pub fn slice(&mut self, server: &Server, load: &Load, window: Duration) -> Result<Slice, BenchError> {
        self.drive(&server.name, window + PATIENCE, measure(server, load, window))
    }

    /// Does what asks the server of that name, unless somebody presses Ctrl-C or it takes too long.
    pub fn drive<T>(
        &mut self,
        name: &str,
        longest: Duration,
        work: impl Future<Output = Result<T, BenchError>>,
    ) -> Result<T, BenchError> {
        let Self { runtime, interrupt, terminate } = self;
        runtime.block_on(async {
            tokio::select! {
                done = work => done,
                _ = interrupt.recv() => Err(BenchError::Stopped),
                _ = terminate.recv() => Err(BenchError::Stopped),
                () = tokio::time::sleep(longest) => Err(BenchError::Silent(name.to_owned(), longest)),
            }
        })
    }
}

async fn measure(server: &Server, load: &Load, window: Duration) -> Result<Slice, BenchError> {
    let (name, head, load) = (server.name.clone(), load.headers.iter().cloned().collect(), load.clone());
    let source = Arc::new(Source { name, head, load, taken: AtomicUsize::new(0) });
    let mut opening = JoinSet::new();
    for _ in 0..source.load.connections {
        opening.spawn(Worker::begin(Arc::clone(&source), server.address()));
    }
    let workers: Vec<_> = opening.join_all().await.into_iter().collect::<Result<_, _>>()?;
    let cpu = server.cpu()?;
    let began = Instant::now();
    let mut working = JoinSet::new();
    for worker in workers {
        working.spawn(worker.work(began + window));
    }
    let times: Vec<_> = working.join_all().await.into_iter().collect::<Result<_, _>>()?;
    let (seconds, cpu_seconds) = (began.elapsed().as_secs_f64(), server.cpu()?.since(&cpu).as_secs_f64());
    let mut times = times.concat();
    times.sort_unstable();
    let within = |percent: usize| times.get(times.len() * percent / 100).map(|time| time.as_secs_f64() * 1e3);
    let (Some(p50_ms), Some(p99_ms)) = (within(50), within(99)) else {
        return Err(BenchError::Nothing(server.name.clone()));
    };
    let requests = u32::try_from(times.len()).unwrap_or(u32::MAX);
    Ok(Slice { requests, seconds, cpu_seconds, p50_ms, p99_ms })
}

/// Where the connections of a slice have their requests from.
struct Source {
    name: String,
    head: HeaderMap,
    load: Load,
    taken: AtomicUsize,
}

impl Source {
    /// The next request; `None` when every caller had a turn.
    fn next(&self, random: &mut Rng) -> Result<Option<Request<Full<Bytes>>>, BenchError> {
        let caller = match &self.load.callers {
            Callers::Nobody => None,
            Callers::AnyOf(callers) => callers.get(random.usize(..callers.len().max(1))),
            Callers::EachOnce(callers) => {
                let Some(caller) = callers.get(self.taken.fetch_add(1, Ordering::Relaxed)) else { return Ok(None) };
                Some(caller)
            }
        };
        let mut request = Request::post(self.load.path).body(Full::from(self.load.body.clone()))?;
        request.headers_mut().clone_from(&self.head);
        if let Some(caller) = caller {
            request.headers_mut().insert(AUTHORIZATION, caller.clone());
        }
        Ok(Some(request))
    }
}

/// Who sends requests over one connection, the first of them answered.
struct Worker {
    source: Arc<Source>,
    connection: Connection,
    random: Rng,
}

impl Worker {
    async fn begin(source: Arc<Source>, address: SocketAddr) -> Result<Self, BenchError> {
        let connection = Connection::open(&source.name, address).await?;
        let mut worker = Self { source, connection, random: Rng::new() };
        worker.exchange().await?;
        Ok(worker)
    }

    /// Sends requests until `deadline`; how long each took.
    async fn work(mut self, deadline: Instant) -> Result<Vec<Duration>, BenchError> {
        let mut times = Vec::new();
        while Instant::now() < deadline {
            let Some(time) = self.exchange().await? else { break };
            times.push(time);
        }
        Ok(times)
    }

    /// One request and its answer.
    async fn exchange(&mut self) -> Result<Option<Duration>, BenchError> {
        let Some(request) = self.source.next(&mut self.random)? else { return Ok(None) };
        let began = Instant::now();
        let answer = self.connection.exchange(request).await?;
        let time = began.elapsed();
        let _ = answer.with(StatusCode::OK, self.source.load.expected)?;
        Ok(Some(time))
    }
}
