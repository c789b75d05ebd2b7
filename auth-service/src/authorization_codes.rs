//! Authorization codes (OAuth 2.1 section 4.1.2): what a person's yes is carried back by. Owns what a
//! code is bound to and the checks of its redemption.

use std::str::FromStr;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use bailiwick_core::{ClientId, ResourceUri, ScopeSet, UnixSeconds};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clients::LONGEST_ACCESS_TOKEN;
use crate::crypto::handle::{Handle, HandleHash, Kind};
use crate::grants::GrantId;
use crate::redirect_uris::RedirectUri;
use crate::users::UserId;

/// How long a code may wait to be redeemed.
pub const CODE_LIFETIME: Duration = Duration::from_mins(1);
/// How long a code is kept, so that its replay is known for one: as long as a token that its first
/// use gave may live.
pub const CODE_REMEMBERED: Duration = LONGEST_ACCESS_TOKEN;

/// What names a code.
pub struct CodeKind;

impl Kind for CodeKind {
    const PREFIX: &'static str = "bailiwick_code_";
}

/// A code as it travels.
pub type CodeHandle = Handle<CodeKind>;

/// The challenge of a proof key (RFC 7636): the SHA-256 of a verifier, as base64url. `plain` is no
/// challenge here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `verifier` is the one that it was made of (RFC 7636 section 4.6).
    pub fn is_of(&self, verifier: &str) -> bool {
        let accepted = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let has_form = (43..=128).contains(&verifier.len()) && verifier.bytes().all(accepted);
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        has_form && verify_slices_are_equal(challenge.as_bytes(), self.0.as_bytes()).is_ok()
    }
}

impl FromStr for CodeChallenge {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let accepted = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let has_form = text.len() == 43 && text.bytes().all(accepted);
        has_form.then(|| Self(text.to_owned())).ok_or("code_challenge must be a SHA-256 as base64url, 43 characters")
    }
}

/// A code as it is kept: everything that it is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// The hash of its handle.
    pub code_hash: HandleHash,
    /// The grant that its redemption begins.
    pub grant_id: GrantId,
    /// Who said yes.
    pub user_id: UserId,
    /// To whom.
    pub client_id: ClientId,
    /// Where it was sent.
    pub redirect_uri: RedirectUri,
    /// What the verifier is held against.
    pub code_challenge: CodeChallenge,
    /// For which resource.
    pub resource: ResourceUri,
    /// To what.
    pub scope: ScopeSet,
    /// Whether also while the user is away.
    pub offline_access: bool,
    /// When it was issued.
    pub issued_at: UnixSeconds,
    /// Whether it was redeemed.
    pub used: bool,
}

/// What a client presents with a code.
pub struct Redemption<'a> {
    /// The client.
    pub client_id: &'a ClientId,
    /// `redirect_uri`, which OAuth 2.1 does not ask for and RFC 6749 does.
    pub redirect_uri: Option<&'a str>,
    /// `code_verifier`.
    pub code_verifier: &'a str,
    /// `resource`.
    pub resource: Option<&'a str>,
}

/// Why a code is not redeemed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefusal {
    /// It was issued to another client, which learns no more of it.
    #[error("the code is not known")]
    OtherClient,
    /// It was redeemed before: what that gave must end.
    #[error("the code was used before; everything that was issued for it has ended")]
    Replayed,
    /// Its minute is over.
    #[error("the code has expired")]
    Expired,
    /// Another redirect URI.
    #[error("redirect_uri is not the one that the code was sent to")]
    RedirectUri,
    /// Not the verifier of the challenge.
    #[error("code_verifier is not the one of the code_challenge")]
    Verifier,
    /// Another resource.
    #[error("the code is for another resource")]
    Resource,
}

