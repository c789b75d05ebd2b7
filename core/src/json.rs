//! JSON read strictly: an object that names a member twice is refused, at every depth. Two readers
//! of one token must never see different claims (RFC 7519 section 4, RFC 8725 section 2.4).

use std::fmt;

use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

/// Reads one JSON object; nothing may follow it.
///
/// # Errors
/// Where the bytes are not JSON, not an object, or name a member twice.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, serde_json::Error> {
    match serde_json::from_slice(bytes)? {
        Strict(Value::Object(members)) => Ok(members),
        Strict(_) => Err(de::Error::custom("not a JSON object")),
    }
}

/// Reads one JSON object as a `T`. (Read directly, a structure could come from an array too.)
///
/// # Errors
/// As [`object`], and where the members do not make a `T`: a data error then.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    object(bytes).and_then(|members| serde_json::from_value(Value::Object(members)))
}

/// A JSON value whose objects name each member once.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Strict(value))) = map.next_entry::<String, Strict>()? {
            match members.entry(name) {
                Entry::Vacant(free) => free.insert(value),
                Entry::Occupied(taken) => {
                    return Err(de::Error::custom(format_args!("member {:?} stands twice", taken.key())));
                }
            };
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::object;

    #[test]
    fn a_member_that_stands_twice_is_refused_at_every_depth() {
        for wrong in [r#"{"a":1,"a":2}"#, r#"{"a":{"b":1,"b":1}}"#, r#"{"a":[{"b":1,"b":1}]}"#, r#"{"a":1,"\u0061":2}"#]
        {
            assert!(object(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_one_whole_object_is_read() {
        for wrong in ["", "[]", "1", "null", "{} {}", "{}x", "{\"a\":}", "{\"a\":1e999}"] {
            assert!(object(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let members = object(br#"{"a":[1,-1,1.5,true,null,"x"],"b":{}}"#).unwrap();
        assert_eq!(serde_json::to_string(&members).unwrap(), r#"{"a":[1,-1,1.5,true,null,"x"],"b":{}}"#);
    }
}
