//! TLS where it ends in this process: the certificate that is shown, and the parameters of the
//! protocol (TLS 1.2 and 1.3, HTTP/1.1, no client certificates). Owns the files of certificate and
//! key, what they must satisfy, and reading them again when they are renewed.

mod certificate;
mod renewal;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::version::{TLS12, TLS13};

pub use certificate::{Certificate, TlsError};
pub use renewal::Renewal;
pub use rustls::ServerConfig;

/// The files of a certificate and its private key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate of this process, then those that lead from it to the root.
    pub certificate: PathBuf,
    /// Its private key: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: PathBuf,
}

impl Files {
    /// The files that the settings `{prefix}_TLS_CERT` and `{prefix}_TLS_KEY` name, if they do.
    ///
    /// # Errors
    /// [`TlsError::Half`] where one names a file and the other none.
    pub fn of_settings(
        prefix: &str,
        certificate: Option<PathBuf>,
        key: Option<PathBuf>,
    ) -> Result<Option<Self>, TlsError> {
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some(Self { certificate, key })),
            (None, None) => Ok(None),
            (given, _) => {
                let (given, missing) = if given.is_some() { ("CERT", "KEY") } else { ("KEY", "CERT") };
                let name = |setting| format!("{prefix}_TLS_{setting}");
                Err(TlsError::Half { given: name(given), missing: name(missing) })
            }
        }
    }
}

/// TLS for one listener: how its handshakes go, and what keeps its certificate the latest.
#[derive(Debug)]
pub struct Tls {
    /// For the listener.
    pub config: Arc<ServerConfig>,
    /// To be run beside it.
    pub renewal: Renewal,
}

impl Tls {
    /// Loads certificate and key. Where `host` is given, the certificate must be for it: the host of
    /// the URL under which clients know the process.
    ///
    /// # Errors
    /// What is wrong with the files, and what to do.
    pub fn load(files: Files, host: Option<String>, now: SystemTime) -> Result<Self, TlsError> {
        let (renewal, certificate) = Renewal::begin(files, host, now)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(TlsError::Protocol)?
            .with_no_client_auth()
            .with_cert_resolver(certificate);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), renewal })
    }
}

/// The one cryptographic backend.
fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

#[cfg(test)]
mod tests;
