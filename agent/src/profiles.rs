//! Named profiles: a client of an issuer, and perhaps the server that it is for, in one TOML file of
//! mode 0600. Owns the file's form; changes it whole or not at all.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use bailiwick_process::Secret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::address::{IssuerUrl, ServerUrl};
use crate::credentials::checked_client_id;
use crate::private_file::{self, PrivateFileError};

/// The largest file of profiles, in bytes.
const LARGEST_FILE: usize = 256 * 1024;

/// The profile that is used where none is named.
const DEFAULT: &str = "default";

/// The name of a profile: 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProfileName(String);

/// The text names no profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a profile's name has 1 to 64 characters of A-Z a-z 0-9 . _ -")]
pub struct InvalidProfileName;

impl FromStr for ProfileName {
    type Err = InvalidProfileName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(is_name) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidProfileName)
        }
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why a profile cannot be had. Never quotes a secret.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The file is not what it should be.
    #[error("{path}: {reason}; correct the file, or remove the profile from it")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is no such profile.
    #[error("there is no profile {0}; mcp-agent profile list shows those there are")]
    Unknown(ProfileName),
    /// There is one already.
    #[error("there is a profile {0} already; remove it first: mcp-agent profile remove {0}")]
    Taken(ProfileName),
    /// Nowhere to keep it.
    #[error("there is no place for profiles: set HOME or XDG_CONFIG_HOME to an absolute path")]
    NoHome,
}

/// One profile.
pub struct Profile {
    /// The issuer that its secret is for.
    pub issuer: IssuerUrl,
    /// Its `client_id`.
    pub client_id: String,
    /// Its `client_secret`; a public client has none.
    pub secret: Option<Secret>,
    /// The server that is called where none is named.
    pub server: Option<ServerUrl>,
}

/// A profile as the file writes it. Its secret is wiped with it.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    issuer: String,
    client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
}

/// The profiles of one person.
pub struct Profiles {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
}

/// What may be shown of a profile.
#[derive(Debug, Serialize)]
pub struct ProfileView<'a> {
    /// Its name.
    pub profile: &'a str,
    /// Its issuer.
    pub issuer: &'a str,
    /// Its client.
    pub client_id: &'a str,
    /// Its server.
    pub server: Option<&'a str>,
}

