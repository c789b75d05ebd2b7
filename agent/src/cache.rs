//! Tokens between two runs: one file of mode 0600 for each issuer, client, login, resource and scope.
//! Owns how long a token is used and that a doubtful file is none; a cache that fails costs a request.

use std::fs;
use std::path::{Path, PathBuf};

use bailiwick_core::UnixSeconds;
use bailiwick_process::Secret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::private_file;
use crate::scopes::Scopes;
use crate::token::{self, AccessToken};

/// The largest file, in bytes: a token and its key.
const LARGEST_FILE: usize = 64 * 1024;

/// The most files that are looked at when some are to be removed.
const MOST_LOOKED_AT: usize = 256;

/// What a token was asked for. Another issuer, client, login, resource or scope is another token.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// Who issues it.
    pub issuer: &'a str,
    /// To whom.
    pub client_id: &'a str,
    /// Under which login of a person, where it is not the client's own.
    pub login: Option<&'a str>,
    /// For where.
    pub resource: &'a str,
    /// For what, where that was said.
    pub scope: Option<&'a Scopes>,
}

/// The folder of the tokens.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

#[derive(Deserialize, Serialize)]
struct Entry {
    issuer: String,
    client_id: String,
    login: Option<String>,
    resource: String,
    requested_scope: Option<String>,
    scope: Option<String>,
    use_until: UnixSeconds,
    access_token: Zeroizing<String>,
}

impl Cache {
    /// The cache in `folder`, which need not exist yet.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The token that was kept for `key`, while it is still used. A file that others could read or
    /// write, that is broken or that says it is of another key is no token.
    pub fn find(&self, key: Key<'_>, now: UnixSeconds) -> Option<AccessToken> {
        let entry = read(&self.path(key))?;
        let is_of_key = entry.issuer == key.issuer
            && entry.client_id == key.client_id
            && entry.login.as_deref() == key.login
            && entry.resource == key.resource
            && entry.requested_scope == key.scope.map(ToString::to_string);
        if !is_of_key || now >= entry.use_until {
            return None;
        }
        Some(AccessToken {
            value: token::bearer(Secret::new(entry.access_token.as_str().to_owned())).ok()?,
            scope: entry.scope.as_deref().and_then(|scope| scope.parse().ok()),
            use_until: Some(entry.use_until),
        })
    }

    /// Keeps a token, where it says how long it lives, and clears away those that are over. Nothing
    /// depends on it: where it fails the next run asks again.
    pub fn keep(&self, key: Key<'_>, token: &AccessToken, now: UnixSeconds) {
        let Some(use_until) = token.use_until.filter(|use_until| now < *use_until) else { return };
        let entry = Entry {
            issuer: key.issuer.to_owned(),
            client_id: key.client_id.to_owned(),
            login: key.login.map(str::to_owned),
            resource: key.resource.to_owned(),
            requested_scope: key.scope.map(ToString::to_string),
            scope: token.scope.as_ref().map(ToString::to_string),
            use_until,
            access_token: Zeroizing::new(token.value.expose().to_owned()),
        };
        if let Ok(text) = serde_json::to_string(&entry).map(Zeroizing::new) {
            self.clear(now);
            let _ = private_file::replace(&self.path(key), &text);
        }
    }

    /// Drops the token of `key`.
    pub fn drop(&self, key: Key<'_>) {
        let _ = fs::remove_file(self.path(key));
    }

