//! How often a caller may fail to authenticate. Owns the numbers and the counts. Nothing is asked
//! of it before a secret is checked, so a client that authenticates is never limited, whatever
//! others do in its name.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};

use crate::address::AddressPrefix;
use crate::counts::{Counts, Memory, Rate};

/// Twenty failures are answered plainly before the limit is felt, and two a second after that.
const RATE: Rate = Rate { burst: NonZeroU32::new(20).unwrap(), every: Duration::from_millis(500) };

/// Pairs of client and address: 28 MB at most. A spent burst is restored in 10 s.
const MEMORY: Memory = Memory { most: 65_536, idle: Duration::from_mins(1) };

/// What a failure means for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// One of those that anybody may have.
    Counted,
    /// Too many: to be answered with 429 and `Retry-After`.
    Exhausted {
        /// When the next failure would be [`Verdict::Counted`] again.
        retry_after: Duration,
    },
}

/// The failures of each client at each address.
pub struct FailureLimits<C: Clock = DefaultClock>(Counts<C>);

impl<C> FailureLimits<C>
where
    C: Clock + Clone + Send + Sync + 'static,
    C::Instant: Send + Sync,
{
    /// Counts from nothing, by `clock`.
    pub fn new(clock: C) -> Self {
        Self(Counts::new(clock, RATE, MEMORY))
    }

    /// Counts a failure to authenticate as `client_id`, known or not, from `address`.
    pub fn record_failure(&self, client_id: &str, address: impl Into<AddressPrefix>) -> Verdict {
        match self.0.take((client_id, address.into())) {
            Ok(()) => Verdict::Counted,
            Err(retry_after) => Verdict::Exhausted { retry_after },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::thread;

    use governor::clock::FakeRelativeClock;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
    const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2));

    fn limits() -> (FailureLimits<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (FailureLimits::new(clock.clone()), clock)
    }

    fn counted(limits: &FailureLimits<FakeRelativeClock>, client_id: &str, address: IpAddr, failures: usize) -> usize {
        (0..failures).filter(|_| limits.record_failure(client_id, address) == Verdict::Counted).count()
    }

    #[test]
    fn twenty_failures_are_counted_and_then_two_a_second() {
        let (limits, clock) = limits();
        assert_eq!(counted(&limits, "agent", HERE, 100), 20);
        clock.advance(Duration::from_secs(1));
        assert_eq!(counted(&limits, "agent", HERE, 100), 2);
        clock.advance(Duration::from_secs(3));
        assert_eq!(counted(&limits, "agent", HERE, 100), 6);
        clock.advance(Duration::from_hours(1));
        assert_eq!(counted(&limits, "agent", HERE, 100), 20);
    }

    #[test]
    fn after_the_time_that_was_named_a_failure_is_counted_again() {
        let (limits, clock) = limits();
        counted(&limits, "agent", HERE, 20);
        let Verdict::Exhausted { retry_after } = limits.record_failure("agent", HERE) else {
            panic!("the burst is spent");
        };
        assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_millis(500), "{retry_after:?}");
        clock.advance(retry_after);
        assert_eq!(limits.record_failure("agent", HERE), Verdict::Counted);
    }

    #[test]
    fn the_failures_of_one_client_or_address_are_not_held_against_another() {
        let (limits, _) = limits();
        counted(&limits, "agent", HERE, 100);
        assert_eq!(limits.record_failure("other", HERE), Verdict::Counted);
        assert_eq!(limits.record_failure("agent", THERE), Verdict::Counted);
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_caller() {
        let (limits, _) = limits();
        let verdicts =
            (0u16..30).map(|host| limits.record_failure("agent", IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, host])));
        assert_eq!(verdicts.filter(|verdict| *verdict == Verdict::Counted).count(), 20);
    }

    #[test]
    fn failures_that_race_are_each_counted_once() {
        let (limits, _) = limits();
        let total = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| counted(&limits, "agent", HERE, 50))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(total, 20);
    }
}
