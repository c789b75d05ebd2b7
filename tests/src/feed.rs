//! The revocation feed, read as a guard does.

use serde_json::Value;

use crate::auth::{AuthService, Credentials};
use crate::http::{self, Answer};

/// A guard that reads the feed.
#[derive(Clone, Debug)]
pub struct FeedReader<'a> {
    service: &'a AuthService,
    token: String,
}

/// An event, as far as tests compare it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its position.
    pub seq: u64,
    /// The kind of its subject.
    pub kind: String,
    /// Which subject of that kind.
    pub id: String,
    /// Why.
    pub reason: String,
}

impl<'a> FeedReader<'a> {
    /// A reader with a token of `guard`.
    #[must_use]
    pub fn new(service: &'a AuthService, guard: &Credentials) -> Self {
        Self::with_token(service, service.token(guard, &[("resource", &service.feed_resource())]))
    }

    /// A reader with any token.
    #[must_use]
    pub fn with_token(service: &'a AuthService, token: String) -> Self {
        Self { service, token }
    }

    /// What is answered to a query such as `after=7&wait=30`.
    #[must_use]
    pub fn ask(&self, query: &str) -> Answer {
        let url = format!("{}?{query}", self.service.feed_resource());
        http::send(self.service.http.get(url).bearer_auth(&self.token))
    }

    /// All events behind a position, over as many pages as it takes, and the position to go on from.
    #[must_use]
    pub fn behind(&self, after: u64) -> (Vec<Event>, u64) {
        self.pages(&self.ask(&format!("after={after}")))
    }

    /// All events that are kept, and the position to go on from.
    #[must_use]
    pub fn everything(&self) -> (Vec<Event>, u64) {
        self.pages(&self.ask(""))
    }

    /// Where the feed stands.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.everything().1
    }

    fn pages(&self, first: &Answer) -> (Vec<Event>, u64) {
        let (mut events, mut next) = page(first);
        loop {
            let (more, position) = page(&self.ask(&format!("after={next}")));
            next = position;
            if more.is_empty() {
                return (events, next);
            }
            events.extend(more);
        }
    }
}

/// The events of an answer, and its `next`.
#[must_use]
pub fn page(answer: &Answer) -> (Vec<Event>, u64) {
    assert_eq!(answer.status, 200, "{answer:#?}");
    let page = answer.json();
    let events = page["events"].as_array().unwrap().iter().map(Event::read);
    (events.collect(), page["next"].as_u64().unwrap())
}

impl Event {
    /// Reads an event as the service tells it.
    #[must_use]
    pub fn read(event: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{event}")).to_owned();
        let (at, retain_until) = (event["at"].as_i64().unwrap(), event["retain_until"].as_i64().unwrap());
        assert!(retain_until > at, "{event}");
        Self {
            seq: event["seq"].as_u64().unwrap(),
            kind: text(&event["subject"]["kind"]),
            id: text(&event["subject"]["id"]),
            reason: text(&event["reason"]),
        }
    }
}
