//! The logins of a person: what they have allowed a client to do at a server, one file of mode 0600
//! for each issuer, client and server. Owns the files' form, and that one process at a time changes
//! one of them; what is in them goes to their own issuer alone.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bailiwick_core::UnixSeconds;
use bailiwick_process::Secret;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use crate::address::{IssuerUrl, ServerUrl};
use crate::credentials::checked_client_id;
use crate::private_file::{self, PrivateFileError};
use crate::token_request::is_refresh_token;

/// The largest file, in bytes.
const LARGEST_FILE: usize = 64 * 1024;

/// The most files that are looked through.
const MOST_LOOKED_AT: usize = 256;

/// How long another process may take to change a login: as long as its requests to the issuer may.
const LOCKED_WITHIN: Duration = Duration::from_mins(1);

/// How often it is looked whether it has.
const LOOKED_EVERY: Duration = Duration::from_millis(20);

/// Why logins cannot be read or written. Never quotes a token.
#[derive(Debug, thiserror::Error)]
pub enum LoginsError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The file is not what it should be.
    #[error("{0} is not a login as mcp-agent keeps it; remove it and log in again")]
    Content(PathBuf),
    /// Another process holds it.
    #[error("another mcp-agent is changing this login ({0} is locked); try again")]
    Busy(PathBuf),
    /// The file cannot be locked.
    #[error("{0} cannot be locked: {1}")]
    Unlockable(PathBuf, #[source] io::Error),
    /// Nowhere to keep it.
    #[error("there is no place for logins: set HOME or XDG_STATE_HOME to an absolute path")]
    NoHome,
}

/// What a login is of. There is one of each.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// Who lets in.
    pub issuer: &'a IssuerUrl,
    /// Who was allowed something.
    pub client_id: &'a str,
    /// Where.
    pub server: &'a ServerUrl,
}

/// A login.
pub struct Login {
    /// Who let in.
    pub issuer: IssuerUrl,
    /// Who was allowed something.
    pub client_id: String,
    /// Where.
    pub server: ServerUrl,
    /// As the server names itself in tokens.
    pub resource: String,
    /// What tells it apart from the one before: random.
    pub id: String,
    /// The person, where the token said.
    pub subject: Option<String>,
    /// When.
    pub logged_in_at: UnixSeconds,
    /// What the next token is asked for with; none where the issuer gave none.
    pub refresh_token: Option<Secret>,
}

/// A login as its file writes it. Its token is wiped with it.
#[derive(Deserialize, Serialize)]
struct Entry {
    issuer: String,
    client_id: String,
    server: String,
    resource: String,
    id: String,
    subject: Option<String>,
    logged_in_at: UnixSeconds,
    refresh_token: Option<Zeroizing<String>>,
}

/// The folder of the logins.
#[derive(Clone, Debug)]
pub struct Logins {
    folder: PathBuf,
}

/// Keeps other processes from changing a login, as long as it lives.
pub struct Lock(#[expect(dead_code, reason = "the lock ends where the file is closed")] File);

impl Login {
    /// What it is of.
    pub fn key(&self) -> Key<'_> {
        Key { issuer: &self.issuer, client_id: &self.client_id, server: &self.server }
    }
}

impl Logins {
    /// Those in `folder`, which need not exist yet.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The login of that key, if there is one.
    ///
    /// # Errors
    /// Where there is a file that cannot be believed: a login that is there is never passed over, for
    /// the client would then act for itself and not for the person.
    pub fn find(&self, key: Key<'_>) -> Result<Option<Login>, LoginsError> {
        match read(&self.path(key)) {
            Err(LoginsError::File(error)) if error.is_missing() => Ok(None),
            found => found.map(Some),
        }
    }

    /// All logins at a server, whoever they are of. Files that cannot be believed are none.
    pub fn at(&self, server: &ServerUrl) -> Vec<Login> {
        let mut found: Vec<_> = self.all().into_iter().filter(|login| login.server.url() == server.url()).collect();
        found.sort_by(|one, other| one.client_id.cmp(&other.client_id));
        found
    }

    /// All logins. Files that cannot be believed are none.
    pub fn all(&self) -> Vec<Login> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten().take(MOST_LOOKED_AT);
        let paths = files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
        paths.filter_map(|path| read(&path).ok()).collect()
    }

    /// Keeps a login in the place of the one before. Its lock is held.
    pub fn keep(&self, login: &Login, _lock: &Lock) -> Result<(), LoginsError> {
        let entry = Entry {
            issuer: login.issuer.to_string(),
            client_id: login.client_id.clone(),
            server: login.server.to_string(),
            resource: login.resource.clone(),
            id: login.id.clone(),
            subject: login.subject.clone(),
            logged_in_at: login.logged_in_at,
            refresh_token: login.refresh_token.as_ref().map(|token| Zeroizing::new(token.expose().to_owned())),
        };
        let path = self.path(login.key());
        let text = serde_json::to_string(&entry).map(Zeroizing::new);
        Ok(private_file::replace(&path, &text.map_err(|_| LoginsError::Content(path.clone()))?)?)
    }

    /// Forgets a login. Its lock is held.
    pub fn forget(&self, key: Key<'_>, _lock: &Lock) -> Result<(), LoginsError> {
        let path = self.path(key);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(PrivateFileError::Unwritable(path, error).into())
            }
            _ => Ok(()),
        }
    }

    /// Waits until no other process changes this login, and keeps all others from it. The file that
    /// stands for the lock stays: one that were removed could be locked by two.
    pub async fn lock(&self, key: Key<'_>) -> Result<Lock, LoginsError> {
        let path = self.path(key).with_extension("lock");
        let file = private_file::lock_file(&path)?;
        let asked = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock(file)),
                Err(TryLockError::WouldBlock) if asked.elapsed() < LOCKED_WITHIN => sleep(LOOKED_EVERY).await,
                Err(TryLockError::WouldBlock) => return Err(LoginsError::Busy(path)),
                Err(TryLockError::Error(error)) => return Err(LoginsError::Unlockable(path, error)),
            }
        }
    }

    fn path(&self, key: Key<'_>) -> PathBuf {
        file_of(key, &self.folder)
    }
}

