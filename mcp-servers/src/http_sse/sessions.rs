//! The open sessions of HTTP with SSE. Owns whose each is and how many there are; what is said in one is not
//! its affair.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand;
use bailiwick_core::{ClientId, Issuer};
use bailiwick_guard::{Principal, RefusedMessage};
use futures::channel::mpsc;
use rmcp::ErrorData;
use rmcp::model::{ClientJsonRpcMessage, ErrorCode, RequestId, ServerJsonRpcMessage};
use tokio::sync::watch;
use tokio::time::Instant;

/// The most sessions of a server. Each holds a connection, of which there are 1024 for everybody.
const MOST: usize = 256;

/// The most of one caller.
const MOST_OF_CALLER: usize = 16;

/// The most messages that wait in a session, each way.
const MOST_WAITING: usize = 64;

/// How long a session may go without a message of its client.
pub(crate) const LONGEST_IDLE: Duration = Duration::from_mins(30);

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    #[error("this server has as many sessions as it may: use /mcp, or try again")]
    Server,
    #[error("this caller has as many sessions as it may: end one, or use /mcp")]
    Caller,
    #[error("too many messages wait in this session: try again")]
    Session,
}

/// Whose a session is: the same caller, whatever token it has by now.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owner {
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
pub(crate) struct Session {
    owner: Owner,
    to_server: Mutex<mpsc::Sender<ClientJsonRpcMessage>>,
    to_client: Mutex<mpsc::Sender<ServerJsonRpcMessage>>,
    heard: watch::Sender<Instant>,
}

/// A session that has just been opened, and its two ends.
pub(crate) struct Opened {
    pub(crate) id: String,
    pub(crate) session: Arc<Session>,
    pub(crate) from_client: mpsc::Receiver<ClientJsonRpcMessage>,
    pub(crate) from_server: mpsc::Receiver<ServerJsonRpcMessage>,
    /// Ends when the session has lain idle too long or all are to end.
    pub(crate) over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Session {
    /// Where the server's answers go.
    pub(crate) fn answers(&self) -> mpsc::Sender<ServerJsonRpcMessage> {
        locked(&self.to_client).clone()
    }

    /// Hands a message to the server.
    ///
    /// # Errors
    /// Where too many wait.
    pub(crate) fn take(&self, message: ClientJsonRpcMessage) -> Result<(), Full> {
        self.heard.send_replace(Instant::now());
        locked(&self.to_server).try_send(message).map_err(|_| Full::Session)
    }

    /// Tells the client that a request of its was refused, and whether that was possible.
    pub(crate) fn refuse(&self, refused: &RefusedMessage) -> bool {
        let Ok(id) = serde_json::from_value::<RequestId>(refused.id.clone()) else { return false };
        self.heard.send_replace(Instant::now());
        let error = ErrorData::new(ErrorCode(refused.code), refused.message.clone(), None);
        locked(&self.to_client).try_send(ServerJsonRpcMessage::error(error, Some(id))).is_ok()
    }
}

/// All open sessions of a server.
pub(crate) struct Sessions {
    open: Mutex<HashMap<String, Arc<Session>>>,
    ending: watch::Sender<bool>,
}

impl Sessions {
    /// None is open.
    pub(crate) fn new() -> Self {
        Self { open: Mutex::default(), ending: watch::Sender::new(false) }
    }

    /// Opens a session for `caller`.
    ///
    /// # Errors
    /// Where there are too many.
    pub(crate) fn open(&self, caller: &Principal) -> Result<Opened, Full> {
        let owner = Owner::from(caller);
        let mut open = locked(&self.open);
        if open.len() >= MOST {
            return Err(Full::Server);
        }
        if open.values().filter(|session| session.owner == owner).count() >= MOST_OF_CALLER {
            return Err(Full::Caller);
        }
        let id = fresh_id().ok_or(Full::Server)?;
        let (to_server, from_client) = mpsc::channel(MOST_WAITING);
        let (to_client, from_server) = mpsc::channel(MOST_WAITING);
        let heard = watch::Sender::new(Instant::now());
        let over = Box::pin(over(heard.subscribe(), self.ending.subscribe()));
        let session = Session { owner, to_server: Mutex::new(to_server), to_client: Mutex::new(to_client), heard };
        let session = Arc::new(session);
        open.insert(id.clone(), Arc::clone(&session));
        Ok(Opened { id, session, from_client, from_server, over })
    }

    /// The session `id`, if it is `caller`'s own.
    pub(crate) fn get(&self, id: &str, caller: &Principal) -> Option<Arc<Session>> {
        let session = locked(&self.open).get(id).cloned()?;
        (session.owner == Owner::from(caller)).then_some(session)
    }

    /// What closes the session `id` when it is dropped.
    pub(crate) fn until_dropped(self: &Arc<Self>, id: String) -> impl Drop + Send + 'static {
        Closing { sessions: Arc::clone(self), id }
    }

    /// Ends all, now and from now on.
    pub(crate) fn end(&self) {
        self.ending.send_replace(true);
    }
}

struct Closing {
    sessions: Arc<Sessions>,
    id: String,
}

impl Drop for Closing {
    fn drop(&mut self) {
        locked(&self.sessions.open).remove(&self.id);
    }
}

/// Waits until nothing was heard for [`LONGEST_IDLE`], or all are to end.
async fn over(heard: watch::Receiver<Instant>, mut ending: watch::Receiver<bool>) {
    let idle = async {
        loop {
            let latest = *heard.borrow();
            if latest.elapsed() >= LONGEST_IDLE {
                return;
            }
            tokio::time::sleep_until(latest + LONGEST_IDLE).await;
        }
    };
    tokio::select! {
        () = idle => {}
        // An error means that the sessions are gone, which is an end too.
        _ = ending.wait_for(|ending| *ending) => {}
    }
}

/// A name that nobody guesses: 256 random bits. To know it is still not enough.
fn fresh_id() -> Option<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).ok()?;
    let mut id = String::with_capacity(64);
    bytes.iter().try_for_each(|byte| write!(id, "{byte:02x}")).ok()?;
    Some(id)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
