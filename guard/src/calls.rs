//! How often one caller may call tools. Owns the count; one that is refused for another reason is not counted.

use std::num::NonZeroU32;
use std::time::Duration;

use bailiwick_limits::counts::Memory;
use bailiwick_limits::{Counts, DefaultClock, Rate};

use crate::principal::Principal;
use crate::record::{Record, ToolLabel};
use crate::refusal::Refusal;

/// Callers that are counted: 28 MB at most. A spent burst is restored in two seconds.
const MEMORY: Memory = Memory { most: 65_536, idle: Duration::from_mins(1) };

/// The calls of each caller.
pub(crate) struct Calls(Option<Counts>);

impl Calls {
    /// So many a second for each caller, twice as many at once; however many with `None`.
    pub(crate) fn new(per_second: Option<NonZeroU32>) -> Self {
        Self(per_second.map(|per_second| {
            let rate = Rate {
                burst: per_second.saturating_mul(NonZeroU32::MIN.saturating_add(1)),
                every: (Duration::from_secs(1) / per_second.get()).max(Duration::from_nanos(1)),
            };
            Counts::new(DefaultClock::default(), rate, MEMORY)
        }))
    }

    /// Counts the call of a tool.
    ///
    /// # Errors
    /// [`Refusal::TooManyCalls`].
    pub(crate) fn take(&self, caller: &Principal, record: &Record<'_>) -> Result<(), Refusal> {
        match &self.0 {
            Some(counts) if record.tool != ToolLabel::None => {
                let key = (&caller.claims().iss, caller.subject(), caller.client_id());
                counts.take(key).map_err(Refusal::TooManyCalls)
            }
            _ => Ok(()),
        }
    }
}
