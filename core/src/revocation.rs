//! Revocations: what is taken back, and which tokens that refuses. Owns the one comparison that
//! makes revocation independent of clocks; the feed that carries events is the service's.

use serde::{Deserialize, Serialize};

use crate::claims::Claims;
use crate::identifier::KeyId;
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

    /// Whether a revocation of this kind at position `seq` refuses a token of its subject that
    /// carries the position `rev`: one issued from state older than the event. A token without a
    /// position is older than every event; a withdrawn key refuses every position, since its thief
    /// writes any number.
    #[must_use]
    pub fn refuses(self, seq: u64, rev: Option<u64>) -> bool {
        self == Self::Key || rev.is_none_or(|rev| rev < seq)
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
        Self::each_of(claims, key_id).map(|(kind, id)| Self::new(kind, id)).collect()
    }

    /// The same, borrowed: for whoever asks at every request.
    pub fn each_of<'a>(claims: &'a Claims, key_id: &'a KeyId) -> impl Iterator<Item = (SubjectKind, &'a str)> {
        let always = [
            (SubjectKind::Token, claims.jti.as_str()),
            (SubjectKind::Client, claims.client_id.as_str()),
            (SubjectKind::User, claims.sub.as_str()),
            (SubjectKind::Resource, claims.aud.as_str()),
            (SubjectKind::Key, key_id.as_str()),
        ];
        let roles = claims.roles.iter().map(|role| (SubjectKind::Role, role.as_str()));
        let grant = claims.grant_id.iter().map(|grant| (SubjectKind::Grant, grant.as_str()));
        always.into_iter().chain(roles).chain(grant)
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
    /// Whether this event refuses a token of its subject that carries the position `rev`; see
    /// [`SubjectKind::refuses`].
    #[must_use]
    pub fn refuses(&self, rev: Option<u64>) -> bool {
        self.subject.kind.refuses(self.seq, rev)
    }
}