    /// Drops all tokens that were given under a login.
    pub fn drop_login(&self, login: &str) {
        for path in self.files() {
            if read(&path).is_some_and(|entry| entry.login.as_deref() == Some(login)) {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Removes files whose tokens are over.
    fn clear(&self, now: UnixSeconds) {
        for path in self.files() {
            if read(&path).is_none_or(|entry| now >= entry.use_until) {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Files of tokens, as many as are looked at.
    fn files(&self) -> impl Iterator<Item = PathBuf> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten().take(MOST_LOOKED_AT);
        files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|extension| extension == "json"))
    }

    /// The file of a key.
    fn path(&self, key: Key<'_>) -> PathBuf {
        let scope = key.scope.map(ToString::to_string).unwrap_or_default();
        private_file::named(
            &self.folder,
            &[key.issuer, key.client_id, key.login.unwrap_or_default(), key.resource, &scope],
        )
    }
}

fn read(path: &Path) -> Option<Entry> {
    let text = private_file::read(path, LARGEST_FILE).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1000);

    fn key<'a>(resource: &'a str, scope: Option<&'a Scopes>) -> Key<'a> {
        Key { issuer: "https://id.example", client_id: "agent", login: None, resource, scope }
    }

    fn token(text: &str, use_until: i64) -> AccessToken {
        let use_until = Some(UnixSeconds(use_until));
        AccessToken { value: Secret::new(text.to_owned()), scope: "a b".parse().ok(), use_until }
    }

    fn found(cache: &Cache, key: Key<'_>, now: UnixSeconds) -> Option<String> {
        cache.find(key, now).map(|token| token.value.expose().to_owned())
    }

    #[test]
    fn a_token_is_found_by_its_whole_key_until_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("tokens"));
        let scope: Scopes = "a".parse().unwrap();
        cache.keep(key("r", None), &token("one", 1100), NOW);
        cache.keep(key("r", Some(&scope)), &token("two", 1200), NOW);
        assert_eq!(found(&cache, key("r", None), NOW).as_deref(), Some("one"));
        assert_eq!(found(&cache, key("r", Some(&scope)), NOW).as_deref(), Some("two"));
        assert_eq!(found(&cache, key("s", None), NOW), None);
        assert_eq!(found(&cache, Key { client_id: "other", ..key("r", None) }, NOW), None);
        assert_eq!(found(&cache, key("r", None), UnixSeconds(1100)), None);
        cache.drop(key("r", Some(&scope)));
        assert_eq!(found(&cache, key("r", Some(&scope)), NOW), None);
    }

    #[test]
    fn the_tokens_of_a_login_are_its_own_and_go_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("tokens"));
        let of = |login| Key { login: Some(login), ..key("r", None) };
        cache.keep(key("r", None), &token("client", 1100), NOW);
        cache.keep(of("one"), &token("one", 1100), NOW);
        cache.keep(of("two"), &token("two", 1100), NOW);
        assert_eq!(found(&cache, of("one"), NOW).as_deref(), Some("one"));
        cache.drop_login("one");
        assert_eq!(found(&cache, of("one"), NOW), None);
        assert_eq!(found(&cache, of("two"), NOW).as_deref(), Some("two"));
        assert_eq!(found(&cache, key("r", None), NOW).as_deref(), Some("client"));
    }

    #[test]
    fn what_is_over_is_cleared_away_and_what_never_was_good_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().to_owned());
        cache.keep(key("r", None), &token("one", 1100), NOW);
        cache.keep(key("s", None), &token("two", 1300), UnixSeconds(1200));
        cache.keep(key("t", None), &token("three", 1000), NOW);
        cache.keep(key("u", None), &AccessToken { use_until: None, ..token("four", 0) }, NOW);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_doubtful_file_is_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().to_owned());
        cache.keep(key("r", None), &token("one", 1100), NOW);
        let path = cache.path(key("r", None));
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(found(&cache, key("r", None), NOW), None);
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        fs::rename(&path, cache.path(key("s", None))).unwrap();
        assert_eq!(found(&cache, key("s", None), NOW), None, "it says that it is of another resource");
        private_file::replace(&path, "{").unwrap();
        assert_eq!(found(&cache, key("r", None), NOW), None);
        cache.keep(key("r", None), &token("a\\nb", 1100), NOW);
        assert_eq!(found(&cache, key("r", None), NOW), None);
    }
}
