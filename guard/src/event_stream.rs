//! Filters an event stream (WHATWG HTML, server-sent events) message by message as it passes. Owns
//! finding the messages in the bytes; what is done to each is passed in.

use axum::body::{Body, Bytes};
use futures::{StreamExt, future};

use crate::LARGEST_ANSWER;

/// Why a stream is ended instead of passed on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("an event of the server has more than {LARGEST_ANSWER} bytes")]
    TooLarge,
    #[error("an event of the server is not the JSON-RPC message that it should be: {0}")]
    Message(#[from] serde_json::Error),
    #[error("the server's stream broke off: {0}")]
    Broken(#[from] axum::Error),
}

/// `body`, an event stream, with the data of each event rewritten. The stream breaks off at the first
/// event that cannot be read, which then is not passed on.
pub(crate) fn rewritten<F>(body: Body, rewrite: F) -> Body
where
    F: Fn(&[u8]) -> Result<Vec<u8>, serde_json::Error> + Send + 'static,
{
    let mut events = Events { rewrite, line: Vec::new(), data: None, names_endpoint: false };
    let chunks = body.into_data_stream().map(move |chunk| events.pass(&chunk?));
    Body::from_stream(chunks.filter(|chunk| future::ready(!matches!(chunk, Ok(bytes) if bytes.is_empty()))))
}

struct Events<F> {
    rewrite: F,
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// The data lines of the event that has not ended yet.
    data: Option<Vec<u8>>,
    /// Whether that event is of the type `endpoint`, whose data is an address and no message (MCP 2024-11-05,
    /// HTTP with SSE).
    names_endpoint: bool,
}

impl<F: Fn(&[u8]) -> Result<Vec<u8>, serde_json::Error>> Events<F> {
    /// Takes the next bytes and gives what may be passed on by now.
    fn pass(&mut self, chunk: &[u8]) -> Result<Bytes, Unreadable> {
        let mut passed = Vec::with_capacity(chunk.len());
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            let held = self.line.len() + self.data.as_ref().map_or(0, Vec::len);
            if held + piece.len() > LARGEST_ANSWER {
                return Err(Unreadable::TooLarge);
            }
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                // A carriage return alone ends a line as well.
                let line = line.strip_suffix(b"\n").unwrap_or(&line);
                for line in line.strip_suffix(b"\r").unwrap_or(line).split(|byte| *byte == b'\r') {
                    self.take_line(line, &mut passed)?;
                }
            }
        }
        Ok(passed.into())
    }

    /// Holds data back until its event ends; comments and the other fields pass at once. What is
    /// neither, readers ignore: it ends here, so that nothing passes which some reader takes for data.
    fn take_line(&mut self, line: &[u8], passed: &mut Vec<u8>) -> Result<(), Unreadable> {
        if line.is_empty() {
            let names_endpoint = std::mem::take(&mut self.names_endpoint);
            if let Some(data) = self.data.take() {
                // Empty data is how a server makes itself known before its first message.
                let is_message = !data.is_empty() && !names_endpoint;
                let data = if is_message { (self.rewrite)(&data)? } else { data };
                for data in data.split(|byte| *byte == b'\n') {
                    passed.extend_from_slice(b"data: ");
                    passed.extend_from_slice(data);
                    passed.push(b'\n');
                }
            }
            passed.push(b'\n');
        } else if let Some(value) = field_value(line, b"data") {
            match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            }
        } else if [&b":"[..], b"id", b"event", b"retry"].iter().any(|field| line.starts_with(field)) {
            // The last one counts, as it does for readers.
            if let Some(kind) = field_value(line, b"event") {
                self.names_endpoint = kind == b"endpoint";
            }
            passed.extend_from_slice(line);
            passed.push(b'\n');
        }
        Ok(())
    }
}

/// The value of the field `name`, which one leading space does not belong to.
fn field_value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    let value = if rest.is_empty() { rest } else { rest.strip_prefix(b":")? };
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events() -> Events<impl Fn(&[u8]) -> Result<Vec<u8>, serde_json::Error>> {
        let rewrite = |message: &[u8]| {
            let message: serde_json::Value = serde_json::from_slice(message)?;
            Ok(format!("<{message}>").into_bytes())
        };
        Events { rewrite, line: Vec::new(), data: None, names_endpoint: false }
    }

    fn passed(chunks: &[&[u8]]) -> Result<String, Unreadable> {
        let mut events = events();
        let mut all = Vec::new();
        for chunk in chunks {
            all.extend_from_slice(&events.pass(chunk)?);
        }
        Ok(String::from_utf8(all).unwrap())
    }

    #[test]
    fn data_is_rewritten_and_the_rest_passes() {
        let stream = b": keep\r\nid: 1\nretry: 3000\ndata\n\ndata: {\"a\":\ndata:1}\nid: 2\n\nevent: x\ndata:2\r\n\r\n";
        let expected = ": keep\nid: 1\nretry: 3000\ndata: \n\nid: 2\ndata: <{\"a\":1}>\n\nevent: x\ndata: <2>\n\n";
        assert_eq!(passed(&[stream]).unwrap(), expected);
    }

    #[test]
    fn an_address_of_the_old_transport_passes_and_hides_no_message() {
        let stream = b"event: endpoint\ndata: /messages/?session_id=1\n\nevent: endpoint\nevent: message\ndata: 2\n\n";
        let expected =
            "event: endpoint\ndata: /messages/?session_id=1\n\nevent: endpoint\nevent: message\ndata: <2>\n\n";
        assert_eq!(passed(&[stream]).unwrap(), expected);
        assert!(passed(&[b"event: endpoint\ndata: x\n\ndata: x\n\n"]).is_err());
        assert!(passed(&[b"event: endpoints\ndata: x\n\n"]).is_err());
    }

    #[test]
    fn a_line_may_end_in_a_carriage_return_alone() {
        assert_eq!(passed(&[b"data: 1\r\rdata: 2\r\n\r\n"]).unwrap(), "data: <1>\n\ndata: <2>\n\n");
    }

    #[test]
    fn a_line_that_is_no_field_does_not_pass() {
        assert_eq!(passed(&[b"\xef\xbb\xbfdata: {\"a\":1}\n\nnonsense: 1\ndata : 2\n\n"]).unwrap(), "\n\n");
    }

    #[test]
    fn an_event_that_is_not_finished_is_not_passed_on() {
        assert_eq!(passed(&[b"data: 1\n"]).unwrap(), "");
    }

    #[test]
    fn an_event_that_cannot_be_read_ends_the_stream() {
        assert!(matches!(passed(&[b"data: secret\n\n"]), Err(Unreadable::Message(_))));
        let endless = vec![b'x'; LARGEST_ANSWER + 1];
        assert!(matches!(passed(&[&endless]), Err(Unreadable::TooLarge)));
    }

    proptest! {
        #[test]
        fn where_the_chunks_are_cut_makes_no_difference(cuts in proptest::collection::vec(0_usize..60, 0..8)) {
            let stream = b"id: 1\ndata: {\"a\":1}\n\n: keep\n\ndata: 2\ndata:\n\nretry: 5\ndata: 3\n\n";
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
            prop_assert_eq!(passed(&chunks).unwrap(), passed(&[stream]).unwrap());
        }
    }
}
