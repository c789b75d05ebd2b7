//! Signing keys and their lives: published first, then signing, then published until the last
//! token that they signed has expired. Owns that timetable, as pure functions of what is stored and
//! of the time; the cryptography is [`crate::crypto`]'s, the doing [`crate::custody`]'s.
//!
//! Every stored key is published. Keys of an algorithm follow each other in the order in which they
//! were made, which the database counts, so that processes whose clocks differ agree on it.

use std::sync::Arc;
use std::time::Duration;

use bailiwick_core::key::Jwk;
use bailiwick_core::{Algorithm, KeyId, KeySet, UnixSeconds};
use serde::Serialize;
use utoipa::ToSchema;

use crate::crypto::signing::SigningKey;
use crate::revocations::RETENTION;

/// How long a copy of the published key set may be used (`Cache-Control: max-age`): a new key is
/// published this long before it signs, so that nobody meets a token of a key that they lack.
pub const JWKS_AGE: Duration = Duration::from_mins(5);

/// The most keys that rotations by hand may leave published: guards read no more than
/// [`KeySet::MOST`] of a set, and the schedule and other algorithms need some room.
pub const MOST_KEYS: usize = KeySet::MOST / 2;

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

/// A key that is ready to sign.
pub struct RingKey {
    /// As it is stored.
    pub stored: StoredKey,
    /// The parsed private key; none where it was sealed under a master key that this process has not.
    pub signing: Option<Arc<SigningKey>>,
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
    /// Followed by another key, and published until its last token has expired; then it is deleted.
    Retiring,
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
    /// When it is deleted, in Unix seconds, where another key follows it.
    #[schema(value_type = Option<i64>)]
    pub published_until: Option<UnixSeconds>,
}

impl KeyRing {
    /// The ring of these keys.
    pub fn new(keys: Vec<RingKey>) -> Self {
        let verifying = keys.iter().map(|key| key.stored.jwk.clone()).collect();
        Self { keys, verifying }
    }

    /// The key that signs with that algorithm at `now`, of those that this process can sign with.
    pub fn signer(&self, algorithm: Algorithm, now: UnixSeconds) -> Option<&Arc<SigningKey>> {
        let ready = self.keys.iter().filter(|key| key.signing.is_some());
        let signer = signer(ready.map(|key| &key.stored), algorithm, now)?;
        self.parsed(&signer.key_id)
    }

    /// The parsed private key of that name.
    pub fn parsed(&self, key_id: &KeyId) -> Option<&Arc<SigningKey>> {
        self.keys.iter().find(|key| &key.stored.key_id == key_id)?.signing.as_ref()
    }

    /// What the service's own tokens are verified with.
    pub fn verifying(&self) -> &KeySet {
        &self.verifying
    }

    /// The public keys as they are published.
    pub fn published(&self) -> impl Iterator<Item = &Jwk> {
        self.keys.iter().map(|key| &key.stored.jwk)
    }
}

/// Keys as the admin API shows them at `now`, newest first.
pub fn views(keys: &[StoredKey], now: UnixSeconds) -> Vec<KeyView> {
    let view = |key: &StoredKey| KeyView {
        kid: key.key_id.clone(),
        alg: key.algorithm,
        status: status(key, keys, now),
        created_at: key.created_at,
        signs_from: key.signs_from,
        published_until: published_until(key, keys.iter()),
    };
    let mut newest_first: Vec<&StoredKey> = keys.iter().collect();
    newest_first.sort_by_key(|key| std::cmp::Reverse(key.number));
    newest_first.into_iter().map(view).collect()
}

/// What is to be done with the keys.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Algorithms that need a new key.
    pub new: Vec<Algorithm>,
    /// Keys whose last token has expired.
    pub gone: Vec<KeyId>,
}

impl Due {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty()
    }
}

/// What is due at `now`, where tokens are signed with the algorithms in `needed` and the newest key
/// of each is to be younger than `rotation`.
pub fn due(keys: &[StoredKey], needed: &[Algorithm], rotation: Option<Duration>, now: UnixSeconds) -> Due {
    let is_due = |algorithm: &Algorithm| match of(keys.iter(), *algorithm).max_by_key(|key| key.number) {
        None => true,
        Some(newest) => rotation.is_some_and(|rotation| newest.created_at + rotation <= now),
    };
    let is_gone = |key: &&StoredKey| published_until(key, keys.iter()).is_some_and(|until| until <= now);
    Due {
        new: needed.iter().copied().filter(is_due).collect(),
        gone: keys.iter().filter(is_gone).map(|key| key.key_id.clone()).collect(),
    }
}

/// The key that signs with `algorithm` at `now`: the last made of those whose time has come. Where
/// the clock says that it has come for none, the first to come: a published key is better than none.
pub fn signer<'a>(
    keys: impl Iterator<Item = &'a StoredKey> + Clone,
    algorithm: Algorithm,
    now: UnixSeconds,
) -> Option<&'a StoredKey> {
    let begun = of(keys.clone(), algorithm).filter(|key| key.signs_from <= now);
    begun.max_by_key(|key| key.number).or_else(|| of(keys, algorithm).min_by_key(|key| (key.signs_from, key.number)))
}

