//! Limits on callers, alike at the token service and at the guards: who a caller is by address, how
//! many failures one may have, how many calls. Knows nothing of HTTP; header texts are arguments, and
//! so is the clock.

pub mod address;
pub mod counts;
pub mod failures;

pub use address::{AddressPrefix, TrustedProxies, caller_address};
pub use counts::{Counts, Rate};
pub use failures::{FailureLimits, Verdict};
pub use governor::clock::DefaultClock;
