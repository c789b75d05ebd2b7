//! Revocations as the domain knows them: what an operator may take back, and how long an event is
//! kept. Owns the forms of subjects; which tokens an event refuses is core's rule.

use std::time::Duration;

use bailiwick_core::claims::CLOCK_SKEW;
use bailiwick_core::identifier::InvalidIdentifier;
use bailiwick_core::{ClientId, KeyId, ResourceUri, Revocation, RoleName, Subject, SubjectKind, TokenId, UnixSeconds};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clients::LONGEST_ACCESS_TOKEN;
use crate::shown_text;

/// The longest reason, in characters.
pub const LONGEST_REASON: usize = 200;
/// The reason of a revocation for which none was given.
const UNSAID_REASON: &str = "revoked by an administrator";
/// How far the clocks of any two processes on one database, and of any guard, may lie apart.
const CLOCK_DISAGREEMENT: Duration = Duration::from_hours(1);
/// How long an event is kept: as long as the last token that it concerns is good anywhere. That
/// token's end is read from its issuer's clock and looked at by a guard's, the event's end is read
/// from the clock of who appends it and looked at by that of who forgets it; so the disagreement
/// counts twice.
pub const RETENTION: Duration = LONGEST_ACCESS_TOKEN
    .saturating_add(CLOCK_SKEW)
    .saturating_add(CLOCK_DISAGREEMENT)
    .saturating_add(CLOCK_DISAGREEMENT);

/// What an operator takes back; the identifier has the form of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationTarget {
    /// One token, by `jti`.
    Token(TokenId),
    /// The tokens of a user's grant, by `grant_id`.
    Grant(OpaqueId),
    /// The tokens of a client.
    Client(ClientId),
    /// The tokens of a user, by `usr_…`.
    User(OpaqueId),
    /// The tokens that rest on a role.
    Role(RoleName),
    /// The tokens for a resource, by its URI.
    Resource(ResourceUri),
    /// The tokens that a key signed, by `kid`.
    Key(KeyId),
}

/// The identifier of something that is not looked up before its tokens are revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpaqueId(String);

/// A revocation cannot be as it was asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRevocation(pub String);

/// A revocation by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRevocation {
    /// What is taken back.
    pub target: RevocationTarget,
    /// Why, for people.
    pub reason: String,
}

impl RevocationTarget {
    /// The target of that kind and identifier.
    ///
    /// # Errors
    /// Says which form the identifier should have.
    pub fn new(kind: SubjectKind, id: &str) -> Result<Self, InvalidRevocation> {
        let target = match kind {
            SubjectKind::Token => id.parse().map(Self::Token),
            SubjectKind::Grant => OpaqueId::grant(id).map(Self::Grant),
            SubjectKind::Client => id.parse().map(Self::Client),
            SubjectKind::User => OpaqueId::user(id).map(Self::User),
            SubjectKind::Role => id.parse().map(Self::Role),
            SubjectKind::Resource => id.parse().map(Self::Resource),
            SubjectKind::Key => id.parse().map(Self::Key),
        };
        target.map_err(|error| InvalidRevocation(format!("the id of this {kind}: {error}")))
    }

    /// As the feed names it.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Token(id) => Subject::new(SubjectKind::Token, id.as_str()),
            Self::Grant(id) => Subject::new(SubjectKind::Grant, id.0.as_str()),
            Self::Client(id) => Subject::new(SubjectKind::Client, id.as_str()),
            Self::User(id) => Subject::new(SubjectKind::User, id.0.as_str()),
            Self::Role(name) => Subject::new(SubjectKind::Role, name.as_str()),
            Self::Resource(uri) => Subject::new(SubjectKind::Resource, uri.as_str()),
            Self::Key(id) => Subject::new(SubjectKind::Key, id.as_str()),
        }
    }
}

impl OpaqueId {
    fn grant(text: &str) -> Result<Self, InvalidIdentifier> {
        let has_form = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let form = InvalidIdentifier("a grant_id has 1 to 128 visible ASCII characters");
        has_form.then(|| Self(text.to_owned())).ok_or(form)
    }

