//! The JSON-RPC message in a request body, read as far as a decision needs: is it one message, which
//! method, which tool? Owns refusing whatever two readers could read differently; keeps no arguments.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use self::walk::{Names, Walk, Walked};
use crate::MOST_VALUES;
use crate::head::{Field, Head};
use crate::refusal::Refusal;

mod walk;

/// One message from a client.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    /// A request, or a notification where there is no `id`.
    Call {
        /// The request's `id`.
        id: Option<RequestId>,
        /// The method.
        method: Cow<'a, str>,
        /// `params.name` where it is a string.
        name: Option<Cow<'a, str>>,
    },
    /// An answer to something that the server asked.
    Response,
}

/// The `id` of a request: a string or a number, sent back as it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RequestId(Value);

impl From<RequestId> for Value {
    fn from(id: RequestId) -> Self {
        id.0
    }
}

/// Why a body is not one JSON-RPC message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAMessage {
    /// Not JSON.
    NotJson,
    /// An array of messages.
    Batch,
    /// JSON, and not one JSON-RPC 2.0 message; or one that names a member twice.
    NotJsonRpc,
    /// More than [`MOST_VALUES`] values.
    TooManyValues,
}

impl<'a> Message<'a> {
    /// Reads the whole body as one message.
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, NotAMessage> {
        use serde_json::error::Category;
        let left = Walk::budget(MOST_VALUES);
        // Once for the whole body, and not for each text in it.
        let body = str::from_utf8(body).map_err(|_| NotAMessage::NotJson)?;
        let mut json = serde_json::Deserializer::from_str(body);
        let envelope = EnvelopeVisitor(Walk::within(&left)).deserialize(&mut json);
        let envelope = envelope.and_then(|envelope| json.end().map(|()| envelope)).map_err(|error| {
            let first = body.bytes().find(|byte| !byte.is_ascii_whitespace());
            match error.classify() {
                _ if first == Some(b'[') => NotAMessage::Batch,
                _ if left.is_spent() => NotAMessage::TooManyValues,
                Category::Data => NotAMessage::NotJsonRpc,
                _ => NotAMessage::NotJson,
            }
        })?;
        envelope.classify().ok_or(NotAMessage::NotJsonRpc)
    }

    /// Checks that the header `Mcp-Method` names the method, as MCP 2026-07-28 demands: whoever routes
    /// by it must see what is decided on. What else headers repeat is the server's to compare.
    ///
    /// # Errors
    /// [`Refusal::HeaderMismatch`].
    pub(crate) fn agrees_with(&self, head: &Head<'_>) -> Result<(), Refusal> {
        match self {
            Self::Call { id, method, .. } if !is_named_by(head, method) => Err(Refusal::HeaderMismatch(id.clone())),
            Self::Call { .. } | Self::Response => Ok(()),
        }
    }
}

fn is_named_by(head: &Head<'_>, method: &str) -> bool {
    matches!(head.method, Field::Once(named) if named.as_bytes().trim_ascii() == method.as_bytes())
}

/// The members of a message that say what it is.
#[derive(Default)]
struct Envelope<'a> {
    version: Option<Walked<'a>>,
    id: Option<Walked<'a>>,
    method: Option<Walked<'a>>,
    params: Option<Params<'a>>,
    result: Option<Walked<'a>>,
    error: Option<Walked<'a>>,
}

impl<'a> Envelope<'a> {
    fn classify(self) -> Option<Message<'a>> {
        if self.version? != Walked::Text("2.0".into()) {
            return None;
        }
        let id = match self.id {
            None => None,
            Some(Walked::Text(id)) => Some(RequestId(Value::from(id))),
            // What is no whole number, or no `i64`, the server could not send back as it came.
            Some(Walked::Integer(id)) => Some(RequestId(Value::from(id))),
            Some(_) => return None,
        };
        match (self.method, self.result, self.error) {
            (Some(Walked::Text(method)), None, None) => {
                Some(Message::Call { id, method, name: self.params.and_then(|params| params.name) })
            }
            (None, Some(_), None) if id.is_some() => Some(Message::Response),
            (None, None, Some(_)) => Some(Message::Response),
            _ => None,
        }
    }
}

