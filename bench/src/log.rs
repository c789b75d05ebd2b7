//! What a server under load says: read from a pipe, as a supervisor reads it in operation. Owns the reading, and
//! keeps the end alone, for the error of one that does not start.

use std::collections::VecDeque;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

/// How much is kept, in bytes.
const KEPT: usize = 2000;
/// How much is taken from the pipe at once, in bytes: all that one holds.
const TAKEN: usize = 64 * 1024;

/// Reads what one process writes, until it has ended.
#[derive(Debug)]
pub struct Log(Option<JoinHandle<VecDeque<u8>>>);

impl Log {
    /// Begins to read what `command` will write. Its process is the only one to hold the pipe once the command is gone.
    pub fn of(command: &mut Command) -> io::Result<Self> {
        let (reader, output): (_, PipeWriter) = io::pipe()?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Ok(Self(Some(thread::spawn(move || end_of(reader)))))
    }

    /// Its end, once the process has ended.
    pub fn end(&mut self) -> String {
        let mut end = self.0.take().and_then(|reading| reading.join().ok()).unwrap_or_default();
        String::from_utf8_lossy(end.make_contiguous()).trim().to_owned()
    }
}

/// The last bytes of what comes.
fn end_of(mut reader: PipeReader) -> VecDeque<u8> {
    let (mut end, mut taken) = (VecDeque::new(), vec![0; TAKEN]);
    while let Ok(length @ 1..) = reader.read(&mut taken) {
        let new = taken.get(length.saturating_sub(KEPT)..length).unwrap_or_default();
        end.drain(..(end.len() + new.len()).saturating_sub(KEPT));
        end.extend(new);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(script: &str) -> String {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut log = Log::of(&mut command).unwrap();
        let mut child = command.spawn().unwrap();
        drop(command);
        child.wait().unwrap();
        log.end()
    }

    #[test]
    fn what_is_said_on_either_stream_is_in_the_log_in_its_order() {
        assert_eq!(said("echo one; echo two >&2; echo three"), "one\ntwo\nthree");
    }

    #[test]
    fn whatever_is_said_nobody_waits_for_it_and_the_end_is_kept() {
        let said = said("seq 200000");
        assert!(said.ends_with("199999\n200000") && said.len() <= KEPT && said.len() > KEPT / 2, "{said}");
    }
}
