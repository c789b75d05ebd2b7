//! Which revisions of MCP the guarded server speaks. rmcp refuses those that it does not know; of those
//! that it knows and the server does not speak, it serves the ones that a header alone names. Owns
//! refusing these (MCP 2025-11-25, transports, protocol version header: 400 Bad Request).

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{self, Body};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use rmcp::ServerHandler;
use rmcp::model::{ErrorCode, ErrorData, ProtocolVersion};
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::Service;

use crate::{LARGEST_BODY, answer};

/// `service`, but only in the revisions that the handlers of `factory` speak.
pub(crate) fn only_spoken<H, F>(
    service: StreamableHttpService<H, NeverSessionManager>,
    factory: F,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
where
    H: ServerHandler + Send + 'static,
    F: Fn() -> Result<H, std::io::Error> + Send + Sync + 'static,
{
    let both = Arc::new((service, factory));
    tower::service_fn(move |request: Request<Body>| {
        let both = Arc::clone(&both);
        async move {
            let (service, factory) = &*both;
            let allowed = match unspoken(&request, factory) {
                None => Ok(request),
                Some(unspoken) => unspoken.allowed(request).await,
            };
            match allowed {
                Ok(request) => Ok(service.handle(request).await.map(Body::new)),
                Err(refusal) => Ok(refusal),
            }
        }
    })
}

/// A revision that a request names and the server does not speak.
struct Unspoken {
    named: ProtocolVersion,
    spoken: Vec<ProtocolVersion>,
}

/// What a message says of its revision by itself.
#[derive(Default, Deserialize)]
struct Message {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    method: String,
    #[serde(default)]
    params: Value,
}

fn unspoken<H: ServerHandler>(
    request: &Request<Body>,
    factory: impl Fn() -> Result<H, std::io::Error>,
) -> Option<Unspoken> {
    let named = known(request.headers()).filter(|_| request.method() == Method::POST)?;
    // Where no handler can be made, rmcp says so.
    let handler = factory().ok()?;
    let spoken = handler.supported_protocol_versions();
    (!spoken.contains(&named)).then(|| Unspoken { named, spoken: spoken.into_owned() })
}

/// The revision that the header names, where rmcp knows it.
fn known(headers: &HeaderMap) -> Option<ProtocolVersion> {
    let named = headers.get("mcp-protocol-version")?;
    ProtocolVersion::KNOWN_VERSIONS.iter().find(|version| version.as_str().as_bytes() == named.as_bytes()).cloned()
}

impl Unspoken {
    /// The request where its body settles the revision, as `initialize` does and `_meta`; rmcp then
    /// compares. Else the refusal.
    async fn allowed(self, request: Request<Body>) -> Result<Request<Body>, Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = body::to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
        let message: Message = serde_json::from_slice(&body).unwrap_or_default();
        let own = &message.params["_meta"]["io.modelcontextprotocol/protocolVersion"];
        if message.method == "initialize" || own.is_string() {
            return Ok(Request::from_parts(parts, Body::from(body)));
        }
        let words: Vec<_> = self.spoken.iter().map(ProtocolVersion::as_str).collect();
        let text = format!("MCP-Protocol-Version must be one of {}", words.join(", "));
        let data = json!({ "supported": words, "requested": self.named });
        let error = ErrorData::new(ErrorCode::UNSUPPORTED_PROTOCOL_VERSION, text, Some(data));
        let mut answer = json!({ "jsonrpc": "2.0", "error": error });
        if !message.id.is_null() {
            answer["id"] = message.id;
        }
        Err(answer::json_response(StatusCode::BAD_REQUEST, &answer))
    }
}
