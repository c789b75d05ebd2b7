//! Listens to the feed for one guard: a snapshot, then whatever comes after it. Owns when the feed is
//! asked and what follows from an answer; never decides about a token.

use std::sync::Arc;
use std::time::Duration;

use bailiwick_core::UnixSeconds;
use tokio::time::Instant;

use super::feed::{Feed, FeedError, Told};
use super::table::Table;
use super::{Revocations, TARGET};
use crate::credentials::OwnToken;
use crate::retry;

/// The longest that the service is let wait for events: less than the 30 seconds after which many proxies
/// cut a silent connection.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// The pause after an answer with events: a storm of them comes in bundles, twenty a second.
const PACE: Duration = Duration::from_millis(50);

/// The pause after an answer without anything new that came sooner than it was asked for: a service must not
/// be asked as fast as it answers.
const REST: Duration = Duration::from_millis(250);

/// The longest pause between two tries. It is short: when the service is there again, what it revokes is to
/// be felt soon.
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// How long a whole snapshot may take.
const LONGEST_SNAPSHOT: Duration = Duration::from_mins(5);

/// How often events are let go whose time is over.
const REAP: Duration = Duration::from_mins(1);

impl Revocations {
    /// Listens for as long as it is polled; it never ends. However often it is called, one listens at a
    /// time. `random` gives any byte; it spreads the retries of many guards.
    pub(crate) async fn listen(self: Arc<Self>, random: impl Fn() -> u8) {
        let _alone = self.listening.lock().await;
        let url = self.means.issuer.endpoint("/revocations");
        let token = OwnToken::new(&self.means.issuer, &self.means.client, &self.means.credentials, &url);
        let feed = Feed::new(&url, &self.means.client, token);
        let listener = Listener { revocations: &self, feed, random, service_clock: None, reaped: Instant::now() };
        futures::future::join(listener.run(), self.watch_age()).await;
    }

    /// Tells when the last answer becomes too old, and wakes the open streams, which end then.
    async fn watch_age(&self) {
        let mut changes = self.heard.subscribe();
        loop {
            let answered = changes.borrow_and_update().answered;
            let too_old = async {
                match (answered, self.means.max_staleness) {
                    (Some(answered), Some(most)) if !self.is_too_old(answered) => {
                        // Timers count in whole milliseconds: so it is not too early when it rings.
                        tokio::time::sleep_until(answered + most + Duration::from_millis(1)).await;
                    }
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                heard = changes.changed() => if heard.is_err() { return },
                () = too_old => {
                    let seconds = self.means.max_staleness.map(|most| most.as_secs());
                    tracing::error!(
                        target: TARGET, issuer = %self.means.issuer, seconds,
                        "nothing was heard of revocations for too long: every request is refused until the feed answers"
                    );
                    self.heard.send_modify(|_| ());
                }
            }
        }
    }

    /// How long the service is let wait: a third of what may pass in silence, so that two answers may be
    /// lost, or as long as is good.
    fn wait(&self) -> Duration {
        let third = self.means.max_staleness.map_or(LONGEST_WAIT, |most| most / 3);
        Duration::from_secs(third.min(LONGEST_WAIT).as_secs())
    }
}

struct Listener<'a, R> {
    revocations: &'a Revocations,
    feed: Feed<'a>,
    random: R,
    /// The latest that is known of the service's clock.
    service_clock: Option<UnixSeconds>,
    reaped: Instant,
}

/// How to go on after an answer.
struct Next {
    position: u64,
    pause: Duration,
}

