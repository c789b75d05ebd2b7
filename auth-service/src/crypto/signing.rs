//! Signing of access tokens: the key pair parsed once, the compact JWS (RFC 7515 section 3.1)
//! written by ourselves. Owns the private keys in memory and their published form; what a token
//! says is the caller's, and where keys are kept is storage's.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use bailiwick_core::key::{Jwk, Material};
use bailiwick_core::token::{LONGEST_TOKEN, TOKEN_TYPE};
use bailiwick_core::{Algorithm, KeyId, VerifyingKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use zeroize::Zeroizing;

use super::thumbprint::thumbprint;

/// Why a key could not be used or made, or a token not be signed. Never holds key material.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SigningError {
    /// The library made no key.
    #[error("no signing key could be generated")]
    Generate,
    /// Bytes that are no private key of the algorithm, or of one that no guard would accept.
    #[error("the private key is not a {0} key that tokens can be signed with; rotate the keys")]
    Key(Algorithm),
    /// The library did not sign.
    #[error("the token could not be signed")]
    Sign,
    /// The claims are no JSON.
    #[error("the claims could not be written: {0}")]
    Claims(#[from] serde_json::Error),
    /// No guard would look at a token of this length.
    #[error(
        "the token would be {0} bytes long, and {LONGEST_TOKEN} is the most; give the client fewer claims or scopes"
    )]
    TooLong(usize),
}

/// A private key, ready to sign. Parsed once and shared behind an `Arc`: signing takes no lock.
pub(crate) struct SigningKey {
    pair: KeyPair,
    public: Jwk,
    /// The header of every token that it signs, as base64url.
    header: String,
}

enum KeyPair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// Makes a new key, with the library's own randomness. An RSA key takes some 50 to 100 ms of
    /// CPU, so this belongs on a thread that may block.
    ///
    /// # Errors
    /// [`SigningError::Generate`].
    pub(crate) fn generate(algorithm: Algorithm) -> Result<Self, SigningError> {
        let pair = match algorithm {
            Algorithm::RS256 => RsaKeyPair::generate(KeySize::Rsa2048).map(KeyPair::Rsa),
            Algorithm::ES256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(KeyPair::P256),
            Algorithm::EdDSA => Ed25519KeyPair::generate().map(KeyPair::Ed25519),
        };
        pair.ok().and_then(Self::from_pair).ok_or(SigningError::Generate)
    }

    /// Reads a private key of this algorithm from PKCS#8 DER (RFC 5208), as [`Self::to_pkcs8`]
    /// writes it.
    ///
    /// # Errors
    /// [`SigningError::Key`].
    pub(crate) fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, SigningError> {
        let pair = KeyPair::from_pkcs8(algorithm, der);
        pair.ok().and_then(Self::from_pair).ok_or(SigningError::Key(algorithm))
    }

    /// The private key as PKCS#8 DER, to be sealed at once.
    ///
    /// # Errors
    /// [`SigningError::Key`].
    pub(crate) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, SigningError> {
        self.pair.to_pkcs8().map_err(|_| SigningError::Key(self.algorithm()))
    }

    /// Reads a private RSA key from DER: PKCS#8 (RFC 5208), or PKCS#1 (RFC 8017 appendix A.1.2).
    ///
    /// # Errors
    /// [`SigningError::Key`].
    pub(crate) fn from_rsa_der(der: &[u8]) -> Result<Self, SigningError> {
        let pair = RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).map(KeyPair::Rsa);
        pair.ok().and_then(Self::from_pair).ok_or(SigningError::Key(Algorithm::RS256))
    }

    /// The public half of an RSA key as `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
    ///
    /// # Errors
    /// [`SigningError::Key`] where it is of another kind.
    pub(crate) fn rsa_public_der(&self) -> Result<Vec<u8>, SigningError> {
        let KeyPair::Rsa(pair) = &self.pair else { return Err(SigningError::Key(Algorithm::RS256)) };
        let der: Result<PublicKeyX509Der<'_>, Unspecified> = pair.public_key().as_der();
        der.map(|der| der.as_ref().to_vec()).map_err(|_| SigningError::Key(Algorithm::RS256))
    }

    /// Its public half, to be published.
    pub(crate) fn public(&self) -> &Jwk {
        &self.public
    }

    /// Its name: the thumbprint of the public key (RFC 7638), so that a name never means two keys.
    pub(crate) fn key_id(&self) -> &KeyId {
        &self.public.kid
    }

    /// The algorithm that it signs with.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.pair.algorithm()
    }

    /// Writes and signs an access token with these claims.
    ///
    /// # Errors
    /// [`SigningError::Claims`], [`SigningError::TooLong`], [`SigningError::Sign`].
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String, SigningError> {
        let claims = serde_json::to_vec(claims)?;
        let length = self.header.len() + base64_length(claims.len()) + base64_length(self.pair.signature_length()) + 2;
        if length > LONGEST_TOKEN {
            return Err(SigningError::TooLong(length));
        }
        let mut token = String::with_capacity(length);
        token.push_str(&self.header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.pair.sign(token.as_bytes()).map_err(|_| SigningError::Sign)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// None where guards would not accept the public half: what they refuse must not sign.
    fn from_pair(pair: KeyPair) -> Option<Self> {
        let (algorithm, material) = (pair.algorithm(), pair.material());
        let public = Jwk {
            usage: Some("sig".to_owned()),
            alg: Some(algorithm.to_string()),
            kid: thumbprint(&material).ok()?,
            material,
        };
        VerifyingKey::from_jwk(&public).filter(|key| key.algorithm() == algorithm)?;
        let header = Header { typ: TOKEN_TYPE, alg: algorithm, kid: &public.kid };
        let header = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).ok()?);
        Some(Self { pair, public, header })
    }
}

