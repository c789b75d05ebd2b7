//! What the person who waits sees: on a terminal one line that changes, elsewhere one line for each
//! step. Owns standard error; results go to standard output.

use std::io::{IsTerminal, Write, stderr};
use std::time::Instant;

/// The longest line, in characters: what fits a terminal.
const WIDTH: usize = 99;

/// The progress of a run.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    is_terminal: bool,
    case: String,
}

impl Progress {
    /// Of a run that begins now.
    pub fn begin() -> Self {
        Self { began: Instant::now(), is_terminal: stderr().is_terminal(), case: String::new() }
    }

    /// A case begins.
    pub fn case(&mut self, name: &str) {
        name.clone_into(&mut self.case);
        self.step("starting");
    }

    /// Something that takes a while begins.
    pub fn step(&self, what: &str) {
        if self.is_terminal {
            self.show(what);
        } else {
            Self::write(&format!("{}\n", self.line(what)));
        }
    }

    /// One of many small steps, for terminals alone.
    pub fn show(&self, what: &str) {
        if self.is_terminal {
            let line: String = self.line(what).chars().take(WIDTH).collect();
            Self::write(&format!("\r{line:WIDTH$}"));
        }
    }

    /// Clears the line, for what is printed next.
    pub fn clear(&self) {
        if self.is_terminal {
            Self::write(&format!("\r{:WIDTH$}\r", ""));
        }
    }

    fn line(&self, what: &str) -> String {
        let seconds = self.began.elapsed().as_secs();
        format!("{:2}:{:02}  {}: {what}", seconds / 60, seconds % 60, self.case)
    }

    fn write(text: &str) {
        // Who does not look misses nothing that matters.
        let _ = stderr().write_all(text.as_bytes());
    }
}
