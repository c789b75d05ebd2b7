//! Encryption of private keys at rest: AES-256-GCM under the master key. Owns the sealed format and
//! what a seal is bound to. Never sees where sealed bytes are kept.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use super::master_key::MasterKey;

/// The first byte of what is sealed; another format gets another number.
const VERSION: u8 = 1;

/// The version and the nonce, which stand before the ciphertext.
const HEADER_BYTES: usize = 1 + NONCE_LEN;

/// What a seal is bound to: it opens under the very same label only, so that a row cannot be put
/// in another's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label<'a> {
    /// What the secret is for, a constant like `signing-key`.
    pub(crate) purpose: &'static str,
    /// Which one it is: the `kid` of a key.
    pub(crate) name: &'a str,
}

/// Why something could not be sealed or opened. Says nothing of the key or the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealingError {
    /// The library failed.
    #[error("the private key could not be sealed")]
    Seal,
    /// Sealed by a version of this software that this one does not know.
    #[error("the private key was sealed by another version; start the version that wrote it")]
    Version,
    /// Another master key, another label, or altered bytes.
    #[error(
        "the private key cannot be opened with this master key; give the master key that it was sealed with \
         (AUTH_MASTER_KEY or its file), or rotate the keys"
    )]
    Open,
}

impl Label<'_> {
    /// The associated data: the version and each part with its length.
    fn associated_data(self) -> Vec<u8> {
        let mut data = vec![VERSION];
        for part in [self.purpose, self.name] {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data
    }
}

impl MasterKey {
    /// Seals `content`: one byte of version, the nonce, the ciphertext with its tag. The nonce is
    /// the library's, not an argument: one that repeats would give the key away.
    ///
    /// # Errors
    /// [`SealingError::Seal`] where the library fails.
    pub(crate) fn seal(&self, label: Label<'_>, content: &[u8]) -> Result<Vec<u8>, SealingError> {
        let key = self.cipher().map_err(|_| SealingError::Seal)?;
        // Of its final size from the start: a buffer that grows leaves a copy of the content behind.
        let mut sealed = Vec::with_capacity(HEADER_BYTES + content.len() + AES_256_GCM.tag_len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&[0; NONCE_LEN]);
        sealed.extend_from_slice(content);
        let associated_data = Aad::from(label.associated_data());
        let (nonce, tag) = key
            .seal_in_place_separate_tag(associated_data, &mut sealed[HEADER_BYTES..])
            .map_err(|_| SealingError::Seal)?;
        sealed[1..HEADER_BYTES].copy_from_slice(nonce.as_ref());
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what was sealed under the same label.
    ///
    /// # Errors
    /// [`SealingError::Version`] and [`SealingError::Open`].
    pub(crate) fn open(&self, label: Label<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealingError> {
        let (header, ciphertext) = sealed.split_at_checked(HEADER_BYTES).ok_or(SealingError::Open)?;
        if header[0] != VERSION {
            return Err(SealingError::Version);
        }
        let key = self.cipher().map_err(|_| SealingError::Open)?;
        let nonce = Nonce::try_assume_unique_for_key(&header[1..]).map_err(|_| SealingError::Open)?;
        let mut content = Zeroizing::new(ciphertext.to_vec());
        let opened = key.open_in_place(nonce, Aad::from(label.associated_data()), &mut content);
        let length = opened.map_err(|_| SealingError::Open)?.len();
        content.truncate(length);
        Ok(content)
    }

    fn cipher(&self) -> Result<RandomizedNonceKey, aws_lc_rs::error::Unspecified> {
        RandomizedNonceKey::new(&AES_256_GCM, self.expose())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::entropy::SystemEntropy;
    use super::*;

    const LABEL: Label<'_> = Label { purpose: "signing-key", name: "kid-1" };

    fn key() -> MasterKey {
        MasterKey::generate(&SystemEntropy).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_to_the_same_content() {
        let key = key();
        for content in [&b""[..], b"x", &[7; 1217]] {
            let sealed = key.seal(LABEL, content).unwrap();
            assert_eq!(sealed.len(), HEADER_BYTES + content.len() + 16);
            assert_eq!(key.open(LABEL, &sealed).unwrap().as_slice(), content);
        }
    }

    #[test]
    fn a_seal_opens_under_its_own_key_and_label_only() {
        let key = key();
        let sealed = key.seal(LABEL, b"content").unwrap();
        assert_eq!(self::key().open(LABEL, &sealed).err(), Some(SealingError::Open));
        for label in [
            Label { purpose: "signing-key", name: "kid-2" },
            Label { purpose: "other", name: "kid-1" },
            Label { purpose: "signing-keyk", name: "id-1" },
        ] {
            assert_eq!(key.open(label, &sealed).err(), Some(SealingError::Open), "{label:?}");
        }
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        let key = key();
        let sealed = key.seal(LABEL, b"content").unwrap();
        for position in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[position] ^= 1;
            assert!(key.open(LABEL, &altered).is_err(), "{position}");
            assert!(key.open(LABEL, &sealed[..position]).is_err(), "{position}");
        }
    }

    #[test]
    fn another_version_is_named_as_such() {
        let mut sealed = key().seal(LABEL, b"content").unwrap();
        sealed[0] = 2;
        assert_eq!(key().open(LABEL, &sealed).err(), Some(SealingError::Version));
    }

    #[test]
    fn the_same_content_is_never_sealed_to_the_same_bytes() {
        let key = key();
        let sealed: HashSet<Vec<u8>> = (0..100).map(|_| key.seal(LABEL, b"content").unwrap()).collect();
        let nonces: HashSet<&[u8]> = sealed.iter().map(|sealed| &sealed[1..HEADER_BYTES]).collect();
        assert_eq!(nonces.len(), 100);
    }
}
