//! Who the caller is: a client, with its secret where it has one, a token from elsewhere, or nobody.
//! Owns where credentials may come from, secrets never from the command line, and that they go to
//! their own issuer alone.

use std::path::Path;

use bailiwick_process::Secret;
use serde::Deserialize;

use crate::address::{InvalidAddress, IssuerUrl, ServerUrl};
use crate::private_file::{self, PrivateFileError};
use crate::profiles::{Profile, ProfileError, ProfileName, Profiles};
use crate::token;

/// The largest credentials file, in bytes.
const LARGEST_FILE: usize = 64 * 1024;

/// The longest client identifier, in bytes.
const LONGEST_CLIENT_ID: usize = 512;

/// A client of one issuer.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    /// The only authorization server that is ever sent the secret.
    pub issuer: &'a IssuerUrl,
    /// Its `client_id`.
    pub client_id: &'a str,
    /// Its `client_secret`; a public client has none.
    pub secret: Option<&'a Secret>,
}

/// A client whose issuer may not have been said yet.
pub struct ClientCredentials {
    /// The issuer, if it was said.
    pub issuer: Option<IssuerUrl>,
    /// Its `client_id`.
    pub client_id: String,
    /// Its `client_secret`; a public client has none.
    pub secret: Option<Secret>,
}

/// As whom servers are called.
pub enum Identity {
    /// As nobody: for servers that ask for no token.
    Nobody,
    /// As a client that gets its tokens from its issuer, for itself or for a person who is logged in.
    Client(ClientCredentials),
    /// With a token that somebody else got.
    Token(Secret),
}

/// What the settings give.
pub struct Given<'a> {
    /// `--profile`.
    pub profile: Option<&'a ProfileName>,
    /// `--credentials`.
    pub file: Option<&'a Path>,
    /// `--client-id`.
    pub client_id: Option<&'a str>,
    /// `MCP_AGENT_CLIENT_SECRET`.
    pub client_secret: Option<Secret>,
    /// `MCP_AGENT_TOKEN`.
    pub token: Option<Secret>,
    /// `--issuer`.
    pub issuer: Option<&'a IssuerUrl>,
}

/// The identity, and what its profile adds.
pub struct Resolved {
    /// As whom servers are called.
    pub identity: Identity,
    /// The profile that was used.
    pub profile: Option<ProfileName>,
    /// The server that the profile names.
    pub server: Option<ServerUrl>,
}

/// Why the credentials cannot be used. Never quotes a secret.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// More than one way.
    #[error("{0} and {1} both say who you are; keep one of the two")]
    Ambiguous(&'static str, &'static str),
    /// Half a client.
    #[error("{0} is set without {1}; set both")]
    Half(&'static str, &'static str),
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The file is not what it should be.
    #[error("{0}: {1}")]
    Content(String, String),
    /// The profiles cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Two issuers.
    #[error("the credentials are for {0}, but --issuer (MCP_AGENT_ISSUER) says {1}; leave one of the two out")]
    TwoIssuers(String, String),
    /// The token is none.
    #[error("MCP_AGENT_TOKEN {0}")]
    Token(#[from] token::NotABearerToken),
    /// The client identifier is none.
    #[error("a client id has 1 to 512 printable characters")]
    ClientId,
}

const PROFILE: &str = "--profile (MCP_AGENT_PROFILE)";
const FILE: &str = "--credentials (MCP_AGENT_CREDENTIALS)";
const CLIENT_ID: &str = "--client-id (MCP_AGENT_CLIENT_ID)";
const CLIENT_SECRET: &str = "MCP_AGENT_CLIENT_SECRET (or its _FILE)";
const TOKEN: &str = "MCP_AGENT_TOKEN (or its _FILE)";

/// Finds out who the caller is: the one way that the settings give, else the profile `default`.
/// The profiles are read only where they are needed: a broken file of them hurts nobody else.
pub fn resolve(
    given: Given<'_>,
    profiles: impl FnOnce() -> Result<Option<Profiles>, ProfileError>,
) -> Result<Resolved, CredentialsError> {
    check_one_way(&given)?;
    let plain = |identity| Resolved { identity, profile: None, server: None };
    if let Some(token) = given.token {
        return Ok(plain(Identity::Token(token::bearer(token)?)));
    }
    if let Some(client) = client(given.file, given.client_id, given.client_secret, given.issuer)? {
        return Ok(plain(Identity::Client(client)));
    }
    let found = match (given.profile, profiles()?) {
        (Some(name), Some(profiles)) => Some((name.clone(), profiles.get(name)?)),
        (Some(_), None) => return Err(ProfileError::NoHome.into()),
        (None, Some(profiles)) => profiles.default()?,
        (None, None) => None,
    };
    let Some((name, Profile { issuer, client_id, secret, server })) = found else { return Ok(plain(Identity::Nobody)) };
    let issuer = one_issuer(Some(issuer), given.issuer)?;
    let identity = Identity::Client(ClientCredentials { issuer, client_id, secret });
    Ok(Resolved { identity, profile: Some(name), server })
}

/// The client that file or environment give, if they give one.
pub fn client(
    file: Option<&Path>,
    client_id: Option<&str>,
    secret: Option<Secret>,
    issuer: Option<&IssuerUrl>,
) -> Result<Option<ClientCredentials>, CredentialsError> {
    match (file, client_id, secret) {
        (Some(path), _, _) => {
            let mut client = read_file(path)?;
            client.issuer = one_issuer(client.issuer, issuer)?;
            Ok(Some(client))
        }
        (None, Some(client_id), secret) => {
            let client_id = checked_client_id(client_id)?;
            Ok(Some(ClientCredentials { issuer: issuer.cloned(), client_id, secret }))
        }
        (None, None, Some(_)) => Err(CredentialsError::Half(CLIENT_SECRET, CLIENT_ID)),
        (None, None, None) => Ok(None),
    }
}