/// The header of an access token (RFC 9068 section 2.1).
#[derive(Serialize)]
struct Header<'a> {
    typ: &'static str,
    alg: Algorithm,
    kid: &'a KeyId,
}

impl KeyPair {
    fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, KeyRejected> {
        match algorithm {
            Algorithm::RS256 => RsaKeyPair::from_pkcs8(der).map(Self::Rsa),
            Algorithm::ES256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Self::P256),
            Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8(der).map(Self::Ed25519),
        }
    }

    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let copy = |der: &[u8]| Zeroizing::new(der.to_vec());
        match self {
            Self::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der()?;
                Ok(copy(der.as_ref()))
            }
            Self::P256(pair) => pair.to_pkcs8v1().map(|der| copy(der.as_ref())),
            Self::Ed25519(pair) => pair.to_pkcs8v1().map(|der| copy(der.as_ref())),
        }
    }

    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa(_) => Algorithm::RS256,
            Self::P256(_) => Algorithm::ES256,
            Self::Ed25519(_) => Algorithm::EdDSA,
        }
    }

    /// The public half as a JWK has it.
    fn material(&self) -> Material {
        /// The uncompressed point: its mark, then the two coordinates (SEC 1 section 2.3.3).
        const COORDINATE: usize = 32;
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa(pair) => {
                let public = pair.public_key();
                Material::Rsa {
                    n: encode(public.modulus().big_endian_without_leading_zero()),
                    e: encode(public.exponent().big_endian_without_leading_zero()),
                }
            }
            Self::P256(pair) => {
                let coordinates = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = coordinates.split_at_checked(COORDINATE).unwrap_or_default();
                Material::Ec { crv: "P-256".to_owned(), x: encode(x), y: encode(y) }
            }
            Self::Ed25519(pair) => Material::Okp { crv: "Ed25519".to_owned(), x: encode(pair.public_key().as_ref()) },
        }
    }

    /// In bytes.
    fn signature_length(&self) -> usize {
        /// Two numbers of 32 bytes each, for both elliptic curves (RFC 7518 section 3.4, RFC 8032).
        const ELLIPTIC: usize = 64;
        match self {
            Self::Rsa(pair) => pair.public_modulus_len(),
            Self::P256(_) | Self::Ed25519(_) => ELLIPTIC,
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
            Self::P256(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
            Self::Ed25519(pair) => Ok(pair.try_sign(message)?.as_ref().to_vec()),
        }
    }
}

