//! The weather, as OpenWeatherMap reports it. Owns the one request that is made elsewhere: its address,
//! its key, its limits, and what is said when it fails. Never makes a reading up.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bailiwick_mcp_servers::arguments::Problems;
use bailiwick_mcp_servers::fields::Name;
use bailiwick_mcp_servers::tool::ToolError;
use bailiwick_process::Secret;
use jiff::Timestamp;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long a report may take, from the first byte sent to the last one read.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest report that is read, in bytes. OpenWeatherMap's have some 500.
const LARGEST_REPORT: usize = 64 * 1024;

/// What a caller is told where this server cannot ask.
pub(crate) const NO_KEY: &str =
    "there is no weather to be had: this server has no key for OpenWeatherMap (OPENWEATHERMAP_API_KEY)";
/// What a caller is told where nobody answers.
const UNREACHABLE: &str = "there is no weather to be had: the weather service cannot be reached; try again later";
/// What a caller is told where the answer takes too long.
const TOO_SLOW: &str = "there is no weather to be had: the weather service did not answer in time; try again later";
/// What a caller is told where the answer is no report.
const NONSENSE: &str = "there is no weather to be had: the weather service answered with something else than a report";
/// What a caller is told where the service knows the operator's key no more.
const KEY_REFUSED: &str = "there is no weather to be had: the weather service refuses this server's key";
/// What a caller is told where the service has had enough of us.
const TOO_OFTEN: &str = "there is no weather to be had: the weather service was asked too often; try again later";

/// Where reports are asked for. The key travels in its query, so plain HTTP stays on loopback.
#[derive(Clone, Debug)]
pub(crate) struct ReportUrl(Url);

/// A text that is no such address.
#[derive(Debug, thiserror::Error)]
#[error("write an https URL, or an http one of a loopback host, without a user name or password: a key is sent there")]
pub(crate) struct InvalidReportUrl;

impl ReportUrl {
    /// OpenWeatherMap's own.
    pub(crate) const DEFAULT: &'static str = "https://api.openweathermap.org/data/2.5/weather";
}

impl FromStr for ReportUrl {
    type Err = InvalidReportUrl;

    fn from_str(text: &str) -> Result<Self, InvalidReportUrl> {
        let url: Url = text.parse().map_err(|_| InvalidReportUrl)?;
        let is_loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
        let is_plain = url.username().is_empty() && url.password().is_none();
        if is_safe && is_plain { Ok(Self(url)) } else { Err(InvalidReportUrl) }
    }
}

impl fmt::Display for ReportUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Where the weather is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeatherQuestion {
    /// Name of a place, with its country where that is in doubt, such as `London,GB`.
    location: Name,
}

/// The weather at a place.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WeatherReading {
    /// The place that the service took it for.
    location: String,
    /// Its country, ISO 3166, where the service says.
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    /// What it looks like.
    description: String,
    /// Degrees Celsius.
    temperature: f64,
    /// Degrees Celsius, as they are felt.
    feels_like: f64,
    /// Per cent.
    humidity: f64,
    /// Metres a second.
    wind_speed: f64,
    /// When it was observed, RFC 3339.
    observed_at: String,
}

/// A source of weather reports.
pub(crate) struct Weather {
    url: ReportUrl,
    key: Secret,
    client: Client,
}

impl Weather {
    /// The source at `url`, which knows us by `key`.
    pub(crate) fn new(url: ReportUrl, key: Secret) -> reqwest::Result<Self> {
        Self::patient(url, key, PATIENCE)
    }

    /// The same, with another patience.
    pub(crate) fn patient(url: ReportUrl, key: Secret, patience: Duration) -> reqwest::Result<Self> {
        let client = Client::builder().timeout(patience).redirect(Policy::none()).no_proxy().build()?;
        Ok(Self { url, key, client })
    }

    /// The weather where the question says.
    pub(crate) async fn read(&self, question: WeatherQuestion) -> Result<WeatherReading, ToolError> {
        let mut url = self.url.0.clone();
        let place = question.location.as_str().trim();
        url.query_pairs_mut()
            .append_pair("q", place)
            .append_pair("units", "metric")
            .append_pair("appid", self.key.expose());
        let response = self.client.get(url).send().await.map_err(failed)?;
        match response.status() {
            StatusCode::OK => {
                let report: Report = serde_json::from_slice(&bounded(response).await?).map_err(|_| nonsense())?;
                report.try_into()
            }
            StatusCode::NOT_FOUND => {
                let mut problems = Problems::default();
                problems.add("location", "is no place that the weather service knows: write one such as London,GB");
                Err(problems.into())
            }
            StatusCode::UNAUTHORIZED => Err(refused(StatusCode::UNAUTHORIZED, KEY_REFUSED)),
            StatusCode::TOO_MANY_REQUESTS => Err(refused(StatusCode::TOO_MANY_REQUESTS, TOO_OFTEN)),
            status if status.is_server_error() => Err(refused(status, UNREACHABLE)),
            status => Err(refused(status, NONSENSE)),
        }
    }
}

/// The body, of at most [`LARGEST_REPORT`] bytes.
async fn bounded(mut response: Response) -> Result<Vec<u8>, ToolError> {
    let mut report = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if report.len() + chunk.len() > LARGEST_REPORT {
            return Err(nonsense());
        }
        report.extend_from_slice(&chunk);
    }
    Ok(report)
}

/// A request that came to nothing. Its URL holds the key, so that it is left out of the log.
fn failed(error: reqwest::Error) -> ToolError {
    let words = if error.is_timeout() { TOO_SLOW } else { UNREACHABLE };
    tracing::warn!(error = %error.without_url(), "the weather service was asked in vain");
    ToolError::Unavailable(words)
}

fn refused(status: StatusCode, words: &'static str) -> ToolError {
    tracing::warn!(%status, "the weather service gives no report");
    ToolError::Unavailable(words)
}

fn nonsense() -> ToolError {
    refused(StatusCode::OK, NONSENSE)
}

/// A report as OpenWeatherMap writes it, as far as it matters here.
#[derive(Deserialize)]
struct Report {
    name: Name,
    weather: Vec<Sky>,
    main: Measured,
    wind: Wind,
    dt: i64,
    #[serde(default)]
    sys: Land,
}

#[derive(Deserialize)]
struct Sky {
    description: Name,
}

#[derive(Deserialize)]
struct Measured {
    temp: f64,
    feels_like: f64,
    humidity: f64,
}

#[derive(Deserialize)]
struct Wind {
    speed: f64,
}

#[derive(Default, Deserialize)]
struct Land {
    country: Option<Name>,
}

impl TryFrom<Report> for WeatherReading {
    type Error = ToolError;

    fn try_from(report: Report) -> Result<Self, ToolError> {
        let Report { name, weather, main, wind, dt, sys } = report;
        let observed_at = Timestamp::from_second(dt).map_err(|_| nonsense())?;
        let sky = weather.into_iter().next().ok_or_else(nonsense)?;
        Ok(Self {
            location: name.into(),
            country: sys.country.map(String::from),
            description: sky.description.into(),
            temperature: main.temp,
            feels_like: main.feels_like,
            humidity: main.humidity,
            wind_speed: wind.speed,
            observed_at: observed_at.to_string(),
        })
    }
}
