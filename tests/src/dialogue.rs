//! A program that is spoken with line by line, as a person at a terminal would. Owns its process, which
//! ends with it; what the lines mean is the caller's.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::binary::Ended;

/// How long it may be silent.
const SAYS_WITHIN: Duration = Duration::from_secs(30);

/// A running program.
#[derive(Debug)]
pub struct Dialogue {
    child: Child,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
}

impl Dialogue {
    /// Starts a program.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let mut errors = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Self { child, lines, errors: Some(errors) }
    }

    /// Says a line to it.
    pub fn say(&self, line: &str) {
        let mut input = self.child.stdin.as_ref().unwrap();
        writeln!(input, "{line}").unwrap();
    }

    /// The next line that it says.
    #[must_use]
    pub fn hear(&mut self) -> String {
        match self.lines.recv_timeout(SAYS_WITHIN) {
            Ok(line) => line,
            Err(why) => self.fail(why),
        }
    }

    /// Has nothing more to say, and waits until it ends; `stdout` is what was not heard yet.
    #[must_use]
    pub fn finish(mut self) -> Ended {
        drop(self.child.stdin.take());
        let mut stdout = String::new();
        loop {
            match self.lines.recv_timeout(SAYS_WITHIN) {
                Ok(line) => stdout.extend([line.as_str(), "\n"]),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(why) => self.fail(why),
            }
        }
        let stderr = self.errors();
        Ended { code: self.child.wait().unwrap().code().unwrap_or(-1), stdout, stderr }
    }

    fn errors(&mut self) -> String {
        self.errors.take().map(|errors| errors.join().unwrap()).unwrap_or_default()
    }

    fn fail(&mut self, why: RecvTimeoutError) -> ! {
        self.end();
        panic!("the program said no more ({why}):\n{}", self.errors())
    }

    fn end(&mut self) {
        // It may have ended by itself; then there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        self.end();
    }
}

fn lines_of(output: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens any more once the program is ended.
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
