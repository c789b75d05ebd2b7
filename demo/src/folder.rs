//! The folder `.demo/`: fresh data, logs, and the file of names that other terminals read. Owns that
//! one demo at a time uses it, and who may read what is in it.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Where it lies: in the folder that the demo is run in.
const FOLDER: &str = ".demo";

/// What the demo puts there anew each time.
const FRESH: [&str; 4] = ["data", "logs", "agent", "tls"];

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another demo uses it.
    #[error("another demo runs in this folder; stop it first")]
    InUse,
    /// The file system refuses.
    #[error("{FOLDER} cannot be used: {0}")]
    Unusable(#[from] io::Error),
}

/// The folder, held for as long as this lives.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes the folder and empties it of what an earlier demo left.
    ///
    /// # Errors
    /// It is in use, or cannot be made.
    pub fn fresh() -> Result<Self, FolderError> {
        let path = std::path::absolute(FOLDER)?;
        let private = |path: &Path| DirBuilder::new().recursive(true).mode(0o700).create(path);
        private(&path)?;
        let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(path.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => FolderError::InUse,
            TryLockError::Error(error) => error.into(),
        })?;
        if_there(fs::remove_file(path.join("env")))?;
        for name in FRESH {
            if_there(fs::remove_dir_all(path.join(name)))?;
            private(&path.join(name))?;
        }
        Ok(Self { path, _lock: lock })
    }

    /// Where a service's database lies.
    pub fn database(&self, name: &str) -> String {
        format!("sqlite://{}", self.path.join("data").join(name).with_extension("db").display())
    }

    /// Where a service's log lies.
    pub fn log(&self, service: &str) -> PathBuf {
        self.path.join("logs").join(service).with_extension("log")
    }

    /// Where mcp-agent keeps what it keeps.
    pub fn of_agent(&self) -> PathBuf {
        self.path.join("agent")
    }

    /// Writes a file that was not there, and that only its owner may read; gives where it lies.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, FolderError> {
        let path = self.path.join(name);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?.write_all(text.as_bytes())?;
        Ok(path)
    }

    /// Writes the file of names, for the shell. Other terminals read it as soon as it is there, so it appears
    /// whole.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_env(&self, names: &[(String, &str)]) -> Result<(), FolderError> {
        let mut text = String::new();
        for (name, value) in names {
            // What cannot be a word of the shell holds NUL, which nothing here does.
            let value = shlex::try_quote(value).unwrap_or_default();
            // A String takes all that is written to it.
            let _ = writeln!(text, "{name}={value}");
        }
        if_there(fs::remove_file(self.path.join("env.new")))?;
        Ok(fs::rename(self.write("env.new", &text)?, self.path.join("env"))?)
    }
}

/// What is not there need not be removed.
fn if_there(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
