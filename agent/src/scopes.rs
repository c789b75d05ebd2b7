//! Scopes of any authorization server (RFC 6749 section 3.3): a set of words. Owns their grammar and
//! their union; what a word opens only its server knows.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// The longest scope text, in bytes.
const LONGEST: usize = 8 * 1024;

/// One or more scopes, each named once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(BTreeSet<String>);

/// The text is not a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected scopes separated by spaces, such as \"hr:read hr:add_employee_record\"")]
pub struct InvalidScopes;

impl Scopes {
    /// All that either of the two names.
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// The words, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The scopes that a metadata document lists, where they are some.
    pub fn listed(words: &[String]) -> Option<Self> {
        words.join(" ").parse().ok()
    }
}

impl FromStr for Scopes {
    type Err = InvalidScopes;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_scope = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        let words = || text.split(' ').filter(|word| !word.is_empty());
        if text.len() > LONGEST || words().next().is_none() || !words().all(|word| word.bytes().all(is_scope)) {
            return Err(InvalidScopes);
        }
        Ok(Self(words().map(str::to_owned).collect()))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.iter().enumerate() {
            write!(formatter, "{}{word}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_a_set_of_words() {
        let scopes = |text: &str| text.parse::<Scopes>();
        assert_eq!(scopes(" b  a b").map(|scopes| scopes.to_string()), Ok("a b".to_owned()));
        let union = scopes("a b").and_then(|one| Ok(one.union(&scopes("b c")?).to_string()));
        assert_eq!(union, Ok("a b c".to_owned()));
        for wrong in ["", " ", "a\tb", "\"", "\\", "é", "a\nb", &"x".repeat(LONGEST + 1)] {
            assert!(scopes(wrong).is_err(), "{wrong:?}");
        }
    }
}
