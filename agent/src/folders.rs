//! Where this program keeps things (XDG Base Directory Specification): profiles with the person's
//! settings, tokens in the cache, logins with the state. Owns the places and nothing in them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The folders of the person who runs this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folders {
    config: Option<PathBuf>,
    cache: Option<PathBuf>,
    state: Option<PathBuf>,
}

impl Folders {
    /// As the environment names them. A relative path counts as none, as the specification says.
    pub fn of(environment: &BTreeMap<String, OsString>) -> Self {
        let absolute = |name: &str| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let folder = |variable: &str, below_home: &str| {
            let base = absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)));
            base.map(|base| base.join("mcp-agent"))
        };
        Self {
            config: folder("XDG_CONFIG_HOME", ".config"),
            cache: folder("XDG_CACHE_HOME", ".cache"),
            state: folder("XDG_STATE_HOME", ".local/state"),
        }
    }

    /// The file of the profiles; `None` where the person has no home.
    pub fn profiles(&self) -> Option<PathBuf> {
        self.config.as_deref().map(|folder| folder.join("profiles.toml"))
    }

    /// The folder of the cached tokens; `None` where the person has no home.
    pub fn tokens(&self) -> Option<PathBuf> {
        self.cache.as_deref().map(|folder: &Path| folder.join("tokens"))
    }

    /// The folder of the logins; `None` where the person has no home. Not with the cache: whoever
    /// empties that would take away the only means to end them.
    pub fn logins(&self) -> Option<PathBuf> {
        self.state.as_deref().map(|folder: &Path| folder.join("logins"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_are_those_of_the_specification() {
        let folders = |variables: &[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), OsString::from(value));
            let folders = Folders::of(&variables.iter().map(owned).collect());
            (folders.profiles(), folders.tokens(), folders.logins())
        };
        assert_eq!(
            folders(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]),
            (
                Some("/h/.config/mcp-agent/profiles.toml".into()),
                Some("/c/mcp-agent/tokens".into()),
                Some("/h/.local/state/mcp-agent/logins".into())
            )
        );
        assert_eq!(
            folders(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "x")]).0,
            Some("/h/.config/mcp-agent/profiles.toml".into())
        );
        assert_eq!(folders(&[]), (None, None, None));
    }
}
