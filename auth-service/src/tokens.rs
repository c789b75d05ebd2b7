//! Access tokens: made here, and examined here when they come back. Owns what a token says
//! (RFC 9068 section 2.2); which client may have which is decided before.

use std::collections::BTreeMap;
use std::time::Duration;

use bailiwick_core::token::LONGEST_TOKEN;
use bailiwick_core::{Algorithm, Claims, InvalidToken, Issuer, ScopeSet, SignedToken, Subject, TokenId, UnixSeconds};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clients::Client;
use crate::crypto::entropy::{Entropy, random};
use crate::custody::CustodyError;
use crate::grants::GrantId;
use crate::keys::KeyRing;
use crate::resources::Resource;
use crate::storage::{Storage, StorageError};
use crate::users::User;

/// The random bits of a `jti`, in bytes.
const TOKEN_ID_BYTES: usize = 16;

/// What a new token rests on.
pub struct NewToken<'a> {
    /// To whom it is issued.
    pub client: &'a Client,
    /// For whom the client acts; `None`: for itself.
    pub on_behalf_of: Option<OnBehalfOf<'a>>,
    /// Where it is good.
    pub resource: &'a Resource,
    /// What it opens.
    pub scope: ScopeSet,
    /// How long it lives.
    pub lifetime: Duration,
    /// The position in the revocation feed that was read no later than any of the above.
    pub position: u64,
}

/// The user that a client acts for, and by which grant.
#[derive(Clone, Copy)]
pub struct OnBehalfOf<'a> {
    /// The user.
    pub user: &'a User,
    /// The grant.
    pub grant_id: &'a GrantId,
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// It would be longer than anybody reads.
    #[error("the token would have more than {LONGEST_TOKEN} bytes; ask for fewer scopes")]
    TooLong,
    /// No key of the algorithm signs.
    #[error("there is no signing key for {0}")]
    NoKey(Algorithm),
    /// The operating system or the library failed.
    #[error("signing failed: {0}")]
    Failed(String),
}

/// The claims of a new token. Where a client acts for itself (RFC 6749 section 4.4), it is the
/// subject; else the user is, and the roles are the user's.
pub fn claims(
    issuer: &Issuer,
    new: NewToken<'_>,
    entropy: &dyn Entropy,
    now: UnixSeconds,
) -> Result<Claims, IssueError> {
    let failed = |cause: &dyn std::fmt::Display| IssueError::Failed(cause.to_string());
    let random = random::<TOKEN_ID_BYTES>(entropy).map_err(|cause| failed(&cause))?;
    let jti: TokenId = URL_SAFE_NO_PAD.encode(random).parse().map_err(|cause| failed(&cause))?;
    let (sub, roles) = match new.on_behalf_of {
        Some(OnBehalfOf { user, .. }) => (user.user_id.to_string(), &user.roles),
        None => (new.client.client_id.to_string(), &new.client.roles),
    };
    Ok(Claims {
        iss: issuer.clone(),
        sub,
        aud: new.resource.resource.clone(),
        client_id: new.client.client_id.clone(),
        iat: now,
        nbf: Some(now),
        exp: now + new.lifetime,
        jti,
        scope: new.scope,
        roles: roles.iter().cloned().collect(),
        rev: Some(new.position),
        grant_id: new.on_behalf_of.map(|behalf| behalf.grant_id.to_string()),
        others: BTreeMap::from_iter(new.client.claims.clone()),
    })
}

/// Signs claims with the key that signs now.
pub fn sign(claims: &Claims, keys: &KeyRing, algorithm: Algorithm, now: UnixSeconds) -> Result<String, IssueError> {
    let key = keys.signer(algorithm, now).ok_or(IssueError::NoKey(algorithm))?;
    let token = key.sign(claims).map_err(|cause| IssueError::Failed(cause.to_string()))?;
    if token.len() > LONGEST_TOKEN { Err(IssueError::TooLong) } else { Ok(token) }
}

/// Why a token that came back is no good.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// It is not valid.
    #[error(transparent)]
    Invalid(#[from] InvalidToken),
    /// Nobody can tell.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The keys cannot be had.
    #[error(transparent)]
    Keys(#[from] CustodyError),
}

impl ExamineError {
    /// As [`StorageError::retry_after`].
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Invalid(_) => None,
            Self::Storage(error) => error.retry_after(),
            Self::Keys(error) => error.retry_after(),
        }
    }
}

/// Examines a token that came back to its issuer: verified, in time, not revoked. Its audience is
/// not looked at.
pub async fn examine(
    token: &str,
    issuer: &Issuer,
    keys: &KeyRing,
    storage: &Storage,
    now: UnixSeconds,
) -> Result<Claims, ExamineError> {
    let signed = SignedToken::parse(token)?;
    let claims = signed.verify(keys.verifying())?;
    if &claims.iss != issuer {
        return Err(InvalidToken::Issuer.into());
    }
    claims.check_times(now)?;
    let revocations = storage.revocations_of(Subject::all_of(&claims, signed.key_id())).await?;
    if revocations.iter().any(|revocation| revocation.refuses(claims.rev)) {
        return Err(InvalidToken::Revoked.into());
    }
    Ok(claims)
}