/// Where `key` stands among `keys` at `now`.
fn status(key: &StoredKey, keys: &[StoredKey], now: UnixSeconds) -> KeyStatus {
    let is_signer = || signer(keys.iter(), key.algorithm, now).is_some_and(|signer| signer.number == key.number);
    match followed_at(key, keys.iter()) {
        Some(followed) if followed <= now => KeyStatus::Retiring,
        _ if is_signer() => KeyStatus::Signing,
        _ => KeyStatus::Published,
    }
}

/// When a key that was made later begins to sign in its place.
fn followed_at<'a>(key: &StoredKey, keys: impl Iterator<Item = &'a StoredKey>) -> Option<UnixSeconds> {
    let later = of(keys, key.algorithm).filter(|other| other.number > key.number);
    later.map(|other| other.signs_from).min()
}

/// As long as a revocation is kept, and for the same reason: so long may its last token be good, by
/// whichever clock.
fn published_until<'a>(key: &StoredKey, keys: impl Iterator<Item = &'a StoredKey>) -> Option<UnixSeconds> {
    followed_at(key, keys).map(|followed| followed + RETENTION)
}

fn of<'a>(keys: impl Iterator<Item = &'a StoredKey>, algorithm: Algorithm) -> impl Iterator<Item = &'a StoredKey> {
    keys.filter(move |key| key.algorithm == algorithm)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;
    const DAY: Duration = Duration::from_hours(24);

    fn key(number: i64, signs_from: i64) -> StoredKey {
        let kid = format!("key-{number}");
        let jwk = serde_json::json!({ "kid": kid, "kty": "OKP", "crv": "Ed25519", "x": "" });
        StoredKey {
            key_id: kid.parse().unwrap(),
            algorithm: Algorithm::EdDSA,
            jwk: serde_json::from_value(jwk).unwrap(),
            number,
            sealed: Vec::new(),
            created_at: UnixSeconds(signs_from),
            signs_from: UnixSeconds(signs_from),
        }
    }

    fn statuses(keys: &[StoredKey], now: i64) -> Vec<KeyStatus> {
        views(keys, UnixSeconds(now)).into_iter().map(|view| view.status).collect()
    }

    fn signs(keys: &[StoredKey], now: i64) -> i64 {
        signer(keys.iter(), Algorithm::EdDSA, UnixSeconds(now)).unwrap().number
    }

    fn due_at(keys: &[StoredKey], now: i64) -> Due {
        due(keys, &[Algorithm::EdDSA], Some(DAY), UnixSeconds(now))
    }

    #[test]
    fn a_key_is_published_then_signs_then_retires_and_goes_when_its_last_token_is_gone() {
        use KeyStatus::{Published, Retiring, Signing};
        let keys = [key(1, 0), key(2, 1000)];
        assert_eq!(statuses(&keys, 999), [Published, Signing]);
        assert_eq!(statuses(&keys, 1000), [Signing, Retiring]);
        // An hour for the last token, 30 seconds of skew, two hours for clocks that differ.
        let end = 1000 + 3 * HOUR + 30;
        assert_eq!(views(&keys, UnixSeconds(0))[1].published_until, Some(UnixSeconds(end)));
        assert_eq!(due_at(&keys, end - 1).gone, []);
        assert_eq!(due_at(&keys, end).gone, [keys[0].key_id.clone()]);
    }

    #[test]
    fn of_keys_whose_time_has_come_the_last_made_signs() {
        // One that waits is overtaken by one that was made later to sign at once, and never signs.
        let keys = [key(1, 0), key(2, 1300), key(3, 1010)];
        assert_eq!([1009, 1010, 1299, 1300, 9999].map(|now| signs(&keys, now)), [1, 3, 3, 3, 3]);
        assert_eq!(statuses(&keys, 1010), [KeyStatus::Signing, KeyStatus::Retiring, KeyStatus::Retiring]);
    }

    #[test]
    fn a_clock_that_is_behind_every_key_signs_with_the_first_to_come() {
        let keys = [key(1, HOUR), key(2, 2 * HOUR)];
        assert_eq!(signs(&keys, 0), 1);
        assert_eq!(statuses(&keys, 0), [KeyStatus::Published, KeyStatus::Signing]);
    }

    #[test]
    fn a_new_key_is_due_where_there_is_none_and_when_the_newest_has_the_age() {
        let day = i64::try_from(DAY.as_secs()).unwrap();
        assert_eq!(due_at(&[], 0).new, [Algorithm::EdDSA]);
        let keys = [key(1, 0), key(2, 1000)];
        assert!(due_at(&keys[..1], day - 1).is_empty());
        assert_eq!(due_at(&keys[..1], day).new, [Algorithm::EdDSA]);
        assert_eq!(due_at(&keys, day).new, [], "the next one is there already");
        assert_eq!(due(&keys, &[Algorithm::EdDSA], None, UnixSeconds(100 * day)).new, []);
        assert_eq!(due(&keys, &[Algorithm::ES256], None, UnixSeconds(0)).new, [Algorithm::ES256]);
    }
}
