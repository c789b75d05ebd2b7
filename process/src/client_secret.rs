//! The secrets of clients in the form in which they are made here. Owns the form; how they are stored and
//! compared is whoever's who takes them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroize as _;

use crate::secret::Secret;

/// A client secret in the form in which our programs generate them: [`ClientSecret::PREFIX`] and
/// 256 random bits as base64url. One that is presented has that form and is not yet believed.
pub struct ClientSecret(Secret);

impl ClientSecret {
    /// What every client secret begins with, so that people and scanners of leaked text know one.
    pub const PREFIX: &str = "bailiwick_secret_";

    /// The random part, in bytes: 256 bits, beyond any guessing.
    const RANDOM_BYTES: usize = 32;

    /// The random part as base64url without padding, in characters.
    const RANDOM_CHARACTERS: usize = 43;

    /// Makes a new secret of the random bytes that `fill` fills in.
    ///
    /// # Errors
    /// Where it has none.
    pub fn generate<E>(fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut bytes = [0; Self::RANDOM_BYTES];
        fill(&mut bytes)?;
        // Of its final size from the start: a buffer that grows leaves a copy behind.
        let mut text = String::with_capacity(Self::PREFIX.len() + Self::RANDOM_CHARACTERS);
        text.push_str(Self::PREFIX);
        URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
        bytes.zeroize();
        Ok(Self(Secret::new(text)))
    }

    /// Takes a secret that a caller presents, where it has the form of one: prefix, length and
    /// alphabet. Costs nothing and asks nobody, so it comes before anything else; a text of
    /// another form cannot be any client's secret, known or unknown.
    #[must_use]
    pub fn presented(secret: Secret) -> Option<Self> {
        let random = secret.expose().strip_prefix(Self::PREFIX)?;
        let has_form = random.len() == Self::RANDOM_CHARACTERS
            && random.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        has_form.then_some(Self(secret))
    }

    /// The text itself, to be shown once or compared.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(text: &str) -> Option<ClientSecret> {
        ClientSecret::presented(Secret::new(text.to_owned()))
    }

    fn filled_with(byte: u8) -> ClientSecret {
        let fill = |bytes: &mut [u8]| {
            bytes.fill(byte);
            Ok::<_, ()>(())
        };
        ClientSecret::generate(fill).ok().unwrap()
    }

    #[test]
    fn a_generated_secret_has_the_form_that_is_asked_of_a_presented_one() {
        let (first, second) = (filled_with(1), filled_with(2));
        assert!(presented(first.expose()).is_some());
        assert!(first.expose() != second.expose());
        assert_eq!(first.expose().len(), ClientSecret::PREFIX.len() + ClientSecret::RANDOM_CHARACTERS);
    }

    #[test]
    fn all_256_bits_come_from_the_entropy_that_was_passed() {
        let secret = filled_with(0xff);
        let random = secret.expose().strip_prefix(ClientSecret::PREFIX).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(random).unwrap(), [0xff; 32]);
    }

    #[test]
    fn without_entropy_there_is_no_secret() {
        assert!(ClientSecret::generate(|_| Err("none")).is_err());
    }

    #[test]
    fn a_text_of_another_form_is_no_client_secret() {
        let right = format!("{}{}", ClientSecret::PREFIX, "a".repeat(43));
        assert!(presented(&right).is_some());
        for wrong in [
            String::new(),
            ClientSecret::PREFIX.to_owned(),
            "a".repeat(43),
            format!("{right}a"),
            right[..right.len() - 1].to_owned(),
            right.to_uppercase(),
            right.replace('a', "+"),
            format!("{}{}é", ClientSecret::PREFIX, "a".repeat(41)),
            format!(" {right}"),
        ] {
            assert!(presented(&wrong).is_none(), "{wrong:?}");
        }
    }
}
