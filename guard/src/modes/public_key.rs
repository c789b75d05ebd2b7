//! The mode `public-key`: tokens signed with a key pair whose public half this server was given (RS256), for
//! a deployment without a token service. Such a token names its caller and roles; what the roles open is
//! this server's to say. It is good until it expires.

use std::sync::Arc;

use bailiwick_core::{Claims, ClientId, InvalidToken, JwtExpected, JwtKey, TokenId, UnixSeconds, VerifyingKey};

use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;

use crate::guard::Parts;
use crate::principal::{Principal, Proof};
use crate::refusal::Refusal;

/// A public key, and whose tokens for whom it verifies.
#[derive(Debug)]
pub struct PublicKey {
    key: VerifyingKey,
    issuer: String,
    audience: String,
}

/// A text that is no RSA public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no RSA public key of 2048 to 8192 bits in PEM (BEGIN PUBLIC KEY)")]
pub struct InvalidPublicKey;

impl PublicKey {
    /// The key in PEM (RFC 7468 section 13); tokens have to say exactly this `iss` and this `aud`.
    ///
    /// # Errors
    /// Where the text is no such key.
    pub fn from_pem(
        pem: &[u8],
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Result<Self, InvalidPublicKey> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| InvalidPublicKey)?;
        let key = VerifyingKey::from_rsa_der(&der).ok_or(InvalidPublicKey)?;
        Ok(Self { key, issuer: issuer.into(), audience: audience.into() })
    }
}

/// The caller that the token names.
pub(crate) fn identify(guard: &Parts, key: &PublicKey, token: &str) -> Result<Principal, Refusal> {
    let PublicKey { key, issuer, audience } = key;
    let expected = JwtExpected { issuer, audience };
    let said = JwtKey::PublicKey(key).accept(token, expected, guard.clock.now()).map_err(Refusal::InvalidToken)?;
    let client_id: ClientId = said.sub.parse().map_err(|_| Refusal::InvalidToken(InvalidToken::WrongClaim("sub")))?;
    let claims = Claims {
        iss: guard.modes.clients.issuer().clone(),
        sub: said.sub,
        aud: guard.resource.clone(),
        iat: said.iat.unwrap_or(UnixSeconds(0)),
        nbf: said.nbf,
        exp: said.exp,
        jti: said.jti.unwrap_or_else(|| TokenId::from(&client_id)),
        client_id,
        scope: guard.modes.clients.everybody().scope_of(&said.roles, &guard.tools),
        roles: said.roles,
        rev: None,
        grant_id: None,
        others: said.others,
    };
    Ok(Principal::new(Arc::new(claims), Proof::PublicKey))
}
