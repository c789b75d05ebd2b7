//! How often somebody may try to sign in. Asked before a password is looked at, because passwords can
//! be guessed. Owns the numbers and the counts; strangers who fail in somebody's name do not lock that
//! person out of a browser in which they have signed in before.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use bailiwick_limits::counts::Memory;
use bailiwick_limits::{AddressPrefix, Counts, DefaultClock, Rate};
use governor::clock::Clock;

use crate::crypto::handle::HandleHash;

/// Of one address, in anybody's name: a hundred at once, as an office behind one address may need,
/// then one a second.
const OF_ADDRESS: Rate = Rate { burst: NonZeroU32::new(100).unwrap(), every: Duration::from_secs(1) };
/// In one name at one address, or from one browser that the name is known in: ten, then one a minute.
const OF_PAIR: Rate = Rate { burst: NonZeroU32::new(10).unwrap(), every: Duration::from_mins(1) };
/// In one name, from all browsers together that it is not known in: what a thousand addresses get.
const OF_NAME: Rate = Rate { burst: NonZeroU32::new(100).unwrap(), every: Duration::from_secs(30) };
/// Counts of each kind.
const MEMORY: Memory = Memory { most: 65_536, idle: Duration::from_hours(1) };

/// The attempts to sign in.
pub(crate) struct SignInLimits<C: Clock = DefaultClock> {
    addresses: Counts<C>,
    pairs: Counts<C>,
    browsers: Counts<C>,
    names: Counts<C>,
}

/// Who tries.
#[derive(Clone, Copy)]
pub(crate) struct Attempt<'a> {
    /// The name that was typed, known or not, in lower case.
    pub(crate) username: &'a str,
    /// From where.
    pub(crate) address: IpAddr,
    /// The browser, where that name has signed in from it before.
    pub(crate) known_browser: Option<&'a HandleHash>,
}

impl<C> SignInLimits<C>
where
    C: Clock + Clone + Send + Sync + 'static,
    C::Instant: Send + Sync,
{
    /// Counts from nothing, by `clock`.
    pub(crate) fn new(clock: C) -> Self {
        Self {
            addresses: Counts::new(clock.clone(), OF_ADDRESS, MEMORY),
            pairs: Counts::new(clock.clone(), OF_PAIR, MEMORY),
            browsers: Counts::new(clock.clone(), OF_PAIR, MEMORY),
            names: Counts::new(clock, OF_NAME, MEMORY),
        }
    }

    /// Counts an attempt.
    ///
    /// # Errors
    /// When to try again, where there were too many; the password is not to be looked at then.
    pub(crate) fn take(&self, attempt: Attempt<'_>) -> Result<(), Duration> {
        let Attempt { username, address, known_browser } = attempt;
        let address = AddressPrefix::from(address);
        self.addresses.take(address)?;
        match known_browser {
            Some(browser) => self.browsers.take((username, browser.as_str())),
            // In this order: what one address spends in vain is not taken from everybody's share.
            None => self.pairs.take((username, address)).and_then(|()| self.names.take(username)),
        }
    }

    /// Forgets the failures of somebody who has signed in from there.
    pub(crate) fn succeeded(&self, attempt: Attempt<'_>) {
        let Attempt { username, address, known_browser } = attempt;
        match known_browser {
            Some(browser) => self.browsers.forget((username, browser.as_str())),
            None => self.pairs.forget((username, AddressPrefix::from(address))),
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;
    use crate::crypto::entropy::SystemEntropy;
    use crate::sessions::BrowserHandle;

    fn limits() -> (SignInLimits<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (SignInLimits::new(clock.clone()), clock)
    }

    fn stranger(username: &str, host: u16) -> Attempt<'_> {
        let [high, low] = host.to_be_bytes();
        Attempt { username, address: IpAddr::from([198, 51, high, low]), known_browser: None }
    }

    fn taken<'a>(limits: &SignInLimits<FakeRelativeClock>, attempts: impl IntoIterator<Item = Attempt<'a>>) -> usize {
        attempts.into_iter().filter(|attempt| limits.take(*attempt).is_ok()).count()
    }

    #[test]
    fn one_name_at_one_address_gets_ten_and_then_one_a_minute() {
        let (limits, clock) = limits();
        assert_eq!(taken(&limits, [stranger("ada", 1); 50]), 10);
        let wait = limits.take(stranger("ada", 1)).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_mins(1), "{wait:?}");
        clock.advance(wait);
        assert_eq!(taken(&limits, [stranger("ada", 1); 50]), 1);
    }

    #[test]
    fn a_thousand_addresses_get_no_more_in_one_name_than_its_share() {
        let (limits, clock) = limits();
        assert_eq!(taken(&limits, (0..1000).map(|host| stranger("ada", host))), 100);
        clock.advance(Duration::from_mins(1));
        assert_eq!(taken(&limits, (1000..2000).map(|host| stranger("ada", host))), 2);
    }

    #[test]
    fn one_address_gets_no_more_in_many_names_than_its_share() {
        let (limits, _) = limits();
        let names: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
        assert_eq!(taken(&limits, names.iter().map(|name| stranger(name, 1))), 100);
    }

    #[test]
    fn the_owner_in_a_known_browser_is_not_locked_out_by_strangers() {
        let (limits, _) = limits();
        let browser = BrowserHandle::generate(&SystemEntropy).unwrap().hash();
        let _ = taken(&limits, (0..2000).map(|host| stranger("ada", host)));
        let owner = Attempt { known_browser: Some(&browser), ..stranger("ada", 60_000) };
        assert_eq!(taken(&limits, [owner; 50]), 10, "who stole the browser has no more guesses than anybody");
    }

    #[test]
    fn the_owner_elsewhere_is_not_locked_out_by_one_address() {
        let (limits, _) = limits();
        let _ = taken(&limits, vec![stranger("ada", 1); 5000]);
        assert!(limits.take(stranger("ada", 2)).is_ok());
    }

    #[test]
    fn who_signs_in_begins_anew() {
        let (limits, _) = limits();
        assert_eq!(taken(&limits, [stranger("ada", 1); 9]), 9);
        limits.succeeded(stranger("ada", 1));
        assert_eq!(taken(&limits, [stranger("ada", 1); 50]), 10);
    }
}
