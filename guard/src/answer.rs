//! What a refusal looks like over HTTP. Owns status, headers and bodies; the reasons are
//! [`crate::refusal`]'s.

use std::time::Duration;

use axum::body::Body;
use bailiwick_core::Scope;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::challenge::Challenges;
use crate::message::{NotAMessage, RequestId};
use crate::mode::Mode;
use crate::refusal::Refusal;
use crate::{LARGEST_BODY, MOST_VALUES, token_endpoint};

/// When a client that met a guard without keys or without word of revocations should come back, in seconds.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// JSON-RPC 2.0 section 5.1.
const PARSE_ERROR: i32 = -32700;
/// JSON-RPC 2.0 section 5.1.
const INVALID_REQUEST: i32 = -32600;
/// JSON-RPC 2.0 section 5.1.
const METHOD_NOT_FOUND: i32 = -32601;
/// JSON-RPC 2.0 section 5.1; MCP, server/tools, names it for an unknown tool.
const INVALID_PARAMS: i32 = -32602;

/// The words for a method that nobody declared.
const METHOD_UNKNOWN: &str = "method not found";
/// The words for a call of nothing.
const TOOL_UNNAMED: &str = "tools/call needs params.name, a string";
/// The words for a caller who waits for too many answers at once.
const TOO_MANY_IN_HAND: &str = "this caller waits for many answers already; wait for them, then go on";
/// The words where all callers together do.
const BUSY: &str = "the server has as many requests in hand as it takes: try again";
/// The words for a tool that there is not.
const TOOL_UNKNOWN: &str = "tool not found";

/// MCP 2026-07-28, streamable HTTP: a header that contradicts the message.
const HEADER_MISMATCH: i32 = -32020;

/// What an answer depends on beside the refusal itself.
pub(crate) struct Asked<'a> {
    /// How the caller has proved who it is, where it has.
    pub(crate) mode: Mode,
    /// The challenges of the resource.
    pub(crate) challenges: &'a Challenges,
    /// The scope that a 401 asks for.
    pub(crate) hinted_scope: Scope,
    /// Whether the request is of the 2026-07-28 era.
    pub(crate) modern: bool,
}

/// The answer to a refused request.
pub(crate) fn refused(refusal: Refusal, asked: &Asked<'_>) -> Response<Body> {
    use StatusCode as S;
    match refusal {
        Refusal::HostMissing => {
            rpc(S::BAD_REQUEST, None, INVALID_REQUEST, "the request needs one readable Host header")
        }
        Refusal::HostForeign => rpc(S::FORBIDDEN, None, INVALID_REQUEST, "this server does not answer to that Host"),
        Refusal::OriginForeign => rpc(S::FORBIDDEN, None, INVALID_REQUEST, "this server does not accept that Origin"),
        Refusal::HttpMethod(allowed) => {
            let words = format!("MCP uses {allowed} here");
            with(rpc(S::METHOD_NOT_ALLOWED, None, INVALID_REQUEST, &words), ALLOW, HeaderValue::from_static(allowed))
        }
        Refusal::UnknownSession => rpc(S::NOT_FOUND, None, INVALID_REQUEST, "session not found: initialize a new one"),
        Refusal::TooLarge => {
            rpc(S::PAYLOAD_TOO_LARGE, None, INVALID_REQUEST, &format!("the body has more than {LARGEST_BODY} bytes"))
        }
        Refusal::BodyUnread => rpc(S::BAD_REQUEST, None, INVALID_REQUEST, "the body broke off"),
        Refusal::BodyTooSlow => rpc(S::REQUEST_TIMEOUT, None, INVALID_REQUEST, "the body did not come in time"),
        Refusal::NotAMessage(why) => not_a_message(why),
        Refusal::HeaderMismatch(id) => {
            rpc(S::BAD_REQUEST, id, HEADER_MISMATCH, "the header Mcp-Method must be the method of the message")
        }
        Refusal::Undeclared(id) => {
            let status = if asked.modern { S::NOT_FOUND } else { status_of_error(id.as_ref()) };
            rpc(status, id, METHOD_NOT_FOUND, METHOD_UNKNOWN)
        }
        Refusal::NoToolName(id) => rpc(status_of_error(id.as_ref()), id, INVALID_PARAMS, TOOL_UNNAMED),
        Refusal::UnknownTool(id) => rpc(status_of_error(id.as_ref()), id, INVALID_PARAMS, TOOL_UNKNOWN),
        Refusal::NoToken
        | Refusal::InvalidRequest(_)
        | Refusal::InvalidToken(_)
        | Refusal::WrongCredentials(_)
        | Refusal::InsufficientScope(_) => challenged(&refusal, asked),
        Refusal::TooManyFailures(wait) => {
            too_many("too many failed attempts from this address; check the credentials, then try again", wait)
        }
        Refusal::TooManyCalls(wait) => too_many("this caller has called tools too often; wait, then go on", wait),
        Refusal::TooManyInHand => too_many(TOO_MANY_IN_HAND, Duration::from_secs(1)),
        Refusal::Busy => unavailable(BUSY),
        Refusal::KeysUnavailable => unavailable("the keys of the token service cannot be had just now: try again"),
        Refusal::RevocationsUnknown => {
            unavailable("what the token service has revoked is not known just now: try again")
        }
    }
}

