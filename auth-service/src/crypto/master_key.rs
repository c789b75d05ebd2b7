//! The master key under which private keys are sealed: 32 bytes from the environment, or from a
//! file that only its owner can read and that is made on first start. Owns that file's form, its
//! mode and its making; never prints the key.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use super::entropy::{Entropy, NoEntropy, random};
use super::secret::Secret;

/// The length of the master key, in bytes.
const KEY_BYTES: usize = 32;

/// The longest text that is read as a master key, in bytes: the key is 44, the rest is white space.
const LONGEST_TEXT: usize = 256;

/// The mode of the file: read and written by its owner alone.
const MODE: u32 = 0o600;

/// The permissions that nobody but the owner may have.
const OTHERS: u32 = 0o077;

/// The key that seals private keys. Wiped from memory when dropped.
pub(crate) struct MasterKey(Box<Zeroizing<[u8; KEY_BYTES]>>);

/// Why there is no master key. Tells what to do; never says anything of a key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MasterKeyError {
    /// Not base64 of 32 bytes.
    #[error("a master key is 32 random bytes in base64; `openssl rand -base64 32` makes one")]
    Malformed,
    /// The content of the file is no master key.
    #[error("{} holds no master key; restore it from a backup, or set AUTH_MASTER_KEY", path.display())]
    MalformedFile {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner may read or write the file.
    #[error(
        "{} can be used by others than its owner; run `chmod 600 {}`, and rotate the keys if others could read it",
        path.display(), path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The file could not be read or made.
    #[error(
        "the master key file {} could not be read or made: {error}; see to the file, or set AUTH_MASTER_KEY",
        path.display()
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        error: io::Error,
    },
    /// No randomness for a new key.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

impl MasterKey {
    /// A new key.
    ///
    /// # Errors
    /// [`NoEntropy`] where no random bytes can be had.
    pub(crate) fn generate(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let bytes = Zeroizing::new(random(entropy)?);
        Ok(Self::from_bytes(&bytes))
    }

    /// Reads the text of `AUTH_MASTER_KEY`: 32 bytes in base64, with or without padding, white
    /// space around it passed over.
    ///
    /// # Errors
    /// [`MasterKeyError::Malformed`].
    pub(crate) fn from_base64(text: &Secret) -> Result<Self, MasterKeyError> {
        /// Room for what the longest key text could hold; decoding estimates generously.
        const ROOM: usize = KEY_BYTES + 4;
        let mut bytes = Zeroizing::new([0; ROOM]);
        let text = text.expose().trim().trim_end_matches('=');
        let length = STANDARD_NO_PAD.decode_slice(text, &mut *bytes).map_err(|_| MasterKeyError::Malformed)?;
        let key = bytes[..length].first_chunk().filter(|_| length == KEY_BYTES);
        key.map(Self::from_bytes).ok_or(MasterKeyError::Malformed)
    }

    /// Reads the key from its file, and makes the file with a new key where there is none. Two
    /// processes that start at once end with the same key. The directory must exist.
    ///
    /// # Errors
    /// All of [`MasterKeyError`] but [`MasterKeyError::Malformed`].
    pub(crate) fn load_or_create(path: &Path, entropy: &dyn Entropy) -> Result<Self, MasterKeyError> {
        match Self::load(path) {
            Err(MasterKeyError::File { error, .. }) if error.kind() == ErrorKind::NotFound => {
                create(path, &Self::generate(entropy)?, entropy)?;
                // Read back rather than kept: another process may have been first.
                Self::load(path)
            }
            loaded => loaded,
        }
    }

    /// Reads the key from its file, which only its owner may be able to use.
    ///
    /// # Errors
    /// [`MasterKeyError::Exposed`], [`MasterKeyError::MalformedFile`], [`MasterKeyError::File`].
    pub(crate) fn load(path: &Path) -> Result<Self, MasterKeyError> {
        let failed = |error| MasterKeyError::File { path: path.to_owned(), error };
        let file = File::open(path).map_err(failed)?;
        // Asked of the open file, not of the path, which could be another file by now.
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if mode & OTHERS != 0 {
            return Err(MasterKeyError::Exposed { path: path.to_owned() });
        }
        let mut text = String::with_capacity(LONGEST_TEXT);
        let read = file.take(LONGEST_TEXT as u64).read_to_string(&mut text);
        let text = Secret::new(text);
        match read {
            Err(error) if error.kind() != ErrorKind::InvalidData => Err(failed(error)),
            _ => Self::from_base64(&text).map_err(|_| MasterKeyError::MalformedFile { path: path.to_owned() }),
        }
    }

    /// Reads the key as [`Self::load_or_create`] does, and makes nothing; `None` where there is no file yet.
    ///
    /// # Errors
    /// As of [`Self::load`].
    pub(crate) fn load_if_made(path: &Path) -> Result<Option<Self>, MasterKeyError> {
        match Self::load(path) {
            Err(MasterKeyError::File { error, .. }) if error.kind() == ErrorKind::NotFound => Ok(None),
            loaded => loaded.map(Some),
        }
    }

