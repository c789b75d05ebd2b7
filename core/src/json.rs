//! JSON read strictly: an object that names a member twice is refused, at every depth. Two readers
//! of one token must never see different claims (RFC 7519 section 4, RFC 8725 section 2.4).

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

/// As many members as the claims of a token have, or the parts of its header.
const USUAL_MEMBERS: usize = 16;

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

/// One JSON object as [`object`] reads it, its names and texts left where they stand: for what is looked at
/// once and let go, as the claims of every new token are.
#[derive(Debug)]
pub struct Members<'a>(Vec<(Cow<'a, str>, Option<Member<'a>>)>);

/// The value of one member.
#[derive(Debug)]
pub enum Member<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// Anything else.
    Other(Value),
}

/// Reads one JSON object; nothing may follow it.
///
/// # Errors
/// As [`object`].
pub fn members(bytes: &[u8]) -> Result<Members<'_>, serde_json::Error> {
    serde_json::from_slice(bytes)
}

impl<'a> Members<'a> {
    /// The member of that name, unless it was taken.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Member<'a>> {
        self.0[self.place(name)?].1.as_ref()
    }

    /// Takes a member out.
    pub fn take(&mut self, name: &str) -> Option<Member<'a>> {
        let place = self.place(name)?;
        self.0[place].1.take()
    }

    /// Those that were not taken.
    pub fn rest(self) -> impl Iterator<Item = (Cow<'a, str>, Member<'a>)> {
        self.0.into_iter().filter_map(|(name, member)| Some((name, member?)))
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.0.binary_search_by(|(other, _)| (**other).cmp(name)).ok()
    }
}

impl Member<'_> {
    /// The text, where it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other(_) => None,
        }
    }

    /// The value, where it is no text.
    #[must_use]
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Text(_) => None,
            Self::Other(value) => Some(value),
        }
    }
}

impl From<Member<'_>> for Value {
    fn from(member: Member<'_>) -> Self {
        match member {
            Member::Text(text) => Self::String(text.into_owned()),
            Member::Other(value) => value,
        }
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::with_capacity(USUAL_MEMBERS);
        while let Some((Text(name), member)) = map.next_entry()? {
            members.push((name, Some(member)));
        }
        // In their order, so that those of one name stand together: whoever sends many cannot make it slow.
        members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        match members.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(twice(&pair[0].0)),
            None => Ok(Members(members)),
        }
    }
}

/// A text, left where it stands unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Member<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemberVisitor)
    }
}

/// Keeps texts, and leaves all else to [`StrictVisitor`].
struct MemberVisitor;

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = Member<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        StrictVisitor.expecting(formatter)
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Member<'de>, E> {
        Ok(Member::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Member<'de>, E> {
        Ok(Member::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Member<'de>, E> {
        StrictVisitor.visit_bool(value).map(Member::Other)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Member<'de>, E> {
        StrictVisitor.visit_i64(value).map(Member::Other)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Member<'de>, E> {
        StrictVisitor.visit_u64(value).map(Member::Other)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Member<'de>, E> {
        StrictVisitor.visit_f64(value).map(Member::Other)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Member<'de>, E> {
        StrictVisitor.visit_unit().map(Member::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Member<'de>, A::Error> {
        StrictVisitor.visit_seq(sequence).map(Member::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Member<'de>, A::Error> {
        StrictVisitor.visit_map(map).map(Member::Other)
    }
}

fn twice<E: de::Error>(name: &str) -> E {
    E::custom(format_args!("member {name:?} stands twice"))
}

/// What is read from another format than JSON, and could be JSON: each object names each member once, and each
/// number is one. Only that it is so is kept.
#[derive(Debug)]
pub struct Unambiguous(());

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Strict::deserialize(deserializer).map(|_| Self(()))
    }
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
                Entry::Occupied(taken) => return Err(twice(taken.key())),
            };
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_member_that_stands_twice_is_refused_at_every_depth() {
        for wrong in [r#"{"a":1,"a":2}"#, r#"{"a":{"b":1,"b":1}}"#, r#"{"a":[{"b":1,"b":1}]}"#, r#"{"a":1,"\u0061":2}"#]
        {
            assert!(object(wrong.as_bytes()).is_err() && members(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_one_whole_object_is_read() {
        for wrong in ["", "[]", "1", "null", "{} {}", "{}x", "{\"a\":}", "{\"a\":1e999}"] {
            assert!(object(wrong.as_bytes()).is_err() && members(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let members = object(br#"{"a":[1,-1,1.5,true,null,"x"],"b":{}}"#).unwrap();
        assert_eq!(serde_json::to_string(&members).unwrap(), r#"{"a":[1,-1,1.5,true,null,"x"],"b":{}}"#);
    }
    /// Any JSON value, members of the same name among them now and then.
    fn json() -> impl Strategy<Value = String> {
        let text = "[a-c\"\\\\\u{e9}\n]{0,3}".prop_map(|text| Value::from(text).to_string());
        let leaf = prop_oneof![Just("null".to_owned()), any::<i64>().prop_map(|n| n.to_string()), text.clone()];
        leaf.prop_recursive(3, 24, 6, move |inner| {
            let member = (text.clone(), inner.clone()).prop_map(|(name, value)| format!("{name}:{value}"));
            prop_oneof![
                proptest::collection::vec(inner, 0..4).prop_map(|values| format!("[{}]", values.join(","))),
                proptest::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
            ]
        })
    }

    proptest! {
        #[test]
        fn both_readers_see_the_same(text in json()) {
            let owned = object(text.as_bytes()).ok();
            let left = members(text.as_bytes()).ok();
            let left = left.map(|left| left.rest().map(|(name, member)| (name.into_owned(), member.into())).collect());
            prop_assert_eq!(owned, left);
        }
    }

    #[test]
    fn a_member_is_taken_once() {
        let mut members = members(br#"{"b":"x","a":1,"\u0063":"\u0079"}"#).unwrap();
        assert!(members.get("c").is_some() && members.get("d").is_none());
        assert_eq!(members.take("c").and_then(|member| member.as_str().map(str::to_owned)), Some("y".to_owned()));
        assert!(members.take("c").is_none() && members.get("c").is_none());
        assert_eq!(members.rest().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "b"]);
    }
}
