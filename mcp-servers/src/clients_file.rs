//! The file of the clients that a server knows by itself: their roles, digests of their secrets, and what
//! the roles open. Owns its form, who may write it, and that a change is felt within a second.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bailiwick_core::{ClientId, RoleName, ScopeSet, SecretDigest, UnixSeconds};
use bailiwick_guard::{Guard, InvalidLocalClients, LocalClient, LocalClients};
use jiff::Timestamp;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tokio::time::MissedTickBehavior;

/// The most bytes that the file may have.
const LONGEST: u64 = 1024 * 1024;

/// What nobody but the owner may do with it: write. Who writes it lets anybody in.
const FORBIDDEN: u32 = 0o022;

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Why the clients of a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientsFileError {
    #[error("{0}: cannot be read: {1}")]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("{0}: has more than {LONGEST} bytes: move the clients to the token service")]
    TooLong(PathBuf),
    #[error("{0}: others than its owner may write it: chmod go-w")]
    Exposed(PathBuf),
    #[error("{path}: line {line}: {message}")]
    Malformed { path: PathBuf, line: usize, message: String },
    #[error("{0}: {1}")]
    Clients(PathBuf, #[source] InvalidLocalClients),
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    roles: BTreeMap<RoleName, ScopeSet>,
    #[serde(default)]
    clients: BTreeMap<ClientId, Entries>,
}

/// The entries of a client, one for each of its secrets: tables of an array, which can be appended one by one,
/// or a table where there is one alone.
struct Entries(Vec<WrittenClient>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the table of a client")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Entries, A::Error> {
        WrittenClient::deserialize(MapAccessDeserializer::new(map)).map(|only| Entries(vec![only]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, entries: A) -> Result<Entries, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(entries)).map(Entries)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenClient {
    #[serde(deserialize_with = "parsed")]
    secret_sha256: SecretDigest,
    roles: Vec<RoleName>,
    #[serde(default, deserialize_with = "moment")]
    expires_at: Option<UnixSeconds>,
}

impl From<WrittenClient> for LocalClient {
    fn from(written: WrittenClient) -> Self {
        let WrittenClient { secret_sha256, roles, expires_at } = written;
        Self { secret: secret_sha256, roles, expires_at }
    }
}

fn parsed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretDigest, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UnixSeconds>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let expected = || de::Error::custom("write a moment as RFC 3339 does, such as \"2027-01-31T00:00:00Z\"");
    let moment: Timestamp = text.parse().map_err(|_| expected())?;
    Ok(Some(UnixSeconds(moment.as_second())))
}

/// A file of clients that was read.
#[derive(Debug)]
pub(crate) struct ClientsFile {
    path: PathBuf,
    content: Vec<u8>,
    clients: LocalClients,
}

impl ClientsFile {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn open(path: &Path) -> Result<Self, ClientsFileError> {
        let content = read(path)?;
        let clients = clients(path, &content)?;
        Ok(Self { path: path.to_owned(), content, clients })
    }

    /// Its clients.
    pub(crate) fn clients(&self) -> &LocalClients {
        &self.clients
    }

    /// Tells the guard of every change, for as long as it is polled. A file that is not good is told of once,
    /// and what was known before stays.
    pub(crate) async fn watch(mut self, guard: Guard) {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = None;
        loop {
            look.tick().await;
            match self.changed() {
                Ok(None) => told = None,
                Ok(Some(clients)) => {
                    guard.set_local_clients(&clients);
                    tracing::info!(path = %self.path.display(), "the file of clients has changed");
                }
                Err(error) => {
                    let error = error.to_string();
                    if told.as_ref() != Some(&error) {
                        tracing::error!(error, "the file of clients is not used; those known before stay");
                        told = Some(error);
                    }
                }
            }
        }
    }

    /// The clients, where they are others than before.
    fn changed(&mut self) -> Result<Option<LocalClients>, ClientsFileError> {
        let content = read(&self.path)?;
        if content == self.content {
            return Ok(None);
        }
        let clients = clients(&self.path, &content)?;
        self.content = content;
        Ok(Some(clients))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ClientsFileError> {
    let unreadable = |error| ClientsFileError::Unreadable(path.to_owned(), error);
    let file = File::open(path).map_err(unreadable)?;
    // Asked of the open file, not of the path, which could be another file by now.
    if file.metadata().map_err(unreadable)?.permissions().mode() & FORBIDDEN != 0 {
        return Err(ClientsFileError::Exposed(path.to_owned()));
    }
    let mut content = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > LONGEST { Err(ClientsFileError::TooLong(path.to_owned())) } else { Ok(content) }
}

fn clients(path: &Path, content: &[u8]) -> Result<LocalClients, ClientsFileError> {
    let malformed = |before: &str, message: String| {
        let line = before.matches('\n').count() + 1;
        ClientsFileError::Malformed { path: path.to_owned(), line, message }
    };
    let text = std::str::from_utf8(content).map_err(|_| malformed("", "the file is not UTF-8".to_owned()))?;
    // Not the error's own display: it quotes the line, and a misplaced secret may stand on it.
    let Written { roles, clients } = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        malformed(before, without_value(error.message()))
    })?;
    let clients = clients.into_iter().flat_map(|(client_id, Entries(entries))| {
        entries.into_iter().map(move |entry| (client_id.clone(), entry.into()))
    });
    LocalClients::new(roles, clients).map_err(|error| ClientsFileError::Clients(path.to_owned(), error))
}

/// What serde says of a text where something else was expected, without the text.
fn without_value(message: &str) -> String {
    let around = message.split_once("string \"").zip(message.rsplit_once("\", expected "));
    match around {
        Some(((before, _), (_, expected))) => format!("{before}string, expected {expected}"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn problem(text: &str) -> String {
        clients(Path::new("clients.toml"), text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn an_entry_reads_as_it_is_written() {
        let roles: Vec<RoleName> = vec!["Reader".parse().unwrap(), "Clerk".parse().unwrap()];
        let digest: SecretDigest = DIGEST.parse().unwrap();
        let text = digest.entry(&"ci.v2~a".parse().unwrap(), &roles, Some("2027-01-31T00:00:00Z"));
        let text = format!("[roles]\nReader = \"hr:read\"\nClerk = \"hr:add hr:read\"\n\n{text}");
        clients(Path::new("clients.toml"), text.as_bytes()).unwrap();
        // Another secret of the same client is another entry, to be appended as it is.
        let next = SecretDigest::of("the next").entry(&"ci.v2~a".parse().unwrap(), &roles, None);
        clients(Path::new("clients.toml"), format!("{text}\n{next}").as_bytes()).unwrap();
        assert!(clients(Path::new("clients.toml"), b"").is_ok());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_without_its_text() {
        let secret = "bailiwick_secret_that-was-put-in-the-wrong-place";
        for (text, expected) in [
            (format!("[clients.ci]\nroles = []\nsecret_sha256 = \"{secret}\"\n"), "line 3: a SHA-256 has 64"),
            (format!("[clients.ci]\nroles = []\nsecret = \"{secret}\"\n"), "line 3: unknown field `secret`"),
            (format!("[clients.ci]\nsecret_sha256 = \"{DIGEST}\"\n"), "line 1: missing field `roles`"),
            (format!("[[clients.ci]]\nsecret_sha256 = \"{DIGEST}\"\n"), "line 1: missing field `roles`"),
            (format!("[[clients.ci]]\nroles = []\nsecret = \"{secret}\"\n"), "line 3: unknown field `secret`"),
            (format!("[clients]\nci = \"{secret}\"\n"), "line 2: invalid type: string, expected the table of a client"),
            (format!("[[clients.ci]]\nroles = \"{secret}\"\n"), "line 2: invalid type: string, expected a sequence"),
            ("[roles]\nReader = \"everything\"\n".to_owned(), "line 2: "),
            ("[roles]\n\nReader = \"hr:read\"\nReader = \"hr:*\"\n".to_owned(), "line 4: duplicate key"),
            (
                format!("[clients.ci]\nsecret_sha256 = \"{DIGEST}\"\nroles = [\"Reader\"]\n"),
                "clients.toml: client ci has the role Reader, which is not defined",
            ),
            (
                format!("[clients.ci]\nsecret_sha256 = \"{DIGEST}\"\nroles = []\nexpires_at = \"tomorrow\"\n"),
                "line 4: write a moment as RFC 3339 does",
            ),
        ] {
            let told = problem(&text);
            assert!(told.contains(expected) && !told.contains(secret), "{told}");
        }
    }

    #[test]
    fn a_file_that_others_may_write_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clients.toml");
        std::fs::write(&path, "").unwrap();
        for (mode, is_good) in [(0o600, true), (0o644, true), (0o664, false), (0o602, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(ClientsFile::open(&path).is_ok(), is_good, "{mode:o}");
        }
    }
}
