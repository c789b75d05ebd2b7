//! Argon2id hashes of secrets, stored as PHC strings. Owns the parameters, what is
//! accepted of a stored hash, and the comparison. Never decides when or where to hash: the pool does.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use argon2::password_hash::phc::{Ident, Output, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use zeroize::Zeroize as _;

use super::entropy::{Entropy, NoEntropy, random};
use super::secret::{ClientSecret, Secret};

/// The length of a hash, in bytes.
const OUTPUT_BYTES: usize = 32;

/// The length of a new salt, in bytes.
const SALT_BYTES: usize = 16;

/// What one argon2id hash costs (RFC 9106 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Memory, in KiB.
    memory: u32,
    /// Passes over that memory.
    passes: u32,
    /// Parts of it that could be filled at the same time.
    parallelism: u32,
}

impl Cost {
    /// For secrets that were generated here: 1 MiB, one pass. Their 256 random bits cannot be
    /// guessed at any price, so a slow hash would protect nothing and only be a way to exhaust us.
    pub(crate) const GENERATED: Self = Self { memory: 1024, passes: 1, parallelism: 1 };

    /// For passwords, which people choose and others guess: what OWASP asks for, 19 MiB and two passes.
    pub(crate) const PASSWORD: Self = Self { memory: 19_456, passes: 2, parallelism: 1 };

    /// The most that a stored hash may ask for. Above what is written today, so that parameters can
    /// be raised and rows of a newer version still be read; low enough that no row can exhaust us.
    pub(crate) const MOST: Self = Self { memory: 65_536, passes: 8, parallelism: 4 };

    fn is_within(self, most: Self) -> bool {
        self.memory <= most.memory && self.passes <= most.passes && self.parallelism <= most.parallelism
    }

    fn params(self) -> Result<Params, HashFailed> {
        Params::new(self.memory, self.passes, self.parallelism, Some(OUTPUT_BYTES)).map_err(|_| HashFailed)
    }
}

/// The library could not hash. Not the caller's doing, and never to be taken for a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret could not be hashed")]
pub(crate) struct HashFailed;

/// A stored hash that is not one of ours, or that asks for more than [`Cost::MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the stored hash is not an argon2id hash within the limits of this version; give the client or user a new secret"
)]
pub(crate) struct NotAHash;

/// The working memory of argon2id, kept between hashes so that none pays for fresh pages. Grows to
/// what the largest hash asked for, and no further; light hashes alone keep it at one MiB.
#[derive(Default)]
pub(crate) struct HashMemory(Vec<Block>);

impl HashMemory {
    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            // Made anew, since growing in place would copy what the next hash overwrites anyway.
            self.0.zeroize();
            self.0 = vec![Block::new(); count];
        }
        &mut self.0[..count]
    }
}

impl Drop for HashMemory {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A hash as it is stored: a PHC string, checked and taken apart once.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoredHash {
    text: Arc<str>,
    parts: Parts,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Parts {
    cost: Cost,
    salt: Salt,
    output: [u8; OUTPUT_BYTES],
}

/// A fresh salt. Made where the entropy is, before the hashing goes to another thread.
pub(crate) struct NewSalt([u8; SALT_BYTES]);

impl NewSalt {
    /// # Errors
    /// [`NoEntropy`] where no random bytes can be had.
    pub(crate) fn generate(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        random(entropy).map(Self)
    }
}

impl StoredHash {
    /// Hashes a new secret.
    ///
    /// # Errors
    /// [`HashFailed`] where the library refuses.
    pub(crate) fn create(
        secret: &str,
        cost: Cost,
        salt: &NewSalt,
        memory: &mut HashMemory,
    ) -> Result<Self, HashFailed> {
        let output = digest(secret, cost, &salt.0, memory)?;
        let salt = Salt::new(&salt.0).map_err(|_| HashFailed)?;
        let text = PasswordHash {
            algorithm: Ident::new(ARGON2ID_IDENT.as_str()).map_err(|_| HashFailed)?,
            version: Some(Version::V0x13.into()),
            params: cost.params()?.try_into().map_err(|_| HashFailed)?,
            salt: Some(salt),
            hash: Some(Output::new(&output).map_err(|_| HashFailed)?),
        };
        Ok(Self { text: text.to_string().into(), parts: Parts { cost, salt, output } })
    }

