//! Scopes: `<server>:<what>`, their grammar and what implies what. Owns the one grammar that roles,
//! tokens, challenges and decisions share; never asks who somebody is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::identifier::{InvalidIdentifier, from_text, is_word, text_type, to_text};
use crate::tool::{ToolKind, ToolName, Tools};

text_type!(
    /// The name of a server in scopes, such as `hr`: 1 to 64 characters, the first a letter.
    ServerName,
    |text| is_word(text, 64, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
        && text.starts_with(|first: char| first.is_ascii_lowercase()),
    "a server name has 1 to 64 characters of a-z 0-9 _ - and begins with a letter"
);

/// What a scope opens at its server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// `*`: everything.
    All,
    /// `read`: every tool that only reads.
    Read,
    /// `write`: every other tool.
    Write,
    /// One tool by name.
    Tool(ToolName),
}

/// One scope (RFC 6749 section 3.3), `<server>:<what>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// The server that it belongs to; nothing implies across servers.
    pub server: ServerName,
    /// What it opens there.
    pub what: What,
}

impl Scope {
    /// The scope `server:what`.
    #[must_use]
    pub fn new(server: ServerName, what: What) -> Self {
        Self { server, what }
    }

    /// Whether whoever has `self` also has `other`. `tools` gives the kinds of the tools of this
    /// scope's server; a tool that is not among them is implied by its own name and by `*` alone.
    #[must_use]
    pub fn implies(&self, other: &Self, tools: &Tools) -> bool {
        self.server == other.server
            && match (&self.what, &other.what) {
                (What::All, _) => true,
                (What::Read, What::Tool(tool)) => self.has_kind(tool, ToolKind::Read, tools),
                (What::Write, What::Tool(tool)) => self.has_kind(tool, ToolKind::Write, tools),
                (mine, others) => mine == others,
            }
    }

    fn has_kind(&self, tool: &ToolName, kind: ToolKind, tools: &Tools) -> bool {
        &self.server == tools.server() && tools.kind(tool.as_str()) == Some(kind)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.what {
            What::All => "*",
            What::Read => "read",
            What::Write => "write",
            What::Tool(tool) => tool.as_str(),
        };
        write!(formatter, "{}:{what}", self.server)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Scope({self})")
    }
}

impl FromStr for Scope {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (server, what) = text
            .split_once(':')
            .ok_or(InvalidIdentifier("a scope is <server>:<what>, where <what> is a tool's name, read, write or *"))?;
        let what = match what {
            "*" => What::All,
            "read" => What::Read,
            "write" => What::Write,
            tool => What::Tool(tool.parse()?),
        };
        Ok(Self { server: server.parse()?, what })
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        to_text(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

/// A set of scopes: what a role gives, what a token carries. Written as the `scope` parameter of
/// OAuth is: separated by single spaces, here in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(Vec<Scope>);

impl ScopeSet {
    /// The most scopes in one set.
    pub const MOST: usize = 1000;

    /// Whether the set holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes, in their fixed order.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// Adds what `other` holds.
    pub fn extend(&mut self, other: &Self) {
        *self = self.0.drain(..).chain(other.0.iter().cloned()).collect();
    }

    /// Whether whoever has this set has `scope`: some member implies it, or it is `server:*` and
    /// both halves of it are here.
    #[must_use]
    pub fn implies(&self, scope: &Scope, tools: &Tools) -> bool {
        self.any_implies(scope, tools)
            || (scope.what == What::All
                && self.has(&scope.server, &What::Read)
                && self.has(&scope.server, &What::Write))
    }

    fn any_implies(&self, scope: &Scope, tools: &Tools) -> bool {
        self.0.iter().any(|mine| mine.implies(scope, tools))
    }

    fn has(&self, server: &ServerName, what: &What) -> bool {
        self.0.iter().any(|mine| &mine.server == server && &mine.what == what)
    }

    /// What both sets open at one server: each scope of either that the other implies. Nothing is lost
    /// so, because of two scopes that overlap one always implies the other.
    #[must_use]
    pub fn intersection(&self, other: &Self, tools: &Tools) -> Self {
        let common =
            |one: &Self, other: &Self| one.0.iter().filter(|scope| other.implies(scope, tools)).cloned().collect();
        let mut both: Self = common(self, other);
        both.extend(&common(other, self));
        both.at(tools)
    }

    /// The scopes of one server that no other member of the set implies already.
    #[must_use]
    pub fn at(&self, tools: &Tools) -> Self {
        let here = || self.0.iter().filter(|scope| &scope.server == tools.server());
        here().filter(|scope| !here().any(|other| other != *scope && other.implies(scope, tools))).cloned().collect()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut scopes: Vec<_> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            write!(formatter, "{separator}{scope}")?;
        }
        Ok(())
    }
}

impl FromStr for ScopeSet {
    type Err = InvalidIdentifier;

    /// Reads scopes separated by spaces; the empty text is the empty set.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scopes = text.split(' ').filter(|word| !word.is_empty()).map(str::parse).collect::<Result<Self, _>>()?;
        if scopes.0.len() > Self::MOST {
            return Err(InvalidIdentifier("a scope parameter has at most 1000 scopes"));
        }
        Ok(scopes)
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        to_text(self, serializer)
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}
