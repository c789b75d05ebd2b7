//! The issuer's keys as the guard knows them. Owns when they are fetched, for how long they count, and
//! that however many callers ask, one fetch is made; never verifies a token.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bailiwick_core::{Clock, Issuer, KeySet, UnixSeconds};
use futures::FutureExt;
use futures::future::Shared;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::fetch::{self, FetchError};
use crate::{discovery, retry};

/// How long after a fetch the keys are fetched anew.
const REFRESH: Duration = Duration::from_mins(5);

/// The oldest keys that still count while the issuer cannot be reached.
const OLDEST: Duration = Duration::from_hours(1);

/// How long the issuer is left alone after a fetch that a request caused.
const QUIET: Duration = Duration::from_secs(1);

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
}

/// The fetch that is under way, if any, and when the last one ended.
#[derive(Default)]
struct Flight {
    under_way: Option<Fetch>,
    ended: Option<Instant>,
}

type Fetch = Shared<Pin<Box<dyn Future<Output = bool> + Send>>>;

impl KeyStore {
    /// A store that knows no key yet.
    pub(crate) fn new(issuer: Issuer, client: reqwest::Client, clock: Arc<dyn Clock>) -> Self {
        let (known, _) = watch::channel(None);
        Self { issuer, client, clock, known, address: Mutex::default(), flight: Mutex::default() }
    }

    /// The keys, where there are any and they are not too old.
    pub(crate) fn usable(&self) -> Option<Keys> {
        let keys = self.known.borrow().clone()?;
        let fresh = self.clock.now().since(keys.fetched_at) <= OLDEST;
        (fresh && !keys.set.is_empty()).then_some(keys)
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

    /// Fetches for a request whose key is not known: joins a fetch under way, else begins one unless
    /// the last ended less than [`QUIET`] ago.
    pub(crate) async fn fetch_once(self: &Arc<Self>) {
        if let Some(fetch) = self.join(QUIET) {
            fetch.await;
        }
    }

    /// Joins the fetch under way or begins one, and says whether it succeeded.
    async fn fetch(self: &Arc<Self>) -> bool {
        match self.join(Duration::ZERO) {
            Some(fetch) => fetch.await,
            None => false,
        }
    }

    /// The fetch under way, or a new one where the last ended at least `quiet` ago. It runs on a task
    /// of its own: a caller who goes away does not take it from the others.
    fn join(self: &Arc<Self>, quiet: Duration) -> Option<Fetch> {
        let mut flight = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
        let rests = flight.ended.is_some_and(|ended| ended.elapsed() < quiet);
        if flight.under_way.is_none() && !rests {
            flight.under_way = Some(Arc::clone(self).begin());
        }
        flight.under_way.clone()
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
