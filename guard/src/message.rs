//! The JSON-RPC message in a request body, read as far as a decision needs: is it one message, which
//! method, which tool? Owns refusing whatever two readers could read differently; keeps no arguments.

use std::borrow::Cow;
use std::fmt;

use http::HeaderMap;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::refusal::Refusal;

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
}

impl<'a> Message<'a> {
    /// Reads the whole body as one message.
    pub(crate) fn read(body: &'a [u8]) -> Result<Self, NotAMessage> {
        let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
        let envelope: Envelope<'a> = serde_json::from_slice(body).map_err(|error| match error.classify() {
            _ if first == Some(&b'[') => NotAMessage::Batch,
            serde_json::error::Category::Data => NotAMessage::NotJsonRpc,
            _ => NotAMessage::NotJson,
        })?;
        envelope.classify().ok_or(NotAMessage::NotJsonRpc)
    }

    /// Checks that the header `Mcp-Method` names the method, as MCP 2026-07-28 demands: whoever routes
    /// by it must see what is decided on. What else headers repeat is the server's to compare.
    ///
    /// # Errors
    /// [`Refusal::HeaderMismatch`].
    pub(crate) fn agrees_with(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match self {
            Self::Call { id, method, .. } if !is_named_by(headers, method) => Err(Refusal::HeaderMismatch(id.clone())),
            Self::Call { .. } | Self::Response => Ok(()),
        }
    }
}

fn is_named_by(headers: &HeaderMap, method: &str) -> bool {
    let mut named = headers.get_all("mcp-method").iter();
    named.next().is_some_and(|named| named.as_bytes().trim_ascii() == method.as_bytes()) && named.next().is_none()
}

/// The members of a message that say what it is, each at most once.
#[derive(Default)]
struct Envelope<'a> {
    version: Option<Text<'a>>,
    id: Option<Value>,
    method: Option<Text<'a>>,
    params: Option<Params<'a>>,
    result: Option<IgnoredAny>,
    error: Option<IgnoredAny>,
}

impl<'a> Envelope<'a> {
    fn classify(self) -> Option<Message<'a>> {
        if self.version.is_none_or(|version| version.0 != "2.0") {
            return None;
        }
        let id = match self.id {
            None => None,
            Some(id @ (Value::String(_) | Value::Number(_))) => Some(RequestId(id)),
            Some(_) => return None,
        };
        match (self.method, self.result, self.error) {
            (Some(method), None, None) => {
                Some(Message::Call { id, method: method.0, name: self.params.and_then(|params| params.name) })
            }
            (None, Some(_), None) if id.is_some() => Some(Message::Response),
            (None, None, Some(_)) => Some(Message::Response),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Member {
    Jsonrpc,
    Id,
    Method,
    Params,
    Result,
    Error,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Envelope<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON-RPC message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de>, A::Error> {
        let mut envelope = Envelope::default();
        while let Some(member) = map.next_key()? {
            match member {
                Member::Jsonrpc => once(&mut envelope.version, map.next_value()?)?,
                Member::Id => once(&mut envelope.id, map.next_value()?)?,
                Member::Method => once(&mut envelope.method, map.next_value()?)?,
                Member::Params => once(&mut envelope.params, map.next_value()?)?,
                Member::Result => once(&mut envelope.result, map.next_value()?)?,
                Member::Error => once(&mut envelope.error, map.next_value()?)?,
                Member::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(envelope)
    }
}

/// Fills a member that must not stand twice: one reader takes the first, another the last.
fn once<T, E: de::Error>(place: &mut Option<T>, value: T) -> Result<(), E> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::custom("a member stands twice")),
    }
}

/// `params`, of which only the name of what is called matters here.
#[derive(Default)]
struct Params<'a> {
    name: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Parameter {
    Name,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Params<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ParamsVisitor)
    }
}

struct ParamsVisitor;

impl<'de> Visitor<'de> for ParamsVisitor {
    type Value = Params<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of parameters")
    }

    fn visit_unit<E>(self) -> Result<Params<'de>, E> {
        Ok(Params::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params<'de>, A::Error> {
        let mut name: Option<&'de RawValue> = None;
        while let Some(parameter) = map.next_key()? {
            match parameter {
                Parameter::Name => once(&mut name, map.next_value()?)?,
                Parameter::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let text = name.and_then(|name| serde_json::from_str::<Text<'de>>(name.get()).ok());
        Ok(Params { name: text.map(|text| text.0) })
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
