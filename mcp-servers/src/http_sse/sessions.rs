//! The open sessions of HTTP with SSE. Owns whose each is and how many there are; what is said in one is
//! [`super::session`]'s.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand;
use bailiwick_guard::Principal;
use futures::channel::mpsc;
use tokio::sync::watch;
use tokio::time::Instant;

use super::session::{Answer, Conversation, Owner, Session};
use super::waiting::NoRoom;

/// The most sessions of a server. Each holds a connection, of which there are 1024 for everybody.
const MOST: usize = 256;

/// The most of one caller.
const MOST_OF_CALLER: usize = 16;

/// How long a session may go without a message of its client.
pub(super) const LONGEST_IDLE: Duration = Duration::from_mins(30);

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    #[error("this server has as many sessions as it may: use /mcp, or try again")]
    Server,
    #[error("this caller has as many sessions as it may: end one, or use /mcp")]
    Caller,
    #[error(transparent)]
    Waiting(#[from] NoRoom),
}

/// A session that has just been opened, and its two ends.
pub(super) struct Opened {
    pub(super) id: String,
    pub(super) conversation: Conversation,
    pub(super) answers: mpsc::Receiver<Answer>,
    /// Ends when the session has lain idle too long or all are to end.
    pub(super) over: Pin<Box<dyn Future<Output = ()> + Send>>,
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
    pub(super) fn open(&self, caller: &Principal) -> Result<Opened, Full> {
        let owner = Owner::from(caller);
        let mut open = locked(&self.open);
        if open.len() >= MOST {
            return Err(Full::Server);
        }
        let others: Vec<_> = open.values().filter(|session| session.owner == owner).collect();
        if others.len() >= MOST_OF_CALLER {
            return Err(Full::Caller);
        }
        let bytes = others.first().map(|other| other.callers_bytes()).unwrap_or_default();
        let id = fresh_id().ok_or(Full::Server)?;
        let (session, conversation, answers) = Session::new(caller, bytes);
        let over = Box::pin(over(session.heard(), self.ending.subscribe()));
        open.insert(id.clone(), Arc::new(session));
        Ok(Opened { id, conversation, answers, over })
    }

    /// The session `id`, if it is `caller`'s own.
    pub(super) fn get(&self, id: &str, caller: &Principal) -> Option<Arc<Session>> {
        let session = locked(&self.open).get(id).cloned()?;
        (session.owner == Owner::from(caller)).then_some(session)
    }

    /// What closes the session `id` when it is dropped.
    pub(super) fn until_dropped(self: &Arc<Self>, id: String) -> impl Drop + Send + 'static {
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

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(super) mod tests;
