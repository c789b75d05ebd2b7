//! Access tokens: held without ever being shown, and read for what they say of themselves. Owns what
//! is a token and how long it is used; verifies nothing, which is the server's part.

use std::time::Duration;

use bailiwick_core::UnixSeconds;
use bailiwick_process::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::scopes::Scopes;

/// The longest token, in bytes.
pub const LONGEST: usize = 16 * 1024;

/// How long before its end a token is no longer used, so that it does not end on the way.
const RENEWED_BEFORE: Duration = Duration::from_mins(1);

/// A short-lived token is used for this part of its life at least.
const USED_FOR_QUARTERS: u32 = 3;

/// The text is not a bearer token (RFC 6750 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a bearer token: 1 to 16384 characters of A-Z a-z 0-9 - . _ ~ + / =")]
pub struct NotABearerToken;

/// A token and what is known of it.
pub struct AccessToken {
    /// The token itself.
    pub value: Secret,
    /// What was granted, where the issuer said so.
    pub scope: Option<Scopes>,
    /// From when on it is no longer used; `None` where the issuer did not say how long it lives.
    pub use_until: Option<UnixSeconds>,
}

/// The text, if it is a bearer token.
///
/// # Errors
/// Where it holds what no token holds, such as a line end.
pub fn bearer(secret: Secret) -> Result<Secret, NotABearerToken> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let text = secret.expose();
    if (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_token) { Ok(secret) } else { Err(NotABearerToken) }
}

/// For how long a token with this lifetime is used.
pub fn used_for(lifetime: Duration) -> Duration {
    lifetime.saturating_sub(RENEWED_BEFORE).max(lifetime / 4 * USED_FOR_QUARTERS)
}

/// What a token says of itself, where it is a JWT. Read to be shown, never to decide.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct TokenClaims {
    /// Who issued it.
    pub issuer: Option<String>,
    /// For whom it speaks.
    pub subject: Option<String>,
    /// The client that it was issued to.
    pub client_id: Option<String>,
    /// The roles that it rests on.
    pub roles: Vec<String>,
    /// What it opens.
    pub scope: Option<String>,
    /// Where it is good.
    pub audience: Vec<String>,
    /// When it ends.
    pub expires_at: Option<UnixSeconds>,
}

/// The claims of a JWT; `None` for a token of another form.
pub fn claims(token: &Secret) -> Option<TokenClaims> {
    let mut parts = token.expose().split('.');
    let (_, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else { return None };
    let payload = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
    let members = bailiwick_core::json::object(&payload).ok()?;
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let texts = |name: &str| match members.get(name) {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    Some(TokenClaims {
        issuer: text("iss"),
        subject: text("sub"),
        client_id: text("client_id").or_else(|| text("azp")),
        roles: texts("roles"),
        scope: text("scope"),
        audience: texts("aud"),
        expires_at: members.get("exp").and_then(Value::as_i64).map(UnixSeconds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_a_minute_before_its_end_and_a_short_one_used_for_most_of_its_life() {
        for (lifetime, used) in [(900, 840), (240, 180), (100, 75), (4, 3), (0, 0), (u64::MAX, u64::MAX - 60)] {
            assert_eq!(used_for(Duration::from_secs(lifetime)).as_secs(), used, "{lifetime}");
        }
    }

    #[test]
    fn a_token_is_read_only_where_it_is_a_jwt() {
        let jwt = |payload: &str| Secret::new(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload)));
        let read = claims(&jwt(r#"{"sub":"a","aud":"r","roles":["R"],"scope":"s","exp":5,"client_id":"c","iss":"i"}"#));
        let read = read.unwrap();
        assert_eq!((read.subject.as_deref(), read.audience.as_slice()), (Some("a"), ["r".to_owned()].as_slice()));
        assert_eq!((read.roles.as_slice(), read.expires_at), (["R".to_owned()].as_slice(), Some(UnixSeconds(5))));
        assert_eq!(claims(&jwt("{}")), Some(TokenClaims::default()));
        for opaque in ["opaque", "a.b", "a.b.c.d", "e30.!.x", ""] {
            assert_eq!(claims(&Secret::new(opaque.to_owned())), None, "{opaque}");
        }
        assert_eq!(claims(&jwt(r#"{"sub":"a","sub":"b"}"#)), None);
    }
}
