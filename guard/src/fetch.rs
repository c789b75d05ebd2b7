//! Fetches a document of the token service. Owns the limits of that: no redirects, so long, so much;
//! never says what a document means.

use std::time::Duration;

use bailiwick_core::Issuer;
use futures::StreamExt;
use reqwest::StatusCode;
use reqwest::redirect::Policy;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long one document may take as a whole.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest document, in bytes: a hundred RSA keys fit well.
const LARGEST_DOCUMENT: usize = 512 * 1024;

/// Why the keys of the token service could not be had. For the log; callers are told less.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("{url} cannot be reached: {}", causes(.source))]
    Unreachable { url: String, source: reqwest::Error },
    #[error("{url} answers with {status} instead of 200")]
    Status { url: String, status: StatusCode },
    #[error("{url} has more than {LARGEST_DOCUMENT} bytes")]
    TooLarge { url: String },
    #[error("{url} is not the expected JSON document: {source}")]
    NotTheDocument { url: String, source: serde_json::Error },
    #[error("{url} is the metadata of another issuer, {found:?}: it must be {expected}, to the character")]
    OtherIssuer { url: String, found: String, expected: Issuer },
    #[error("{url} names the jwks_uri {jwks_uri:?}, which is not https (nor, for a loopback issuer, http on loopback)")]
    UnsafeKeyAddress { url: String, jwks_uri: String },
}

/// An error's causes, each with its own words, on one line.
fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// An HTTP client for one token service. One that is reached by plain HTTP, so on this machine, needs
/// no certificates, and the system none.
///
/// # Errors
/// Where the system's TLS certificates cannot be loaded.
pub(crate) fn client(issuer: &Issuer) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .user_agent(concat!("bailiwick-guard/", env!("CARGO_PKG_VERSION")));
    let builder = if issuer.is_loopback() { builder.no_proxy() } else { builder };
    let builder = if issuer.is_plain_http() { builder.tls_certs_only([]) } else { builder };
    builder.build()
}

/// Fetches one document.
pub(crate) async fn document(client: &reqwest::Client, url: &str) -> Result<Vec<u8>, FetchError> {
    let unreachable = |source| FetchError::Unreachable { url: url.to_owned(), source };
    let response = client.get(url).header("accept", "application/json").send().await.map_err(unreachable)?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status { url: url.to_owned(), status: response.status() });
    }
    let mut document = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(unreachable)?;
        if chunk.len() > LARGEST_DOCUMENT - document.len() {
            return Err(FetchError::TooLarge { url: url.to_owned() });
        }
        document.extend_from_slice(&chunk);
    }
    Ok(document)
}
