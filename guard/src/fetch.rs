//! Asks the token service. Owns the limits of that: no redirects, so long, so much; never says what an
//! answer means.

use std::time::Duration;

use bailiwick_core::Issuer;
use futures::StreamExt;
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, StatusCode};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long one answer may take as a whole, unless its request says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest document, in bytes: a hundred RSA keys fit well.
const LARGEST_DOCUMENT: usize = 512 * 1024;

/// Why nothing of use came from the token service. For the log; callers are told less.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("{url} cannot be reached: {}", causes(.source))]
    Unreachable { url: String, source: reqwest::Error },
    #[error("{url} answers with {status} instead of 200")]
    Status { url: String, status: StatusCode },
    #[error("{url} has more than {largest} bytes")]
    TooLarge { url: String, largest: usize },
    #[error("{url} is not the expected JSON document: {source}")]
    NotTheDocument { url: String, source: serde_json::Error },
    #[error("{url} is the metadata of another issuer, {found:?}: it must be {expected}, to the character")]
    OtherIssuer { url: String, found: String, expected: Issuer },
    #[error("{url} names no {member}")]
    NoAddress { url: String, member: &'static str },
    #[error("{url} names the {member} {address:?}, which is not https (nor, for a loopback issuer, http on loopback)")]
    UnsafeAddress { url: String, member: &'static str, address: String },
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
    let response = send(client.get(url), url).await?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status { url: url.to_owned(), status: response.status() });
    }
    body(response, url, LARGEST_DOCUMENT).await
}

/// Sends a request for JSON to `url`; the answer has any status, and its body is still to come.
pub(crate) async fn send(request: RequestBuilder, url: &str) -> Result<Response, FetchError> {
    let unreachable = |source| FetchError::Unreachable { url: url.to_owned(), source };
    request.header("accept", "application/json").send().await.map_err(unreachable)
}

/// The whole body of an answer, of at most `largest` bytes.
pub(crate) async fn body(response: Response, url: &str, largest: usize) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|source| FetchError::Unreachable { url: url.to_owned(), source })?;
        if chunk.len() > largest - body.len() {
            return Err(FetchError::TooLarge { url: url.to_owned(), largest });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
