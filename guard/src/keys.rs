//! The issuer's keys as the guard knows them. Owns when they are fetched, for how long they count, and
//! that however many callers ask, one fetch is made; never verifies a token.
//!
//! A token whose key is not known may be of a key that was published a moment ago, so its caller waits
//! for a fetch that begins after it came. That is a second away at most; what may wait is bounded.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bailiwick_core::{Clock, Issuer, KeyId, KeySet, UnixSeconds};
use futures::FutureExt;
use futures::future::Shared;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::fetch::{self, FetchError};
use crate::{discovery, retry};

/// How long after a fetch the keys are fetched anew.
const REFRESH: Duration = Duration::from_mins(5);

/// The oldest keys that still count while the issuer cannot be reached.
const OLDEST: Duration = Duration::from_hours(1);

/// How long the issuer is left alone after a fetch that a request caused.
const QUIET: Duration = Duration::from_secs(1);

/// The most callers that wait for the next fetch that is allowed. Whoever comes when so many wait is
/// judged by the keys at hand.
const MOST_WAITING: usize = 1024;

/// The longest pause between two tries while the issuer cannot be reached.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Where the log lines of this module go.
const TARGET: &str = "bailiwick_guard::keys";

/// The keys at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// The keys themselves.
    pub(crate) set: Arc<KeySet>,
    /// Changes whenever the published document does, so that what rests on other keys is found out.
    pub(crate) generation: u64,
    document: Arc<[u8]>,
    fetched_at: UnixSeconds,
}

/// The keys of one issuer, kept fresh.
pub(crate) struct KeyStore {
    issuer: Issuer,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    known: watch::Sender<Option<Keys>>,
    address: Mutex<Option<String>>,
    flight: Mutex<Flight>,
    waiting: Semaphore,
}

/// The fetch that is under way, if any, and when the last one ended.
#[derive(Default)]
struct Flight {
    under_way: Option<Fetch>,
    ended: Option<Instant>,
}

/// What a caller who wants a fetch finds.
enum Joined {
    /// One that began for it.
    New(Fetch),
    /// One that had begun before.
    UnderWay(Fetch),
    /// None: the issuer is left alone for so long.
    Resting(Duration),
}

type Fetch = Shared<Pin<Box<dyn Future<Output = bool> + Send>>>;

impl KeyStore {
    /// A store that knows no key yet.
    pub(crate) fn new(issuer: Issuer, client: reqwest::Client, clock: Arc<dyn Clock>) -> Self {
        let (known, _) = watch::channel(None);
        let waiting = Semaphore::new(MOST_WAITING);
        Self { issuer, client, clock, known, address: Mutex::default(), flight: Mutex::default(), waiting }
    }

    /// The keys, where there are any and they are not too old.
    pub(crate) fn usable(&self) -> Option<Keys> {
        self.known.borrow().as_ref().filter(|keys| self.are_usable(keys)).cloned()
    }

    /// The generation of the usable keys: all that is asked of them for a token that was verified before.
    pub(crate) fn usable_generation(&self) -> Option<u64> {
        self.known.borrow().as_ref().filter(|keys| self.are_usable(keys)).map(|keys| keys.generation)
    }

    fn are_usable(&self, keys: &Keys) -> bool {
        !keys.set.is_empty() && self.clock.now().since(keys.fetched_at) <= OLDEST
    }