/// The JSON-RPC error that says a refusal of a request which was read.
pub(crate) fn error_of(refusal: &Refusal) -> Option<(i32, String)> {
    match refusal {
        Refusal::Undeclared(_) => Some((METHOD_NOT_FOUND, METHOD_UNKNOWN.to_owned())),
        Refusal::NoToolName(_) => Some((INVALID_PARAMS, TOOL_UNNAMED.to_owned())),
        Refusal::UnknownTool(_) => Some((INVALID_PARAMS, TOOL_UNKNOWN.to_owned())),
        Refusal::InsufficientScope(needed) => {
            Some((INVALID_REQUEST, format!("insufficient_scope: the scope {needed} is needed")))
        }
        Refusal::TooManyCalls(wait) => {
            Some((INVALID_REQUEST, format!("too many calls of tools: wait {} s", seconds(*wait))))
        }
        Refusal::TooManyInHand => Some((INVALID_REQUEST, TOO_MANY_IN_HAND.to_owned())),
        Refusal::Busy => Some((INVALID_REQUEST, BUSY.to_owned())),
        _ => None,
    }
}

fn unavailable(description: &str) -> Response<Body> {
    let answer = oauth_error(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", description);
    with(answer, RETRY_AFTER, RETRY_AFTER_SECONDS)
}

fn too_many(description: &str, wait: Duration) -> Response<Body> {
    let answer = oauth_error(StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable", description);
    with(answer, RETRY_AFTER, HeaderValue::from(seconds(wait)))
}

/// Rounded up: who comes back then is not too early.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn not_a_message(why: NotAMessage) -> Response<Body> {
    let (code, message) = match why {
        NotAMessage::NotJson => (PARSE_ERROR, "the body is not JSON"),
        NotAMessage::Batch => (INVALID_REQUEST, "batches are not accepted: send one message per request"),
        NotAMessage::NotJsonRpc => (INVALID_REQUEST, "the body is not one JSON-RPC 2.0 message with each member once"),
        NotAMessage::TooManyValues => {
            let words = format!("the message has more than {MOST_VALUES} values");
            return rpc(StatusCode::BAD_REQUEST, None, INVALID_REQUEST, &words);
        }
    };
    rpc(StatusCode::BAD_REQUEST, None, code, message)
}

/// Requests are answered with 200 and the error inside; a notification that is refused has no answer
/// inside HTTP's, so that HTTP's own says it.
fn status_of_error(id: Option<&RequestId>) -> StatusCode {
    if id.is_some() { StatusCode::OK } else { StatusCode::BAD_REQUEST }
}

fn challenged(refusal: &Refusal, asked: &Asked<'_>) -> Response<Body> {
    let Asked { challenges, hinted_scope, .. } = asked;
    let (status, found, body) = match refusal {
        Refusal::InvalidRequest(description) => (
            StatusCode::BAD_REQUEST,
            challenges.invalid_request(description),
            json!({ "error": "invalid_request", "error_description": description }),
        ),
        Refusal::InvalidToken(error) => (
            StatusCode::UNAUTHORIZED,
            challenges.invalid_token(error, hinted_scope),
            json!({ "error": "invalid_token", "error_description": error.to_string() }),
        ),
        Refusal::InsufficientScope(needed) => (
            StatusCode::FORBIDDEN,
            vec![challenges.insufficient_scope(needed, asked.mode)],
            json!({
                "error": "insufficient_scope",
                "error_description": match asked.mode {
                    Mode::OAuth => "the token does not allow this: ask the token service for the scope",
                    _ => "the caller's roles do not allow this: ask whoever runs this server for the scope",
                },
                "scope": needed.to_string(),
            }),
        ),
        Refusal::WrongCredentials(_) => (
            StatusCode::UNAUTHORIZED,
            challenges.no_token(hinted_scope),
            json!({ "error": "invalid_client", "error_description": "the credentials are not accepted" }),
        ),
        _ => (
            StatusCode::UNAUTHORIZED,
            challenges.no_token(hinted_scope),
            json!({ "error_description": challenges.advice() }),
        ),
    };
    let mut answer = oauth(status, &body);
    for challenge in found {
        answer.headers_mut().append(WWW_AUTHENTICATE, challenge);
    }
    answer
}

/// The answer to a token request that is refused (RFC 6749 section 5.2).
pub(crate) fn refused_token(refusal: &Refusal) -> Response<Body> {
    match *refusal {
        Refusal::TooManyFailures(wait) => too_many(
            "too many failed attempts of this client from this address; check the secret, then try again",
            wait,
        ),
        Refusal::HostMissing => oauth_error(StatusCode::BAD_REQUEST, "invalid_request", "one readable Host is needed"),
        Refusal::TooLarge => {
            let description = format!("the request has more than {} bytes", token_endpoint::LARGEST_REQUEST);
            oauth_error(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", &description)
        }
        Refusal::BodyUnread => oauth_error(StatusCode::BAD_REQUEST, "invalid_request", "the body broke off"),
        Refusal::BodyTooSlow => {
            oauth_error(StatusCode::REQUEST_TIMEOUT, "invalid_request", "the body did not come in time")
        }
        Refusal::HostForeign | Refusal::OriginForeign => {
            oauth_error(StatusCode::FORBIDDEN, "access_denied", "this server does not answer to that Host or Origin")
        }
        _ => {
            let description = "client authentication failed; check client_id and client_secret";
            oauth_error(StatusCode::UNAUTHORIZED, "invalid_client", description)
        }
    }
}

/// An error of OAuth in JSON.
pub(crate) fn oauth_error(status: StatusCode, error: &str, description: &str) -> Response<Body> {
    oauth(status, &json!({ "error": error, "error_description": description }))
}

/// An answer of OAuth: JSON that nobody keeps.
pub(crate) fn oauth(status: StatusCode, body: &Value) -> Response<Body> {
    with(json_response(status, body), CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

/// A JSON-RPC error; without `id` where no request is answered.
pub(crate) fn rpc(status: StatusCode, id: Option<RequestId>, code: i32, message: &str) -> Response<Body> {
    let mut body = json!({ "jsonrpc": "2.0", "error": { "code": code, "message": message } });
    if let (Some(members), Some(id)) = (body.as_object_mut(), id) {
        members.insert("id".to_owned(), id.into());
    }
    json_response(status, &body)
}

/// An answer in JSON.
pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(body.to_string()));
    *answer.status_mut() = status;
    with(answer, CONTENT_TYPE, HeaderValue::from_static("application/json"))
}

fn with(mut answer: Response<Body>, name: HeaderName, value: HeaderValue) -> Response<Body> {
    answer.headers_mut().insert(name, value);
    answer
}
