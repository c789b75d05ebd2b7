//! HTTP for everything that is not MCP itself: no redirects, so long, so much, JSON or nothing.
//! Owns those limits and how a failure is told; never says what a document means.

use std::time::Duration;

use futures::StreamExt;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use crate::address::is_loopback;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long one document may take as a whole.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The largest document, in bytes.
const LARGEST_DOCUMENT: usize = 256 * 1024;

/// Why a document could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer, or none to the end.
    #[error("{address} cannot be reached: {cause}; check the address and that the service is up")]
    Unreachable {
        /// What was asked for.
        address: Url,
        /// The causes, on one line.
        cause: String,
    },
    /// The answer is no document.
    #[error("{address} answers with HTTP {status} where its document was expected")]
    Status {
        /// What was asked for.
        address: Url,
        /// The status.
        status: StatusCode,
    },
    /// More than [`LARGEST_DOCUMENT`].
    #[error("{address} answers with more than {LARGEST_DOCUMENT} bytes")]
    TooLarge {
        /// What was asked for.
        address: Url,
    },
    /// Not `application/json`.
    #[error("{address} answers with the content type {found:?} where application/json was expected")]
    ContentType {
        /// What was asked for.
        address: Url,
        /// What came.
        found: String,
    },
    /// JSON, but not of the expected form.
    #[error("{address} is not the expected JSON document: {cause}")]
    NotTheDocument {
        /// What was asked for.
        address: Url,
        /// Where it differs.
        cause: serde_json::Error,
    },
}

/// The HTTP clients of this process.
#[derive(Clone)]
pub struct Http {
    /// For this machine: past any proxy.
    direct: Client,
    /// For the network: through the proxy that the environment names, if any.
    outward: Client,
}

impl Http {
    /// # Errors
    /// Where the system's TLS certificates cannot be loaded.
    pub fn new() -> Result<Self, reqwest::Error> {
        let builder = || {
            let agent = concat!("mcp-agent/", env!("CARGO_PKG_VERSION"));
            Client::builder().redirect(Policy::none()).connect_timeout(CONNECT_TIMEOUT).user_agent(agent)
        };
        Ok(Self { direct: builder().no_proxy().build()?, outward: builder().build()? })
    }

    /// The client for this address.
    pub fn client(&self, address: &Url) -> &Client {
        if is_loopback(address) { &self.direct } else { &self.outward }
    }

    /// Fetches a JSON document.
    pub async fn document<T: DeserializeOwned>(&self, address: &Url) -> Result<T, FetchError> {
        let answer = self.json(address, self.client(address).get(address.clone())).await?;
        if answer.status != StatusCode::OK {
            return Err(FetchError::Status { address: address.clone(), status: answer.status });
        }
        answer.read(address)
    }

    /// Sends a request that is answered with JSON, whatever its status.
    pub async fn json(&self, address: &Url, request: RequestBuilder) -> Result<Answer, FetchError> {
        let response = self.send(address, request.header(ACCEPT, "application/json")).await?;
        let status = response.status();
        let content_type = response.headers().get(CONTENT_TYPE).map(|value| value.as_bytes().to_owned());
        let content_type = content_type.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let body = body(response, address).await?;
        Ok(Answer { status, content_type, body })
    }

    /// Sends a request and gives its status and headers; the body stays unread.
    pub async fn headers(&self, address: &Url, request: RequestBuilder) -> Result<(StatusCode, HeaderMap), FetchError> {
        let response = self.send(address, request).await?;
        Ok((response.status(), response.headers().clone()))
    }

    async fn send(&self, address: &Url, request: RequestBuilder) -> Result<Response, FetchError> {
        request.timeout(TIMEOUT).send().await.map_err(|error| unreachable(address, &error))
    }
}

/// An answer, read to its end.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    content_type: String,
    body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// The document in it.
    pub fn read<T: DeserializeOwned>(&self, address: &Url) -> Result<T, FetchError> {
        let address = || address.clone();
        let media_type = self.content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            return Err(FetchError::ContentType { address: address(), found: self.content_type.clone() });
        }
        serde_json::from_slice(&self.body).map_err(|cause| FetchError::NotTheDocument { address: address(), cause })
    }
}

async fn body(response: Response, address: &Url) -> Result<Zeroizing<Vec<u8>>, FetchError> {
    let mut body = Zeroizing::new(Vec::new());
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| unreachable(address, &error))?;
        if chunk.len() > LARGEST_DOCUMENT - body.len() {
            return Err(FetchError::TooLarge { address: address.clone() });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unreachable(address: &Url, error: &reqwest::Error) -> FetchError {
    FetchError::Unreachable { address: address.clone(), cause: causes(error) }
}

/// What lies at the bottom of an error, on one line; the layers above repeat the address only.
pub fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    deepest.to_string()
}
