//! The access token as it travels: a JWS in compact form (RFC 7515 section 3.1) with the header of
//! RFC 9068 section 2.1. Owns taking it apart, verifying it and the reasons why it is not accepted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::claims::{Claims, Expected, parsed};
use crate::identifier::KeyId;
use crate::json::{self, Member, Members};
use crate::key::{Algorithm, KeySet};
use crate::time::UnixSeconds;

/// The longest token that is looked at, in bytes.
pub const LONGEST_TOKEN: usize = 16 * 1024;

/// The media type of an access token in its header (RFC 9068 section 2.1).
pub const TOKEN_TYPE: &str = "at+jwt";

/// Why a token is not accepted. `Display` is the short description that a caller may see; the
/// variant itself, with what it holds, is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// Not a compact JWS of at most [`LONGEST_TOKEN`] bytes with a JSON object as header and payload.
    #[error("the token is not a well-formed JWT")]
    Malformed,
    /// The header's `typ` is not `at+jwt`.
    #[error("the token is not an access token")]
    Type,
    /// The header's `alg` is not of our list, or not the key's.
    #[error("the token's algorithm is not accepted")]
    Algorithm,
    /// The header has a `crit` member.
    #[error("the token has critical header parameters")]
    Critical,
    /// No published key has the header's `kid`.
    #[error("the token's key is not known")]
    UnknownKey(KeyId),
    /// The signature does not fit.
    #[error("the token's signature is not valid")]
    Signature,
    /// A required claim is missing.
    #[error("the token lacks the claim {0}")]
    MissingClaim(&'static str),
    /// A claim has the wrong type or form.
    #[error("the token's claim {0} is malformed")]
    WrongClaim(&'static str),
    /// It is bound to a proof of possession, which is not supported.
    #[error("the token is bound to a proof")]
    Confirmation,
    /// Another issuer.
    #[error("the token was issued by another issuer")]
    Issuer,
    /// Another resource.
    #[error("the token is for another resource")]
    Audience,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` lies in the future.
    #[error("the token is not yet valid")]
    NotYetValid,
    /// A revocation concerns it.
    #[error("the token was revoked")]
    Revoked,
}

impl InvalidToken {
    /// The stable word for logs, metrics and records.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Malformed => "token_malformed",
            Self::Type => "token_type",
            Self::Algorithm => "token_algorithm",
            Self::Critical => "token_critical_header",
            Self::UnknownKey(_) => "token_key_unknown",
            Self::Signature => "token_signature",
            Self::MissingClaim(_) | Self::WrongClaim(_) => "token_claims",
            Self::Confirmation => "token_confirmation",
            Self::Issuer => "token_issuer",
            Self::Audience => "token_audience",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::Revoked => "token_revoked",
        }
    }
}

/// A token taken apart and not yet believed.
#[derive(Debug)]
pub struct SignedToken<'a> {
    key_id: KeyId,
    algorithm: Algorithm,
    signing_input: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> SignedToken<'a> {
    /// Takes a compact JWS apart and checks its header: `typ`, `alg` of our list, a `kid`, no `crit`.
    pub fn parse(token: &'a str) -> Result<Self, InvalidToken> {
        if token.len() > LONGEST_TOKEN {
            return Err(InvalidToken::Malformed);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(InvalidToken::Malformed)?;
        let (header, payload) = signing_input.split_once('.').ok_or(InvalidToken::Malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| InvalidToken::Malformed);
        let (key_id, algorithm) = read_header(&decode(header)?)?;
        Ok(Self { key_id, algorithm, signing_input, payload: decode(payload)?, signature: decode(signature)? })
    }

    /// The `kid` that the token names.
    #[must_use]
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// Verifies the signature with the key that the token names and reads its claims. They are
    /// authentic then, and still to be checked ([`Claims::check`]).
    pub fn verify(&self, keys: &KeySet) -> Result<Claims, InvalidToken> {
        self.verify_signature(keys)?;
        Claims::read(self.members()?)
    }

    /// All that a token has to pass: [`Self::verify`], then [`Claims::check`].
    pub fn accept(&self, keys: &KeySet, expected: Expected<'_>, now: UnixSeconds) -> Result<Claims, InvalidToken> {
        self.verify_signature(keys)?;
        let claims = Claims::read_expecting(self.members()?, Some(expected))?;
        claims.check(expected, now)?;
        Ok(claims)
    }

    fn verify_signature(&self, keys: &KeySet) -> Result<(), InvalidToken> {
        let key = keys.get(&self.key_id).ok_or_else(|| InvalidToken::UnknownKey(self.key_id.clone()))?;
        if key.algorithm() != self.algorithm {
            return Err(InvalidToken::Algorithm);
        }
        if !key.verifies(self.signing_input.as_bytes(), &self.signature) {
            return Err(InvalidToken::Signature);
        }
        Ok(())
    }

    fn members(&self) -> Result<Members<'_>, InvalidToken> {
        json::members(&self.payload).map_err(|_| InvalidToken::Malformed)
    }
}

fn read_header(bytes: &[u8]) -> Result<(KeyId, Algorithm), InvalidToken> {
    let header = json::members(bytes).map_err(|_| InvalidToken::Malformed)?;
    if header.get("crit").is_some() {
        return Err(InvalidToken::Critical);
    }
    if !header.get("typ").and_then(Member::as_str).is_some_and(is_access_token_type) {
        return Err(InvalidToken::Type);
    }
    let algorithm = header.get("alg").and_then(parsed).ok_or(InvalidToken::Algorithm)?;
    let key_id = header.get("kid").and_then(parsed).ok_or(InvalidToken::Malformed)?;
    Ok((key_id, algorithm))
}

/// Media types compare without regard to case, and `application/` may be left out (RFC 7515 4.1.9).
fn is_access_token_type(kind: &str) -> bool {
    const TREE: &str = "application/";
    let subtype = kind.split_at_checked(TREE.len()).filter(|(tree, _)| tree.eq_ignore_ascii_case(TREE));
    subtype.map_or(kind, |(_, subtype)| subtype).eq_ignore_ascii_case(TOKEN_TYPE)
}