impl<R: Fn() -> u8> Listener<'_, R> {
    async fn run(mut self) {
        let mut position = None;
        let mut failures = 0;
        loop {
            let heard = match position {
                // After a failure an answer is wanted at once: it ends the silence.
                Some(after) if failures > 0 => self.follow(after, Duration::ZERO).await,
                Some(after) => self.follow(after, self.revocations.wait()).await,
                None => self.take_snapshot().await,
            };
            let pause = match heard {
                Ok(next) => {
                    if failures > 0 && position.is_some() {
                        self.tell("revocations are heard again");
                    }
                    failures = 0;
                    position = Some(next.position);
                    next.pause
                }
                Err(error) => {
                    failures += 1;
                    self.tell_lost(&error, failures);
                    position = position.filter(|_| !error.ends_position());
                    self.pause(failures)
                }
            };
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// Waits so long for what comes after `after`.
    async fn follow(&mut self, after: u64, wait: Duration) -> Result<Next, FeedError> {
        let asked = Instant::now();
        let told = self.feed.ask(Some(after), wait).await?;
        let position = told.page.next;
        let is_new = !told.page.is_empty && position > after;
        self.take(&self.revocations.table, &told)?;
        self.revocations.heard_up_to(position);
        self.reap_in_passing();
        let pause = if is_new {
            PACE
        } else if asked.elapsed() < wait / 2 {
            REST
        } else {
            Duration::ZERO
        };
        Ok(Next { position, pause })
    }

    /// Reads everything anew, beside what is known: that goes on refusing until the new is whole.
    async fn take_snapshot(&mut self) -> Result<Next, FeedError> {
        let aside = self.revocations.table.empty_like();
        let reading = tokio::time::timeout(LONGEST_SNAPSHOT, self.read_all(&aside)).await;
        let position = reading.unwrap_or_else(|_| Err(self.feed.endless()))?;
        self.revocations.table.replace_with(aside);
        self.revocations.heard_up_to(position);
        self.tell("a snapshot of the revocation feed is read, and what comes after it is heard");
        Ok(Next { position, pause: Duration::ZERO })
    }

    /// Reads page by page until nothing is left; gives the position reached.
    async fn read_all(&mut self, aside: &Table) -> Result<u64, FeedError> {
        let mut position = None;
        loop {
            let told = self.feed.ask(position, Duration::ZERO).await?;
            self.take(aside, &told)?;
            let next = told.page.next;
            if told.page.is_empty {
                return Ok(next);
            }
            if position == Some(next) {
                return Err(self.feed.endless());
            }
            position = Some(next);
        }
    }

    fn take(&mut self, table: &Table, Told { page, date }: &Told) -> Result<(), FeedError> {
        let issuer = &self.revocations.means.issuer;
        self.service_clock = date.or(self.service_clock.max(page.latest));
        if page.is_out_of_order {
            tracing::warn!(
                target: TARGET, %issuer, next = page.next,
                "the feed repeats events or has them out of order: the highest position of each subject counts"
            );
        }
        if let Some(kind) = &page.unknown_kind {
            tracing::warn!(
                target: TARGET, %issuer, kind = kind.as_str(),
                "the feed has a kind of revocation that this guard does not know and passes over: renew the guard"
            );
        }
        for event in &page.events {
            if self.revocations.take(table, event).is_err() {
                // Perhaps the time of some is over.
                self.reap(table);
                self.revocations.take(table, event).inspect_err(|_| self.revocations.overfull())?;
            }
        }
        Ok(())
    }

    fn pause(&self, failures: u32) -> Duration {
        retry::pause(failures, (self.random)(), LONGEST_RETRY)
    }

    fn reap_in_passing(&mut self) {
        if self.reaped.elapsed() >= REAP {
            self.reap(&self.revocations.table);
            self.reaped = Instant::now();
        }
    }

    fn reap(&self, table: &Table) {
        if let Some(service_clock) = self.service_clock {
            table.reap(service_clock.min(self.revocations.means.clock.now()));
        }
    }

    fn tell(&self, what: &'static str) {
        let Revocations { means, table, heard, .. } = self.revocations;
        let (issuer, position, live) = (&means.issuer, heard.borrow().position, table.live());
        tracing::info!(target: TARGET, %issuer, position, live, "{what}");
    }

    fn tell_lost(&self, error: &FeedError, failures: u32) {
        let Revocations { means, failures: counter, .. } = self.revocations;
        counter.inc();
        let hearing = self.revocations.hearing().as_str();
        tracing::warn!(target: TARGET, issuer = %means.issuer, %error, failures, hearing, "revocations cannot be heard");
    }
}
