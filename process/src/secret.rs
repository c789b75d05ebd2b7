//! Secrets in memory: a type that neither prints nor copies itself and is wiped when dropped, and
//! the reading of one from the environment or a file. Never says what a secret is for.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// A secret text. It has no `Debug`, `Display` or `Clone`, and its memory is overwritten on drop.
pub struct Secret(Zeroizing<String>);

/// Why a secret cannot be used. Never quotes it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Given directly and as a file.
    #[error("is set, and so is the file that may hold it; keep one of the two")]
    Both,
    /// Nothing in it.
    #[error("is empty: give it a value or unset it")]
    Empty,
    /// Not UTF-8.
    #[error("is not text")]
    NotText,
    /// More than [`Secret::LONGEST`] bytes.
    #[error("has more than {longest} bytes", longest = Secret::LONGEST)]
    TooLong,
    /// The file cannot be read.
    #[error("cannot be read from {0}: {1}")]
    Unreadable(PathBuf, #[source] io::Error),
}

impl Secret {
    /// The longest secret, in bytes: enough for a private key in PEM.
    pub const LONGEST: usize = 16 * 1024;

    /// Takes the text over without copying it.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself, for the one place that uses it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The secret that a variable holds or that stands in a file, if either is given.
    ///
    /// # Errors
    /// Both given, or neither usable.
    pub(crate) fn from_either(variable: Option<OsString>, file: Option<&Path>) -> Result<Option<Self>, SecretError> {
        let secret = match (variable, file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(SecretError::Both),
            (Some(value), None) => Self::new(value.into_string().map_err(|_| SecretError::NotText)?),
            (None, Some(path)) => Self::from_file(path)?,
        };
        match secret.expose().len() {
            0 => Err(SecretError::Empty),
            1..=Self::LONGEST => Ok(Some(secret)),
            _ => Err(SecretError::TooLong),
        }
    }

    /// Reads the file, without the line ends at its end.
    fn from_file(path: &Path) -> Result<Self, SecretError> {
        let unreadable = |error| SecretError::Unreadable(path.to_owned(), error);
        // Room for all of it at once: a buffer that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::LONGEST + 2));
        let limit = u64::try_from(Self::LONGEST + 1).unwrap_or(u64::MAX);
        File::open(path).map_err(unreadable)?.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| SecretError::NotText)?;
        Ok(Self::new(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
}
