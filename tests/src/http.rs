//! Requests and their answers, as a plain HTTP client sees them: no redirects followed, no proxy, no
//! cookies. Also raw requests over TCP, for what a well-behaved client cannot say.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::Deref;
use std::time::Duration;

use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use serde_json::Value;

/// How long an answer may take before the test is told that none came.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// An HTTP client.
#[derive(Debug)]
pub struct Http(Client);

impl Http {
    /// A client of its own.
    #[must_use]
    pub fn new() -> Self {
        let client = Client::builder().no_proxy().redirect(Policy::none()).timeout(ANSWER_WITHIN);
        Self(client.build().unwrap())
    }
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Http {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

/// Sends a request and reads the whole answer.
#[must_use]
pub fn send(request: RequestBuilder) -> Answer {
    Answer::read(request.send().unwrap_or_else(|error| panic!("no answer: {error:?}")))
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Answer {
    fn read(response: Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        Self { status, headers, body: response.text().unwrap() }
    }

    /// Itself, where the status is the expected one.
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    /// The value of a header, empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The `WWW-Authenticate` header.
    #[must_use]
    pub fn challenge(&self) -> &str {
        self.header("www-authenticate")
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {self:#?}"))
    }

    /// A member of the JSON body that is a string; empty where there is none.
    #[must_use]
    pub fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_default().to_owned()
    }

    /// Status and `error` of the JSON body: what most refusals are told by.
    #[must_use]
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.text("error"))
    }
}

/// Sends the beginning of a request and nothing more, and gives what comes until the peer closes. Panics where it
/// does not.
#[must_use]
pub fn send_beginning(port: u16, beginning: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(ANSWER_WITHIN)).unwrap();
    stream.write_all(beginning).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap_or_else(|error| panic!("the connection stays open: {error}"));
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends bytes as they are to `127.0.0.1:port` and reads what comes until the peer closes. The
/// request should ask for that: `Connection: close`.
#[must_use]
pub fn send_raw(port: u16, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(ANSWER_WITHIN)).unwrap();
    // A server that refuses early closes while we still send; its answer is what counts.
    let _ = stream.write_all(request);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
