//! Public keys: the JSON Web Key (RFC 7517) as it is published, and the parsed key that verifies.
//! Owns which keys and algorithms are accepted; private keys never come here.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::identifier::{InvalidIdentifier, KeyId};

/// The signature algorithms of access tokens (RFC 7518 section 3.1, RFC 8037 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, keys of 2048 to 8192 bits.
    RS256,
    /// ECDSA with P-256 and SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl Algorithm {
    /// Its name in `alg`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Algorithm {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "RS256" => Ok(Self::RS256),
            "ES256" => Ok(Self::ES256),
            "EdDSA" => Ok(Self::EdDSA),
            _ => Err(InvalidIdentifier("an algorithm is RS256, ES256 or EdDSA")),
        }
    }
}

/// A public JSON Web Key as the service publishes it (RFC 7517 section 4, RFC 7518 section 6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// What the key is for; `sig` here.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// The one algorithm that it is used with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// Its name.
    pub kid: KeyId,
    /// The key itself.
    #[serde(flatten)]
    pub material: Material,
}

/// The members of a key that depend on its type; numbers and points are base64url, big-endian.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum Material {
    /// RSA (RFC 7518 section 6.3).
    #[serde(rename = "RSA")]
    Rsa {
        /// Modulus.
        n: String,
        /// Exponent.
        e: String,
    },
    /// Elliptic curve (RFC 7518 section 6.2).
    #[serde(rename = "EC")]
    Ec {
        /// Curve.
        crv: String,
        /// First coordinate.
        x: String,
        /// Second coordinate.
        y: String,
    },
    /// Octet key pair (RFC 8037 section 2).
    #[serde(rename = "OKP")]
    Okp {
        /// Curve.
        crv: String,
        /// The public key.
        x: String,
    },
}

/// A public key, parsed once, that verifies signatures of exactly one algorithm.
#[derive(Debug)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    key: ParsedPublicKey,
}

impl VerifyingKey {
    /// Reads a published key. `None` where it is not one of ours: another type, curve, `use` or
    /// `alg`, RSA under 2048 or over 8192 bits, or members that form no key.
    #[must_use]
    pub fn from_jwk(jwk: &Jwk) -> Option<Self> {
        if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return None;
        }
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
        let (algorithm, key) = match &jwk.material {
            Material::Rsa { n, e } => (Algorithm::RS256, rsa_key(&decode(n)?, &decode(e)?)?),
            Material::Ec { crv, x, y } if crv == "P-256" => (Algorithm::ES256, p256_key(&decode(x)?, &decode(y)?)?),
            Material::Okp { crv, x } if crv == "Ed25519" => {
                (Algorithm::EdDSA, ParsedPublicKey::new(&ED25519, decode(x)?).ok()?)
            }
            Material::Ec { .. } | Material::Okp { .. } => return None,
        };
        let same_algorithm = jwk.alg.as_deref().is_none_or(|name| name == algorithm.as_str());
        same_algorithm.then_some(Self { algorithm, key })
    }

    /// Reads an RSA public key for RS256 from its `SubjectPublicKeyInfo` in DER (RFC 5280 section 4.1). `None`
    /// where it is none, or has under 2048 or over 8192 bits.
    #[must_use]
    pub fn from_rsa_der(der: &[u8]) -> Option<Self> {
        let bits = PublicEncryptingKey::from_der(der).ok()?.key_size_bits();
        let key =
            ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).ok().filter(|_| (2048..=8192).contains(&bits))?;
        Some(Self { algorithm: Algorithm::RS256, key })
    }

    /// The algorithm that it verifies.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify_sig(message, signature).is_ok()
    }
}

fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Option<ParsedPublicKey> {
    let leading = modulus.first().filter(|byte| **byte != 0)?.leading_zeros() as usize;
    let bits = modulus.len() * 8 - leading;
    let components = RsaPublicKeyComponents { n: modulus, e: exponent };
    (2048..=8192).contains(&bits).then(|| components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok())?
}

fn p256_key(x: &[u8], y: &[u8]) -> Option<ParsedPublicKey> {
    /// The mark of an uncompressed point (SEC 1 section 2.3.3).
    const UNCOMPRESSED: u8 = 4;
    if x.len() != 32 || y.len() != 32 {
        return None;
    }
    let point = [&[UNCOMPRESSED], x, y].concat();
    ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()
}

/// The keys of one issuer by their `kid`.
#[derive(Debug, Default)]
pub struct KeySet(HashMap<KeyId, VerifyingKey>);

impl KeySet {
    /// The most keys that are taken from one published set.
    pub const MOST: usize = 100;

    /// Reads a published JWK Set (RFC 7517 section 5). Keys that are not ours to use are passed
    /// over, as section 5 asks; of two keys of one `kid` the first counts.
    ///
    /// # Errors
    /// Where the bytes are not a JSON object with an array `keys`.
    pub fn from_jwks(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct JwkSet {
            keys: Vec<Value>,
        }
        let set: JwkSet = serde_json::from_slice(bytes)?;
        let jwks = set.keys.into_iter().take(Self::MOST).filter_map(|key| serde_json::from_value(key).ok());
        Ok(jwks.collect())
    }

    /// The key of that name.
    #[must_use]
    pub fn get(&self, key_id: &KeyId) -> Option<&VerifyingKey> {
        self.0.get(key_id)
    }

    /// Whether there is no usable key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the keys.
    pub fn key_ids(&self) -> impl Iterator<Item = &KeyId> {
        self.0.keys()
    }
}

impl FromIterator<Jwk> for KeySet {
    fn from_iter<I: IntoIterator<Item = Jwk>>(jwks: I) -> Self {
        let mut keys = HashMap::new();
        for jwk in jwks {
            if let Some(key) = VerifyingKey::from_jwk(&jwk) {
                keys.entry(jwk.kid).or_insert(key);
            }
        }
        Self(keys)
    }
}
