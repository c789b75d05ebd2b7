//! The four services as processes of this one: started together, awaited until each is ready, ended by
//! their own process ids. Touches no process that it has not started.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures::future;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

/// How long a service may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How often a service is asked whether it is ready, or has ended by now.
const ASKED_EVERY: Duration = Duration::from_millis(20);

/// How often it is looked whether all still run, while nothing else happens.
const LOOKED_EVERY: Duration = Duration::from_millis(500);

/// How long a service may take to end before it is ended.
const ENDED_WITHIN: Duration = Duration::from_secs(10);

/// Why a service does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The program cannot be run.
    #[error("{name} cannot be started ({error}): run scripts/demo, which builds it")]
    NotStarted {
        /// The service.
        name: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// It ended while it should have run.
    #[error("{name} ended by itself: {last_line}\nits log is {}", log.display())]
    Ended {
        /// The service.
        name: &'static str,
        /// The last that it said.
        last_line: String,
        /// All that it said.
        log: PathBuf,
    },
    /// It runs and is not ready.
    #[error("{name} is not ready after {} s; its log is {}", READY_WITHIN.as_secs(), log.display())]
    NotReady {
        /// The service.
        name: &'static str,
        /// All that it said.
        log: PathBuf,
    },
}

/// One service.
#[derive(Debug)]
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// How long after its start it was ready.
    pub ready_after: Duration,
    health: String,
    log: PathBuf,
    child: Child,
}

/// The services that run.
#[derive(Debug, Default)]
pub struct Services(Vec<Service>);

impl Services {
    /// Starts a service whose readiness is told below `origin`; its output goes to `log`.
    ///
    /// # Errors
    /// The program cannot be run.
    pub fn start(
        &mut self,
        name: &'static str,
        origin: &str,
        log: PathBuf,
        mut command: Command,
    ) -> Result<(), ServiceError> {
        let mut spawn = || {
            let output = File::create(&log)?;
            command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn()
        };
        let child = spawn().map_err(|error| ServiceError::NotStarted { name, error })?;
        let health = format!("{origin}/health/ready");
        self.0.push(Service { name, ready_after: Duration::ZERO, health, log, child });
        Ok(())
    }

    /// Waits until all are ready.
    ///
    /// # Errors
    /// One of them ended, or takes too long.
    pub async fn ready(&mut self, http: &reqwest::Client) -> Result<&[Service], ServiceError> {
        let begun = Instant::now();
        future::try_join_all(self.0.iter_mut().map(|service| service.ready(http, begun))).await?;
        Ok(&self.0)
    }

    /// Waits until one of them ends, which none should.
    pub async fn one_ended(&mut self) -> ServiceError {
        loop {
            if let Some(service) = self.0.iter_mut().find_map(|service| service.has_ended().then_some(service)) {
                return ended(service.name, &service.log);
            }
            sleep(LOOKED_EVERY).await;
        }
    }

    /// Asks all of them to end, and waits until they have. One that takes too long is ended.
    pub async fn stop(mut self) {
        for service in &mut self.0 {
            // One that has ended already has given its process id back.
            if !service.has_ended()
                && let Some(pid) = i32::try_from(service.child.id()).ok().and_then(Pid::from_raw)
            {
                let _ = kill_process(pid, Signal::TERM);
            }
        }
        let asked = Instant::now();
        while asked.elapsed() < ENDED_WITHIN && !self.0.iter_mut().all(Service::has_ended) {
            sleep(ASKED_EVERY).await;
        }
    }
}

impl Service {
    fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    async fn ready(&mut self, http: &reqwest::Client, begun: Instant) -> Result<(), ServiceError> {
        loop {
            if http.get(&self.health).send().await.is_ok_and(|answer| answer.status().is_success()) {
                self.ready_after = begun.elapsed();
                return Ok(());
            }
            if self.has_ended() {
                return Err(ended(self.name, &self.log));
            }
            if begun.elapsed() > READY_WITHIN {
                return Err(ServiceError::NotReady { name: self.name, log: self.log.clone() });
            }
            sleep(ASKED_EVERY).await;
        }
    }
}

/// Whatever happens, none outlives the demo.
impl Drop for Service {
    fn drop(&mut self) {
        // One that has ended needs nothing more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ended(name: &'static str, log: &Path) -> ServiceError {
    let said = fs::read_to_string(log).unwrap_or_default();
    let last_line = said.lines().last().unwrap_or("it said nothing").to_owned();
    ServiceError::Ended { name, last_line, log: log.to_path_buf() }
}
