//! Files that hold secrets: read only where nobody else may read them, replaced whole and with mode
//! 0600. Owns that rule; what is in a file its caller knows.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

/// The permissions of group and others, of which a private file has none.
const OF_OTHERS: u32 = 0o077;

/// Why a file is not read or written. The messages say what to do.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// Others may read or write it.
    #[error("{0} can be read or changed by others (mode {1:04o}); if nobody has, run: chmod 600 {0}")]
    Open(PathBuf, u32),
    /// Longer than anything that belongs there.
    #[error("{0} has more than {1} bytes")]
    TooLarge(PathBuf, usize),
    /// Not UTF-8.
    #[error("{0} is not text")]
    NotText(PathBuf),
    /// The system says no.
    #[error("{0} cannot be read: {1}")]
    Unreadable(PathBuf, #[source] io::Error),
    /// The system says no.
    #[error("{0} cannot be written: {1}")]
    Unwritable(PathBuf, #[source] io::Error),
}

impl PrivateFileError {
    /// Whether there simply is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Unreadable(_, cause) if cause.kind() == io::ErrorKind::NotFound)
    }
}

/// The file in `folder` that is of these parts: named by their digest, for they may hold anything. They
/// are joined with their lengths, so that no two lists are one text.
pub fn named(folder: &Path, parts: &[&str]) -> PathBuf {
    let mut text = String::new();
    for part in parts {
        // A String takes all that is written to it.
        let _ = write!(text, "{}:{part}", part.len());
    }
    let mut name = String::new();
    for byte in digest(&SHA256, text.as_bytes()).as_ref() {
        let _ = write!(name, "{byte:02x}");
    }
    folder.join(name).with_extension("json")
}

/// Reads a file of at most `longest` bytes that is its owner's alone. The permissions are those of
/// the file that was opened, so it cannot be exchanged in between.
pub fn read(path: &Path, longest: usize) -> Result<Zeroizing<String>, PrivateFileError> {
    let unreadable = |cause| PrivateFileError::Unreadable(path.to_owned(), cause);
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
    if mode & OF_OTHERS != 0 {
        return Err(PrivateFileError::Open(path.to_owned(), mode));
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(longest + 1));
    let limit = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > longest {
        return Err(PrivateFileError::TooLarge(path.to_owned(), longest));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| PrivateFileError::NotText(path.to_owned()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Opens an empty file that stands for a lock, or makes it, as [`replace`] would.
pub fn lock_file(path: &Path) -> Result<File, PrivateFileError> {
    let unwritable = |cause| PrivateFileError::Unwritable(path.to_owned(), cause);
    make_folder_of(path).map_err(unwritable)?;
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(unwritable)
}

/// The folder of a file; made with mode 0700 where it is missing, and those above it.
fn make_folder_of(path: &Path) -> io::Result<&Path> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    Ok(folder)
}

/// Replaces a file whole, or makes it, with mode 0600; folders that are missing are made with mode
/// 0700. A reader sees the old file or the new one.
pub fn replace(path: &Path, text: &str) -> Result<(), PrivateFileError> {
    let unwritable = |cause| PrivateFileError::Unwritable(path.to_owned(), cause);
    let folder = make_folder_of(path).map_err(unwritable)?;
    let mut file = NamedTempFile::new_in(folder).map_err(unwritable)?;
    file.write_all(text.as_bytes()).map_err(unwritable)?;
    file.as_file().sync_all().map_err(unwritable)?;
    file.persist(path).map_err(|error| unwritable(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn a_file_that_others_may_read_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/secret");
        replace(&path, "one").unwrap();
        replace(&path, "two").unwrap();
        assert_eq!(read(&path, 3).unwrap().as_str(), "two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(folder.path().join("deep")).unwrap().permissions().mode() & 0o777, 0o700);
        for mode in [0o640, 0o604, 0o620, 0o601] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert!(matches!(read(&path, 3), Err(PrivateFileError::Open(_, found)) if found == mode), "{mode:o}");
        }
    }

    #[test]
    fn a_file_that_is_missing_too_long_or_not_text_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert!(read(&path, 3).unwrap_err().is_missing());
        replace(&path, "four").unwrap();
        assert!(matches!(read(&path, 3), Err(PrivateFileError::TooLarge(..))));
        fs::write(&path, [0xff]).unwrap();
        assert!(matches!(read(&path, 3), Err(PrivateFileError::NotText(_))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
