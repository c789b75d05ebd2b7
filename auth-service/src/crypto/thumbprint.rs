//! The name of a public key: its JWK thumbprint (RFC 7638). Pure.

use aws_lc_rs::digest::{SHA256, digest};
use bailiwick_core::KeyId;
use bailiwick_core::identifier::InvalidIdentifier;
use bailiwick_core::key::Material;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The SHA-256 thumbprint as base64url (RFC 7638 section 3; RFC 8037 section 2 for `OKP`): over the
/// required members alone, in the order of their names, without white space.
///
/// # Errors
/// Never for what base64url makes; the type of a `kid` is checked like any other.
pub(super) fn thumbprint(material: &Material) -> Result<KeyId, InvalidIdentifier> {
    // The values are base64url or a curve's name, so none needs escaping.
    let members = match material {
        Material::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        Material::Ec { crv, x, y } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
        Material::Okp { crv, x } => format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x}"}}"#),
    };
    URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes())).parse()
}

#[cfg(test)]
mod tests {
    use bailiwick_core::Algorithm;

    use super::super::signing::SigningKey;
    use super::*;

    #[test]
    fn the_example_of_rfc_7638_has_its_thumbprint() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXj\
                 BZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqz\
                 s8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ\
                 -G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let material = Material::Rsa { n: n.to_owned(), e: "AQAB".to_owned() };
        assert_eq!(thumbprint(&material).unwrap().as_str(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn the_example_of_rfc_8037_has_its_thumbprint() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned();
        let material = Material::Okp { crv: "Ed25519".to_owned(), x };
        assert_eq!(thumbprint(&material).unwrap().as_str(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn another_library_computes_the_same_thumbprint_for_every_kind_of_key() {
        for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
            let key = SigningKey::generate(algorithm).unwrap();
            let jwk: jsonwebtoken::jwk::Jwk =
                serde_json::from_value(serde_json::to_value(key.public()).unwrap()).unwrap();
            let thumbprint = jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap();
            assert_eq!(key.key_id().as_str(), thumbprint, "{algorithm:?}");
        }
    }
}