fn check_one_way(given: &Given<'_>) -> Result<(), CredentialsError> {
    let ways = [
        (given.profile.is_some(), PROFILE),
        (given.file.is_some(), FILE),
        (given.client_id.is_some(), CLIENT_ID),
        (given.client_id.is_none() && given.client_secret.is_some(), CLIENT_SECRET),
        (given.token.is_some(), TOKEN),
    ];
    let mut used = ways.into_iter().filter_map(|(is_given, way)| is_given.then_some(way));
    match (used.next(), used.next()) {
        (Some(one), Some(other)) => Err(CredentialsError::Ambiguous(one, other)),
        _ => Ok(()),
    }
}

fn one_issuer(known: Option<IssuerUrl>, said: Option<&IssuerUrl>) -> Result<Option<IssuerUrl>, CredentialsError> {
    match (known, said) {
        (Some(known), Some(said)) if &known != said => {
            Err(CredentialsError::TwoIssuers(known.to_string(), said.to_string()))
        }
        (known, said) => Ok(known.or_else(|| said.cloned())),
    }
}

/// A client identifier (RFC 6749 appendix A.1).
pub fn checked_client_id(text: &str) -> Result<String, CredentialsError> {
    let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_printable && (1..=LONGEST_CLIENT_ID).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err(CredentialsError::ClientId)
    }
}

/// The members of RFC 7591 that matter here; a registration's answer has more.
#[derive(Deserialize)]
struct CredentialsDocument {
    issuer: Option<String>,
    client_id: String,
    client_secret: Option<String>,
}

fn read_file(path: &Path) -> Result<ClientCredentials, CredentialsError> {
    let wrong = |reason: &str| CredentialsError::Content(path.display().to_string(), reason.to_owned());
    let text = private_file::read(path, LARGEST_FILE)?;
    // Not the parser's own words: they may quote the secret.
    let document: CredentialsDocument = serde_json::from_str(&text).map_err(|error| {
        wrong(&format!(
            "line {}: expected JSON with client_id, client_secret (unless the client is public) and, best, issuer, such \
             as a client's registration answers",
            error.line()
        ))
    })?;
    let secret = document.client_secret.map(Secret::new);
    if secret.as_ref().is_some_and(|secret| secret.expose().is_empty()) {
        return Err(wrong("client_secret is empty"));
    }
    let issuer = document.issuer.map(|issuer| issuer.parse()).transpose();
    let issuer = issuer.map_err(|error: InvalidAddress| wrong(&format!("issuer: {error}")))?;
    Ok(ClientCredentials { issuer, client_id: checked_client_id(&document.client_id)?, secret })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given<'a>() -> Given<'a> {
        Given { profile: None, file: None, client_id: None, client_secret: None, token: None, issuer: None }
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn one_way_says_who_you_are() {
        let name: ProfileName = "hr".parse().unwrap();
        let two = Given { profile: Some(&name), token: Some(secret("t")), ..given() };
        assert!(matches!(resolve(two, || Ok(None)), Err(CredentialsError::Ambiguous(PROFILE, TOKEN))));
        let two = Given { client_id: Some("c"), client_secret: Some(secret("s")), token: Some(secret("t")), ..given() };
        assert!(matches!(resolve(two, || Ok(None)), Err(CredentialsError::Ambiguous(CLIENT_ID, TOKEN))));
        let half = Given { client_secret: Some(secret("s")), ..given() };
        assert!(matches!(resolve(half, || Ok(None)), Err(CredentialsError::Half(..))));
        let public = resolve(Given { client_id: Some("c"), ..given() }, || Ok(None)).ok().unwrap().identity;
        assert!(matches!(public, Identity::Client(ClientCredentials { secret: None, .. })));
        assert!(matches!(resolve(given(), || Ok(None)).map(|found| found.identity), Ok(Identity::Nobody)));
        let token = Given { token: Some(secret("a\nb")), ..given() };
        assert!(matches!(resolve(token, || Ok(None)), Err(CredentialsError::Token(_))));
    }

    #[test]
    fn a_file_is_what_a_registration_answers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        let read = |text: &str, issuer: Option<&IssuerUrl>| {
            private_file::replace(&path, text).unwrap();
            client(Some(&path), None, None, issuer).map(Option::unwrap)
        };
        let plain = r#"{"client_id": "a", "client_secret": "hidden", "roles": ["x"]}"#;
        let here: IssuerUrl = "https://id.example".parse().unwrap();
        assert_eq!(read(plain, Some(&here)).ok().unwrap().issuer, Some(here.clone()));
        assert_eq!(read(plain, None).ok().unwrap().secret.unwrap().expose(), "hidden");
        assert!(read(r#"{"client_id": "a"}"#, None).ok().unwrap().secret.is_none(), "a public client");
        let named = r#"{"client_id": "a", "client_secret": "hidden", "issuer": "https://other.example"}"#;
        assert!(matches!(read(named, Some(&here)), Err(CredentialsError::TwoIssuers(..))));
        for wrong in [
            "",
            "hidden",
            r#"{"client_secret": "hidden"}"#,
            r#"{"client_id": "a", "client_secret": ""}"#,
            r#"{"client_id": "a", "client_secret": "hidden" "#,
            r#"{"client_id": "a", "client_secret": ["hidden"]}"#,
            r#"{"client_id": "", "client_secret": "hidden"}"#,
            r#"{"client_id": "a", "client_secret": "hidden", "issuer": "http://id.example"}"#,
        ] {
            let error = read(wrong, None).err().unwrap().to_string();
            assert!(!error.contains("hidden"), "{error}");
        }
    }
}
