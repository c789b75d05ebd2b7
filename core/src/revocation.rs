//! Revocations: what is taken back, and which tokens that refuses. Owns the one comparison that
//! makes revocation independent of clocks; the feed that carries events is the service's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::claims::Claims;
use crate::identifier::{InvalidIdentifier, KeyId};
use crate::time::UnixSeconds;

/// What kind of thing a revocation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubjectKind {
    /// One token, by `jti`.
    Token,
    /// All tokens of a user's grant, by `grant_id`.
    Grant,
    /// All tokens of a client, by `client_id`.
    Client,
    /// All tokens of a user, by `sub`.
    User,
    /// All tokens that rest on a role.
    Role,
    /// All tokens for a resource, by its URI.
    Resource,
    /// All tokens that a key signed, by `kid`, whatever position they carry.
    Key,
}

impl SubjectKind {
    /// Every kind there is.
    pub const ALL: [Self; 7] =
        [Self::Token, Self::Grant, Self::Client, Self::User, Self::Role, Self::Resource, Self::Key];

    /// Its word in the feed and in storage.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Grant => "grant",
            Self::Client => "client",
            Self::User => "user",
            Self::Role => "role",
            Self::Resource => "resource",
            Self::Key => "key",
        }
    }
}

impl fmt::Display for SubjectKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for SubjectKind {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or(InvalidIdentifier("the kind of a subject is token, grant, client, user, role, resource or key"))
    }
}

/// What a revocation names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// Which claim it is held against.
    pub kind: SubjectKind,
    /// The value of that claim.
    pub id: String,
}

impl Subject {
    /// The subject `kind` with that id.
    pub fn new(kind: SubjectKind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }

    /// Every subject under which a token with these claims, signed by `key_id`, can be revoked.
    #[must_use]
    pub fn all_of(claims: &Claims, key_id: &KeyId) -> Vec<Self> {
        let mut subjects = vec![
            Self::new(SubjectKind::Token, claims.jti.as_str()),
            Self::new(SubjectKind::Client, claims.client_id.as_str()),
            Self::new(SubjectKind::User, claims.sub.as_str()),
            Self::new(SubjectKind::Resource, claims.aud.as_str()),
            Self::new(SubjectKind::Key, key_id.as_str()),
        ];
        subjects.extend(claims.roles.iter().map(|role| Self::new(SubjectKind::Role, role.as_str())));
        subjects.extend(claims.grant_id.iter().map(|grant| Self::new(SubjectKind::Grant, grant.as_str())));
        subjects
    }
}

/// One event of the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Its position: strictly growing in the order of commits.
    pub seq: u64,
    /// When it was made.
    pub at: UnixSeconds,
    /// What is taken back.
    pub subject: Subject,
    /// Why, for people.
    pub reason: String,
    /// Until when a token that it refuses could still be valid.
    pub retain_until: UnixSeconds,
}

impl Revocation {
    /// Whether this event refuses a token of its subject that carries the position `rev`: one
    /// issued from state older than the event. A token without a position is older than every
    /// event; a withdrawn key refuses every position, since its thief writes any number.
    #[must_use]
    pub fn refuses(&self, rev: Option<u64>) -> bool {
        self.subject.kind == SubjectKind::Key || rev.is_none_or(|rev| rev < self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_from_the_word_that_it_is_written_as() -> Result<(), InvalidIdentifier> {
        for kind in SubjectKind::ALL {
            assert_eq!(kind.as_str().parse::<SubjectKind>()?, kind);
            assert_eq!(serde_json::json!(kind), kind.as_str());
        }
        for wrong in ["", "Client", "clients", "session"] {
            assert!(wrong.parse::<SubjectKind>().is_err(), "{wrong:?}");
        }
        Ok(())
    }
}
