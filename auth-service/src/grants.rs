//! Grants: one authorization of a client by a user, from its code to its end; and consents: what a
//! user has allowed a client. Owns how long a grant lasts and when a consent covers a request.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bailiwick_core::claims::CLOCK_SKEW;
use bailiwick_core::{ClientId, ResourceUri, ScopeSet, Tools, UnixSeconds};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::crypto::entropy::{Entropy, NoEntropy, random};
use crate::users::UserId;

/// The one scope outside the grammar: a refresh token is wanted (OpenID Connect Core section 11).
pub const OFFLINE_ACCESS: &str = "offline_access";
/// How long a grant with refresh tokens lasts at most.
pub const LONGEST_GRANT: Duration = Duration::from_hours(180 * 24);
/// How long a refresh token lasts that nobody uses, and with it its grant.
pub const REFRESH_IDLE: Duration = Duration::from_hours(30 * 24);

/// A grant's identifier, `grant_id` in its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantId(String);

impl GrantId {
    const RANDOM_BYTES: usize = 16;

    /// Makes a new one.
    ///
    /// # Errors
    /// [`NoEntropy`] where no random bytes can be had.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let random = random::<{ Self::RANDOM_BYTES }>(entropy)?;
        Ok(Self(format!("grant-{}", URL_SAFE_NO_PAD.encode(random))))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GrantId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let accepted = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let has_form = (1..=64).contains(&text.len()) && text.bytes().all(accepted);
        has_form.then(|| Self(text.to_owned())).ok_or("a grant_id has 1 to 64 characters of A-Z a-z 0-9 _ -")
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The `scope` of a request, with [`OFFLINE_ACCESS`] told apart.
#[derive(Debug, PartialEq, Eq)]
pub struct RequestedScope {
    /// The scopes of the grammar; `None`: none was named.
    pub scope: Option<String>,
    /// Whether a refresh token is wanted.
    pub offline_access: bool,
}

impl RequestedScope {
    /// Reads the parameter.
    pub fn read(text: Option<&str>) -> Self {
        let words = || text.unwrap_or_default().split(' ').filter(|word| !word.is_empty());
        let scope: Vec<&str> = words().filter(|word| *word != OFFLINE_ACCESS).collect();
        let offline_access = words().any(|word| word == OFFLINE_ACCESS);
        Self { scope: (!scope.is_empty()).then(|| scope.join(" ")), offline_access }
    }
}

/// A grant that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its identifier.
    pub grant_id: GrantId,
    /// Who gave it.
    pub user_id: UserId,
    /// To whom.
    pub client_id: ClientId,
    /// For which resource.
    pub resource: ResourceUri,
    /// What it opens there, at most.
    pub scope: ScopeSet,
    /// Whether it has refresh tokens.
    pub offline_access: bool,
    /// When its code was redeemed.
    pub created_at: UnixSeconds,
    /// When a token was last issued under it.
    pub last_used_at: UnixSeconds,
    /// When it ends by itself.
    pub expires_at: UnixSeconds,
}

impl Grant {
    /// When a grant of `created_at` under which a token of `lifetime` is issued `now` ends by itself:
    /// with that token, or where it has refresh tokens, when the next is not used in time.
    pub fn end(created_at: UnixSeconds, offline_access: bool, lifetime: Duration, now: UnixSeconds) -> UnixSeconds {
        let with_token = now + lifetime + CLOCK_SKEW;
        if offline_access { (now + REFRESH_IDLE).min(created_at + LONGEST_GRANT).max(with_token) } else { with_token }
    }
}

/// What a user has allowed a client at a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// Who.
    pub user_id: UserId,
    /// Whom.
    pub client_id: ClientId,
    /// Where.
    pub resource: ResourceUri,
    /// What.
    pub scope: ScopeSet,
    /// Whether also while the user is away.
    pub offline_access: bool,
    /// When.
    pub given_at: UnixSeconds,
}

impl Consent {
    /// Whether a request for this is within what was allowed, so that nobody needs to be asked.
    pub fn covers(&self, scope: &ScopeSet, offline_access: bool, tools: &Tools) -> bool {
        let allowed = scope.iter().all(|one| self.scope.implies(one, tools));
        allowed && (self.offline_access || !offline_access)
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_core::{Tool, ToolKind};

    use super::*;

    #[test]
    fn a_consent_covers_what_is_within_it_and_asks_again_for_more() {
        let tool = |name: &str, kind| Tool { name: name.parse().unwrap(), kind, title: String::new() };
        let tools = [tool("look", ToolKind::Read), tool("change", ToolKind::Write)];
        let tools = Tools::new("hr".parse().unwrap(), tools).unwrap();
        let covers = |given: &str, offline_given, asked: &str, offline_asked| {
            let consent = Consent {
                user_id: "usr_a".parse().unwrap(),
                client_id: "editor".parse().unwrap(),
                resource: "https://hr.example/mcp".parse().unwrap(),
                scope: given.parse().unwrap(),
                offline_access: offline_given,
                given_at: UnixSeconds(0),
            };
            consent.covers(&asked.parse().unwrap(), offline_asked, &tools)
        };
        for (given, asked, covered) in [
            ("hr:read", "hr:read", true),
            ("hr:read", "hr:look", true),
            ("hr:read hr:write", "hr:*", true),
            ("hr:*", "hr:change hr:read", true),
            ("hr:look", "hr:read", false),
            ("hr:read", "hr:read hr:change", false),
        ] {
            assert_eq!(covers(given, false, asked, false), covered, "{given} {asked}");
        }
        assert!(!covers("hr:*", false, "hr:*", true) && covers("hr:*", true, "hr:*", true));
    }

    #[test]
    fn the_wish_for_a_refresh_token_is_told_apart_from_the_scopes() {
        let read = |text| {
            let RequestedScope { scope, offline_access } = RequestedScope::read(text);
            (scope.unwrap_or_default(), offline_access)
        };
        assert_eq!(read(None), (String::new(), false));
        assert_eq!(read(Some(" offline_access ")), (String::new(), true));
        assert_eq!(read(Some("hr:read offline_access  hr:write")), ("hr:read hr:write".to_owned(), true));
    }

    #[test]
    fn a_grant_ends_with_its_token_or_when_its_refresh_token_idles_and_at_its_longest() {
        let (start, lifetime) = (UnixSeconds(1_000), Duration::from_mins(15));
        assert_eq!(Grant::end(start, false, lifetime, start), UnixSeconds(1_930));
        assert_eq!(Grant::end(start, true, lifetime, start), start + REFRESH_IDLE);
        let late = start + LONGEST_GRANT - Duration::from_hours(24);
        assert_eq!(Grant::end(start, true, lifetime, late), start + LONGEST_GRANT);
    }
}
