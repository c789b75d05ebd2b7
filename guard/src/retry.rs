//! How long to leave a token service alone that does not answer. Owns the arithmetic of the pauses;
//! what is tried again, the longest pause and the randomness are the caller's.

use std::time::Duration;

/// The pause after that many failures in a row: one second, doubled at each failure up to `longest`,
/// and of that a random part of at least a half. `random` is any byte; it spreads the tries of many
/// guards.
pub(crate) fn pause(failures: u32, random: u8, longest: Duration) -> Duration {
    let longest = Duration::from_secs(1).saturating_mul(1 << failures.saturating_sub(1).min(5)).min(longest);
    longest / 2 + longest / 2 * u32::from(random) / u32::from(u8::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn retries_slow_down_and_are_spread() {
        let longest = Duration::from_secs(30);
        let pause = |failures, random| super::pause(failures, random, longest);
        assert_eq!(pause(1, 0), Duration::from_millis(500));
        assert_eq!(pause(1, 255), Duration::from_secs(1));
        assert_eq!(pause(3, 255), Duration::from_secs(4));
        assert_eq!(pause(6, 255), longest);
        assert_eq!(pause(u32::MAX, 255), longest);
        assert_eq!(pause(u32::MAX, 0), longest / 2);
    }
}
