//! RSA key pairs as PEM files: made for use elsewhere (`keys generate`), and brought from elsewhere
//! (`keys rotate --key-file`). Owns the files and who may read them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use bailiwick_core::Algorithm;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use zeroize::Zeroizing;

use super::CommandError;
use crate::crypto::signing::SigningKey;

/// The private half, readable by its owner alone.
const PRIVATE: &str = "private.pem";

/// The public half.
const PUBLIC: &str = "public.pem";

/// The most bytes of a private key in PEM: one of 8192 bits has some 6500.
const LONGEST: usize = 16 * 1024;

/// What nobody but its owner may do with a private key: anything.
const FORBIDDEN: u32 = 0o077;

/// Makes a pair and writes both halves into `folder`; no file is written over.
pub fn generate(folder: &Path) -> Result<(), CommandError> {
    let key = SigningKey::generate(Algorithm::RS256).map_err(CommandError::other)?;
    let private = pem("PRIVATE KEY", &key.to_pkcs8().map_err(CommandError::other)?);
    let public = pem("PUBLIC KEY", &key.rsa_public_der().map_err(CommandError::other)?);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| failed(folder, &error))?;
    write(&folder.join(PRIVATE), &private, 0o600)?;
    if let Err(error) = write(&folder.join(PUBLIC), &public, 0o644) {
        // Half a pair is of no use, and in the way of the next try.
        let _ = fs::remove_file(folder.join(PRIVATE));
        return Err(error);
    }
    let (private, public) = (folder.join(PRIVATE), folder.join(PUBLIC));
    writeln!(io::stdout(), "{}\n{}", private.display(), public.display()).map_err(CommandError::other)
}

/// Reads the private RSA key of a PEM file that its owner alone may read.
pub fn read(path: &Path) -> Result<SigningKey, CommandError> {
    let file = File::open(path).map_err(|error| failed(path, &error))?;
    let mode = file.metadata().map_err(|error| failed(path, &error))?.permissions().mode();
    if mode & FORBIDDEN != 0 {
        return Err(CommandError::Other(format!("{}: others may read it: chmod 600 it first", path.display())));
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut text).map_err(|error| failed(path, &error))?;
    let no_key = || {
        CommandError::Other(format!(
            "{}: this is no private RSA key of 2048 to 8192 bits in PEM (BEGIN PRIVATE KEY, BEGIN RSA PRIVATE KEY)",
            path.display()
        ))
    };
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| no_key())?;
    SigningKey::from_rsa_der(key.secret_der()).map_err(|_| no_key())
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), CommandError> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                CommandError::Other(format!("{} is there already: it is not written over", path.display()))
            }
            _ => failed(path, &error),
        })?;
    file.write_all(text.as_bytes()).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &io::Error) -> CommandError {
    CommandError::Other(format!("{}: {error}", path.display()))
}

/// The textual encoding of RFC 7468: base64 in lines of 64 characters between two marks.
fn pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    const LINE: usize = 48;
    let mut text = Zeroizing::new(String::with_capacity(der.len() * 2 + 128));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    for line in der.chunks(LINE) {
        STANDARD.encode_string(line, &mut text);
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}