impl Profiles {
    /// Reads the file; no file is no profiles.
    pub fn load(path: PathBuf) -> Result<Self, ProfileError> {
        let text = match private_file::read(&path, LARGEST_FILE) {
            Ok(text) => text,
            Err(error) if error.is_missing() => return Ok(Self { path, entries: BTreeMap::new() }),
            Err(error) => return Err(error.into()),
        };
        // Not the error's own display: it quotes the line, and a secret may stand on it.
        let entries: BTreeMap<String, Entry> = toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let reason = format!(
                "line {line}: expected profiles, each [NAME] with issuer, client_id and perhaps client_secret and server"
            );
            ProfileError::Content { path: path.clone(), reason }
        })?;
        Ok(Self { path, entries })
    }

    /// The profile of that name.
    pub fn get(&self, name: &ProfileName) -> Result<Profile, ProfileError> {
        let entry = self.entries.get(&name.0).ok_or_else(|| ProfileError::Unknown(name.clone()))?;
        let wrong = |member: &str, reason: &dyn fmt::Display| ProfileError::Content {
            path: self.path.clone(),
            reason: format!("profile {name}: {member}: {reason}"),
        };
        if entry.client_secret.as_ref().is_some_and(|secret| secret.is_empty()) {
            return Err(wrong("client_secret", &"is empty"));
        }
        let server = entry.server.as_deref().map(str::parse).transpose();
        Ok(Profile {
            issuer: entry.issuer.parse().map_err(|error| wrong("issuer", &error))?,
            client_id: checked_client_id(&entry.client_id).map_err(|error| wrong("client_id", &error))?,
            secret: entry.client_secret.as_ref().map(|secret| Secret::new(secret.as_str().to_owned())),
            server: server.map_err(|error| wrong("server", &error))?,
        })
    }

    /// The profile that is used where none is named, if there is one.
    pub fn default(&self) -> Result<Option<(ProfileName, Profile)>, ProfileError> {
        let name = ProfileName(DEFAULT.to_owned());
        match self.get(&name) {
            Ok(profile) => Ok(Some((name, profile))),
            Err(ProfileError::Unknown(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What may be shown of all of them, by name.
    pub fn views(&self) -> impl Iterator<Item = ProfileView<'_>> {
        self.entries.iter().map(|(name, entry)| ProfileView {
            profile: name,
            issuer: &entry.issuer,
            client_id: &entry.client_id,
            server: entry.server.as_deref(),
        })
    }

    /// What may be shown of one.
    pub fn view(&self, name: &ProfileName) -> Result<ProfileView<'_>, ProfileError> {
        self.views().find(|view| view.profile == name.0).ok_or_else(|| ProfileError::Unknown(name.clone()))
    }

    /// Adds a profile and writes the file.
    pub fn add(&mut self, name: &ProfileName, profile: &Profile) -> Result<(), ProfileError> {
        if self.entries.contains_key(&name.0) {
            return Err(ProfileError::Taken(name.clone()));
        }
        let entry = Entry {
            issuer: profile.issuer.to_string(),
            client_id: profile.client_id.clone(),
            client_secret: profile.secret.as_ref().map(|secret| Zeroizing::new(secret.expose().to_owned())),
            server: profile.server.as_ref().map(ToString::to_string),
        };
        self.entries.insert(name.0.clone(), entry);
        self.save()
    }

    /// Removes a profile and writes the file.
    pub fn remove(&mut self, name: &ProfileName) -> Result<(), ProfileError> {
        self.entries.remove(&name.0).ok_or_else(|| ProfileError::Unknown(name.clone()))?;
        self.save()
    }

    fn save(&self) -> Result<(), ProfileError> {
        let text = toml::to_string(&self.entries).map(Zeroizing::new);
        let text =
            text.map_err(|error| ProfileError::Content { path: self.path.clone(), reason: error.to_string() })?;
        Ok(private_file::replace(&self.path, &text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProfileName {
        text.parse().unwrap()
    }

    fn profile() -> Profile {
        Profile {
            issuer: "https://id.example".parse().unwrap(),
            client_id: "agent".to_owned(),
            secret: Some(Secret::new("hidden \"\\\n".to_owned())),
            server: "https://hr.example/mcp".parse().ok(),
        }
    }

    #[test]
    fn a_profile_is_found_again_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mcp-agent/profiles.toml");
        let mut profiles = Profiles::load(path.clone()).unwrap();
        profiles.add(&name("a.b"), &profile()).unwrap();
        assert!(matches!(profiles.add(&name("a.b"), &profile()), Err(ProfileError::Taken(_))));
        let mut again = Profiles::load(path.clone()).unwrap();
        let found = again.get(&name("a.b")).unwrap();
        let exposed = |profile: &Profile| profile.secret.as_ref().map(|secret| secret.expose().to_owned());
        assert_eq!((exposed(&found), found.server), (exposed(&profile()), profile().server));
        again.add(&name("public"), &Profile { secret: None, ..profile() }).unwrap();
        assert!(again.get(&name("public")).unwrap().secret.is_none());
        assert!(again.default().unwrap().is_none());
        again.remove(&name("a.b")).unwrap();
        assert!(matches!(Profiles::load(path).unwrap().get(&name("a.b")), Err(ProfileError::Unknown(_))));
    }

    #[test]
    fn a_broken_file_is_told_without_its_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("profiles.toml");
        for broken in [
            "hidden",
            "[a]\nissuer = 1\nclient_id = \"a\"\nclient_secret = \"hidden\"",
            "[a]\nissuer = \"x\"\nclient_id = \"a\"\nclient_secret = \"hidden",
            "[a]\nissuer = \"https://id.example\"\nclient_id = \"a\"\nclient_secret = \"hidden\"\nsecret = \"hidden\"",
            "[a]\nissuer = \"http://id.example\"\nclient_id = \"a\"\nclient_secret = \"hidden\"",
            "[a]\nissuer = \"https://id.example\"\nclient_id = \"a\"\nclient_secret = \"\"",
            "[a]\nissuer = \"https://id.example\"\nclient_id = \"\"\nclient_secret = \"hidden\"",
            "[a]\nissuer = \"https://id.example\"\nclient_secret = \"hidden\"",
            "[a]\nissuer = \"https://id.example\"\nclient_id = \"a\"\nclient_secret = \"hidden\"\nserver = \"x\"",
        ] {
            private_file::replace(&path, broken).unwrap();
            let error = Profiles::load(path.clone()).and_then(|profiles| profiles.get(&name("a"))).err().unwrap();
            assert!(matches!(error, ProfileError::Content { .. }), "{broken}: {error}");
            assert!(!error.to_string().contains("hidden"), "{error}");
        }
    }

    #[test]
    fn a_name_has_plain_characters() {
        for wrong in ["", "a b", "../x", "é", "a/b", &"x".repeat(65)] {
            assert!(wrong.parse::<ProfileName>().is_err(), "{wrong}");
        }
    }
}
