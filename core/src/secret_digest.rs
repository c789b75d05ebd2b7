//! The SHA-256 of a secret that was generated: by it a server knows a secret again without holding it.
//! Of 256 random bits nothing is found by guessing, so that no slow hash is needed. Owns the form and the
//! comparison.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use crate::identifier::{ClientId, InvalidIdentifier, RoleName};

/// The digest of a secret; written as 64 hexadecimal digits, as `sha256sum` writes it.
#[derive(Clone, Copy)]
pub struct SecretDigest([u8; SHA256_OUTPUT_LEN]);

impl SecretDigest {
    /// What a secret is compared with where there is none: no text is known whose digest this is.
    pub const OF_NOBODY: Self = Self([0; SHA256_OUTPUT_LEN]);

    /// The digest of `secret`.
    #[must_use]
    pub fn of(secret: &str) -> Self {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
        Self(bytes)
    }

    /// Whether both are digests of one secret. Takes the same time wherever they differ.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }

    /// What stands in a server's file of clients for the client whose secret this is (TOML): its name, the
    /// digest, its roles, and when it ends, if ever, as RFC 3339 writes a moment. It is to be appended, also
    /// where the client has an entry already: then both secrets are good.
    #[must_use]
    pub fn entry<'a>(
        &self,
        client_id: &ClientId,
        roles: impl IntoIterator<Item = &'a RoleName>,
        expires_at: Option<&str>,
    ) -> String {
        // A client_id may have dots and tildes, so it is quoted; none of these texts can hold a quote.
        let roles: Vec<String> = roles.into_iter().map(|role| format!("\"{role}\"")).collect();
        let roles = roles.join(", ");
        let end = expires_at.map(|moment| format!("expires_at = \"{moment}\"\n")).unwrap_or_default();
        format!("[[clients.\"{client_id}\"]]\nsecret_sha256 = \"{self}\"\nroles = [{roles}]\n{end}")
    }
}

/// Does not print it: a digest is of no use in a log.
impl fmt::Debug for SecretDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretDigest")
    }
}

impl FromStr for SecretDigest {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
        const EXPECTED: InvalidIdentifier = InvalidIdentifier("a SHA-256 has 64 hexadecimal digits");
        if text.len() != 2 * SHA256_OUTPUT_LEN || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(EXPECTED);
        }
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| EXPECTED)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for SecretDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(2 * SHA256_OUTPUT_LEN);
        self.0.iter().try_for_each(|byte| write!(text, "{byte:02x}"))?;
        formatter.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_as_others_write_it_and_read_again() {
        let digest = SecretDigest::of("abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), text);
        assert!(text.to_uppercase().parse::<SecretDigest>().unwrap().is(&digest));
        assert!(!SecretDigest::of("abd").is(&digest));
        for wrong in ["", "abc", &text[1..], &format!("{text}0"), &text.replace('b', "g"), &text.replace("ba", "+a")] {
            assert!(wrong.parse::<SecretDigest>().is_err(), "{wrong}");
        }
    }
}
