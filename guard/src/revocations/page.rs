//! One answer of the feed. Owns what is believed of it: it is taken in whole or not at all.
//!
//! Events that are out of order or come again are harmless, since a subject's highest position counts
//! whatever the order; they are told, not refused. What the service could not mean (positions that go
//! backwards, numbers beyond all sense) makes the whole answer worthless, and its position with it.
//!
//! **A kind of subject that this guard does not know is passed over**, and told. Refusing every request
//! instead would turn the first use of a new kind into an outage of every guard that is not renewed yet;
//! passed over, a token that only such an event takes back lives until its `exp`, as it does without a
//! feed. So guards are renewed before a service that uses a new kind.

use bailiwick_core::{SubjectKind, UnixSeconds};
use serde::Deserialize;

/// The most events in one answer.
pub(crate) const MOST_EVENTS: usize = 10_000;

/// The highest position: what every reader of JSON still counts one by one.
const HIGHEST: u64 = 1 << 53;

/// The latest moment: the end of the year 9999.
const LATEST: UnixSeconds = UnixSeconds(253_402_300_799);

/// Why an answer is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Lie {
    #[error("it has more than {MOST_EVENTS} events")]
    TooMany,
    #[error("its next is {next}, which lies before {position}")]
    Backwards { next: u64, position: u64 },
    #[error("its position {0} is beyond 2^53")]
    Position(u64),
    #[error("its time {0} is before 1970 or after 9999")]
    Time(UnixSeconds),
}

/// Why an answer is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    #[error("it is cut off or not the feed's JSON: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error(transparent)]
    Lie(#[from] Lie),
}

/// One whole answer.
#[derive(Debug)]
pub(crate) struct Page {
    /// The revocations of known kinds, as they came.
    pub(crate) events: Vec<Event>,
    /// Where to go on.
    pub(crate) next: u64,
    /// Whether nothing is left to read.
    pub(crate) is_empty: bool,
    /// Whether events came again or not in the order of their positions.
    pub(crate) is_out_of_order: bool,
    /// A kind that is not known here, where there was one.
    pub(crate) unknown_kind: Option<String>,
    /// The latest time at which one of the events was made.
    pub(crate) latest: Option<UnixSeconds>,
}

/// One revocation.
#[derive(Debug)]
pub(crate) struct Event {
    /// What kind of thing it takes back.
    pub(crate) kind: SubjectKind,
    /// Which.
    pub(crate) id: String,
    /// Its position.
    pub(crate) seq: u64,
    /// Until when a token that it refuses could still be valid.
    pub(crate) retain_until: UnixSeconds,
}

#[derive(Deserialize)]
struct Document {
    events: Vec<EventDocument>,
    next: u64,
}

#[derive(Deserialize)]
struct EventDocument {
    seq: u64,
    at: UnixSeconds,
    subject: SubjectDocument,
    retain_until: UnixSeconds,
}

