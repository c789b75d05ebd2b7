//! One session of HTTP with SSE: from its client's messages to the answers on its stream. Owns that each message
//! has a place until it is answered and the answer read, and that a session begins once; who may open one and how
//! many there are is [`super::sessions`]'.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bailiwick_core::{ClientId, Issuer, ScopeSet};
use bailiwick_guard::{Principal, RefusedMessage};
use futures::channel::mpsc;
use futures::{StreamExt, future};
use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorCode, RequestId, ServerJsonRpcMessage,
};
use rmcp::transport::Transport;
use rmcp::{ErrorData, RoleServer};
use tokio::sync::watch;
use tokio::time::Instant;

use super::sessions::locked;
use super::waiting::{CallersBytes, Counted, MOST_WAITING, NoRoom, Place, Room};
use crate::initialize;

/// Why a message is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotTaken {
    /// It may come again.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// The session is over.
    #[error("this session has ended: open a new one with GET /sse")]
    Ended,
    /// Two requests of one id have answers that nobody can tell apart.
    #[error("a request with this id waits in this session already: give each an id of its own")]
    IdWaits,
    /// What lists show rests on whoever opened the stream.
    #[error(
        "this session was opened with the scope \"{opened}\" and this message came with \"{came}\": open a session \
         with these credentials"
    )]
    OtherScope {
        /// The scope of whoever opened the stream.
        opened: ScopeSet,
        /// The scope that the message came with.
        came: ScopeSet,
    },
    /// Only a ping may come before (MCP 2025-11-25, lifecycle).
    #[error("initialize comes first: this session has not begun")]
    NotBegun,
    /// The revision of a session is agreed on once.
    #[error("this session is initialized already: open a new one with GET /sse")]
    BegunAlready,
    /// Its `initialize` cannot be read.
    #[error("{}", .0.message)]
    Initialize(ErrorData),
}

/// Whose a session is: the same caller, whatever token it has by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    issuer: Issuer,
    subject: String,
    client: ClientId,
}

impl From<&Principal> for Owner {
    fn from(caller: &Principal) -> Self {
        Self {
            issuer: caller.claims().iss.clone(),
            subject: caller.subject().to_owned(),
            client: caller.client_id().clone(),
        }
    }
}

/// An open session.
pub(super) struct Session {
    pub(super) owner: Owner,
    scope: ScopeSet,
    begun: Mutex<bool>,
    to_server: Mutex<mpsc::Sender<Message>>,
    answers: Arc<Answers>,
    heard: watch::Sender<Instant>,
}

/// A message on its way to the server, in its place.
type Message = (ClientJsonRpcMessage, Place);

/// What a session holds for its client: the places of its requests, and the way to its stream.
struct Answers {
    room: Room,
    waiting: Mutex<HashMap<RequestId, Place>>,
    to_client: Mutex<mpsc::Sender<Answer>>,
}

/// An answer as it goes onto the stream. It holds the place of its request until it is dropped.
pub(super) struct Answer {
    pub(super) text: String,
    _held: (Place, Counted),
}

/// A session as rmcp serves it.
pub(super) struct Conversation {
    messages: mpsc::Receiver<Message>,
    answers: Arc<Answers>,
}

impl Session {
    /// A session that `caller` opens, who has `bytes` waiting in others; its conversation and its answers.
    pub(super) fn new(caller: &Principal, bytes: CallersBytes) -> (Self, Conversation, mpsc::Receiver<Answer>) {
        // No channel is ever full: whatever is in one has its place.
        let (to_server, messages) = mpsc::channel(MOST_WAITING);
        let (to_client, stream) = mpsc::channel(MOST_WAITING);
        let waiting = Mutex::default();
        let answers = Arc::new(Answers { room: Room::new(bytes), waiting, to_client: Mutex::new(to_client) });
        let session = Self {
            owner: Owner::from(caller),
            scope: caller.scope().clone(),
            begun: Mutex::new(false),
            to_server: Mutex::new(to_server),
            answers: Arc::clone(&answers),
            heard: watch::Sender::new(Instant::now()),
        };
        (session, Conversation { messages, answers }, stream)
    }

    /// What of its caller waits, in all its sessions.
    pub(super) fn callers_bytes(&self) -> CallersBytes {
        self.answers.room.callers_bytes()
    }

    /// When its client was last heard.
    pub(super) fn heard(&self) -> watch::Receiver<Instant> {
        self.heard.subscribe()
    }

