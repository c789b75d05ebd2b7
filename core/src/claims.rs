//! The claims of an access token (RFC 9068 section 2.2, design of Bailiwick) and their pure checks.
//! Owns which claims are required and what each may hold; signatures are [`crate::token`]'s.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::identifier::{ClientId, Issuer, ResourceUri, RoleName, TokenId};
use crate::json::{Member, Members};
use crate::scope::ScopeSet;
use crate::time::UnixSeconds;
use crate::token::InvalidToken;

/// How far two clocks may differ: applied to `exp`, `nbf` and `iat`.
pub const CLOCK_SKEW: Duration = Duration::from_secs(30);

/// The claims that a client's static `claims` may not set, because the service or a later
/// extension gives them a meaning, or introspection says them of every token (RFC 7662 section 2.2).
pub const RESERVED_CLAIMS: [&str; 26] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "scope",
    "roles",
    "act",
    "may_act",
    "cnf",
    "rev",
    "grant_id",
    "sid",
    "azp",
    "auth_time",
    "acr",
    "amr",
    "nonce",
    "groups",
    "entitlements",
    "active",
    "token_type",
    "username",
];

/// The claims of one access token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: Issuer,
    /// Whom it speaks for: a user (`usr_…`), or the client itself.
    pub sub: String,
    /// The one resource that it is for.
    pub aud: ResourceUri,
    /// The client that it was issued to.
    pub client_id: ClientId,
    /// When it was issued.
    pub iat: UnixSeconds,
    /// When it begins to be valid, if not at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<UnixSeconds>,
    /// When it ends.
    pub exp: UnixSeconds,
    /// Its own name.
    pub jti: TokenId,
    /// What it opens.
    pub scope: ScopeSet,
    /// The roles that its scopes rest on.
    pub roles: Vec<RoleName>,
    /// The position in the revocation feed that the issuer had read before it read anything that
    /// this token rests on. A revocation of a later position refuses the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rev: Option<u64>,
    /// The user's grant that it was issued under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    /// The client's static claims, and whatever else the token says.
    #[serde(flatten)]
    pub others: BTreeMap<String, Value>,
}

/// What the checker of a token expects of it.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The only issuer that is trusted.
    pub issuer: &'a Issuer,
    /// The resource that is guarded.
    pub audience: &'a ResourceUri,
}

impl Claims {
    /// Reads claims from the members of a token's payload. Required are `iss sub aud exp iat jti
    /// client_id`; a claim of the wrong type is as invalid as a missing one.
    ///
    /// # Errors
    /// The first claim that is missing or not what it should be; `cnf`, because a sender-constrained
    /// token without its proof is a stolen one.
    pub fn read(members: Members<'_>) -> Result<Self, InvalidToken> {
        Self::read_expecting(members, None)
    }

    /// Reads claims as [`Claims::read`] does; an issuer and a resource that are the expected ones,
    /// character for character, are not parsed anew.
    pub(crate) fn read_expecting(
        mut members: Members<'_>,
        expected: Option<Expected<'_>>,
    ) -> Result<Self, InvalidToken> {
        if members.get("cnf").is_some() {
            return Err(InvalidToken::Confirmation);
        }
        let (issuer, audience) = (expected.map(|one| one.issuer), expected.map(|one| one.audience));
        let known = &mut members;
        Ok(Self {
            iss: required(known, "iss", |value| known_or_parsed(issuer, value))?,
            sub: required(known, "sub", text)?,
            aud: required(known, "aud", |value| known_or_parsed(audience, value))?,
            client_id: required(known, "client_id", parsed)?,
            iat: required(known, "iat", numeric_date)?,
            nbf: optional(known, "nbf", numeric_date)?,
            exp: required(known, "exp", numeric_date)?,
            jti: required(known, "jti", parsed)?,
            scope: optional(known, "scope", parsed)?.unwrap_or_default(),
            roles: optional(known, "roles", roles)?.unwrap_or_default(),
            rev: optional(known, "rev", |value| value.value()?.as_u64())?,
            grant_id: optional(known, "grant_id", text)?,
            others: others(members),
        })
    }

    /// Checks issuer, audience and the three times against `now`, each with [`CLOCK_SKEW`].
    pub fn check(&self, expected: Expected<'_>, now: UnixSeconds) -> Result<(), InvalidToken> {
        if &self.iss != expected.issuer {
            return Err(InvalidToken::Issuer);
        }
        if &self.aud != expected.audience {
            return Err(InvalidToken::Audience);
        }
        self.check_times(now)
    }