fn read(path: &Path) -> Result<Login, LoginsError> {
    let text = private_file::read(path, LARGEST_FILE)?;
    let entry: Option<Entry> = serde_json::from_str(&text).ok();
    // One that says it is of another key than its name does is not believed either.
    let is_named_so = |login: &Login| path.file_name() == file_of(login.key(), Path::new("")).file_name();
    entry.as_ref().and_then(login).filter(is_named_so).ok_or_else(|| LoginsError::Content(path.to_owned()))
}

fn file_of(key: Key<'_>, folder: &Path) -> PathBuf {
    private_file::named(folder, &[key.issuer.as_str(), key.client_id, key.server.url().as_str()])
}

fn login(entry: &Entry) -> Option<Login> {
    let refresh_token = entry.refresh_token.as_ref();
    if refresh_token.is_some_and(|token| !is_refresh_token(token)) {
        return None;
    }
    Some(Login {
        issuer: entry.issuer.parse().ok()?,
        client_id: checked_client_id(&entry.client_id).ok()?,
        server: entry.server.parse().ok()?,
        resource: entry.resource.clone(),
        id: entry.id.clone(),
        subject: entry.subject.clone(),
        logged_in_at: entry.logged_in_at,
        refresh_token: refresh_token.map(|token| Secret::new(token.as_str().to_owned())),
    })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn login(client_id: &str, token: &str) -> Login {
        Login {
            issuer: "https://id.example".parse().unwrap(),
            client_id: client_id.to_owned(),
            server: "https://hr.example/mcp".parse().unwrap(),
            resource: "https://hr.example/mcp".to_owned(),
            id: "one".to_owned(),
            subject: Some("usr_1".to_owned()),
            logged_in_at: UnixSeconds(1000),
            refresh_token: Some(Secret::new(token.to_owned())),
        }
    }

    fn token(found: Option<Login>) -> Option<String> {
        found.and_then(|login| login.refresh_token).map(|token| token.expose().to_owned())
    }

    #[tokio::test]
    async fn a_login_is_found_by_its_whole_key_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let logins = Logins::new(folder.path().join("logins"));
        let (one, other) = (login("one", "first"), login("other", "second"));
        for login in [&one, &other] {
            let lock = logins.lock(login.key()).await.unwrap();
            logins.keep(login, &lock).unwrap();
        }
        assert_eq!(token(logins.find(one.key()).unwrap()).as_deref(), Some("first"));
        assert_eq!(logins.at(&"https://HR.example:443/mcp".parse().unwrap()).len(), 2);
        assert!(logins.at(&"https://hr.example/other".parse().unwrap()).is_empty());
        let elsewhere = "https://other.example".parse().unwrap();
        assert!(logins.find(Key { issuer: &elsewhere, ..one.key() }).unwrap().is_none());
        let lock = logins.lock(one.key()).await.unwrap();
        logins.forget(one.key(), &lock).unwrap();
        logins.forget(one.key(), &lock).unwrap();
        assert!(logins.find(one.key()).unwrap().is_none());
        assert_eq!(token(logins.find(other.key()).unwrap()).as_deref(), Some("second"));
    }

    #[tokio::test]
    async fn a_doubtful_file_is_an_error_where_it_is_asked_for_and_none_among_others() {
        let folder = tempfile::tempdir().unwrap();
        let logins = Logins::new(folder.path().to_owned());
        let (kept, moved) = (login("one", "first"), login("other", "second"));
        let lock = logins.lock(kept.key()).await.unwrap();
        logins.keep(&kept, &lock).unwrap();
        let path = logins.path(kept.key());
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(logins.find(kept.key()), Err(LoginsError::File(_))));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        fs::copy(&path, logins.path(moved.key())).unwrap();
        assert!(matches!(logins.find(moved.key()), Err(LoginsError::Content(_))), "it says that it is another's");
        private_file::replace(&path, "{").unwrap();
        assert!(matches!(logins.find(kept.key()), Err(LoginsError::Content(_))));
        assert!(logins.all().is_empty());
    }

    #[tokio::test]
    async fn one_at_a_time_changes_a_login() {
        let folder = tempfile::tempdir().unwrap();
        let logins = Logins::new(folder.path().to_owned());
        let (one, other) = (login("one", "first"), login("other", "second"));
        let lock = logins.lock(one.key()).await.unwrap();
        let _another = logins.lock(other.key()).await.unwrap();
        let waiting = tokio::spawn({
            let logins = logins.clone();
            async move { logins.lock(login("one", "").key()).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(lock);
        waiting.await.unwrap().unwrap();
    }
}
