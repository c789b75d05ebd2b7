use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;

const HOST: &str = "auth.example";

/// The moment at which everything here happens.
fn now() -> SystemTime {
    date_time_ymd(2026, 11, 1).into()
}

/// A certification authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "An authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key for `host`, in PEM, valid in these years.
    fn pair(&self, host: &str, years: (i32, i32)) -> (String, String) {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    fn trusting(&self) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(provider()));
        let config = config.with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into()
    }
}

/// A folder with a pair in it.
struct Folder(TempDir);

impl Folder {
    fn with(pair: &(String, String)) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.put(pair);
        folder
    }

    fn files(&self) -> Files {
        Files { certificate: self.0.path().join("cert.pem"), key: self.0.path().join("key.pem") }
    }

    fn put(&self, (certificate, key): &(String, String)) {
        fs::write(self.files().certificate, certificate).unwrap();
        fs::write(self.files().key, key).unwrap();
        self.key_mode(0o640);
    }

    fn key_mode(&self, mode: u32) {
        fs::set_permissions(self.files().key, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn load(&self) -> Result<Tls, TlsError> {
        Tls::load(self.files(), Some(HOST.to_owned()), now())
    }

    /// Why the pair cannot be used.
    fn refusal(&self) -> String {
        self.load().unwrap_err().to_string()
    }
}

/// The certificate that a handshake shows.
async fn shown(config: &Arc<ServerConfig>, client: &TlsConnector) -> CertificateDer<'static> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client_side = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server_side, _) = listener.accept().await.unwrap();
    let acceptor = TlsAcceptor::from(Arc::clone(config));
    let (accepted, connected) =
        tokio::join!(acceptor.accept(server_side), client.connect(ServerName::try_from(HOST).unwrap(), client_side));
    accepted.unwrap();
    connected.unwrap().get_ref().1.peer_certificates().unwrap()[0].clone()
}

fn first_of(pair: &(String, String)) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pair.0.as_bytes()).unwrap()
}

#[test]
fn both_files_are_named_or_none() {
    let path = || Some(Path::new("x.pem").to_owned());
    assert!(Files::of_settings("MCP", None, None).unwrap().is_none());
    assert!(Files::of_settings("MCP", path(), path()).unwrap().is_some());
    for (certificate, key, said) in [
        (path(), None, "MCP_TLS_CERT is set and MCP_TLS_KEY is not"),
        (None, path(), "MCP_TLS_KEY is set and MCP_TLS_CERT is not"),
    ] {
        let error = Files::of_settings("MCP", certificate, key).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
}

#[test]
fn a_good_pair_says_until_when_it_is_valid() {
    let tls = Folder::with(&Authority::new().pair(HOST, (2026, 2027))).load().unwrap();
    assert_eq!(tls.renewal.valid_until().to_string(), "2027-01-01T00:00:00Z");
    let mut registry = Registry::default();
    tls.renewal.register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    assert!(text.contains("bailiwick_tls_certificate_expiry_timestamp_seconds 1798761600\n"), "{text}");
}

#[test]
fn a_pair_that_clients_would_refuse_is_refused_first_and_the_error_says_why() {
    let authority = Authority::new();
    let good = authority.pair(HOST, (2026, 2027));
    let cases = [
        (authority.pair(HOST, (2025, 2026)), "was valid until 2026-01-01T00:00:00Z"),
        (authority.pair(HOST, (2027, 2028)), "is not valid before 2027-01-01T00:00:00Z"),
        (authority.pair("hr.example", (2026, 2027)), "is not for auth.example"),
        ((good.0.clone(), KeyPair::generate().unwrap().serialize_pem()), "is not that of the first certificate"),
        ((good.1.clone(), good.1.clone()), "holds no certificate"),
        ((String::new(), good.1.clone()), "holds no certificate"),
        ((good.0.replace("MII", "AAA"), good.1.clone()), "cannot be used"),
        ((good.0.clone(), good.0.clone()), "holds no private key"),
        ((good.0.clone(), good.1.replace("MIG", "AAA")), "holds no private key"),
        ((good.0.clone(), "x".repeat(65 * 1024)), "more than 65536 bytes"),
    ];
    for (pair, said) in cases {
        let error = Folder::with(&pair).refusal();
        assert!(error.contains(said), "{said}: {error}");
        assert!(!error.contains("PRIVATE KEY"), "{error}");
    }
    let folder = Folder::with(&good);
    fs::remove_file(folder.files().key).unwrap();
    assert!(folder.refusal().contains("key.pem cannot be read"));
}

#[test]
fn a_key_is_its_owners_and_at_most_its_groups_to_read() {
    let folder = Folder::with(&Authority::new().pair(HOST, (2026, 2027)));
    for mode in [0o600, 0o400, 0o640, 0o440] {
        folder.key_mode(mode);
        assert!(folder.load().is_ok(), "{mode:o}");
    }
    for mode in [0o644, 0o604, 0o602, 0o660, 0o620] {
        folder.key_mode(mode);
        let error = folder.refusal();
        assert!(error.contains(&format!("chmod o=,g-w {}", folder.files().key.display())), "{mode:o}: {error}");
    }
}

#[test]
fn behind_a_proxy_the_certificate_may_be_for_any_host() {
    let folder = Folder::with(&Authority::new().pair("backend.internal", (2026, 2027)));
    assert!(Tls::load(folder.files(), None, now()).is_ok());
}

#[tokio::test]
async fn a_renewed_pair_is_shown_without_a_restart_and_a_bad_one_never() {
    let authority = Authority::new();
    let pairs = [(2026, 2027), (2026, 2028), (2026, 2029)].map(|years| authority.pair(HOST, years));
    let folder = Folder::with(&pairs[0]);
    let Tls { config, renewal } = folder.load().unwrap();
    let renewing = tokio::spawn(renewal.run_every(Duration::from_millis(5), now));
    let client = authority.trusting();
    let until_shown = async |pair: &(String, String)| {
        while shown(&config, &client).await != first_of(pair) {}
    };
    until_shown(&pairs[0]).await;
    folder.put(&pairs[1]);
    until_shown(&pairs[1]).await;
    // The certificate comes before its key: the two do not fit together for a while.
    fs::write(folder.files().certificate, &pairs[2].0).unwrap();
    for _ in 0..20 {
        assert_eq!(shown(&config, &client).await, first_of(&pairs[1]));
    }
    fs::write(folder.files().key, &pairs[2].1).unwrap();
    until_shown(&pairs[2]).await;
    fs::remove_file(folder.files().key).unwrap();
    for _ in 0..20 {
        assert_eq!(shown(&config, &client).await, first_of(&pairs[2]));
    }
    renewing.abort();
}
