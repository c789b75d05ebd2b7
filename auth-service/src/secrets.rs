//! Client secrets as the domain knows them: which one a presented text is, and what is told of it.
//! Owns the secret's identifier; hashing and comparing are [`crate::crypto`]'s.

use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use bailiwick_core::UnixSeconds;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;

use crate::crypto::secret::ClientSecret;

/// The most live secrets of one client: one in use, one coming, and room for a third.
pub const MOST_SECRETS: usize = 5;

/// Names a client secret, and follows from it: so that of a client's live secrets exactly one hash
/// is compared, however many there are, and nobody can tell from the time how many that is. It
/// gives nothing away: 72 bits of a digest of 256 random ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[schema(value_type = String)]
pub struct SecretId(String);

impl SecretId {
    const BYTES: usize = 9;
    const CHARACTERS: usize = 12;

    /// The identifier of this secret.
    pub fn of(secret: &ClientSecret) -> Self {
        let digest = digest(&SHA256, secret.expose().as_bytes());
        Self(URL_SAFE_NO_PAD.encode(&digest.as_ref()[..Self::BYTES]))
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let accepted = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let has_form = text.len() == Self::CHARACTERS && text.bytes().all(accepted);
        has_form.then(|| Self(text.to_owned())).ok_or("a secret_id has 12 characters of A-Z a-z 0-9 - _")
    }
}

/// What may be told of a stored secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SecretRecord {
    /// Its identifier.
    pub secret_id: SecretId,
    /// When it was made, in Unix seconds.
    #[schema(value_type = i64)]
    pub created_at: UnixSeconds,
    /// When it was last used, in Unix seconds, within a minute or so.
    #[schema(value_type = Option<i64>)]
    pub last_used_at: Option<UnixSeconds>,
}
