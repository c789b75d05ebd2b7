//! A running server process: started on a free port, ready when it says so, gone when dropped.
//! Owns its own child by its process id and never touches another process.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a server may take until it listens. Generous: a debug build on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How often a start is tried when somebody else took the port in between.
const ATTEMPTS: usize = 5;

/// A free TCP port of the loopback address; another process may take it before it is used.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Asks again and again until the answer is yes. For what a process does by itself after a while; each
/// question costs a request, so that this is no busy loop.
pub fn eventually(what: &str, mut question: impl FnMut() -> bool) {
    let deadline = Instant::now() + READY_WITHIN;
    while !question() {
        assert!(Instant::now() < deadline, "{what}: not within {READY_WITHIN:?}");
    }
}

/// One running server.
#[derive(Debug)]
pub struct Service {
    name: &'static str,
    child: Child,
    log: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    /// The port that it was told to listen on.
    pub port: u16,
}

impl Service {
    /// Starts what `command` makes for a port and waits until it says that it is listening. Tries
    /// another port where that one was lost to somebody else.
    pub fn start(name: &'static str, command: impl Fn(u16) -> Command) -> Self {
        let mut failure = String::new();
        for _ in 0..ATTEMPTS {
            let port = free_port();
            match Self::start_on(name, port, command(port)) {
                Ok(service) => return service,
                Err(log) if log.contains("is taken") => failure = log,
                Err(log) => panic!("{name} did not start:\n{log}"),
            }
        }
        panic!("{name} found no free port:\n{failure}")
    }

    /// Starts `command`, which listens on `port`.
    ///
    /// # Errors
    /// What it had said, where it ended or stayed silent instead.
    pub fn start_on(name: &'static str, port: u16, mut command: Command) -> Result<Self, String> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (ready, listening) = mpsc::channel();
        let readers = vec![
            read(child.stdout.take().unwrap(), Arc::clone(&log), ready.clone()),
            read(child.stderr.take().unwrap(), Arc::clone(&log), ready),
        ];
        let service = Self { name, child, log, readers, port };
        match listening.recv_timeout(READY_WITHIN) {
            Ok(()) => Ok(service),
            Err(RecvTimeoutError::Disconnected) => Err(service.log()),
            Err(RecvTimeoutError::Timeout) => Err(format!("silent for {READY_WITHIN:?}\n{}", service.log())),
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it has said until now, on both outputs.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Shows the end of the log, for whoever reads why a test failed.
    pub fn show_log(&self) {
        const LINES: usize = 40;
        let log = self.log();
        let skipped = log.lines().count().saturating_sub(LINES);
        eprintln!("--- {} (the last {LINES} lines)", self.name);
        for line in log.lines().skip(skipped) {
            eprintln!("{line}");
        }
    }

    /// Ends it as a crash does (SIGKILL).
    pub fn kill(mut self) {
        self.end();
    }

    /// Asks it to stop (SIGTERM) and waits until it has; gives its exit status and its whole log.
    #[must_use]
    pub fn stop(mut self) -> (ExitStatus, String) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        (status, self.log())
    }

    fn end(&mut self) {
        // It may have ended by itself; then there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_log();
        }
        self.end();
    }
}

/// Collects an output line by line and tells when a line says that the server is listening.
fn read(output: impl Read + Send + 'static, log: Arc<Mutex<String>>, ready: Sender<()>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut ready = Some(ready);
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let listening = is_listening(&line);
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
            drop(log);
            if listening && let Some(ready) = ready.take() {
                // Nobody waits any more after the deadline.
                let _ = ready.send(());
            }
        }
    })
}

/// Whether a line of the log is the start-up line: the one that names the address.
fn is_listening(line: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line["listen"].is_string())
}
