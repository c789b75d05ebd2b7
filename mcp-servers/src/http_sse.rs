//! The transport HTTP with SSE of MCP 2024-11-05, for clients that know no other: `GET /sse` opens a session
//! and is its stream of answers, `POST /messages/?session_id=…` takes its messages. Owns the sessions: whose
//! each is, how many there may be, how much may wait in one, and how long one may lie idle. Who may do what the
//! guard decides before, at both ends.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json};
use bailiwick_guard::{Guard, Principal, RefusedMessage};
use futures::{StreamExt, future, stream};
use rmcp::model::ClientJsonRpcMessage;
use rmcp::serve_server;
use serde_json::json;
use url::form_urlencoded;

use crate::tool::McpServer;

mod session;
mod sessions;
mod waiting;

use session::{Conversation, NotTaken};
pub(crate) use sessions::Sessions;
use sessions::{Full, Opened};

/// Where a session is opened.
pub(crate) const STREAM: &str = "/sse";

/// Where its messages go.
const MESSAGES: &str = "/messages/";

/// How often a stream that has nothing to say shows that it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The transport of one server.
#[derive(Clone)]
struct Transport {
    server: McpServer,
    sessions: Arc<Sessions>,
}

/// The two routes, guarded at both ends.
pub(crate) fn routes(guard: &Guard, server: McpServer, sessions: &Arc<Sessions>) -> Router {
    let transport = Transport { server: server.of_the_old_transport(), sessions: Arc::clone(sessions) };
    let messages = post(receive)
        .with_state(transport.clone())
        .route_layer(guard.layer())
        .route_layer(middleware::from_fn_with_state(Arc::clone(sessions), refusals_on_the_stream));
    let stream = get(open).with_state(transport).route_layer(guard.layer());
    Router::new().route(STREAM, stream).route(MESSAGES, messages)
}

/// Opens a session: its first event says where its messages go.
async fn open(State(transport): State<Transport>, Extension(caller): Extension<Principal>) -> Response {
    let Opened { id, conversation, answers, over } = match transport.sessions.open(&caller) {
        Ok(opened) => opened,
        Err(full) => return no_room(full),
    };
    let served = tokio::spawn(serve(transport.server, conversation));
    let endpoint = Event::default().event("endpoint").data(format!("{MESSAGES}?session_id={id}"));
    // An answer's place is free when it goes out.
    let answers = answers.map(|answer| Event::default().event("message").data(answer.text));
    let events = stream::once(future::ready(endpoint)).chain(answers).take_until(future::select(over, served));
    // The session ends with its stream, whoever ends that.
    let open = transport.sessions.until_dropped(id);
    let events = events.map(move |event| {
        let _ = &open;
        Ok::<_, Infallible>(event)
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// Serves one session until its client is gone.
async fn serve(server: McpServer, conversation: Conversation) {
    match serve_server(server, conversation).await {
        Ok(running) => {
            if let Err(error) = running.waiting().await {
                tracing::error!(%error, "a session broke off");
            }
        }
        Err(error) => tracing::debug!(%error, "a session did not begin"),
    }
}

/// Takes a message for a session of its caller's own. It is answered on the session's stream.
async fn receive(
    State(transport): State<Transport>,
    RawQuery(query): RawQuery,
    Extension(caller): Extension<Principal>,
    parts: Parts,
    body: Bytes,
) -> Response {
    let session = session_id(query.as_deref()).and_then(|id| transport.sessions.get(&id, &caller));
    let Some(session) = session else { return unknown_session() };
    let mut message: ClientJsonRpcMessage = match serde_json::from_slice(&body) {
        Ok(message) => message,
        Err(_) => return problem(StatusCode::BAD_REQUEST, "invalid_request", "the body is no message of MCP"),
    };
    message.insert_extension(parts);
    let id = match &message {
        ClientJsonRpcMessage::Request(request) => Some(request.id.clone()),
        _ => None,
    };
    match session.take(message, body.len(), &caller) {
        Ok(()) => accepted(),
        Err(why) if id.is_some_and(|id| session.tell(id, &why)) => accepted(),
        Err(why) => not_taken(&why),
    }
}

fn not_taken(why: &NotTaken) -> Response {
    match why {
        NotTaken::NoRoom(full) => no_room(*full),
        NotTaken::Ended => unknown_session(),
        _ => problem(StatusCode::BAD_REQUEST, "invalid_request", &why.to_string()),
    }
}

/// Clients of this transport read answers on the stream and nowhere else: a refusal that answers a request is
/// told there, where the session is its caller's own.
async fn refusals_on_the_stream(
    State(sessions): State<Arc<Sessions>>,
    RawQuery(query): RawQuery,
    request: Request,
    next: Next,
) -> Response {
    let answer = next.run(request).await;
    let told = answer.extensions().get::<RefusedMessage>().and_then(|refused| {
        let session = sessions.get(&session_id(query.as_deref())?, &refused.principal)?;
        session.refuse(refused).then(accepted)
    });
    told.unwrap_or(answer)
}

/// The session that a query names, once.
fn session_id(query: Option<&str>) -> Option<String> {
    let mut named = form_urlencoded::parse(query?.as_bytes()).filter(|(name, _)| name == "session_id");
    let id = named.next()?.1.into_owned();
    named.next().is_none().then_some(id)
}

/// Without a body: what it says comes on the stream.
fn accepted() -> Response {
    StatusCode::ACCEPTED.into_response()
}

/// Alike for another's session and for none.
fn unknown_session() -> Response {
    problem(StatusCode::NOT_FOUND, "invalid_request", "session not found: open a new one with GET /sse")
}

/// There may be room soon.
fn no_room(full: impl Into<Full>) -> Response {
    let full = full.into();
    let status = match full {
        Full::Server => StatusCode::SERVICE_UNAVAILABLE,
        Full::Caller | Full::Waiting(_) => StatusCode::TOO_MANY_REQUESTS,
    };
    let mut answer = problem(status, "temporarily_unavailable", &full.to_string());
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    answer
}

fn problem(status: StatusCode, error: &str, description: &str) -> Response {
    (status, Json(json!({"error": error, "error_description": description}))).into_response()
}
