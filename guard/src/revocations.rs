//! What the guard knows of revocations, and whether that is enough to let anybody through. Owns the
//! rules below; asking the service is [`feed`]'s, when to ask [`listener`]'s, the memory [`table`]'s.
//!
//! - Nothing is let through before a first snapshot is whole, nor when the last answer of the feed is
//!   older than may be. That age is counted by a clock that nobody sets; a wrong wall clock does not
//!   matter to it. What is known to be revoked stays refused meanwhile.
//! - An event is let go when *both* this machine's clock and the service's (the `Date` of its answers,
//!   else the time of its latest event) have passed its `retain_until`. A token that the event refuses
//!   has expired by then: the service put `retain_until` after every such `exp`, and `exp` is judged by
//!   this machine's clock. The service's clock counts besides, so that a clock which ran an hour ahead and
//!   is set right again has not cost an event; where this machine's is behind, its tokens live longer
//!   and so do its events.
//! - There is a most of events. One more than that is not forgotten quietly: the guard then does not know
//!   who is revoked, and refuses everybody.
//! - What is for other resources alone is not kept: a token for one of them comes no further than its `aud`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bailiwick_core::{Clock, InvalidToken, Issuer, ResourceUri, SubjectKind};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use crate::credentials::Credentials;
use crate::principal::{Principal, Proof};
use crate::refusal::Refusal;

mod feed;
mod listener;
mod measured;
mod page;
mod table;

pub(crate) use measured::Measured;

use page::Event;
use table::{Full, Table};

/// Where the log lines of this module go.
const TARGET: &str = "bailiwick_guard::revocations";

/// What a guard hears of revocations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// Nothing: it has no credentials. Tokens live until `exp`.
    Off,
    /// Nothing yet: the first snapshot is not whole. Every request is refused.
    NotYet,
    /// Every revocation, but for those since the last answer, which is not too old.
    Heard,
    /// The last answer is too old. Every request is refused.
    TooOld,
    /// There are more live revocations than may be kept. Every request is refused.
    TooMany,
}

impl Hearing {
    /// Its word in health reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::NotYet => "not yet heard",
            Self::Heard => "heard",
            Self::TooOld => "too old",
            Self::TooMany => "too many",
        }
    }

    /// Whether requests are let through.
    #[must_use]
    pub fn suffices(self) -> bool {
        matches!(self, Self::Off | Self::Heard)
    }
}

/// What hearing is made of.
pub(crate) struct Means {
    pub(crate) issuer: Issuer,
    pub(crate) resource: ResourceUri,
    pub(crate) client: reqwest::Client,
    pub(crate) credentials: Credentials,
    pub(crate) clock: Arc<dyn Clock>,
    /// How old the last answer may be; `None` for any age.
    pub(crate) max_staleness: Option<Duration>,
    /// The most subjects that are held.
    pub(crate) most: usize,
}

/// The revocations that one guard has heard of.
pub(crate) struct Revocations {
    means: Means,
    table: Table,
    heard: watch::Sender<Heard>,
    /// Held by the one listener.
    listening: Mutex<()>,
    failures: Counter,
}

/// How far the feed is heard.
#[derive(Clone, Copy, Default)]
struct Heard {
    position: u64,
    /// When the feed last answered; `None` before the first snapshot is whole.
    answered: Option<Instant>,
    overfull: bool,
}

impl Revocations {
    /// Nothing is heard yet.
    pub(crate) fn new(means: Means) -> Self {
        let table = Table::new(means.most);
        let (heard, _) = watch::channel(Heard::default());
        Self { means, table, heard, listening: Mutex::default(), failures: Counter::default() }
    }

    /// Checks that the token of this caller is not revoked. What is not an access token of the issuer the
    /// feed does not speak of.
    ///
    /// # Errors
    /// Where it is, or where that cannot be told.
    pub(crate) fn check(&self, principal: &Principal) -> Result<(), Refusal> {
        let Proof::AccessToken(key_id) = principal.proof() else { return Ok(()) };
        if self.table.refuses(principal.claims(), key_id) {
            return Err(Refusal::InvalidToken(InvalidToken::Revoked));
        }
        if self.hearing().suffices() { Ok(()) } else { Err(Refusal::RevocationsUnknown) }
    }

    /// How things stand now.
    pub(crate) fn hearing(&self) -> Hearing {
        let Heard { answered, overfull, .. } = *self.heard.borrow();
        match answered {
            _ if overfull => Hearing::TooMany,
            None => Hearing::NotYet,
            Some(answered) if self.is_too_old(answered) => Hearing::TooOld,
            Some(_) => Hearing::Heard,
        }
    }

    fn is_too_old(&self, answered: Instant) -> bool {
        self.means.max_staleness.is_some_and(|most| answered.elapsed() > most)
    }

    /// What a start-up line says.
    pub(crate) fn policy(&self) -> String {
        match self.means.max_staleness {
            Some(most) => format!("revocations are heard; after {} s of silence everything is refused", most.as_secs()),
            None => "revocations are heard; however long the silence, tokens live until exp".to_owned(),
        }
    }

    /// Waits until requests are let through.
    pub(crate) async fn wait_until_heard(&self) {
        let mut changes = self.heard.subscribe();
        while !self.hearing().suffices() {
            // The sender lives as long as `self`, so there is always a next change to wait for.
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until the token of this caller is refused: it is looked at whenever something was heard, and
    /// when what was heard becomes too old.
    pub(crate) async fn until_refused(self: Arc<Self>, principal: Principal) {
        let mut changes = self.heard.subscribe();
        while self.check(&principal).is_ok() {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Takes one event into a table.
    fn take(&self, table: &Table, Event { kind, id, seq, retain_until }: &Event) -> Result<(), Full> {
        let concerns_another =
            *kind == SubjectKind::Resource && id.parse::<ResourceUri>().is_ok_and(|uri| uri != self.means.resource);
        if concerns_another { Ok(()) } else { table.insert((*kind, id), *seq, *retain_until) }
    }

    fn heard_up_to(&self, position: u64) {
        let answered = Some(Instant::now());
        self.heard.send_replace(Heard { position, answered, overfull: false });
    }

    fn overfull(&self) {
        self.heard.send_modify(|heard| heard.overfull = true);
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Revocations").field("hearing", &self.hearing()).finish_non_exhaustive()
    }
}