    /// The PHC string to be stored.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `secret` is the one that was hashed; compared in constant time.
    ///
    /// # Errors
    /// [`HashFailed`] where the library refuses.
    pub(crate) fn matches(&self, secret: &str, memory: &mut HashMemory) -> Result<bool, HashFailed> {
        self.parts.matches(secret, memory)
    }
}

/// Whether `secret` is the one of the stored hash. Without one, for a client that does not exist or
/// a secret that it never had, the answer is no, at the cost of the same one hash: the time of an
/// answer tells nothing.
///
/// # Errors
/// [`HashFailed`] where the library refuses.
pub(crate) fn matches(
    stored: Option<&StoredHash>,
    secret: &ClientSecret,
    memory: &mut HashMemory,
) -> Result<bool, HashFailed> {
    match stored {
        Some(stored) => stored.matches(secret.expose(), memory),
        None => match_nothing(secret.expose(), Cost::GENERATED, memory).map(|()| false),
    }
}

/// As [`matches`], for a user's password. Without a stored hash, for a user who does not exist or has
/// no password, the answer is no at the cost of a password's hash.
///
/// # Errors
/// [`HashFailed`] where the library refuses.
pub(crate) fn password_matches(
    stored: Option<&StoredHash>,
    password: &Secret,
    memory: &mut HashMemory,
) -> Result<bool, HashFailed> {
    match stored {
        Some(stored) => stored.matches(password.expose(), memory),
        None => match_nothing(password.expose(), Cost::PASSWORD, memory).map(|()| false),
    }
}

/// Spends what comparing `secret` with a stored hash of this cost would, and learns nothing.
fn match_nothing(secret: &str, cost: Cost, memory: &mut HashMemory) -> Result<(), HashFailed> {
    let salt = Salt::new(&[0; SALT_BYTES]).map_err(|_| HashFailed)?;
    let nothing = Parts { cost, salt, output: [0; OUTPUT_BYTES] };
    nothing.matches(secret, memory).map(drop)
}

impl Parts {
    fn matches(&self, secret: &str, memory: &mut HashMemory) -> Result<bool, HashFailed> {
        let output = digest(secret, self.cost, &self.salt, memory)?;
        Ok(verify_slices_are_equal(&output, &self.output).is_ok())
    }
}

fn digest(secret: &str, cost: Cost, salt: &[u8], memory: &mut HashMemory) -> Result<[u8; OUTPUT_BYTES], HashFailed> {
    let params = cost.params()?;
    let blocks = memory.blocks(params.block_count());
    let mut output = [0; OUTPUT_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(secret.as_bytes(), salt, &mut output, blocks)
        .map_err(|_| HashFailed)?;
    Ok(output)
}

impl FromStr for StoredHash {
    type Err = NotAHash;

    /// Reads a stored PHC string: argon2id, version 19, 32 bytes of output, within [`Cost::MOST`].
    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let hash = PasswordHash::new(text).map_err(|_| NotAHash)?;
        let params = Params::try_from(&hash.params).map_err(|_| NotAHash)?;
        let cost = Cost { memory: params.m_cost(), passes: params.t_cost(), parallelism: params.p_cost() };
        let is_ours = hash.algorithm == ARGON2ID_IDENT && hash.version == Some(Version::V0x13.into());
        if !is_ours || !cost.is_within(Cost::MOST) {
            return Err(NotAHash);
        }
        let output = hash.hash.as_ref().and_then(|output| output.as_bytes().try_into().ok()).ok_or(NotAHash)?;
        let salt = hash.salt.ok_or(NotAHash)?;
        Ok(Self { text: text.into(), parts: Parts { cost, salt, output } })
    }
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StoredHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier as _;

    use super::super::entropy::SystemEntropy;
    use super::*;

    /// The cheapest hash there is; the rules do not depend on the cost.
    const LEAST: Cost = Cost { memory: 8, passes: 1, parallelism: 1 };

    fn hash(secret: &str, cost: Cost) -> StoredHash {
        let salt = NewSalt::generate(&SystemEntropy).unwrap();
        StoredHash::create(secret, cost, &salt, &mut HashMemory::default()).unwrap()
    }

    #[test]
    fn a_secret_matches_its_own_hash_and_no_other() {
        let memory = &mut HashMemory::default();
        for cost in [Cost::GENERATED, Cost::PASSWORD, LEAST] {
            let stored: StoredHash = hash("right", cost).as_str().parse().unwrap();
            assert_eq!(stored.matches("right", memory), Ok(true));
            assert_eq!(stored.matches("wrong", memory), Ok(false));
            assert_eq!(stored.matches("", memory), Ok(false));
        }
    }

    #[test]
    fn what_is_stored_is_a_phc_string_that_the_library_itself_verifies() {
        let stored = hash("right", Cost::GENERATED);
        assert!(stored.as_str().starts_with("$argon2id$v=19$m=1024,t=1,p=1$"), "{}", stored.as_str());
        assert!(Argon2::default().verify_password(b"right", stored.as_str()).is_ok());
        assert!(hash("right", Cost::PASSWORD).as_str().contains("$m=19456,t=2,p=1$"));
    }

    #[test]
    fn the_same_secret_is_never_hashed_to_the_same_text() {
        assert_ne!(hash("right", LEAST).as_str(), hash("right", LEAST).as_str());
    }

    #[test]
    fn memory_that_other_hashes_have_used_changes_no_answer() {
        let memory = &mut HashMemory::default();
        let (light, heavy) = (hash("light", Cost::GENERATED), hash("heavy", Cost::PASSWORD));
        for _ in 0..2 {
            assert_eq!(heavy.matches("heavy", memory), Ok(true));
            assert_eq!(light.matches("light", memory), Ok(true));
        }
    }

    #[test]
    fn memory_grows_to_what_is_needed_and_no_further() {
        let memory = &mut HashMemory::default();
        match_nothing("any", Cost::GENERATED, memory).unwrap();
        assert_eq!(memory.0.len(), 1024);
        match_nothing("any", Cost::PASSWORD, memory).unwrap();
        match_nothing("any", Cost::GENERATED, memory).unwrap();
        assert_eq!(memory.0.len(), 19_456);
    }

    #[test]
    fn a_stored_hash_that_asks_for_too_much_is_refused_before_it_is_used() {
        let right = hash("any", Cost::GENERATED).as_str().to_owned();
        assert!(right.parse::<StoredHash>().is_ok());
        for (from, to) in [
            ("m=1024", "m=65537"),
            ("m=1024", "m=4294967295"),
            ("t=1", "t=9"),
            ("p=1", "p=5"),
            ("argon2id", "argon2i"),
            ("v=19", "v=16"),
            ("$v=19", ""),
            ("m=1024", "m=7"),
            ("m=1024,", "m=1024,x=1,"),
        ] {
            let wrong = right.replacen(from, to, 1);
            assert_ne!(wrong, right);
            assert!(wrong.parse::<StoredHash>().is_err(), "{wrong}");
        }
        let without_output = &right[..right.rfind('$').unwrap()];
        let short_output = &right[..right.len() - 4];
        for wrong in ["", "secret", without_output, short_output, &format!("{right}$more")] {
            assert!(wrong.parse::<StoredHash>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn without_a_hash_no_secret_is_right() {
        let memory = &mut HashMemory::default();
        let [right, wrong] = [(); 2].map(|()| ClientSecret::generate(|bytes| SystemEntropy.fill(bytes)).unwrap());
        let stored = hash(right.expose(), Cost::GENERATED);
        assert_eq!(matches(Some(&stored), &right, memory), Ok(true));
        assert_eq!(matches(Some(&stored), &wrong, memory), Ok(false));
        assert_eq!(matches(None, &right, memory), Ok(false));
    }

    #[test]
    fn a_stored_hash_does_not_print_itself() {
        assert_eq!(format!("{:?}", hash("any", LEAST)), "StoredHash(…)");
    }
}
