//! Which answers of the server may show its tools, and what is done to them. Owns reading an answer
//! as HTTP; a message inside is [`crate::listing`]'s, a stream of them [`crate::event_stream`]'s.

use axum::body::Body;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::Body as _;
use http_body_util::{BodyExt, Limited};

use crate::guard::Guard;
use crate::principal::Principal;
use crate::{LARGEST_ANSWER, answer, event_stream, listing, method};

/// JSON-RPC 2.0 section 5.1.
const INTERNAL_ERROR: i32 = -32603;

/// What the answer to a request may show of the server's tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// It lists the tools.
    Tools,
    /// Where it is a stream, a list of tools may come on it.
    PerhapsTools,
    /// Something else: it is passed on as it is.
    Everything,
}

impl Shown {
    /// By the label of the request's method. A GET opens or resumes a stream of a server that keeps
    /// sessions or events; within a session, two requests of one `id` may have their answers mixed up.
    pub(crate) fn to(method: &str, in_session: bool) -> Self {
        match method {
            method::LIST => Self::Tools,
            "GET" => Self::PerhapsTools,
            _ if in_session => Self::PerhapsTools,
            _ => Self::Everything,
        }
    }
}

/// The answer with its lists of tools filtered; an error in its stead where it cannot be read.
pub(crate) async fn filter(
    answer: Response<Body>,
    shown: Shown,
    guard: &Guard,
    principal: &Principal,
) -> Response<Body> {
    let plain = answer.headers().get(CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity");
    let stream = is_event_stream(answer.headers());
    let message = shown == Shown::Tools && is_of_type(answer.headers(), "application/json");
    if plain && stream {
        filter_stream(answer, guard, principal)
    } else if plain && message {
        filter_message(answer, guard, principal).await
    } else if !stream && !message && (shown != Shown::Tools || shows_nothing(&answer)) {
        answer
    } else {
        unreadable(&"it is neither JSON nor an event stream, or it is compressed")
    }
}

/// An answer without a body, or the server's own error in words that are not JSON.
fn shows_nothing(answer: &Response<Body>) -> bool {
    answer.body().is_end_stream() || !answer.status().is_success()
}

fn filter_stream(mut answer: Response<Body>, guard: &Guard, principal: &Principal) -> Response<Body> {
    answer.headers_mut().remove(CONTENT_LENGTH);
    let (guard, principal) = (guard.clone(), principal.clone());
    answer.map(|body| {
        event_stream::rewritten(body, move |message| {
            listing::filter(message, principal.scope(), guard.manifest()).map(std::borrow::Cow::into_owned)
        })
    })
}

async fn filter_message(answer: Response<Body>, guard: &Guard, principal: &Principal) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    let message = match Limited::new(body, LARGEST_ANSWER).collect().await {
        Ok(message) => message.to_bytes(),
        Err(error) => return unreadable(&error),
    };
    match listing::filter(&message, principal.scope(), guard.manifest()) {
        Ok(filtered) => {
            parts.headers.remove(CONTENT_LENGTH);
            Response::from_parts(parts, Body::from(filtered.into_owned()))
        }
        Err(error) => unreadable(&error),
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> Response<Body> {
    tracing::warn!(target: "bailiwick_guard::listing", %error, "the server's list of tools cannot be read and is not passed on");
    answer::rpc(StatusCode::INTERNAL_SERVER_ERROR, None, INTERNAL_ERROR, "the server's list of tools cannot be read")
}

/// Whether an answer is a stream of server-sent events.
pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    is_of_type(headers, "text/event-stream")
}

fn is_of_type(headers: &HeaderMap, expected: &str) -> bool {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = value.split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(expected.as_bytes())
}