impl AuthorizationCode {
    /// The checks of a redemption, in their order.
    pub fn check(&self, redemption: &Redemption<'_>, now: UnixSeconds) -> Result<(), CodeRefusal> {
        let names_resource = |text: &str| text.parse::<ResourceUri>().is_ok_and(|uri| uri == self.resource);
        if &self.client_id != redemption.client_id {
            return Err(CodeRefusal::OtherClient);
        }
        if self.used {
            return Err(CodeRefusal::Replayed);
        }
        if now.since(self.issued_at) >= CODE_LIFETIME {
            return Err(CodeRefusal::Expired);
        }
        if redemption.redirect_uri.is_some_and(|uri| uri != self.redirect_uri.as_str()) {
            return Err(CodeRefusal::RedirectUri);
        }
        if !self.code_challenge.is_of(redemption.code_verifier) {
            return Err(CodeRefusal::Verifier);
        }
        if redemption.resource.is_some_and(|text| !names_resource(text)) {
            return Err(CodeRefusal::Resource);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::entropy::SystemEntropy;

    /// The pair of RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn code() -> AuthorizationCode {
        AuthorizationCode {
            code_hash: CodeHandle::generate(&SystemEntropy).unwrap().hash(),
            grant_id: GrantId::generate(&SystemEntropy).unwrap(),
            user_id: "usr_a".parse().unwrap(),
            client_id: "editor".parse().unwrap(),
            redirect_uri: "http://127.0.0.1:3000/cb".parse().unwrap(),
            code_challenge: CHALLENGE.parse().unwrap(),
            resource: "https://hr.example/mcp".parse().unwrap(),
            scope: "hr:read".parse().unwrap(),
            offline_access: false,
            issued_at: UnixSeconds(1_000),
            used: false,
        }
    }

    #[test]
    fn a_challenge_is_of_its_own_verifier_alone() {
        let challenge: CodeChallenge = CHALLENGE.parse().unwrap();
        assert!(challenge.is_of(VERIFIER));
        for wrong in ["", CHALLENGE, &VERIFIER[1..], &format!("{VERIFIER}a"), &VERIFIER.replace('d', "e")] {
            assert!(!challenge.is_of(wrong), "{wrong}");
        }
        for wrong in ["", VERIFIER[..42].as_ref(), &format!("{CHALLENGE}="), &CHALLENGE.replace('-', "+")] {
            assert!(wrong.parse::<CodeChallenge>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_code_is_redeemed_by_its_client_with_everything_that_it_is_bound_to() {
        let (editor, other): (ClientId, ClientId) = ("editor".parse().unwrap(), "other".parse().unwrap());
        let right = || Redemption {
            client_id: &editor,
            redirect_uri: Some("http://127.0.0.1:3000/cb"),
            code_verifier: VERIFIER,
            resource: Some("https://hr.example/mcp"),
        };
        let check = |code: AuthorizationCode, redemption, now| code.check(&redemption, UnixSeconds(now));
        assert_eq!(check(code(), right(), 1_059), Ok(()));
        assert_eq!(check(code(), Redemption { redirect_uri: None, resource: None, ..right() }, 1_000), Ok(()));
        assert_eq!(
            check(code(), Redemption { resource: Some("HTTPS://HR.example:443/mcp"), ..right() }, 1_000),
            Ok(())
        );
        let used = AuthorizationCode { used: true, ..code() };
        assert_eq!(
            check(used.clone(), Redemption { client_id: &other, ..right() }, 1_000),
            Err(CodeRefusal::OtherClient)
        );
        assert_eq!(check(used, right(), 9_000), Err(CodeRefusal::Replayed));
        for (redemption, now, refusal) in [
            (right(), 1_060, CodeRefusal::Expired),
            (Redemption { client_id: &other, ..right() }, 1_000, CodeRefusal::OtherClient),
            (Redemption { redirect_uri: Some("http://127.0.0.1:3001/cb"), ..right() }, 1_000, CodeRefusal::RedirectUri),
            (
                Redemption { redirect_uri: Some("http://127.0.0.1:3000/cb/"), ..right() },
                1_000,
                CodeRefusal::RedirectUri,
            ),
            (Redemption { code_verifier: CHALLENGE, ..right() }, 1_000, CodeRefusal::Verifier),
            (Redemption { resource: Some("https://crm.example/mcp"), ..right() }, 1_000, CodeRefusal::Resource),
            (Redemption { resource: Some("nonsense"), ..right() }, 1_000, CodeRefusal::Resource),
        ] {
            assert_eq!(check(code(), redemption, now), Err(refusal));
        }
    }
}