    /// Waits until there are usable keys.
    pub(crate) async fn wait_until_usable(&self) {
        let mut changes = self.known.subscribe();
        while self.usable().is_none() {
            // The sender lives as long as `self`, so there is always a next change to wait for.
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Keeps the keys fresh for as long as it is polled. `random` gives any byte; it spreads the
    /// retries of many guards.
    pub(crate) async fn keep_fresh(self: Arc<Self>, random: impl Fn() -> u8) {
        let mut failures = 0;
        loop {
            let fetched = self.fetch().await;
            failures = if fetched { 0 } else { failures + 1 };
            tokio::time::sleep(if fetched { REFRESH } else { retry::pause(failures, random(), LONGEST_RETRY) }).await;
        }
    }

    /// Looks for a key that is not known: the usable keys after that, whether or not it is among them.
    pub(crate) async fn look_for(self: &Arc<Self>, key_id: &KeyId) -> Option<Keys> {
        let is_known = |keys: &Keys| keys.set.get(key_id).is_some();
        let began_later = match self.join(QUIET) {
            Joined::New(fetch) => {
                fetch.await;
                true
            }
            Joined::UnderWay(fetch) => {
                fetch.await;
                false
            }
            Joined::Resting(_) => false,
        };
        let keys = self.usable()?;
        if began_later || is_known(&keys) {
            return Some(keys);
        }
        self.wait_for_next_fetch().await;
        self.usable()
    }

    /// Waits for the next fetch that is allowed, if not too many do. Whoever wakes first begins it.
    async fn wait_for_next_fetch(self: &Arc<Self>) {
        let Ok(_waiting) = self.waiting.try_acquire() else { return };
        if let Joined::Resting(rest) = self.join(QUIET) {
            tokio::time::sleep(rest).await;
        }
        // Where it rests again, a fetch has begun and ended in between.
        if let Joined::New(fetch) | Joined::UnderWay(fetch) = self.join(QUIET) {
            fetch.await;
        }
    }

    /// Joins the fetch under way or begins one, and says whether it succeeded.
    async fn fetch(self: &Arc<Self>) -> bool {
        match self.join(Duration::ZERO) {
            Joined::New(fetch) | Joined::UnderWay(fetch) => fetch.await,
            Joined::Resting(_) => false,
        }
    }

    /// The fetch under way, or a new one where the last ended at least `quiet` ago. It runs on a task
    /// of its own: a caller who goes away does not take it from the others.
    fn join(self: &Arc<Self>, quiet: Duration) -> Joined {
        let mut flight = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fetch) = &flight.under_way {
            return Joined::UnderWay(fetch.clone());
        }
        let rest = flight.ended.map_or(Duration::ZERO, |ended| quiet.saturating_sub(ended.elapsed()));
        if rest > Duration::ZERO {
            return Joined::Resting(rest);
        }
        Joined::New(flight.under_way.insert(Arc::clone(self).begin()).clone())
    }

    fn begin(self: Arc<Self>) -> Fetch {
        let task = tokio::spawn(async move {
            let landing = Landing(self);
            let store = &landing.0;
            let result = store.read_keys().await;
            let fetched = result.is_ok();
            match result {
                Ok(keys) => store.take(keys),
                Err(error) => {
                    tracing::warn!(target: TARGET, issuer = %store.issuer, %error, "the keys cannot be fetched");
                }
            }
            fetched
        });
        async move { task.await.unwrap_or(false) }.boxed().shared()
    }

    /// Fetches the published keys, after finding where they are if that is not known.
    async fn read_keys(&self) -> Result<(Vec<u8>, KeySet), FetchError> {
        let known = self.address.lock().unwrap_or_else(PoisonError::into_inner).take();
        let address = match known {
            Some(address) => address,
            None => discovery::key_address(&self.client, &self.issuer).await?,
        };
        let document = fetch::document(&self.client, &address).await?;
        let set = KeySet::from_jwks(&document)
            .map_err(|source| FetchError::NotTheDocument { url: address.clone(), source })?;
        // Kept only where it led to keys: after a failure the address is looked up anew.
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
        Ok((document, set))
    }

    fn take(&self, (document, set): (Vec<u8>, KeySet)) {
        let fetched_at = self.clock.now();
        if set.is_empty() {
            tracing::warn!(target: TARGET, issuer = %self.issuer, "none of the published keys is usable");
        }
        self.known.send_modify(|known| match known {
            Some(keys) if *keys.document == document => keys.fetched_at = fetched_at,
            _ => {
                let generation = known.as_ref().map_or(0, |keys| keys.generation + 1);
                tracing::info!(target: TARGET, issuer = %self.issuer, keys = set.key_ids().count(), "keys fetched");
                *known = Some(Keys { set: Arc::new(set), generation, document: document.into(), fetched_at });
            }
        });
    }
}

/// Ends a flight however its task ends, so that the next one can begin.
struct Landing(Arc<KeyStore>);

impl Drop for Landing {
    fn drop(&mut self) {
        let mut flight = self.0.flight.lock().unwrap_or_else(PoisonError::into_inner);
        *flight = Flight { under_way: None, ended: Some(Instant::now()) };
    }
}