#[derive(Deserialize)]
struct SubjectDocument {
    kind: Kind,
    id: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Kind {
    Known(SubjectKind),
    Unknown(String),
}

impl Page {
    /// Reads the answer to a question for what comes after `after`, or for a snapshot.
    ///
    /// # Errors
    /// Where it is not whole, or says what cannot be.
    pub(crate) fn read(body: &[u8], after: Option<u64>) -> Result<Self, PageError> {
        let Document { events, next } = serde_json::from_slice(body)?;
        check(&events, next, after)?;
        let mut page = Self {
            is_empty: events.is_empty(),
            events: Vec::with_capacity(events.len()),
            next,
            is_out_of_order: false,
            unknown_kind: None,
            latest: events.iter().map(|event| event.at).max(),
        };
        let mut position = after;
        for EventDocument { seq, subject: SubjectDocument { kind, id }, retain_until, .. } in events {
            page.is_out_of_order |= position.is_some_and(|position| seq <= position);
            position = position.max(Some(seq));
            match kind {
                Kind::Known(kind) => page.events.push(Event { kind, id, seq, retain_until }),
                Kind::Unknown(kind) => page.unknown_kind = Some(kind),
            }
        }
        Ok(page)
    }
}

fn check(events: &[EventDocument], next: u64, after: Option<u64>) -> Result<(), Lie> {
    if events.len() > MOST_EVENTS {
        return Err(Lie::TooMany);
    }
    let highest = events.iter().map(|event| event.seq).max();
    if let Some(position) = highest.max(after).filter(|position| next < *position) {
        return Err(Lie::Backwards { next, position });
    }
    if next > HIGHEST {
        return Err(Lie::Position(next));
    }
    let mut times = events.iter().flat_map(|event| [event.at, event.retain_until]);
    match times.find(|time| !(UnixSeconds(0)..=LATEST).contains(time)) {
        Some(time) => Err(Lie::Time(time)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn event(seq: u64) -> Value {
        let subject = json!({ "kind": "client", "id": "agent" });
        json!({ "seq": seq, "at": 1000, "subject": subject, "reason": "stolen", "retain_until": 4630 })
    }

    fn read(events: &[Value], next: u64, after: Option<u64>) -> Result<Page, PageError> {
        Page::read(json!({ "events": events, "next": next }).to_string().as_bytes(), after)
    }

    fn lie(events: &[Value], next: u64, after: Option<u64>) -> Lie {
        match read(events, next, after) {
            Err(PageError::Lie(lie)) => lie,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_answer_is_read_and_members_of_later_days_are_passed_over() {
        let mut later = event(40_000_000);
        later["actor"] = json!({ "any": ["thing"] });
        let page = read(&[event(7), later], 40_000_000, Some(5)).unwrap();
        assert_eq!((page.events.len(), page.next, page.is_out_of_order), (2, 40_000_000, false));
        assert_eq!(page.latest, Some(UnixSeconds(1000)));
        let page = read(&[], 9, Some(5)).unwrap();
        assert!(page.is_empty && page.next == 9, "positions leap without an event too");
    }

    #[test]
    fn disorder_is_told_and_taken() {
        for (events, after) in [
            (vec![event(8), event(7)], Some(5)),
            (vec![event(7), event(7)], None),
            (vec![event(5)], Some(5)),
            (vec![event(3)], Some(5)),
        ] {
            let page = read(&events, 8, after).unwrap();
            assert!(page.is_out_of_order && page.events.len() == events.len(), "{events:?}");
        }
        assert!(!read(&[event(1), event(8)], 8, None).unwrap().is_out_of_order);
    }

    #[test]
    fn an_unknown_kind_is_told_and_passed_over() {
        let mut unknown = event(7);
        unknown["subject"]["kind"] = json!("tenant");
        let page = read(&[unknown.clone(), event(8)], 8, None).unwrap();
        assert_eq!((page.events.len(), page.unknown_kind.as_deref()), (1, Some("tenant")));
        assert!(!read(&[unknown], 8, None).unwrap().is_empty, "there may be more to read");
    }

    #[test]
    fn what_cannot_be_meant_is_a_lie() {
        assert_eq!(lie(&[], 4, Some(5)), Lie::Backwards { next: 4, position: 5 });
        assert_eq!(lie(&[event(7)], 6, Some(5)), Lie::Backwards { next: 6, position: 7 });
        assert_eq!(lie(&[], HIGHEST + 1, None), Lie::Position(HIGHEST + 1));
        assert!(read(&[], HIGHEST, None).is_ok());
        assert_eq!(lie(&vec![event(1); MOST_EVENTS + 1], 1, None), Lie::TooMany);
        for (member, time) in [("at", -1), ("retain_until", LATEST.0 + 1), ("retain_until", i64::MIN)] {
            let mut absurd = event(7);
            absurd[member] = json!(time);
            assert_eq!(lie(&[absurd], 7, None), Lie::Time(UnixSeconds(time)));
        }
    }

    #[test]
    fn what_is_not_whole_is_not_read() {
        let whole = json!({ "events": [event(7), event(8)], "next": 8 }).to_string();
        for end in 0..whole.len() {
            assert!(matches!(Page::read(&whole.as_bytes()[..end], None), Err(PageError::Unreadable(_))), "{end}");
        }
        for wrong in [
            r#"{"events":[]}"#,
            r#"{"next":1}"#,
            r#"{"events":[],"next":-1}"#,
            r#"{"events":[],"next":1.5}"#,
            r#"{"events":[],"next":"1"}"#,
            r#"{"events":[],"next":18446744073709551616}"#,
            r#"{"events":{},"next":1}"#,
            r#"{"events":[],"events":[],"next":1}"#,
            r#"{"events":[{"seq":1}],"next":1}"#,
        ] {
            assert!(matches!(Page::read(wrong.as_bytes(), None), Err(PageError::Unreadable(_))), "{wrong}");
        }
    }
}
