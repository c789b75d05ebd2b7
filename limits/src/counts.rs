//! Counts of something that may happen so often, one for each key. Owns keeping them in bounded memory;
//! the arithmetic is governor's, the numbers are whoever's rule it is.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use moka::sync::Cache;

/// How often something may happen: so many times at once, then one more each time that a period has
/// gone by.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// How many times at once.
    pub burst: NonZeroU32,
    /// The period after which one more may happen; at least a nanosecond.
    pub every: Duration,
}

/// How many counts are kept.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// The most at a time; beyond, those heard of least are forgotten. Some 400 bytes each.
    pub most: u64,
    /// How long one is kept after its last use: at least as long as a spent burst takes to be
    /// restored, so that forgetting gives nothing away.
    pub idle: Duration,
}

type Limiter<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Counts of one kind. Keys are kept as hashes under a key of this process: some hold what was typed or
/// sent by strangers, of any length, perhaps a secret in the wrong field.
pub struct Counts<C: Clock = DefaultClock> {
    clock: C,
    rate: Rate,
    hasher: RandomState,
    limiters: Cache<u64, Arc<Limiter<C>>>,
}

impl<C> Counts<C>
where
    C: Clock + Clone + Send + Sync + 'static,
    C::Instant: Send + Sync,
{
    /// Counts from nothing, by `clock`.
    pub fn new(clock: C, rate: Rate, memory: Memory) -> Self {
        let limiters = Cache::builder().max_capacity(memory.most).time_to_idle(memory.idle).build();
        Self { clock, rate, hasher: RandomState::new(), limiters }
    }

    /// Counts once more for `key`.
    ///
    /// # Errors
    /// Where there were too many: how long until one more may happen.
    pub fn take(&self, key: impl Hash) -> Result<(), Duration> {
        let limiter = self.limiters.get_with(self.hasher.hash_one(key), || {
            let quota = Quota::with_period(self.rate.every).unwrap_or(Quota::per_minute(NonZeroU32::MIN));
            Arc::new(RateLimiter::direct_with_clock(quota.allow_burst(self.rate.burst), self.clock.clone()))
        });
        limiter.check().map_err(|until| until.wait_time_from(self.clock.now()))
    }

    /// Forgets what was counted for `key`.
    pub fn forget(&self, key: impl Hash) {
        self.limiters.invalidate(&self.hasher.hash_one(key));
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    const RATE: Rate = Rate { burst: NonZeroU32::new(10).unwrap(), every: Duration::from_millis(100) };
    const MEMORY: Memory = Memory { most: 1_000, idle: Duration::from_mins(1) };

    fn taken(counts: &Counts<FakeRelativeClock>, key: &str, times: usize) -> usize {
        (0..times).filter(|_| counts.take(key).is_ok()).count()
    }

    #[test]
    fn a_burst_and_then_one_a_period_for_each_key_alone() {
        let clock = FakeRelativeClock::default();
        let counts = Counts::new(clock.clone(), RATE, MEMORY);
        assert_eq!((taken(&counts, "one", 50), taken(&counts, "other", 50)), (10, 10));
        let wait = counts.take("one").unwrap_err();
        assert!(wait > Duration::ZERO && wait <= RATE.every, "{wait:?}");
        clock.advance(Duration::from_secs(1));
        assert_eq!(taken(&counts, "one", 50), 10);
        counts.forget("one");
        assert_eq!(taken(&counts, "one", 50), 10);
    }

    #[test]
    fn however_many_keys_there_are_the_memory_is_bounded() {
        let counts = Counts::new(FakeRelativeClock::default(), RATE, MEMORY);
        for number in 0..20_000 {
            let _ = counts.take(number);
        }
        counts.limiters.run_pending_tasks();
        assert!(counts.limiters.entry_count() <= MEMORY.most);
    }
}
