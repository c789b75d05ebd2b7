//! Answers that readers share. A page is the same for everybody who asks behind the same position at
//! the same moment, so it is read and written once; owns the few that were last asked for.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use actix_web::web::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};

use super::NotRead;
use crate::revocations::FeedPage;
use crate::storage::Storage;

/// The most events in one answer: with the longest identifiers and reasons less than 2 MiB.
const MOST_EVENTS: u32 = 1000;
/// The answers that are kept: guards that keep up all ask for the latest one.
const KEPT: usize = 16;

/// An answer.
#[derive(Clone)]
pub(super) struct Answer {
    /// The page as it is sent.
    pub json: Bytes,
    /// Whether it has no event.
    pub is_empty: bool,
    /// Where the reader goes on.
    pub position: u64,
}

/// Behind which position is asked, and what the feed's own position was known to be: a page that
/// was read then or later has every event up to it.
type Question = (u64, u64);
/// Many readers may share one failure too.
type Reading = Shared<BoxFuture<'static, Result<Answer, NotRead>>>;

/// The answers that were last asked for.
pub(super) struct Answers {
    storage: Storage,
    latest: Mutex<VecDeque<(Question, Reading)>>,
}

impl Answers {
    /// None yet.
    pub(super) fn new(storage: Storage) -> Self {
        Self { storage, latest: Mutex::default() }
    }

    /// The page behind `after`, of a moment at which the feed had reached `position`.
    pub(super) async fn page(&self, after: u64, position: u64) -> Result<Answer, NotRead> {
        let question = (after, position);
        let answer = self.reading(question).await;
        if answer.is_err() {
            // The next one tries again.
            self.with_latest(|latest| latest.retain(|(asked, _)| *asked != question));
        }
        answer
    }

    fn reading(&self, question: Question) -> Reading {
        self.with_latest(|latest| {
            if let Some((_, reading)) = latest.iter().find(|(asked, _)| *asked == question) {
                return reading.clone();
            }
            // A task of its own: a reader that goes away half-way leaves no connection hanging.
            let reading = tokio::spawn(read(self.storage.clone(), question.0));
            let reading = reading.map(|ended| ended.unwrap_or_else(|error| Err(failed(&error)))).boxed().shared();
            latest.push_front((question, reading.clone()));
            latest.truncate(KEPT);
            reading
        })
    }

    fn with_latest<T>(&self, work: impl FnOnce(&mut VecDeque<(Question, Reading)>) -> T) -> T {
        work(&mut self.latest.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn read(storage: Storage, after: u64) -> Result<Answer, NotRead> {
    let page: FeedPage = storage.revocations_after(after, MOST_EVENTS).await?;
    let json = serde_json::to_vec(&page).map_err(|error| failed(&error))?;
    Ok(Answer { json: json.into(), is_empty: page.events.is_empty(), position: page.next })
}

fn failed(cause: &dyn std::fmt::Display) -> NotRead {
    NotRead::Failed(cause.to_string().into())
}
