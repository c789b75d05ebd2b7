//! TLS for one demo: a throw-away authority and the one certificate that it signs, for localhost. Owns the
//! two and their files. The authority's key is never written and is gone once it has signed, so that whoever
//! trusts the authority trusts this certificate and can be shown no other.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bailiwick_process::Secret;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};

use crate::DemoError;
use crate::folder::Folder;

/// How many days the authority and its certificate are good for.
pub const DAYS: u64 = 7;

/// What people read where they look whom they trust.
const AUTHORITY: &str = "Bailiwick demo, throw-away authority";

/// The host of every URL of the demo.
const HOST: &str = "localhost";

/// The files of the certificate and of whoever vouches for it.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The authority, in PEM: who trusts it speaks to the services.
    pub authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    trusted: reqwest::Certificate,
}

impl Tls {
    /// Makes all of it anew; good from `now` on.
    ///
    /// # Errors
    /// There is no randomness, or the file system refuses.
    pub fn make(folder: &Folder, now: SystemTime) -> Result<Self, DemoError> {
        let authority = CertifiedIssuer::self_signed(of_authority(now), KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate = of_host(now)?.signed_by(&key, &authority)?;
        let key = Secret::new(key.serialize_pem());
        Ok(Self {
            authority: folder.write("tls/authority.pem", &authority.pem())?,
            certificate: folder.write("tls/localhost.pem", &certificate.pem())?,
            key: folder.write("tls/localhost.key", key.expose())?,
            trusted: reqwest::Certificate::from_der(authority.der())?,
        })
    }

    /// What tells a service to show the certificate; `prefix` is what the names of its settings begin with.
    pub fn settings(&self, prefix: &str) -> [(String, &Path); 2] {
        [(format!("{prefix}_TLS_CERT"), &self.certificate), (format!("{prefix}_TLS_KEY"), &self.key)]
    }

    /// The authority, for the demo's own client.
    pub fn trusted(&self) -> reqwest::Certificate {
        self.trusted.clone()
    }
}

/// What the certificate of the authority says: it vouches for hosts, and for no further authority.
fn of_authority(now: SystemTime) -> CertificateParams {
    let mut params = named(AUTHORITY, now);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

/// What the certificate of the host says.
fn of_host(now: SystemTime) -> Result<CertificateParams, rcgen::Error> {
    let mut params = named(HOST, now);
    params.subject_alt_names = vec![SanType::DnsName(HOST.try_into()?)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

/// What both say: a name, and an end that is near.
fn named(name: &str, now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = now.into();
    params.not_after = (now + Duration::from_hours(24 * DAYS)).into();
    params
}