    /// Checks `exp`, `nbf` and `iat` alone.
    pub fn check_times(&self, now: UnixSeconds) -> Result<(), InvalidToken> {
        check_times(self.exp, Some(self.iat), self.nbf, now)
    }
}

/// Checks `exp` and, where they are there, `iat` and `nbf`.
pub(crate) fn check_times(
    exp: UnixSeconds,
    iat: Option<UnixSeconds>,
    nbf: Option<UnixSeconds>,
    now: UnixSeconds,
) -> Result<(), InvalidToken> {
    if now >= exp + CLOCK_SKEW {
        return Err(InvalidToken::Expired);
    }
    let latest_start = now + CLOCK_SKEW;
    if [iat, nbf].into_iter().flatten().any(|start| start > latest_start) {
        return Err(InvalidToken::NotYetValid);
    }
    Ok(())
}

pub(crate) fn required<T>(
    members: &mut Members<'_>,
    name: &'static str,
    read: impl Fn(&Member<'_>) -> Option<T>,
) -> Result<T, InvalidToken> {
    optional(members, name, read)?.ok_or(InvalidToken::MissingClaim(name))
}

pub(crate) fn optional<T>(
    members: &mut Members<'_>,
    name: &'static str,
    read: impl Fn(&Member<'_>) -> Option<T>,
) -> Result<Option<T>, InvalidToken> {
    let Some(value) = members.take(name) else { return Ok(None) };
    read(&value).map(Some).ok_or(InvalidToken::WrongClaim(name))
}

pub(crate) fn parsed<T: FromStr>(value: &Member<'_>) -> Option<T> {
    value.as_str()?.parse().ok()
}

fn known_or_parsed<T: FromStr + Clone + AsRef<str>>(known: Option<&T>, value: &Member<'_>) -> Option<T> {
    let text = value.as_str()?;
    known.filter(|known| known.as_ref() == text).cloned().or_else(|| text.parse().ok())
}

/// A text of 1 to 256 bytes.
pub(crate) fn text(value: &Member<'_>) -> Option<String> {
    value.as_str().and_then(bounded)
}

pub(crate) fn bounded(text: &str) -> Option<String> {
    (1..=256).contains(&text.len()).then(|| text.to_owned())
}

pub(crate) fn roles(value: &Member<'_>) -> Option<Vec<RoleName>> {
    value.value()?.as_array()?.iter().map(|name| name.as_str()?.parse().ok()).collect()
}

/// The claims that have no meaning here.
pub(crate) fn others(members: Members<'_>) -> BTreeMap<String, Value> {
    members.rest().map(|(name, value)| (name.into_owned(), value.into())).collect()
}

/// A `NumericDate` (RFC 7519 section 2): any JSON number; a fraction is dropped.
pub(crate) fn numeric_date(value: &Member<'_>) -> Option<UnixSeconds> {
    /// The seconds that a double still counts one by one.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let value = value.value()?;
    if let Some(seconds) = value.as_i64() {
        return Some(UnixSeconds(seconds));
    }
    let seconds = value.as_f64().filter(|seconds| seconds.abs() < EXACT)?;
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked, and dropping the fraction is meant")]
    Some(UnixSeconds(seconds.floor() as i64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::json;

    #[test]
    fn what_is_expected_changes_nothing_in_what_is_read() {
        let (issuer, audience) = ("https://id.example".parse().unwrap(), "https://hr.example/mcp".parse().unwrap());
        let expected = Expected { issuer: &issuer, audience: &audience };
        let texts = [json!("https://id.example"), json!("https://hr.example/mcp"), json!("HTTPS://HR.example:443/mcp")];
        let others =
            [json!("https://other.example"), json!("nonsense"), json!(""), json!(7), json!(["https://id.example"])];
        let values: Vec<Value> = texts.into_iter().chain(others).collect();
        for (iss, aud) in values.iter().flat_map(|iss| values.iter().map(move |aud| (iss, aud))) {
            let payload = json!({
                "iss": iss, "aud": aud, "sub": "agent", "client_id": "agent", "iat": 1, "exp": 2, "jti": "token-1",
            });
            let payload = payload.to_string();
            let members = || json::members(payload.as_bytes()).unwrap();
            assert_eq!(Claims::read_expecting(members(), Some(expected)), Claims::read(members()), "{payload}");
        }
    }
}
