//! Signing keys and their lives: published first, then signing, then published until the last
//! token that they signed has expired. Owns that timetable; the cryptography is [`crate::crypto`]'s.

use std::sync::Arc;
use std::time::Duration;

use bailiwick_core::claims::CLOCK_SKEW;
use bailiwick_core::key::Jwk;
use bailiwick_core::{Algorithm, KeyId, KeySet, UnixSeconds};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clients::LONGEST_ACCESS_TOKEN;
use crate::crypto::signing::SigningKey;

/// How long a copy of the published key set may be used (`Cache-Control: max-age`): a new key is
/// published this long before it signs, so that nobody meets a token of a key that they lack.
pub const JWKS_AGE: Duration = Duration::from_mins(5);

/// A key as it is stored: the private half sealed.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// Its name.
    pub key_id: KeyId,
    /// Its place among all keys, in the order in which they were made; 0 until it is stored.
    pub number: i64,
    /// What it signs.
    pub algorithm: Algorithm,
    /// Its public half.
    pub jwk: Jwk,
    /// Its private half, PKCS#8, sealed under the master key.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When it begins to sign.
    pub signs_from: UnixSeconds,
}

impl StoredKey {
    /// The order in which keys follow each other.
    fn order(&self) -> (UnixSeconds, i64) {
        (self.signs_from, self.number)
    }
}

/// A key that is ready to sign.
pub struct RingKey {
    /// As it is stored.
    pub stored: StoredKey,
    /// The parsed private key.
    pub signing: Arc<SigningKey>,
}

/// All keys of the service at one version.
pub struct KeyRing {
    keys: Vec<RingKey>,
    verifying: KeySet,
}

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// Published, and not yet signing.
    Published,
    /// Signing.
    Signing,
    /// Followed by another key, and published until its last token has expired.
    Retiring,
    /// No longer published.
    Retired,
}

/// A key as the admin API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeyView {
    /// Its name.
    #[schema(value_type = String)]
    pub kid: KeyId,
    /// What it signs.
    #[schema(value_type = String, example = "RS256")]
    pub alg: Algorithm,
    /// Where it stands.
    pub status: KeyStatus,
    /// When it was made, in Unix seconds.
    #[schema(value_type = i64)]
    pub created_at: UnixSeconds,
    /// When it begins or began to sign, in Unix seconds.
    #[schema(value_type = i64)]
    pub signs_from: UnixSeconds,
}

impl KeyRing {
    /// The ring of these keys.
    pub fn new(keys: Vec<RingKey>) -> Self {
        let verifying = keys.iter().map(|key| key.stored.jwk.clone()).collect();
        Self { keys, verifying }
    }

    /// The key that signs with that algorithm at `now`: of those that may, the one that began last.
    pub fn signer(&self, algorithm: Algorithm, now: UnixSeconds) -> Option<&Arc<SigningKey>> {
        let signing = |key: &&RingKey| key.stored.algorithm == algorithm && key.stored.signs_from <= now;
        self.keys.iter().filter(signing).max_by_key(|key| key.stored.order()).map(|key| &key.signing)
    }

    /// Every key that has not left the service: what its own tokens are verified with.
    pub fn verifying(&self) -> &KeySet {
        &self.verifying
    }

    /// The public keys that are published at `now`.
    pub fn published(&self, now: UnixSeconds) -> impl Iterator<Item = &Jwk> {
        let status = move |key: &&RingKey| status(&key.stored, self.stored(), now) != KeyStatus::Retired;
        self.keys.iter().filter(status).map(|key| &key.stored.jwk)
    }

    fn stored(&self) -> impl Iterator<Item = &StoredKey> + Clone {
        self.keys.iter().map(|key| &key.stored)
    }
}

/// Keys as the admin API shows them at `now`, newest first.
pub fn views(keys: &[StoredKey], now: UnixSeconds) -> Vec<KeyView> {
    let view = |key: &StoredKey| KeyView {
        kid: key.key_id.clone(),
        alg: key.algorithm,
        status: status(key, keys.iter(), now),
        created_at: key.created_at,
        signs_from: key.signs_from,
    };
    let mut newest_first: Vec<&StoredKey> = keys.iter().collect();
    newest_first.sort_by_key(|key| std::cmp::Reverse(key.order()));
    newest_first.into_iter().map(view).collect()
}

/// Where `key` stands among `keys` at `now`. It is followed when a later key of its algorithm
/// signs; its last token may live for [`LONGEST_ACCESS_TOKEN`] from then on.
fn status<'a>(key: &StoredKey, keys: impl Iterator<Item = &'a StoredKey>, now: UnixSeconds) -> KeyStatus {
    if key.signs_from > now {
        return KeyStatus::Published;
    }
    let later = keys.filter(|other| other.algorithm == key.algorithm && other.order() > key.order());
    match later.map(|other| other.signs_from).filter(|from| *from <= now).min() {
        None => KeyStatus::Signing,
        Some(followed) if now < followed + LONGEST_ACCESS_TOKEN + CLOCK_SKEW => KeyStatus::Retiring,
        Some(_) => KeyStatus::Retired,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn key(kid: &str, signs_from: i64) -> StoredKey {
        let jwk = serde_json::json!({ "kid": kid, "kty": "OKP", "crv": "Ed25519", "x": "" });
        StoredKey {
            key_id: kid.parse().unwrap(),
            algorithm: Algorithm::EdDSA,
            jwk: serde_json::from_value(jwk).unwrap(),
            number: signs_from,
            sealed: Vec::new(),
            created_at: UnixSeconds(signs_from),
            signs_from: UnixSeconds(signs_from),
        }
    }

    fn statuses(now: i64) -> Vec<(String, KeyStatus)> {
        let keys = [key("first", 0), key("second", 1000)];
        let views = views(&keys, UnixSeconds(now));
        views.into_iter().map(|view| (view.kid.to_string(), view.status)).collect()
    }

    #[test]
    fn a_key_is_published_then_signs_then_retires_when_its_last_token_is_gone() {
        let expect = |second, first| vec![("second".to_owned(), second), ("first".to_owned(), first)];
        assert_eq!(statuses(999), expect(KeyStatus::Published, KeyStatus::Signing));
        assert_eq!(statuses(1000), expect(KeyStatus::Signing, KeyStatus::Retiring));
        assert_eq!(statuses(1000 + HOUR + 29), expect(KeyStatus::Signing, KeyStatus::Retiring));
        assert_eq!(statuses(1000 + HOUR + 30), expect(KeyStatus::Signing, KeyStatus::Retired));
    }
}
