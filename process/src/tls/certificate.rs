//! A certificate with its private key, as they are read from their files. Owns what makes a pair
//! that can be shown: readable, whole, of each other, valid now, for the right host, and the key
//! kept from others. Never holds more of a key than its parsed form.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use x509_cert::der::{DateTime, Decode};
use zeroize::{Zeroize, Zeroizing};

use super::Files;

/// The most bytes that a file of certificates or of a key may have.
const LONGEST: u64 = 64 * 1024;

/// What nobody may be permitted at a key but its owner and, to read, its group: systemd and
/// distributions hand keys to services by group.
const FORBIDDEN: u32 = 0o037;

/// Why a certificate cannot be shown. Never quotes a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One file is named, the other is not.
    #[error("{given} is set and {missing} is not: TLS needs both")]
    Half {
        /// The setting that is there.
        given: String,
        /// The setting that is not.
        missing: String,
    },
    /// A file cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        error: io::Error,
    },
    /// A file is no certificate and no key of anybody.
    #[error("{} has more than {LONGEST} bytes", .0.display())]
    TooLong(PathBuf),
    /// Others could read the key, or a group could write it.
    #[error(
        "{} can be read by everybody or written by a group; run `chmod o=,g-w {}`, and have a new key certified if \
         others could read it",
        .0.display(), .0.display()
    )]
    Exposed(PathBuf),
    /// No certificate in the file.
    #[error("{} holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// A certificate that cannot be understood.
    #[error("a certificate in {} cannot be used: {cause}", path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// No key in the file, or one of no use.
    #[error("{} holds no private key in PEM that can be used: RSA of 2048 bits or more, ECDSA or Ed25519, not \
             encrypted", .0.display())]
    NoKey(PathBuf),
    /// The two do not belong together.
    #[error("the key in {} is not that of the first certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
    },
    /// Its time is over.
    #[error("the certificate in {} was valid until {until}: have it renewed", path.display())]
    Expired {
        /// The file.
        path: PathBuf,
        /// When it ended.
        until: DateTime,
    },
    /// Its time is to come.
    #[error("the certificate in {} is not valid before {from}: see to this machine's clock", path.display())]
    NotYetValid {
        /// The file.
        path: PathBuf,
        /// When it begins.
        from: DateTime,
    },
    /// Clients would take it for an impostor's.
    #[error("the certificate in {} is not for {host}, which is how clients know this process", path.display())]
    OtherHost {
        /// The file.
        path: PathBuf,
        /// The host of the public URL.
        host: String,
    },
    /// The parameters of the protocol; a defect.
    #[error("TLS cannot be set up: {0}")]
    Protocol(#[source] rustls::Error),
}

/// A certificate that can be shown, with its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// For handshakes.
    pub(super) certified: Arc<CertifiedKey>,
    /// The last moment of its validity.
    pub(super) until: DateTime,
}

impl Certificate {
    /// Reads and checks the pair.
    ///
    /// # Errors
    /// All of [`TlsError`] but [`TlsError::Half`] and [`TlsError::Protocol`].
    pub fn load(files: &Files, host: Option<&str>, now: SystemTime) -> Result<Self, TlsError> {
        let path = &files.certificate;
        let bad =
            |cause: &dyn std::fmt::Display| TlsError::BadCertificate { path: path.clone(), cause: cause.to_string() };
        let chain = CertificateDer::pem_slice_iter(&read(path, 0)?).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| bad(&error))?;
        let first = chain.first().ok_or_else(|| TlsError::NoCertificate(path.clone()))?;
        let (from, until) = validity(first).map_err(|error| bad(&error))?;
        if SystemTime::from(until) < now {
            return Err(TlsError::Expired { path: path.clone(), until });
        }
        if SystemTime::from(from) > now {
            return Err(TlsError::NotYetValid { path: path.clone(), from });
        }
        if let Some(host) = host {
            let parsed = ParsedCertificate::try_from(first).map_err(|error| bad(&error))?;
            let name = ServerName::try_from(host).map_err(|error| bad(&error))?;
            verify_server_name(&parsed, &name)
                .map_err(|_| TlsError::OtherHost { path: path.clone(), host: host.to_owned() })?;
        }
        let certified = CertifiedKey::new(chain, key(&files.key)?);
        certified.keys_match().map_err(|_| TlsError::Mismatch { key: files.key.clone(), certificate: path.clone() })?;
        Ok(Self { certified: Arc::new(certified), until })
    }
}

/// When a certificate begins and ends to be valid (RFC 5280 section 4.1.2.5).
fn validity(certificate: &CertificateDer<'_>) -> Result<(DateTime, DateTime), x509_cert::der::Error> {
    let certificate = x509_cert::Certificate::from_der(certificate)?;
    let validity = certificate.tbs_certificate().validity();
    Ok((validity.not_before.to_date_time(), validity.not_after.to_date_time()))
}

fn key(path: &Path) -> Result<Arc<dyn rustls::sign::SigningKey>, TlsError> {
    let unusable = || TlsError::NoKey(path.to_owned());
    let mut key = PrivateKeyDer::from_pem_slice(&read(path, FORBIDDEN)?).map_err(|_| unusable())?;
    let parsed = any_supported_type(&key);
    key.zeroize();
    parsed.map_err(|_| unusable())
}

/// Reads a file that permits nobody what is in `forbidden`.
fn read(path: &Path, forbidden: u32) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let unreadable = |error| TlsError::Unreadable { path: path.to_owned(), error };
    let file = File::open(path).map_err(unreadable)?;
    // Asked of the open file, not of the path, which could be another file by now.
    if file.metadata().map_err(unreadable)?.permissions().mode() & forbidden != 0 {
        return Err(TlsError::Exposed(path.to_owned()));
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(LONGEST).unwrap_or_default() + 2));
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST { Err(TlsError::TooLong(path.to_owned())) } else { Ok(bytes) }
}
