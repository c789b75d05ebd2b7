//! One record as one JSON object on one line. Owns the form: `timestamp`, `level`, the record's own
//! fields in their order, `target`. Formed straight into the line, since a server writes one at every
//! call while the caller waits.

use std::fmt::{self, Debug, Write};

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::timestamp;

/// As long as most lines are, in bytes.
const USUAL_LINE: usize = 512;

/// Forms records as JSON. Spans are left out: nothing here opens any.
#[derive(Clone, Copy, Debug)]
pub(super) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        // A text of its own, since every piece that goes into `writer` is a call through a table.
        let mut line = String::with_capacity(USUAL_LINE);
        line.push_str("{\"timestamp\":\"");
        timestamp::push(&mut line, Timestamp::now());
        line.push_str("\",\"level\":\"");
        line.push_str(metadata.level().as_str());
        line.push('"');
        let mut members = Members { line: &mut line, formed: Ok(()) };
        event.record(&mut members);
        members.string("target", metadata.target());
        members.formed?;
        line.push_str("}\n");
        writer.write_str(&line)
    }
}

/// Forms fields as members of the object that was begun.
struct Members<'a> {
    line: &'a mut String,
    formed: fmt::Result,
}

impl Members<'_> {
    /// The names of fields are of the code's own writing, and need no escape.
    fn name(&mut self, name: &'static str) {
        self.line.push_str(",\"");
        self.line.push_str(name);
        self.line.push_str("\":");
    }

    fn string(&mut self, name: &'static str, text: &str) {
        self.name(name);
        self.quoted(text);
    }

    fn shown(&mut self, name: &'static str, value: impl fmt::Display) {
        self.name(name);
        let formed = write!(self.line, "{value}");
        self.formed = self.formed.and(formed);
    }

    /// A JSON string. Most texts need no escape, and stand as they are.
    fn quoted(&mut self, text: &str) {
        let is_plain = |byte| byte >= b' ' && byte != b'"' && byte != b'\\';
        if text.bytes().fold(true, |all, byte| all & is_plain(byte)) {
            self.line.push('"');
            self.line.push_str(text);
            self.line.push('"');
            return;
        }
        match serde_json::to_string(text) {
            Ok(escaped) => self.line.push_str(&escaped),
            Err(_) => self.formed = Err(fmt::Error),
        }
    }
}

impl Visit for Members<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.string(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.name(field.name());
        self.line.push_str(itoa::Buffer::new().format(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.shown(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what is no number: it becomes null.
        self.shown(field.name(), serde_json::Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.shown(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.string(field.name(), &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;
    use serde_json::{Map, Value};
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{Registry, fmt as layers};

    use super::*;

    /// What was written so far.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        fn lines(&self) -> Vec<String> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            text.lines().map(str::to_owned).collect()
        }
    }

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Written {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// The lines of what `record` records: ours, and those of the library's own format.
    fn lines(record: impl FnOnce()) -> (Vec<String>, Vec<String>) {
        let (ours, theirs) = (Written::default(), Written::default());
        let subscriber = Registry::default()
            .with(layers::layer().event_format(JsonLine).with_writer(ours.clone()))
            .with(layers::layer().json().flatten_event(true).with_span_list(false).with_writer(theirs.clone()));
        tracing::subscriber::with_default(subscriber, record);
        (ours.lines(), theirs.lines())
    }

    /// The members of a line but its time, in their order.
    fn members(line: &str) -> Map<String, Value> {
        let mut members: Map<String, Value> = serde_json::from_str(line).unwrap();
        assert!(members.remove("timestamp").is_some_and(|time| time.as_str().unwrap().ends_with('Z')), "{line}");
        members
    }

    #[test]
    fn a_record_has_the_members_of_the_librarys_own_format() {
        let (ours, theirs) = lines(|| {
            let missing: Option<&str> = None;
            tracing::info!(client_id = "hr-bot", "token issued");
            tracing::warn!(target: "elsewhere", count = 3_u64, less = -3_i64, yes = true, half = 0.5, missing);
            tracing::error!(error = %"it broke", kind = ?Some("x"), huge = u128::from(u64::MAX) + 1, "failed");
            tracing::info!(nothing = f64::NAN);
        });
        assert_eq!((ours.len(), theirs.len()), (4, 4));
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(members(ours), members(theirs));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_one_line_and_read_back_as_it_was(text in any::<String>(), shown in any::<String>()) {
            let (ours, _) = lines(|| tracing::info!(text, shown = %shown, "{}", text));
            prop_assert_eq!(ours.len(), 1);
            let members = members(&ours[0]);
            prop_assert_eq!(&members["text"], &Value::from(text.as_str()));
            prop_assert_eq!(&members["message"], &Value::from(text.as_str()));
            prop_assert_eq!(&members["shown"], &Value::from(shown.as_str()));
        }
    }
}