#[derive(Clone, Copy)]
struct EnvelopeVisitor<'w>(Walk<'w>);

impl<'de> DeserializeSeed<'de> for EnvelopeVisitor<'_> {
    type Value = Envelope<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Envelope<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EnvelopeVisitor<'_> {
    type Value = Envelope<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON-RPC message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de>, A::Error> {
        let Self(walk) = self;
        let mut envelope = Envelope::default();
        let mut names = Names::default();
        while let Some(name) = names.next_of(&mut map)? {
            match name {
                "jsonrpc" => envelope.version = Some(map.next_value_seed(walk)?),
                "id" => envelope.id = Some(map.next_value_seed(walk)?),
                "method" => envelope.method = Some(map.next_value_seed(walk)?),
                "params" => envelope.params = Some(map.next_value_seed(ParamsVisitor(walk))?),
                "result" => envelope.result = Some(map.next_value_seed(walk)?),
                "error" => envelope.error = Some(map.next_value_seed(walk)?),
                _ => drop(map.next_value_seed(walk)?),
            }
        }
        names.each_once()?;
        Ok(envelope)
    }
}

/// `params`, of which only the name of what is called matters here.
#[derive(Default)]
struct Params<'a> {
    name: Option<Cow<'a, str>>,
}

#[derive(Clone, Copy)]
struct ParamsVisitor<'w>(Walk<'w>);