/// The length of so many bytes as base64url without padding.
fn base64_length(bytes: usize) -> usize {
    (bytes * 4).div_ceil(3)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use bailiwick_core::token::SignedToken;
    use bailiwick_core::{Claims, KeySet, UnixSeconds};
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::{Value, json};

    use super::*;

    const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

    fn claims() -> Claims {
        let now = UnixSeconds::from(std::time::SystemTime::now());
        Claims {
            iss: "https://id.example.com".parse().unwrap(),
            sub: "agent".to_owned(),
            aud: "https://hr.example.com/mcp".parse().unwrap(),
            client_id: "agent".parse().unwrap(),
            iat: now,
            nbf: Some(now),
            exp: now + Duration::from_mins(15),
            jti: "token-1".parse().unwrap(),
            scope: "hr:read".parse().unwrap(),
            roles: vec!["Officer".parse().unwrap()],
            rev: Some(7),
            grant_id: None,
            others: BTreeMap::from([("name".to_owned(), json!("Ünïcode \"quoted\""))]),
        }
    }

    #[test]
    fn guards_accept_what_is_signed() {
        for algorithm in ALGORITHMS {
            let (key, claims) = (SigningKey::generate(algorithm).unwrap(), claims());
            let token = key.sign(&claims).unwrap();
            let signed = SignedToken::parse(&token).unwrap();
            assert_eq!(signed.key_id(), key.key_id());
            let keys: KeySet = [key.public().clone()].into_iter().collect();
            assert_eq!(signed.verify(&keys).unwrap(), claims, "{algorithm:?}");
        }
    }

    #[test]
    fn another_library_accepts_what_is_signed() {
        for algorithm in ALGORITHMS {
            let key = SigningKey::generate(algorithm).unwrap();
            let token = key.sign(&claims()).unwrap();
            let jwk = serde_json::from_value(serde_json::to_value(key.public()).unwrap()).unwrap();
            let mut validation = Validation::new(key.algorithm().as_str().parse().unwrap());
            validation.set_audience(&["https://hr.example.com/mcp"]);
            validation.set_issuer(&["https://id.example.com"]);
            let decoded = decode::<Value>(&token, &DecodingKey::from_jwk(&jwk).unwrap(), &validation).unwrap();
            assert_eq!(decoded.header.typ.as_deref(), Some("at+jwt"));
            assert_eq!(decoded.header.kid.as_deref(), Some(key.key_id().as_str()));
            assert_eq!(decoded.claims["name"], "Ünïcode \"quoted\"", "{algorithm:?}");
            assert_eq!(decoded.claims["rev"], 7);
        }
    }

    #[test]
    fn a_key_survives_its_pkcs8_form() {
        for algorithm in ALGORITHMS {
            let key = SigningKey::generate(algorithm).unwrap();
            let again = SigningKey::from_pkcs8(key.algorithm(), &key.to_pkcs8().unwrap()).unwrap();
            assert_eq!(again.public(), key.public());
            let token = again.sign(&claims()).unwrap();
            let keys: KeySet = [key.public().clone()].into_iter().collect();
            assert!(SignedToken::parse(&token).unwrap().verify(&keys).is_ok(), "{algorithm:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_key_of_the_algorithm_are_refused() {
        let ed25519 = SigningKey::generate(Algorithm::EdDSA).unwrap().to_pkcs8().unwrap();
        for algorithm in [Algorithm::RS256, Algorithm::ES256] {
            assert!(matches!(SigningKey::from_pkcs8(algorithm, &ed25519), Err(SigningError::Key(_))));
        }
        for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
            assert!(SigningKey::from_pkcs8(algorithm, b"nonsense").is_err());
        }
    }

    #[test]
    fn one_key_signs_on_many_threads_at_once() {
        let key = Arc::new(SigningKey::generate(Algorithm::RS256).unwrap());
        let keys: KeySet = [key.public().clone()].into_iter().collect();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let token = key.sign(&claims()).unwrap();
                        assert!(SignedToken::parse(&token).unwrap().verify(&keys).is_ok());
                    }
                });
            }
        });
    }

    #[test]
    fn a_token_that_no_guard_would_look_at_is_not_signed() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let claims = |length| json!({ "name": "x".repeat(length) });
        let longest = (1..LONGEST_TOKEN).rev().find_map(|length| key.sign(&claims(length)).ok()).unwrap();
        assert!((LONGEST_TOKEN - 4..=LONGEST_TOKEN).contains(&longest.len()));
        assert!(matches!(key.sign(&claims(LONGEST_TOKEN)), Err(SigningError::TooLong(_))));
    }

    #[test]
    fn the_length_of_a_token_is_known_before_it_is_written() {
        for algorithm in ALGORITHMS {
            let key = SigningKey::generate(algorithm).unwrap();
            let token = key.sign(&claims()).unwrap();
            assert_eq!(token.len(), token.capacity(), "{algorithm:?}");
        }
    }
}
