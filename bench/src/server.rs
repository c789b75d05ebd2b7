//! A server under load as a process: started on a free port, ready when it answers, its log read as in operation,
//! gone when dropped. Owns its own child and reads what that has used.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::cpu::CpuTimes;
use crate::error::{BenchError, system};
use crate::log::Log;

/// How long a server may take until it is ready.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// The pause between two questions whether it is: what a start-up time may be wrong by.
const POLL: Duration = Duration::from_millis(1);
/// How often a start is tried when somebody else took the port in between.
const ATTEMPTS: usize = 5;

/// When a server counts as started.
#[derive(Clone, Copy, Debug)]
pub enum Ready {
    /// When it answers `GET /health/ready` with 200.
    Health,
    /// When it answers `GET /`, whatever it says: for peers, which have no such path.
    AnyAnswer,
}

impl Ready {
    fn is_answered(self, port: u16) -> bool {
        let (path, answer) = match self {
            Self::Health => ("/health/ready", "HTTP/1.1 200"),
            Self::AnyAnswer => ("/", "HTTP/1.1 "),
        };
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
        let mut begin = vec![0; answer.len()];
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok_and(|mut stream| {
            let asked = stream.set_read_timeout(Some(READY_WITHIN)).and_then(|()| stream.write_all(head.as_bytes()));
            asked.and_then(|()| stream.read_exact(&mut begin)).is_ok() && begin == answer.as_bytes()
        })
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// What it is, for people.
    pub name: String,
    /// The port of 127.0.0.1 that it listens on.
    pub port: u16,
    /// The time from the start of the process until it was ready.
    pub start: Duration,
    child: Child,
    log: Log,
}

impl Server {
    /// Starts what `command` makes for a free port, and waits until it is ready.
    pub fn start(name: &str, ready: Ready, command: impl Fn(u16) -> Command) -> Result<Self, BenchError> {
        let mut attempts = 1;
        loop {
            let port = free_port()?;
            match Self::start_on(port, name, ready, command(port)) {
                Err(BenchError::NotStarted { log, .. }) if attempts < ATTEMPTS && lost_its_port(&log) => attempts += 1,
                started => return started,
            }
        }
    }

    fn start_on(port: u16, name: &str, ready: Ready, mut command: Command) -> Result<Self, BenchError> {
        let log = Log::of(&mut command).map_err(system("the log"))?;
        let began = Instant::now();
        let child = command.spawn().map_err(system(name))?;
        drop(command);
        let mut server = Self { name: name.to_owned(), port, start: Duration::ZERO, child, log };
        while !ready.is_answered(port) {
            let has_ended = server.child.try_wait().map_err(system(name))?.is_some();
            if has_ended || began.elapsed() > READY_WITHIN {
                return Err(server.not_started());
            }
            std::thread::sleep(POLL);
        }
        server.start = began.elapsed();
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The CPU time that its threads have used so far.
    pub fn cpu(&self) -> Result<CpuTimes, BenchError> {
        CpuTimes::of_process(self.child.id()).map_err(system("the CPU time of a server"))
    }

    /// The most memory that it has held so far, in MiB: the peak of its resident set.
    pub fn peak_mebibytes(&self) -> Result<f64, BenchError> {
        self.kibibytes("VmHWM:").map(|kibibytes| kibibytes / 1024.0)
    }

    /// The memory that it holds now, in KiB: its resident set.
    pub fn resident_kibibytes(&self) -> Result<f64, BenchError> {
        self.kibibytes("VmRSS:")
    }

    fn kibibytes(&self, name: &str) -> Result<f64, BenchError> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).map_err(system("the status of a server"))?;
        let value = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        Ok(value.trim().trim_end_matches(" kB").parse().unwrap_or(f64::NAN))
    }

    /// Ends it, for what it says at its end.
    fn not_started(mut self) -> BenchError {
        self.stop();
        BenchError::NotStarted { name: self.name.clone(), log: self.log.end() }
    }

    fn stop(&mut self) {
        // It may have ended by itself; then there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A free TCP port of the loopback address; another process may take it before it is used.
pub fn free_port() -> Result<u16, BenchError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(system("a free port"))?;
    Ok(listener.local_addr().map_err(system("a free port"))?.port())
}

fn lost_its_port(log: &str) -> bool {
    ["is taken", "EADDRINUSE", "address already in use"].iter().any(|words| log.contains(words))
}