impl<'de> DeserializeSeed<'de> for ParamsVisitor<'_> {
    type Value = Params<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Params<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ParamsVisitor<'_> {
    type Value = Params<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of parameters, with an object as its _meta")
    }

    fn visit_unit<E>(self) -> Result<Params<'de>, E> {
        Ok(Params::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params<'de>, A::Error> {
        let Self(walk) = self;
        let mut params = Params::default();
        let mut names = Names::default();
        while let Some(name) = names.next_of(&mut map)? {
            match name {
                "name" => params.name = map.next_value_seed(walk)?.into_text(),
                "_meta" => map.next_value_seed(walk)?.expect_object(&self)?,
                _ => drop(map.next_value_seed(walk)?),
            }
        }
        names.each_once()?;
        Ok(params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(body: &str) -> Result<(String, Option<String>), NotAMessage> {
        match Message::read(body.as_bytes())? {
            Message::Call { method, name, .. } => Ok((method.into_owned(), name.map(Cow::into_owned))),
            Message::Response => Ok(("response".to_owned(), None)),
        }
    }

    #[test]
    fn a_call_gives_its_method_and_its_name_in_any_order_and_escape() {
        for body in [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"name":"x"}}}"#,
            r#" {"params":{"arguments":{},"name":"add"},"method":"tools/call","id":"a","jsonrpc":"2.0"} "#,
            r#"{"jsonrpc":"2.0","id":1,"\u006dethod":"tools\/call","params":{"n\u0061me":"\u0061dd"}}"#,
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"add"}}"#,
        ] {
            assert_eq!(read(body), Ok(("tools/call".to_owned(), Some("add".to_owned()))), "{body}");
        }
    }

    #[test]
    fn a_name_that_is_no_string_is_no_name() {
        for name in ["1", "null", "[\"add\"]", "{\"a\":1}", "true"] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":{name}}}}}"#);
            assert_eq!(read(&body), Ok(("tools/call".to_owned(), None)), "{name}");
        }
        let without = r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":null}"#;
        assert_eq!(read(without), Ok(("ping".to_owned(), None)));
    }

    #[test]
    fn a_member_of_the_envelope_that_stands_twice_is_refused() {
        for body in [
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","\u006dethod":"tools/call"}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"},"params":{"name":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","n\u0061me":"b"}}"#,
            r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"id":1,"method":"ping"}"#,
        ] {
            assert_eq!(read(body), Err(NotAMessage::NotJsonRpc), "{body}");
        }
    }

    #[test]
    fn what_is_not_one_message_is_refused() {
        use NotAMessage::{Batch, NotJson, NotJsonRpc};
        for (body, why) in [
            ("", NotJson),
            ("{", NotJson),
            ("{}x", NotJson),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}{}"#, NotJson),
            ("\u{feff}{}", NotJson),
            (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, Batch),
            (" \n[]", Batch),
            ("{}", NotJsonRpc),
            ("1", NotJsonRpc),
            ("null", NotJsonRpc),
            (r#"{"id":1,"method":"ping"}"#, NotJsonRpc),
            (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, NotJsonRpc),
            (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, NotJsonRpc),
            (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, NotJsonRpc),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, NotJsonRpc),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#, NotJsonRpc),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":"x"}"#, NotJsonRpc),
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#, NotJsonRpc),
            (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, NotJsonRpc),
            (r#"{"jsonrpc":"2.0","result":{}}"#, NotJsonRpc),
        ] {
            assert_eq!(read(body), Err(why), "{body}");
        }
    }

    #[test]
    fn what_a_server_would_read_otherwise_or_not_at_all_is_refused() {
        use NotAMessage::{NotJson, NotJsonRpc};
        let call = |params: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        let identified = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        for (body, why) in [
            (call(r#"{"name":"pay","arguments":{"salary":-5,"salary":7}}"#), NotJsonRpc),
            (call(r#"{"name":"pay","arguments":{"x":[{"a":1,"\u0061":2}]}}"#), NotJsonRpc),
            (call(r#"{"name":"pay","arguments":{},"arguments":{}}"#), NotJsonRpc),
            (call(r#"{"name":{"a":1,"a":2}}"#), NotJsonRpc),
            (call(r#"{"name":"pay","_meta":[]}"#), NotJsonRpc),
            (call(r#"{"name":"pay","arguments":{"salary":1e400}}"#), NotJson),
            (call(&format!(r#"{{"name":"pay","arguments":{{"x":{}{}}}}}"#, "[".repeat(130), "]".repeat(130))), NotJson),
            (identified("1.5"), NotJsonRpc),
            (identified("9223372036854775808"), NotJsonRpc),
            (identified("[1]"), NotJsonRpc),
            (identified("true"), NotJsonRpc),
        ] {
            assert_eq!(read(&body), Err(why), "{body}");
        }
        assert!(read(&identified("-9223372036854775808")).is_ok());
        assert!(read(&call(r#"{"name":"pay","_meta":null,"arguments":{"a":{"b":1},"c":{"b":1}}}"#)).is_ok());
    }

    #[test]
    fn a_message_of_too_many_values_is_refused_wherever_they_are() {
        let most = usize::try_from(MOST_VALUES).unwrap();
        for (before, after) in [
            (r#""params":{"x":"#, "}"),
            (r#""params":{"name":"#, "}"),
            (r#""params":{"arguments":{"x":"#, "}}"),
            (r#""x":"#, ""),
            (r#""params":{"_meta":{"x":"#, "}}"),
        ] {
            let with = |count: usize| {
                let many = vec!["{}"; count].join(",");
                read(&format!(r#"{{"jsonrpc":"2.0","method":"ping","id":1,{before}[{many}]{after}}}"#))
            };
            assert_eq!(with(most), Err(NotAMessage::TooManyValues), "{before}");
            assert_eq!(with(most - 10).map(|(method, _)| method), Ok("ping".to_owned()), "{before}");
        }
        let many = vec!["1"; most].join(",");
        assert_eq!(
            read(&format!(r#"{{"jsonrpc":"2.0","method":"ping","id":[{many}]}}"#)),
            Err(NotAMessage::TooManyValues)
        );
    }

    #[test]
    fn an_answer_to_the_server_is_told_from_a_call() {
        for body in
            [r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}"#]
        {
            assert_eq!(read(body), Ok(("response".to_owned(), None)), "{body}");
        }
    }

    #[test]
    fn depth_does_not_exhaust_the_stack() {
        let deep = "[".repeat(200_000);
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"x":{deep}"#);
        assert_eq!(read(&body), Err(NotAMessage::NotJson));
        assert_eq!(read(&format!(r#"{{"jsonrpc":"2.0","id":{deep}"#)), Err(NotAMessage::NotJson));
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::read(&body);
        }

        #[test]
        fn whoever_reads_json_reads_the_same_call(method in "[a-z/]{1,12}", name in "\\PC{0,12}", id in any::<i64>()) {
            let body = serde_json::json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {"name": name}});
            prop_assert_eq!(read(&body.to_string()), Ok((method, Some(name))));
        }
    }
}
