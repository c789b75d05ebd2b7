//! How much may wait in the sessions of HTTP with SSE, whether it waits to be carried out or to be read. Owns
//! the numbers and the counting; what waits is not its affair.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The most messages of one session that wait.
pub(super) const MOST_WAITING: usize = 64;

/// The bytes of one caller that may wait, in all its sessions together, before nothing more of it is taken. What is
/// taken by then is answered, so that answers may go beyond.
pub(super) const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Why there is no room for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoRoom {
    #[error("too many messages wait in this session: read its answers, then try again")]
    Messages,
    #[error("too many bytes wait in this caller's sessions: read their answers, then try again")]
    Bytes,
}

/// The bytes of one caller that wait.
#[derive(Clone, Debug, Default)]
pub(super) struct CallersBytes(Arc<AtomicUsize>);

impl CallersBytes {
    /// Counts `bytes`, unless they are too many.
    fn within_bounds(&self, bytes: usize) -> Option<Counted> {
        let fits = |waiting: usize| waiting.checked_add(bytes).filter(|sum| *sum <= MOST_BYTES);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok()?;
        Some(Counted { bytes, of: self.clone() })
    }

    /// Counts `bytes`, however many they are.
    fn beyond_bounds(&self, bytes: usize) -> Counted {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Counted { bytes, of: self.clone() }
    }
}

/// Bytes that wait until this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    bytes: usize,
    of: CallersBytes,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.of.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What may still wait in one session.
#[derive(Debug)]
pub(super) struct Room {
    messages: Arc<Semaphore>,
    bytes: CallersBytes,
}

impl Room {
    /// All of a new session, whose caller has `bytes` in the others.
    pub(super) fn new(bytes: CallersBytes) -> Self {
        Self { messages: Arc::new(Semaphore::new(MOST_WAITING)), bytes }
    }

    /// What of its caller waits, in all its sessions.
    pub(super) fn callers_bytes(&self) -> CallersBytes {
        self.bytes.clone()
    }

    /// A place for a message of `bytes`.
    pub(super) fn place(&self, bytes: usize) -> Result<Place, NoRoom> {
        let message = Arc::clone(&self.messages).try_acquire_owned().map_err(|_| NoRoom::Messages)?;
        let bytes = self.bytes.within_bounds(bytes).ok_or(NoRoom::Bytes)?;
        Ok(Place(Arc::new((message, bytes))))
    }

    /// Counts the `bytes` of an answer: it waits in the place of what it answers.
    pub(super) fn answer(&self, bytes: usize) -> Counted {
        self.bytes.beyond_bounds(bytes)
    }
}

/// The place of one message. It is free when all its clones are dropped.
#[derive(Clone, Debug)]
pub(super) struct Place(#[expect(dead_code, reason = "held until it is dropped")] Arc<(OwnedSemaphorePermit, Counted)>);
