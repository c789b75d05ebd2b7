//! The issuer's revocation feed and the tokens that open it: honest, and as slow as a test wishes.
//! Where it is to lie or break, the test has the issuer answer in its stead.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use bailiwick_guard::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, Response, Uri};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::watch;
use url::form_urlencoded;

use crate::scene::NOW;

pub(crate) const FEED: &str = "/revocations";
pub(crate) const TOKENS: &str = "/oauth2/token";

const CLIENT: &str = "guard-1";
/// Of characters that RFC 6749 section 2.3.1 has encoded.
pub(crate) const SECRET: &str = "hush +%&/ö";

/// What a guard needs to hear this feed.
pub(crate) fn credentials() -> Credentials {
    Credentials::new(CLIENT.parse().unwrap(), SECRET)
}

/// Cheap to clone; all clones are the same feed.
#[derive(Clone, Default)]
pub(crate) struct Feed(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    issuer: String,
    events: Vec<Value>,
    position: u64,
    page: Option<usize>,
    held_at: Option<u64>,
    date: Option<&'static str>,
    life: Option<u64>,
    granted: Vec<String>,
    asked: Vec<Asked>,
    waiting: usize,
}

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) after: Option<u64>,
    pub(crate) wait: u64,
    pub(crate) token: String,
}

/// An event as it is on the wire.
pub(crate) fn event(seq: u64, kind: &str, id: &str) -> Value {
    let subject = json!({ "kind": kind, "id": id });
    json!({ "seq": seq, "at": NOW, "subject": subject, "reason": "a test", "retain_until": NOW + 3630 })
}

impl Feed {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.0.changed.send_replace(());
    }

    pub(crate) fn belongs_to(&self, issuer: &str) {
        issuer.clone_into(&mut self.state().issuer);
    }

    /// Appends an event of that subject, some positions on, and gives its own.
    pub(crate) fn revoke(&self, kind: &str, id: &str) -> u64 {
        let seq = self.state().position + 11;
        self.append(event(seq, kind, id));
        seq
    }

    pub(crate) fn append(&self, event: Value) {
        self.change(|state| {
            state.position = event["seq"].as_u64().unwrap();
            state.events.push(event);
        });
    }

    /// Forgets all events and every position, and goes on elsewhere, as another database would.
    pub(crate) fn begin_anew_at(&self, position: u64) {
        self.change(|state| {
            state.events.clear();
            state.position = position;
        });
    }

    /// So many events in one answer.
    pub(crate) fn page(&self, events: usize) {
        self.change(|state| state.page = Some(events));
    }

    /// Holds the answer to whoever asks for what comes after this position.
    pub(crate) fn hold_at(&self, position: u64) {
        self.change(|state| state.held_at = Some(position));
    }

    pub(crate) fn let_go(&self) {
        self.change(|state| state.held_at = None);
    }

    /// What it says in `Date`, instead of the time.
    pub(crate) fn date(&self, date: &'static str) {
        self.change(|state| state.date = Some(date));
    }

    /// How long the tokens live that are granted from now on, in seconds.
    pub(crate) fn life(&self, seconds: u64) {
        self.change(|state| state.life = Some(seconds));
    }

    /// Accepts no token any more that was granted before.
    pub(crate) fn withdraw_tokens(&self) {
        self.change(|state| state.granted.iter_mut().for_each(|token| token.push('!')));
    }

    /// How many tokens were granted.
    pub(crate) fn granted(&self) -> usize {
        self.state().granted.len()
    }

    /// How many questions wait for an answer now.
    pub(crate) fn waiting(&self) -> usize {
        self.state().waiting
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// The token endpoint.
    pub(crate) async fn give_token(&self, request: Request) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let form = body.collect().await.unwrap().to_bytes();
        let form: BTreeMap<String, String> = form_urlencoded::parse(&form).into_owned().collect();
        let mut state = self.state();
        if basic(&parts.headers) != [CLIENT, SECRET] {
            let error = json!({ "error": "invalid_client", "error_description": "not you" });
            return answer(401, &error, None);
        }
        let expected = [
            ("grant_type", "client_credentials".to_owned()),
            ("resource", format!("{}{FEED}", state.issuer)),
            ("scope", "feed:read".to_owned()),
        ];
        assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value)).into());
        let token = format!("feed-token-{}", state.granted.len() + 1);
        state.granted.push(token.clone());
        let life = state.life.unwrap_or(900);
        answer(200, &json!({ "access_token": token, "token_type": "Bearer", "expires_in": life }), None)
    }

    /// The feed itself.
    pub(crate) async fn answer(&self, request: Parts) -> Response<Body> {
        let asked = asked(&request.uri, &request.headers);
        {
            let mut state = self.state();
            state.asked.push(asked.clone());
            if !state.granted.contains(&asked.token) {
                return answer(401, &json!({ "error": "invalid_token" }), None);
            }
            state.waiting += 1;
        }
        let _waiting = Waiting(self);
        let mut changes = self.0.changed.subscribe();
        let patience = tokio::time::sleep(Duration::from_secs(asked.wait));
        tokio::pin!(patience);
        loop {
            {
                let state = self.state();
                if !state.knows(asked.after) {
                    return answer(410, &json!({ "error": "gone" }), state.date);
                }
                let is_held = state.held_at.is_some() && state.held_at == asked.after;
                let (events, next) = state.after(asked.after.unwrap_or_default());
                if !is_held && (!events.is_empty() || patience.is_elapsed() || asked.wait == 0) {
                    return answer(200, &json!({ "events": events, "next": next }), state.date);
                }
            }
            tokio::select! {
                heard = changes.changed() => heard.unwrap(),
                () = &mut patience, if !patience.is_elapsed() => (),
            }
        }
    }
}

impl State {
    fn knows(&self, after: Option<u64>) -> bool {
        let is_event = |after| self.events.iter().any(|event| event["seq"] == after);
        after.is_none_or(|after| after == 0 || after == self.position || is_event(after))
    }

    fn after(&self, after: u64) -> (Vec<&Value>, u64) {
        let events = self.events.iter().filter(|event| event["seq"].as_u64() > Some(after));
        let events: Vec<_> = events.take(self.page.unwrap_or(10_000)).collect();
        let next = events.last().map_or(self.position, |event| event["seq"].as_u64().unwrap());
        (events, next)
    }
}

/// A question that waits, until it is answered or its asker goes away.
struct Waiting<'a>(&'a Feed);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

fn asked(uri: &Uri, headers: &HeaderMap) -> Asked {
    let query: BTreeMap<_, _> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).collect();
    let number = |name| query.get(name).map(|value| value.parse().unwrap());
    let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    Asked { after: number("after"), wait: number("wait").unwrap_or_default(), token }
}

/// Name and password of HTTP Basic, each form-decoded.
fn basic(headers: &HeaderMap) -> [String; 2] {
    let header = headers["authorization"].to_str().unwrap().strip_prefix("Basic ").unwrap();
    let pair = String::from_utf8(STANDARD.decode(header).unwrap()).unwrap();
    let (name, password) = pair.split_once(':').unwrap();
    [name, password].map(|part| form_urlencoded::parse(part.as_bytes()).next().unwrap().0.into_owned())
}

fn answer(status: u16, body: &Value, date: Option<&'static str>) -> Response<Body> {
    let response = Response::builder().status(status);
    let response = match date {
        Some(date) => response.header("date", date),
        None => response,
    };
    response.body(Body::from(body.to_string())).unwrap()
}
