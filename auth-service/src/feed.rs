//! The revocation feed: whoever guards a resource reads it, and waits for more. Owns the waiting, and
//! that many who wait for the same events cost one reading. Which events there are is storage's.

mod answers;
pub mod endpoint;

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, sleep, timeout_at};

use crate::storage::{Storage, StorageError};
use answers::Answers;

/// The most readers that wait at one time: half of the connections, so that the other half is left
/// to whoever wants a token.
pub const MOST_WAITING: usize = 2048;
/// How often the position is read while somebody waits: commits of other processes tell nobody.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// When it is tried again where it could not be read.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The feed.
pub struct Feed {
    storage: Storage,
    answers: Answers,
    places: Semaphore,
    arrival: Notify,
    closed: watch::Sender<bool>,
}

/// Why a reader gets no page.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotRead {
    /// The position was never handed out by this database, or so long ago that it is forgotten.
    #[error("the feed does not know this position")]
    UnknownPosition,
    /// [`MOST_WAITING`] wait already.
    #[error("too many wait")]
    TooManyWaiting,
    /// The database is busy.
    #[error("the service is busy; try again")]
    Busy,
    /// The database failed.
    #[error("{0}")]
    Failed(Arc<str>),
}

impl From<StorageError> for NotRead {
    fn from(error: StorageError) -> Self {
        if error.retry_after().is_some() { Self::Busy } else { Self::Failed(error.to_string().into()) }
    }
}

impl Feed {
    /// The feed of that database. Commits of other processes are heard while [`Feed::listen`] runs.
    pub fn new(storage: Storage) -> Self {
        Self {
            answers: Answers::new(storage.clone()),
            storage,
            places: Semaphore::new(MOST_WAITING),
            arrival: Notify::new(),
            closed: watch::Sender::new(false),
        }
    }

    /// The page behind `after`, a JSON text. Where nothing is behind it, waits for at most `wait`
    /// until there is.
    pub async fn read(&self, after: u64, wait: Duration) -> Result<Bytes, NotRead> {
        let deadline = Instant::now() + wait;
        // Before the position is read: whatever is committed from here on wakes us.
        let mut heard = self.storage.heard_position();
        let standing = self.storage.standing(after).await?;
        if !standing.known {
            return Err(NotRead::UnknownPosition);
        }
        let mut page = self.answers.page(after, standing.latest).await?;
        let mut place = None;
        while page.is_empty && Instant::now() < deadline && !*self.closed.borrow() {
            if place.is_none() {
                place = Some(self.take_place()?);
            }
            let Some(position) = self.news(&mut heard, page.position, deadline).await else { break };
            // It may be a leap, with no event behind it yet.
            page = self.answers.page(after, position).await?;
        }
        Ok(page.json)
    }

    /// Reads the position in short intervals while somebody waits, and not otherwise; until the feed
    /// is closed.
    pub async fn listen(&self) {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            _ = closed.wait_for(|closed| *closed) => {}
            () = self.look_while_somebody_waits() => {}
        }
    }

    /// Answers everybody who waits, and nobody waits any more.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        MOST_WAITING - self.places.available_permits()
    }

    /// The latest position that this process heard of.
    pub fn position(&self) -> u64 {
        *self.storage.heard_position().borrow()
    }

    /// The database that it is read from.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    fn take_place(&self) -> Result<SemaphorePermit<'_>, NotRead> {
        let place = self.places.try_acquire().map_err(|_| NotRead::TooManyWaiting)?;
        self.arrival.notify_one();
        Ok(place)
    }

    /// The next position behind `position`; `None` at the deadline, or where the feed is closed.
    async fn news(&self, heard: &mut watch::Receiver<u64>, position: u64, deadline: Instant) -> Option<u64> {
        let mut closed = self.closed.subscribe();
        let news = async {
            tokio::select! {
                _ = closed.wait_for(|closed| *closed) => None,
                // The sender lives in the storage, and so as long as we do.
                news = heard.wait_for(|latest| *latest > position) => news.ok().map(|latest| *latest),
            }
        };
        timeout_at(deadline, news).await.ok().flatten()
    }

    async fn look_while_somebody_waits(&self) {
        loop {
            self.arrival.notified().await;
            while self.waiting() > 0 {
                let pause = match self.storage.hear_position().await {
                    Ok(()) => LOOK_EVERY,
                    Err(error) => {
                        tracing::warn!(reason = "feed_position", %error, "the feed's position cannot be read");
                        LOOK_AGAIN
                    }
                };
                sleep(pause).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
