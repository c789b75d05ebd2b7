//! The JSON values that a decision does not need, looked at and let go. Owns refusing those on which the
//! server behind could choke or see something else: too many of them, a member that stands twice, a number that
//! is none. Keeps none.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, Expected, MapAccess, SeqAccess, Unexpected, Visitor};
use smallvec::SmallVec;

/// How many values may still come.
pub(super) struct Budget(Cell<u32>);

impl Budget {
    /// Whether another value was one too many.
    pub(super) fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}

/// Looks at any JSON value, and at all that are in it.
#[derive(Clone, Copy)]
pub(super) struct Walk<'w>(&'w Budget);

/// What a value was found to be.
#[derive(Debug, PartialEq)]
pub(super) enum Walked<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number that fits.
    Integer(i64),
    /// An object.
    Object,
    /// `null`.
    Null,
    /// Something else.
    Other,
}

impl<'w> Walk<'w> {
    /// At most so many values.
    pub(super) fn budget(most: u32) -> Budget {
        Budget(Cell::new(most.saturating_add(1)))
    }

    /// Walks as long as `budget` lasts.
    pub(super) fn within(budget: &'w Budget) -> Self {
        Self(budget)
    }

    fn count<E: de::Error>(self) -> Result<(), E> {
        self.0.0.set(self.0.0.get().saturating_sub(1));
        if self.0.is_spent() { Err(E::custom("there are too many values")) } else { Ok(()) }
    }
}

impl<'a> Walked<'a> {
    /// The text, where it is one.
    pub(super) fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An error unless it is an object or nothing.
    pub(super) fn expect_object<E: de::Error>(self, expected: &dyn Expected) -> Result<(), E> {
        match self {
            Self::Object | Self::Null => Ok(()),
            _ => Err(E::invalid_type(Unexpected::Other("another _meta"), expected)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = Walked<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Walked<'de>, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = Walked<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Walked<'de>, E> {
        Ok(Walked::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Walked<'de>, E> {
        Ok(Walked::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Walked<'de>, E> {
        Ok(Walked::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Walked<'de>, E> {
        Ok(i64::try_from(value).map_or(Walked::Other, Walked::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Walked<'de>, E> {
        Ok(Walked::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Walked<'de>, E> {
        Ok(Walked::Other)
    }

    fn visit_unit<E>(self) -> Result<Walked<'de>, E> {
        Ok(Walked::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Walked<'de>, A::Error> {
        while values.next_element_seed(self)?.is_some() {}
        Ok(Walked::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Walked<'de>, A::Error> {
        let mut names = Names::default();
        while names.next_of(&mut map)?.is_some() {
            map.next_value_seed(self)?;
        }
        names.each_once()?;
        Ok(Walked::Object)
    }
}

/// So many names need no memory of their own, and are sooner compared each with each than sorted.
const FEW: usize = 8;

/// The names of one object's members.
#[derive(Default)]
pub(super) struct Names<'a>(SmallVec<[Cow<'a, str>; FEW]>);

impl<'de> Names<'de> {
    /// The next member's name; its value is still to be read.
    pub(super) fn next_of<A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<Option<&str>, A::Error> {
        let Some(Text(name)) = map.next_key()? else { return Ok(None) };
        self.0.push(name);
        Ok(self.0.last().map(|name| &**name))
    }

    /// An error where a member stands twice: one reader takes the first, another the last.
    pub(super) fn each_once<E: de::Error>(mut self) -> Result<(), E> {
        let twice = if self.0.len() <= FEW {
            self.0.iter().enumerate().any(|(at, name)| self.0[..at].contains(name))
        } else {
            self.0.sort_unstable();
            self.0.windows(2).any(|pair| pair[0] == pair[1])
        };
        if twice { Err(E::custom("a member stands twice")) } else { Ok(()) }
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
