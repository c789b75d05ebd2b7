//! The threads that hash secrets, and the only place where that is done for a
//! request. Owns how many there are, what may wait for them, and in which turn. Argon2 never runs
//! on a thread that serves requests, and memory never grows with the number of requests.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bailiwick_limits::AddressPrefix;
use tokio::sync::oneshot;

use super::fair_queue::{Bounds, FairQueue};
use super::hash::{self, Cost, HashFailed, HashMemory, NewSalt, StoredHash};
use super::secret::{ClientSecret, Secret};

/// What may wait. One client needs few places, since equal secrets of one client share a hash;
/// an address needs as many as a fleet behind it that starts at once; the whole is what two threads
/// work off in two seconds.
const BOUNDS: Bounds = Bounds { per_client: 16, per_address: 1024, total: 4096 };

/// The shortest and the longest time that a refused caller is told to wait.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Whose turn a job takes: a caller's address, and the client or user in whose name it speaks.
#[derive(Clone)]
pub(crate) struct Lane {
    /// The caller's address.
    pub(crate) address: AddressPrefix,
    /// The name that it gave, known or not.
    pub(crate) client: Arc<str>,
}

/// Why there is no answer. None of these says anything about the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotHashed {
    /// Too much waits already, of this caller or in all.
    #[error("too many secrets wait to be checked; try again in {} s", retry_after.as_secs())]
    Busy {
        /// When there should be room: what waits now, at the pace so far, in whole seconds.
        retry_after: Duration,
    },
    /// The hash failed, or the pool is stopping.
    #[error(transparent)]
    Failed(#[from] HashFailed),
}

/// What the pool has done since its start, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Jobs that wait now.
    pub(crate) waiting: usize,
    /// Jobs that were done.
    pub(crate) done: u64,
    /// Jobs whose requester had gone before their turn came; nothing was hashed for them.
    pub(crate) abandoned: u64,
    /// Jobs that were refused as [`NotHashed::Busy`].
    pub(crate) refused: u64,
    /// Jobs that panicked. Always zero, or a defect.
    pub(crate) panicked: u64,
    /// The time that jobs waited for their turn, summed over all that had one.
    pub(crate) waited: Duration,
    /// The time that jobs took, summed over those that were done.
    pub(crate) worked: Duration,
}

/// The pool. Dropping it discards what waits, whose requesters hear [`NotHashed::Failed`], and
/// blocks until the jobs at work are done: some 15 ms for each at most.
pub(crate) struct HashPool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// Signalled when a job arrives and when the pool stops.
    news: Condvar,
    counters: Counters,
}

struct State {
    queue: FairQueue<AddressPrefix, Arc<str>, Job>,
    stopping: bool,
}

struct Job {
    since: Instant,
    work: Work,
}

type Work = Box<dyn FnOnce(&mut HashMemory) -> Outcome + Send>;

#[derive(Clone, Copy)]
enum Outcome {
    Done,
    Abandoned,
}

#[derive(Default)]
struct Counters {
    waiting: AtomicUsize,
    done: AtomicU64,
    abandoned: AtomicU64,
    refused: AtomicU64,
    panicked: AtomicU64,
    waited_nanoseconds: AtomicU64,
    worked_nanoseconds: AtomicU64,
}

impl HashPool {
    /// Starts `threads` threads (`AUTH_HASH_THREADS`).
    ///
    /// # Errors
    /// Where the operating system gives no thread.
    pub(crate) fn start(threads: NonZeroUsize) -> io::Result<Self> {
        let state = State { queue: FairQueue::new(BOUNDS), stopping: false };
        let shared = Shared { state: Mutex::new(state), news: Condvar::new(), counters: Counters::default() };
        let mut pool = Self { shared: Arc::new(shared), threads: Vec::with_capacity(threads.get()) };
        for number in 0..threads.get() {
            let shared = Arc::clone(&pool.shared);
            let thread = thread::Builder::new().name(format!("hash-{number}"));
            pool.threads.push(thread.spawn(move || shared.work())?);
        }
        Ok(pool)
    }

    /// Whether the presented secret is the one of the stored hash. `None` is for a client that does
    /// not exist or a secret that it never had: never true, at the same cost.
    ///
    /// # Errors
    /// Why nothing can be said.
    pub(crate) async fn verify_client_secret(
        &self,
        lane: Lane,
        stored: Option<StoredHash>,
        presented: Arc<ClientSecret>,
    ) -> Result<bool, NotHashed> {
        self.run(lane, move |memory| hash::matches(stored.as_ref(), &presented, memory)).await
    }

