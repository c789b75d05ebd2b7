//! The certificate that is shown now, and the watch over its files. Owns when they are read again
//! and that a bad pair never takes the place of a good one.

use std::fmt::Display;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;
use tokio::{task, time};
use x509_cert::der::DateTime;

use super::{Certificate, Files, TlsError};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(10);

/// Keeps the shown certificate the latest.
#[derive(Debug)]
pub struct Renewal {
    files: Files,
    host: Option<String>,
    shown: watch::Sender<Arc<CertifiedKey>>,
    until: DateTime,
    metric: Gauge,
    seen: Seen,
}

/// Shows the latest certificate in handshakes.
#[derive(Debug)]
pub(super) struct Latest(watch::Receiver<Arc<CertifiedKey>>);

impl ResolvesServerCert for Latest {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.borrow()))
    }
}

/// The files as they were when they were read last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen([Option<Stamp>; 2]);

/// What is another where a file was written or replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl Seen {
    fn of(files: &Files) -> Self {
        let stamp = |path: &Path| {
            let metadata = path.metadata().ok()?;
            let changed = (metadata.ctime(), metadata.ctime_nsec());
            Some(Stamp { inode: metadata.ino(), length: metadata.len(), changed })
        };
        Self([stamp(&files.certificate), stamp(&files.key)])
    }
}

impl Renewal {
    /// Reads the pair for the first time.
    pub(super) fn begin(files: Files, host: Option<String>, now: SystemTime) -> Result<(Self, Arc<Latest>), TlsError> {
        // Before the reading: what is written after it is noticed.
        let seen = Seen::of(&files);
        let Certificate { certified, until } = Certificate::load(&files, host.as_deref(), now)?;
        let (shown, latest) = watch::channel(certified);
        let renewal = Self { files, host, shown, until, metric: Gauge::default(), seen };
        renewal.measure();
        Ok((renewal, Arc::new(Latest(latest))))
    }

    /// Until when the certificate that is shown now is valid.
    #[must_use]
    pub fn valid_until(&self) -> impl Display + use<> {
        self.until
    }

    /// Shows that moment in `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "bailiwick_tls_certificate_expiry_timestamp_seconds",
            "Until when the certificate is valid, in seconds since 1970",
            self.metric.clone(),
        );
    }

    /// Looks at the files every ten seconds and shows a new pair as soon as it is good; one that is
    /// not is told once, and the old one stays. Never ends.
    pub async fn run(self, now: fn() -> SystemTime) {
        self.run_every(INTERVAL, now).await;
    }

    pub(super) async fn run_every(mut self, interval: Duration, now: fn() -> SystemTime) {
        let mut ticks = time::interval(interval);
        let mut failure: Option<String> = None;
        loop {
            ticks.tick().await;
            let (files, host) = (self.files.clone(), self.host.clone());
            let (seen, is_retry) = (self.seen.clone(), failure.is_some());
            let looked = task::spawn_blocking(move || {
                let found = Seen::of(&files);
                let is_due = is_retry || found != seen;
                is_due.then(|| (found, Certificate::load(&files, host.as_deref(), now())))
            });
            let Ok(Some((found, loaded))) = looked.await else { continue };
            self.seen = found;
            match loaded {
                Ok(certificate) => {
                    self.show(certificate);
                    failure = None;
                }
                Err(error) => {
                    let error = error.to_string();
                    if failure.as_ref() != Some(&error) {
                        tracing::error!(
                            reason = "tls_certificate", %error, valid_until = %self.until,
                            "the new certificate cannot be used; the one in use stays"
                        );
                    }
                    failure = Some(error);
                }
            }
        }
    }

    fn show(&mut self, certificate: Certificate) {
        self.until = certificate.until;
        self.measure();
        self.shown.send_replace(certificate.certified);
        tracing::info!(valid_until = %self.until, "the renewed certificate is in use");
    }

    fn measure(&self) {
        self.metric.set(i64::try_from(self.until.unix_duration().as_secs()).unwrap_or(i64::MAX));
    }
}