    /// Hands a message of `bytes` to the server.
    ///
    /// # Errors
    /// Where it has no room, or no place in this session.
    pub(super) fn take(
        &self,
        mut message: ClientJsonRpcMessage,
        bytes: usize,
        caller: &Principal,
    ) -> Result<(), NotTaken> {
        self.heard.send_replace(Instant::now());
        if *caller.scope() != self.scope {
            return Err(NotTaken::OtherScope { opened: self.scope.clone(), came: caller.scope().clone() });
        }
        // Held until the message is handed over: what begins the session comes first there too.
        let mut begun = locked(&self.begun);
        let begins = begins(&message, *begun)?;
        let place = self.answers.room.place(bytes)?;
        self.answers.expect(&message, &place)?;
        // What is cancelled keeps its place until it has ended.
        message.insert_extension(place.clone());
        locked(&self.to_server).try_send((message, place)).map_err(|_| NotTaken::Ended)?;
        *begun |= begins;
        Ok(())
    }

    /// Tells the client on its stream that a message of its is not taken, and whether that was possible.
    pub(super) fn tell(&self, id: RequestId, why: &NotTaken) -> bool {
        let error = match why {
            // Its answer would be taken for the other's.
            NotTaken::NoRoom(_) | NotTaken::Ended | NotTaken::IdWaits => return false,
            NotTaken::Initialize(error) => error.clone(),
            _ => ErrorData::new(ErrorCode::INVALID_REQUEST, why.to_string(), None),
        };
        self.answers.tell(id, error)
    }

    /// Tells the client that a request of its was refused, and whether that was possible.
    pub(super) fn refuse(&self, refused: &RefusedMessage) -> bool {
        let Ok(id) = serde_json::from_value::<RequestId>(refused.id.clone()) else { return false };
        self.heard.send_replace(Instant::now());
        self.answers.tell(id, ErrorData::new(ErrorCode(refused.code), refused.message.clone(), None))
    }
}

/// Whether the message begins the session, of which there is one way and one time.
fn begins(message: &ClientJsonRpcMessage, begun: bool) -> Result<bool, NotTaken> {
    let request = match message {
        ClientJsonRpcMessage::Request(request) => Some(&request.request),
        _ => None,
    };
    match request {
        Some(ClientRequest::InitializeRequest(_)) if begun => Err(NotTaken::BegunAlready),
        Some(ClientRequest::InitializeRequest(_)) => Ok(true),
        Some(ClientRequest::CustomRequest(custom)) if custom.method == initialize::METHOD => {
            Err(if begun { NotTaken::BegunAlready } else { NotTaken::Initialize(initialize::refused(custom)) })
        }
        Some(ClientRequest::PingRequest(_)) => Ok(false),
        _ if begun => Ok(false),
        _ => Err(NotTaken::NotBegun),
    }
}

impl Answers {
    /// Keeps the place of a request until its answer, and that of a cancelled one no longer.
    fn expect(&self, message: &ClientJsonRpcMessage, place: &Place) -> Result<(), NotTaken> {
        match message {
            ClientJsonRpcMessage::Request(request) => match locked(&self.waiting).entry(request.id.clone()) {
                Entry::Occupied(_) => return Err(NotTaken::IdWaits),
                Entry::Vacant(free) => {
                    free.insert(place.clone());
                }
            },
            ClientJsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    locked(&self.waiting).remove(id);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Puts an error for the request `id` onto the stream, if there is room for it.
    fn tell(&self, id: RequestId, error: ErrorData) -> bool {
        let Ok(place) = self.room.place(0) else { return false };
        self.put(&ServerJsonRpcMessage::error(error, Some(id)), place)
    }

    /// Puts a message onto the stream, in its place, and says whether somebody will read it.
    fn put(&self, message: &ServerJsonRpcMessage, place: Place) -> bool {
        match serde_json::to_string(message) {
            Ok(text) => {
                let counted = self.room.answer(text.len());
                locked(&self.to_client).try_send(Answer { text, _held: (place, counted) }).is_ok()
            }
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written");
                false
            }
        }
    }
}

impl Transport<RoleServer> for Conversation {
    type Error = Infallible;

    /// Puts an answer onto the stream. It is dropped where nobody waits for it any more, or can read it: the
    /// server of this transport speaks only when it is asked.
    fn send(&mut self, message: ServerJsonRpcMessage) -> impl Future<Output = Result<(), Infallible>> + Send + 'static {
        let id = match &message {
            ServerJsonRpcMessage::Response(response) => Some(&response.id),
            ServerJsonRpcMessage::Error(error) => error.id.as_ref(),
            _ => None,
        };
        if let Some(place) = id.and_then(|id| locked(&self.answers.waiting).remove(id)) {
            self.answers.put(&message, place);
        }
        future::ready(Ok(()))
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        self.messages.next().await.map(|(message, _)| message)
    }

    async fn close(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