    /// Whether both are the same key.
    pub(crate) fn is(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.expose(), other.expose()).is_ok()
    }

    /// Puts the key into a new file that only its owner can use; it is on the disk, name and all,
    /// when this returns.
    ///
    /// # Errors
    /// [`MasterKeyError::File`], also where the name is taken.
    pub(crate) fn write_new(&self, path: &Path) -> Result<(), MasterKeyError> {
        let written = write(path, self).and_then(|()| sync_directory(path));
        written.map_err(|error| MasterKeyError::File { path: path.to_owned(), error })
    }

    /// A key for `purpose` that follows from this one: whoever has it cannot tell this one, nor that
    /// for another purpose.
    pub(crate) fn derive(&self, purpose: &'static str) -> hmac::Key {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.expose()), purpose.as_bytes());
        hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
    }

    /// The bytes, for the cipher.
    pub(super) fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }

    fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        let mut key = Self(Box::default());
        key.0.copy_from_slice(bytes);
        key
    }
}

/// Puts the key into a file of its own and gives that its name in one step, and only where the name
/// is still free: nobody ever sees half a key, and of two processes one is first.
fn create(path: &Path, key: &MasterKey, entropy: &dyn Entropy) -> Result<(), MasterKeyError> {
    let unfinished = unfinished_path(path, u64::from_be_bytes(random(entropy)?));
    let linked = write(&unfinished, key).and_then(|()| match fs::hard_link(&unfinished, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = fs::remove_file(&unfinished);
    let finished = linked.and(removed).and_then(|()| sync_directory(path));
    finished.map_err(|error| MasterKeyError::File { path: path.to_owned(), error })
}

/// Gives the file `from` the name `to`, in one step and for good.
///
/// # Errors
/// [`MasterKeyError::File`]; `to` is then what it was, or what `from` was.
pub(crate) fn put_in_place(from: &Path, to: &Path) -> Result<(), MasterKeyError> {
    let renamed = fs::rename(from, to).and_then(|()| sync_directory(to));
    renamed.map_err(|error| MasterKeyError::File { path: to.to_owned(), error })
}

/// A name beside `path` that no other process picks.
fn unfinished_path(path: &Path, number: u64) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{number:016x}"));
    path.with_file_name(name)
}

fn write(path: &Path, key: &MasterKey) -> io::Result<()> {
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_TEXT));
    STANDARD_NO_PAD.encode_string(key.expose(), &mut text);
    text.push_str("=\n");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes the new name survive a loss of power: keys that are sealed next would be lost with it.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::super::entropy::SystemEntropy;
    use super::*;

    const TEXT: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn from_base64(text: &str) -> Result<MasterKey, MasterKeyError> {
        MasterKey::from_base64(&Secret::new(text.to_owned()))
    }

    fn write_with_mode(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_master_key_is_32_bytes_in_base64() {
        let bytes: Vec<u8> = (0..32).collect();
        for right in [TEXT, TEXT.trim_end_matches('='), &format!("\n {TEXT} \n")] {
            assert_eq!(from_base64(right).unwrap().expose(), bytes, "{right:?}");
        }
        for wrong in ["", "AAEC", "password", &TEXT[1..], &TEXT[4..], &format!("AAAA{TEXT}"), &"A".repeat(10_000), "é"]
        {
            assert!(matches!(from_base64(wrong), Err(MasterKeyError::Malformed)), "{wrong:?}");
        }
    }

    #[test]
    fn the_file_is_made_on_first_start_for_its_owner_alone_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        let first = MasterKey::load_or_create(&path, &SystemEntropy).unwrap();
        let second = MasterKey::load_or_create(&path, &SystemEntropy).unwrap();
        assert_eq!(first.expose(), second.expose());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(from_base64(&fs::read_to_string(&path).unwrap()).unwrap().expose(), first.expose());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_others_can_use_is_refused_and_the_error_says_chmod_600() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        for mode in [0o604, 0o640, 0o660, 0o644, 0o602, 0o601] {
            write_with_mode(&path, TEXT, mode);
            let error = MasterKey::load_or_create(&path, &SystemEntropy).err().unwrap();
            assert!(matches!(error, MasterKeyError::Exposed { .. }), "{mode:o}");
            assert!(error.to_string().contains(&format!("chmod 600 {}", path.display())), "{error}");
        }
        write_with_mode(&path, TEXT, 0o400);
        assert!(MasterKey::load(&path).is_ok());
    }

    #[test]
    fn a_file_that_holds_no_key_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("master.key");
        for content in ["", "nonsense", &TEXT.repeat(1000)] {
            write_with_mode(&path, content, 0o600);
            let loaded = MasterKey::load_or_create(&path, &SystemEntropy);
            assert!(matches!(loaded, Err(MasterKeyError::MalformedFile { .. })), "{content:?}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        fs::write(&path, [0xff; 32]).unwrap();
        assert!(matches!(MasterKey::load(&path), Err(MasterKeyError::MalformedFile { .. })));
    }

    #[test]
    fn a_missing_directory_is_an_error_that_names_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("missing").join("master.key");
        let error = MasterKey::load_or_create(&path, &SystemEntropy).err().unwrap();
        assert!(error.to_string().contains("master.key"), "{error}");
    }

    #[test]
    fn processes_that_start_at_once_end_with_the_same_key() {
        const STARTS: usize = 16;
        for _ in 0..20 {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("master.key");
            let barrier = Barrier::new(STARTS);
            let keys: Vec<MasterKey> = thread::scope(|scope| {
                let start = || {
                    barrier.wait();
                    MasterKey::load_or_create(&path, &SystemEntropy).unwrap()
                };
                let threads: Vec<_> = (0..STARTS).map(|_| scope.spawn(start)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(keys.iter().all(|key| key.expose() == keys[0].expose()));
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        }
    }
}
