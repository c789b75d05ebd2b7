//! On what a run was made: the machine, the versions, the day. Figures without it mean nothing.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use jiff::Timestamp;
use serde::Serialize;

use crate::peers::{Peer, Peers};

/// What the figures of a run rest on.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// The day, as in `2026-11-27`.
    pub day: String,
    /// The commit that was measured; empty where nobody knows.
    pub commit: String,
    /// The processor.
    pub processor: String,
    /// Its cores that this process may use.
    pub cores: usize,
    /// The kernel.
    pub kernel: String,
    /// How many processes wanted a core in the minute before the run: the first load average.
    pub load: String,
    /// The peers, each with its version and what runs it.
    pub peers: Vec<String>,
}

impl Machine {
    /// This one, today.
    pub fn this(peers: &Peers) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let begin = |path: &str, end: char| read(path).split(end).next().unwrap_or_default().trim().to_owned();
        let processors = read("/proc/cpuinfo");
        let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            day: Timestamp::now().strftime("%Y-%m-%d").to_string(),
            commit: commit(),
            processor: model.map_or("an unknown processor", |(_, model)| model).to_owned(),
            cores: available_parallelism().map_or(1, usize::from),
            kernel: format!("Linux {}", begin("/proc/sys/kernel/osrelease", '-')),
            load: begin("/proc/loadavg", ' '),
            peers: Peer::ALL.into_iter().filter_map(|peer| peers.version(peer)).collect(),
        }
    }

    /// One of which nothing is known.
    #[cfg(test)]
    pub fn unknown() -> Self {
        let [day, commit, processor, kernel, load] = [const { String::new() }; 5];
        Self { day, commit, processor, cores: 1, kernel, load, peers: Vec::new() }
    }

    /// All but the peers in a line.
    pub fn sentence(&self) -> String {
        let Self { day, commit, processor, cores, kernel, load, .. } = self;
        let commit = if commit.is_empty() { String::new() } else { format!(" at {commit}") };
        format!(
            "Measured {day}{commit} on {cores} cores of {processor}, {kernel}; load average before it began: {load}."
        )
    }
}

fn commit() -> String {
    let described = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    described.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
