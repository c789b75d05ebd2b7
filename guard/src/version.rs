//! Which revisions of MCP the guarded server speaks. rmcp serves some that the server does not speak, where a
//! header alone names them, and refuses those that it does not know in words that no client reads. Owns refusing
//! both (MCP 2025-11-25, transports, protocol version header: 400 Bad Request), and that whatever else rmcp
//! refuses is said in JSON-RPC.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use axum::body::{self, Body};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use rmcp::ServerHandler;
use rmcp::model::{ErrorCode, ErrorData, ProtocolVersion};
use rmcp::transport::streamable_http_server::StreamableHttpService;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::Service;

use crate::head::PROTOCOL_VERSION;
use crate::{LARGEST_BODY, answer};

/// How much of a revision that nobody knows is quoted, in characters.
const LONGEST_QUOTED: usize = 64;

/// How rmcp begins its words for a body that it cannot read.
const UNREADABLE: &str = "fail to deserialize request body";

/// `service`, but only in the revisions that the handlers of `factory` speak.
pub(crate) fn only_spoken<H, F>(
    service: StreamableHttpService<H, NeverSessionManager>,
    factory: F,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
where
    H: ServerHandler + Send + 'static,
    F: Fn() -> Result<H, std::io::Error> + Send + Sync + 'static,
{
    let shared = Arc::new((service, factory, OnceLock::new()));
    tower::service_fn(move |request: Request<Body>| {
        let shared = Arc::clone(&shared);
        async move {
            let (service, factory, spoken) = &*shared;
            let allowed = match unspoken(&request, spoken, factory) {
                None => Ok(request),
                Some(unspoken) => unspoken.allowed(request).await,
            };
            match allowed {
                Ok(request) => Ok(in_json(service.handle(request).await.map(Body::new)).await),
                Err(refusal) => Ok(refusal),
            }
        }
    })
}

/// A revision that a request names and the server does not speak.
struct Unspoken {
    named: String,
    /// Where rmcp knows it, the body may settle another one.
    is_known: bool,
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

/// The revision that the request names, where no handler speaks it. What handlers speak is asked of the first one,
/// and `spoken` from then on.
fn unspoken<H: ServerHandler>(
    request: &Request<Body>,
    spoken: &OnceLock<Vec<ProtocolVersion>>,
    factory: impl Fn() -> Result<H, std::io::Error>,
) -> Option<Unspoken> {
    let named = request.headers().get(PROTOCOL_VERSION).filter(|_| request.method() == Method::POST)?;
    let spoken = if let Some(spoken) = spoken.get() {
        spoken
    } else {
        // Where no handler can be made, rmcp says so.
        let handler = factory().ok()?;
        spoken.get_or_init(|| handler.supported_protocol_versions().into_owned())
    };
    let is_it = |version: &ProtocolVersion| version.as_str().as_bytes() == named.as_bytes();
    if spoken.iter().any(is_it) {
        return None;
    }
    let is_known = ProtocolVersion::KNOWN_VERSIONS.iter().any(is_it);
    let named = String::from_utf8_lossy(named.as_bytes()).chars().take(LONGEST_QUOTED).collect();
    Some(Unspoken { named, is_known, spoken: spoken.clone() })
}

/// An answer of rmcp, whose refusals are plain text, in JSON-RPC. What is no JSON by its type stays 415; a body
/// of the right type that rmcp cannot read is a bad request.
async fn in_json(answer: Response<Body>) -> Response<Body> {
    if !answer.status().is_client_error() || !is_text(answer.headers()) {
        return answer;
    }
    let (mut head, body) = answer.into_parts();
    let text = body::to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    if head.status == StatusCode::UNSUPPORTED_MEDIA_TYPE && text.starts_with(UNREADABLE) {
        head.status = StatusCode::BAD_REQUEST;
    }
    let refusal = answer::rpc(head.status, None, ErrorCode::INVALID_REQUEST.0, text.trim());
    head.headers.remove(CONTENT_LENGTH);
    let (other, body) = refusal.into_parts();
    head.headers.extend(other.headers);
    Response::from_parts(head, body)
}

fn is_text(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

impl Unspoken {
    /// The request where its body settles the revision, as `initialize` does and `_meta`; rmcp then
    /// compares. Else the refusal.
    async fn allowed(self, request: Request<Body>) -> Result<Request<Body>, Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = body::to_bytes(body, LARGEST_BODY).await.unwrap_or_default();
        let message: Message = serde_json::from_slice(&body).unwrap_or_default();
        let own = &message.params["_meta"]["io.modelcontextprotocol/protocolVersion"];
        if self.is_known && (message.method == "initialize" || own.is_string()) {
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
