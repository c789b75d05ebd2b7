//! The log of a test, line by line.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Lines {
    pub(crate) fn all(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The fields of the decisions, without their durations.
    pub(crate) fn decisions(&self) -> Vec<Value> {
        let lines = self.all();
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let decisions = lines.filter(|line| line["target"] == "bailiwick_guard::decision");
        decisions
            .map(|mut line| {
                assert_eq!(line["level"], "INFO");
                assert!(line["fields"]["duration_us"].take().is_u64());
                let mut fields = line["fields"].take();
                fields.as_object_mut().unwrap().retain(|_, value| !value.is_null());
                fields
            })
            .collect()
    }
}

/// Hears every line of this thread. A second subscriber lives as long: with only one, tracing asks no
/// more than the thread that comes to a line first whether anybody listens.
pub(crate) fn listen() -> (Lines, (tracing::subscriber::DefaultGuard, tracing::Dispatch)) {
    let second = tracing::Dispatch::new(tracing_subscriber::registry());
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE).with_writer(lines.clone());
    (lines, (tracing::subscriber::set_default(subscriber.finish()), second))
}
