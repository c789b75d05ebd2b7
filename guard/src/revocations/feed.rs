//! Asks the feed over HTTP (GET `<issuer>/revocations`). Owns the question, its limits and what each
//! status means; what an answer says is [`super::page`]'s.

use std::time::{Duration, SystemTime};

use bailiwick_core::UnixSeconds;
use http::header::DATE;
use reqwest::{Response, StatusCode};

use super::page::{Page, PageError};
use super::table::Full;
use crate::credentials::{NoToken, OwnToken};
use crate::fetch::{self, FetchError};

/// How much longer than it was told to wait the service may take for an answer.
const GRACE: Duration = Duration::from_secs(10);

/// The largest answer, in bytes: as many events as may be in one, with ids as long as they may be.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// Why the feed was not heard. For the log: it says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FeedError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    NoToken(#[from] NoToken),
    #[error("{url} does not accept the guard's token: are the clocks of both machines right?")]
    TokenRefused { url: String },
    #[error("{url} is not open to the guard: give its client the role guard")]
    Forbidden { url: String },
    #[error("{url} is not there: this token service has no revocation feed; leave the guard's client_id out")]
    NoFeed { url: String },
    #[error("{url} does not know position {position} any more: everything is read anew")]
    Gone { url: String, position: u64 },
    #[error("the answer of {url} is not believed: {source}")]
    Answer { url: String, source: PageError },
    #[error("{url} gives no end of events")]
    Endless { url: String },
    #[error(transparent)]
    Full(#[from] Full),
}

impl FeedError {
    /// Whether the position is worth nothing any more, so that only a snapshot helps.
    pub(crate) fn ends_position(&self) -> bool {
        matches!(self, Self::Gone { .. } | Self::Answer { source: PageError::Lie(_), .. })
    }
}

/// What the feed says at one time.
pub(crate) struct Told {
    pub(crate) page: Page,
    /// The service's clock, where it says.
    pub(crate) date: Option<UnixSeconds>,
}

/// The feed of one issuer.
pub(crate) struct Feed<'a> {
    url: &'a str,
    client: &'a reqwest::Client,
    token: OwnToken<'a>,
}

impl<'a> Feed<'a> {
    /// The feed at `url`, for which `token` is.
    pub(crate) fn new(url: &'a str, client: &'a reqwest::Client, token: OwnToken<'a>) -> Self {
        Self { url, client, token }
    }

    /// Asks for what comes after `after`, or for a snapshot, and lets the service wait so long (whole
    /// seconds) for something to come.
    ///
    /// # Errors
    /// Why there is nothing of use.
    pub(crate) async fn ask(&mut self, after: Option<u64>, wait: Duration) -> Result<Told, FeedError> {
        let mut response = self.send(after, wait).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            // Perhaps it was revoked, or its key withdrawn; a new one tells.
            self.token.forget();
            response = self.send(after, wait).await?;
        }
        let url = || self.url.to_owned();
        match (response.status(), after) {
            (StatusCode::OK, _) => self.read(response, after).await,
            (StatusCode::GONE, Some(position)) => Err(FeedError::Gone { url: url(), position }),
            (StatusCode::UNAUTHORIZED, _) => {
                self.token.forget();
                Err(FeedError::TokenRefused { url: url() })
            }
            (StatusCode::FORBIDDEN, _) => Err(FeedError::Forbidden { url: url() }),
            (StatusCode::NOT_FOUND, _) => Err(FeedError::NoFeed { url: url() }),
            (status, _) => Err(FetchError::Status { url: url(), status }.into()),
        }
    }

    /// That the feed goes on and on.
    pub(crate) fn endless(&self) -> FeedError {
        FeedError::Endless { url: self.url.to_owned() }
    }

    async fn send(&mut self, after: Option<u64>, wait: Duration) -> Result<Response, FeedError> {
        let token = self.token.get().await?;
        let after = after.map(|after| format!("after={after}&")).unwrap_or_default();
        let asked = format!("{}?{after}wait={}", self.url, wait.as_secs());
        let request = self.client.get(&asked).bearer_auth(token).timeout(wait + GRACE);
        Ok(fetch::send(request, self.url).await?)
    }

    async fn read(&self, response: Response, after: Option<u64>) -> Result<Told, FeedError> {
        let date = date(&response);
        let body = fetch::body(response, self.url, LARGEST_ANSWER).await?;
        match Page::read(&body, after) {
            Ok(page) => Ok(Told { page, date }),
            Err(source) => Err(FeedError::Answer { url: self.url.to_owned(), source }),
        }
    }
}

fn date(response: &Response) -> Option<UnixSeconds> {
    let date: SystemTime = httpdate::parse_http_date(response.headers().get(DATE)?.to_str().ok()?).ok()?;
    Some(date.into())
}