    /// Whether the presented password is the one of the stored hash. `None` is for a user who does
    /// not exist or has no password: never true, at the same cost.
    ///
    /// # Errors
    /// Why nothing can be said.
    pub(crate) async fn verify_password(
        &self,
        lane: Lane,
        stored: Option<StoredHash>,
        presented: Arc<Secret>,
    ) -> Result<bool, NotHashed> {
        self.run(lane, move |memory| hash::password_matches(stored.as_ref(), &presented, memory)).await
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// Why there is no hash.
    pub(crate) async fn hash_password(
        &self,
        lane: Lane,
        password: Arc<Secret>,
        salt: NewSalt,
    ) -> Result<StoredHash, NotHashed> {
        self.run(lane, move |memory| StoredHash::create(password.expose(), Cost::PASSWORD, &salt, memory)).await
    }

    /// What the pool has done so far.
    pub(crate) fn figures(&self) -> Figures {
        self.shared.counters.figures()
    }

    /// Waits for the lane's turn and for what `work` finds. Dropping the future takes the job back.
    async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce(&mut HashMemory) -> Result<T, HashFailed> + Send + 'static,
    ) -> Result<T, NotHashed> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |memory| {
            if answer.is_closed() {
                return Outcome::Abandoned;
            }
            // Whoever leaves while the work is done misses the answer; nothing else is lost.
            let _ = answer.send(work(memory));
            Outcome::Done
        });
        self.submit(lane, work)?;
        // The sender is gone without an answer only if the work panicked or the pool stopped.
        Ok(answered.await.map_err(|_| HashFailed)??)
    }

    fn submit(&self, lane: Lane, work: Work) -> Result<(), NotHashed> {
        let counters = &self.shared.counters;
        let job = Job { since: Instant::now(), work };
        let mut state = self.shared.lock();
        let pushed = state.queue.push(lane.address, lane.client, job);
        counters.waiting.store(state.queue.len(), Ordering::Relaxed);
        drop(state);
        if pushed.is_err() {
            counters.refused.fetch_add(1, Ordering::Relaxed);
            return Err(NotHashed::Busy { retry_after: self.figures().time_to_drain(self.threads.len()) });
        }
        self.shared.news.notify_one();
        Ok(())
    }
}

impl fmt::Debug for HashPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HashPool").field("figures", &self.figures()).finish_non_exhaustive()
    }
}

impl Drop for HashPool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.stopping = true;
        let discarded = std::mem::replace(&mut state.queue, FairQueue::new(BOUNDS));
        drop(state);
        drop(discarded);
        self.shared.news.notify_all();
        for thread in self.threads.drain(..) {
            // Panics are caught within the thread; there is nothing to learn here.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// The state is whole whenever the lock is free, even after a panic: no job runs under it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What each thread does until the pool stops.
    fn work(&self) {
        let mut memory = HashMemory::default();
        while let Some(job) = self.next() {
            let start = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| (job.work)(&mut memory)));
            self.counters.count(outcome.ok(), start.duration_since(job.since), start.elapsed());
        }
    }

    /// Waits for a job; none when the pool stops.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.stopping {
                return None;
            }
            if let Some(job) = state.queue.pop() {
                self.counters.waiting.store(state.queue.len(), Ordering::Relaxed);
                return Some(job);
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Counters {
    fn count(&self, outcome: Option<Outcome>, waited: Duration, worked: Duration) {
        let nanoseconds = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.waited_nanoseconds.fetch_add(nanoseconds(waited), Ordering::Relaxed);
        let counter = match outcome {
            Some(Outcome::Done) => {
                self.worked_nanoseconds.fetch_add(nanoseconds(worked), Ordering::Relaxed);
                &self.done
            }
            Some(Outcome::Abandoned) => &self.abandoned,
            None => &self.panicked,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn figures(&self) -> Figures {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            waiting: self.waiting.load(Ordering::Relaxed),
            done: load(&self.done),
            abandoned: load(&self.abandoned),
            refused: load(&self.refused),
            panicked: load(&self.panicked),
            waited: Duration::from_nanos(load(&self.waited_nanoseconds)),
            worked: Duration::from_nanos(load(&self.worked_nanoseconds)),
        }
    }
}

impl Figures {
    /// How long `threads` threads need for what waits, at their pace so far; in whole seconds
    /// within [`RETRY_AFTER`].
    fn time_to_drain(&self, threads: usize) -> Duration {
        let (shortest, longest) = RETRY_AFTER;
        let work = self.worked.as_nanos() * self.waiting as u128;
        let nanoseconds = work / (u128::from(self.done.max(1)) * threads.max(1) as u128);
        let seconds = nanoseconds.div_ceil(Duration::from_secs(1).as_nanos());
        Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX)).clamp(shortest, longest)
    }
}

#[cfg(test)]
mod tests;