    fn user(text: &str) -> Result<Self, InvalidIdentifier> {
        let accepts = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
        let rest = text.strip_prefix("usr_").unwrap_or_default();
        let has_form = (1..=124).contains(&rest.len()) && rest.bytes().all(accepts);
        let form = InvalidIdentifier("a user_id is usr_ and 1 to 124 characters of A-Z a-z 0-9 . _ ~ -");
        has_form.then(|| Self(text.to_owned())).ok_or(form)
    }
}

impl NewRevocation {
    /// The revocation of `target` for that reason.
    ///
    /// # Errors
    /// Where the reason is empty, too long, or holds what would break a line of a log.
    pub fn new(target: RevocationTarget, reason: Option<String>) -> Result<Self, InvalidRevocation> {
        let reason = reason.unwrap_or_else(|| UNSAID_REASON.to_owned());
        if reason.is_empty() {
            return Err(InvalidRevocation(
                "reason may not be empty; left out, it is said that none was given".to_owned(),
            ));
        }
        shown_text::check("reason", &reason, LONGEST_REASON).map_err(InvalidRevocation)?;
        Ok(Self { target, reason })
    }
}

/// Until when an event that is appended `now` is kept.
pub fn retain_until(now: UnixSeconds) -> UnixSeconds {
    now + RETENTION
}

/// A page of the revocation feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FeedPage {
    /// Events in the order of their positions.
    #[schema(value_type = Vec<RevocationView>)]
    pub events: Vec<Revocation>,
    /// What to send as `after` to go on.
    pub next: u64,
}

/// An event as the description of the API shows it; the type itself is core's.
#[derive(ToSchema)]
#[schema(as = Revocation)]
#[expect(dead_code, reason = "it is only the description of core's Revocation")]
pub struct RevocationView {
    /// Its position: strictly growing in the order of commits.
    seq: u64,
    /// When it was made, in Unix seconds.
    at: i64,
    /// What is taken back.
    subject: SubjectView,
    /// Why, for people.
    reason: String,
    /// Until when it is kept, in Unix seconds: no token that it refuses is good any more then.
    retain_until: i64,
}

/// What a revocation names, as the API takes it: nothing of it is believed yet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Subject)]
pub struct SubjectView {
    /// `token`, `grant`, `client`, `user`, `role`, `resource` or `key`.
    #[schema(value_type = String, example = "client")]
    pub kind: SubjectKind,
    /// Its `jti`, `grant_id`, `client_id`, `sub`, name, URI or `kid`.
    #[schema(example = "payroll")]
    pub id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_the_form_of_its_kind() {
        for (kind, right, wrong) in [
            (SubjectKind::Token, "kH3x-_", "two words"),
            (SubjectKind::Grant, "g1", ""),
            (SubjectKind::Client, "payroll", "usr_1"),
            (SubjectKind::User, "usr_1", "payroll"),
            (SubjectKind::Role, "Officer", "Officer!"),
            (SubjectKind::Resource, "https://hr.example/mcp", "hr"),
            (SubjectKind::Key, "k1", "k 1"),
        ] {
            let target = RevocationTarget::new(kind, right).unwrap();
            assert_eq!(target.subject(), Subject::new(kind, right));
            let error = RevocationTarget::new(kind, wrong).unwrap_err().to_string();
            assert!(error.starts_with(&format!("the id of this {kind}: ")), "{error}");
            assert!(RevocationTarget::new(kind, &"x".repeat(600)).is_err());
        }
    }

    #[test]
    fn a_resource_is_named_as_its_tokens_name_it() {
        let target = RevocationTarget::new(SubjectKind::Resource, "HTTPS://HR.example:443/mcp").unwrap();
        assert_eq!(target.subject().id, "https://hr.example/mcp");
    }

    #[test]
    fn a_reason_fits_a_line_of_the_log() {
        let target = RevocationTarget::new(SubjectKind::Client, "payroll").unwrap();
        let with = |reason: &str| NewRevocation::new(target.clone(), Some(reason.to_owned()));
        assert!(with(&"é".repeat(LONGEST_REASON)).is_ok());
        for wrong in ["", "two\nlines", &"x".repeat(LONGEST_REASON + 1)] {
            assert!(with(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(NewRevocation::new(target.clone(), None).unwrap().reason, UNSAID_REASON);
    }
}
