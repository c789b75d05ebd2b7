//! Handles (RFC 6819 section 3.1): random texts that stand for something in the database, such as a
//! session, an authorization code or a refresh token. Owns their form, their hash, and the proofs
//! that only the holder of a handle could have been given; what they stand for is the domain's.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroize as _;

use super::entropy::{Entropy, NoEntropy, random};
use super::secret::Secret;

/// The random part, in bytes: 256 bits, beyond any guessing.
const RANDOM_BYTES: usize = 32;
/// 32 bytes as base64url without padding, in characters.
const ENCODED_CHARACTERS: usize = 43;

/// What a handle stands for.
pub(crate) trait Kind {
    /// What every handle of this kind begins with, so that people and scanners know one.
    const PREFIX: &'static str;
}

/// A handle. Never stored: the database holds its [`HandleHash`].
pub(crate) struct Handle<K>(Secret, PhantomData<K>);

/// The SHA-256 of a handle, as it is stored. A slow hash would protect 256 random bits no better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HandleHash(String);

impl<K: Kind> Handle<K> {
    /// Makes a new one.
    ///
    /// # Errors
    /// [`NoEntropy`] where no random bytes can be had.
    pub(crate) fn generate(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let mut bytes = random::<RANDOM_BYTES>(entropy)?;
        let handle = Self::of(&bytes);
        bytes.zeroize();
        Ok(handle)
    }

    /// The handle that follows from `self` under `key`: always the same, and nobody can tell it who
    /// has not both.
    pub(crate) fn successor(&self, key: &hmac::Key) -> Self {
        let mut bytes = [0; RANDOM_BYTES];
        bytes.copy_from_slice(hmac::sign(key, self.expose().as_bytes()).as_ref());
        let successor = Self::of(&bytes);
        bytes.zeroize();
        successor
    }

    /// Takes a text that a caller presents, where it has the form of one; it is not yet believed.
    pub(crate) fn presented(text: &str) -> Option<Self> {
        let random = text.strip_prefix(K::PREFIX)?;
        is_encoded(random).then(|| Self(Secret::new(text.to_owned()), PhantomData))
    }

    /// The text itself, for its holder.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What it is stored as.
    pub(crate) fn hash(&self) -> HandleHash {
        HandleHash(URL_SAFE_NO_PAD.encode(digest(&SHA256, self.expose().as_bytes())))
    }

    /// A text for `purpose` that only this service and the holder of the handle could make: what a
    /// form carries against forgery from other sites.
    pub(crate) fn proof(&self, purpose: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key(), purpose.as_bytes()))
    }

    /// Whether `proof` is the one for `purpose`; compared in constant time.
    pub(crate) fn proves(&self, purpose: &str, proof: &str) -> bool {
        let proof = is_encoded(proof).then(|| URL_SAFE_NO_PAD.decode(proof).ok()).flatten();
        proof.is_some_and(|proof| hmac::verify(&self.key(), purpose.as_bytes(), &proof).is_ok())
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.expose().as_bytes())
    }

    fn of(bytes: &[u8; RANDOM_BYTES]) -> Self {
        // Of its final size from the start: a buffer that grows leaves a copy behind.
        let mut text = String::with_capacity(K::PREFIX.len() + ENCODED_CHARACTERS);
        text.push_str(K::PREFIX);
        URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        Self(Secret::new(text), PhantomData)
    }
}

fn is_encoded(text: &str) -> bool {
    text.len() == ENCODED_CHARACTERS && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

impl HandleHash {
    /// The text to be stored.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HandleHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        is_encoded(text).then(|| Self(text.to_owned())).ok_or("not the SHA-256 of a handle")
    }
}

impl<K> fmt::Debug for Handle<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Handle(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::entropy::SystemEntropy;
    use super::*;

    struct Test;

    impl Kind for Test {
        const PREFIX: &'static str = "test_";
    }

    fn handle() -> Handle<Test> {
        Handle::generate(&SystemEntropy).unwrap()
    }

    #[test]
    fn what_was_made_is_known_again_and_nothing_else_is() {
        let made = handle();
        assert_eq!(Handle::<Test>::presented(made.expose()).unwrap().hash(), made.hash());
        let random = &made.expose()[Test::PREFIX.len()..];
        for wrong in ["", "test_", random, &format!("test_{random}x"), &format!("test_{}=", &random[1..])] {
            assert!(Handle::<Test>::presented(wrong).is_none(), "{wrong}");
        }
        assert_ne!(made.hash(), handle().hash());
    }

    #[test]
    fn a_hash_is_read_back_and_does_not_hold_the_handle() {
        let made = handle();
        let stored = made.hash();
        assert_eq!(stored.as_str().parse(), Ok(stored.clone()));
        assert!(!made.expose().contains(stored.as_str()));
        assert!("short".parse::<HandleHash>().is_err());
    }

    #[test]
    fn a_proof_is_of_one_handle_for_one_purpose() {
        let (one, other) = (handle(), handle());
        let proof = one.proof("consent");
        assert!(one.proves("consent", &proof));
        for (handle, purpose, proof) in [
            (&other, "consent", proof.as_str()),
            (&one, "logout", &proof),
            (&one, "consent", ""),
            (&one, "consent", "x"),
        ] {
            assert!(!handle.proves(purpose, proof), "{purpose} {proof}");
        }
    }

    #[test]
    fn a_successor_is_always_the_same_under_one_key_and_another_under_another() {
        let key = |byte: u8| hmac::Key::new(hmac::HMAC_SHA256, &[byte; 32]);
        let made = handle();
        assert_eq!(made.successor(&key(1)).hash(), made.successor(&key(1)).hash());
        assert_ne!(made.successor(&key(1)).hash(), made.successor(&key(2)).hash());
        assert_ne!(made.successor(&key(1)).hash(), handle().successor(&key(1)).hash());
        assert!(Handle::<Test>::presented(made.successor(&key(1)).expose()).is_some());
    }

    #[test]
    fn a_handle_does_not_print_itself() {
        assert_eq!(format!("{:?}", handle()), "Handle(…)");
    }
}
