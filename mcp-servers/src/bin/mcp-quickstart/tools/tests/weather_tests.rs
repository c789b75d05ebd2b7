//! The weather, from a service of the test's own.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use bailiwick_process::Secret;
use tokio::net::TcpListener;

use super::*;

const KEY: &str = "the-weather-key-of-this-test";

/// What the service was asked.
type Asked = Arc<Mutex<Vec<String>>>;

/// A service that answers every question with this, and what it is asked.
async fn service(status: StatusCode, body: impl Into<String>) -> (SocketAddr, Asked) {
    let asked = Asked::default();
    let body = body.into();
    let answer = async move |State(asked): State<Asked>, RawQuery(query): RawQuery| {
        asked.lock().unwrap().push(query.unwrap_or_default());
        (status, body)
    };
    let routes = Router::new().route("/weather", axum::routing::get(answer)).with_state(Arc::clone(&asked));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, routes).into_future());
    (address, asked)
}

/// A server that asks there, with this patience.
async fn server_asking(address: SocketAddr, patience: Duration) -> Server {
    let url = format!("http://{address}/weather").parse().unwrap();
    let weather = Weather::patient(url, Secret::new(KEY.to_owned()), patience).unwrap();
    let weather = Some(Arc::new(weather));
    Server::changed(|quickstart| Quickstart { weather, ..quickstart }).await
}

async fn server_told(status: StatusCode, body: impl Into<String>) -> Server {
    server_asking(service(status, body).await.0, Duration::from_secs(30)).await
}

fn report() -> Value {
    json!({
        "coord": {"lon": -0.12, "lat": 51.5}, "name": "London", "sys": {"country": "GB"}, "dt": 1_706_788_500,
        "weather": [{"id": 500, "description": "light rain"}], "wind": {"speed": 4.1, "deg": 80},
        "main": {"temp": 7.5, "feels_like": 4.25, "humidity": 81, "pressure": 1031}
    })
}

#[tokio::test]
async fn a_report_becomes_a_reading() {
    let (address, asked) = service(StatusCode::OK, report().to_string()).await;
    let server = server_asking(address, Duration::from_secs(30)).await;
    let reading = server.ok("weather_tool", json!({"location": " London,GB "})).await;
    let expected = json!({
        "location": "London", "country": "GB", "description": "light rain", "temperature": 7.5, "feels_like": 4.25,
        "humidity": 81.0, "wind_speed": 4.1, "observed_at": "2024-02-01T11:55:00Z"
    });
    assert_eq!(reading, expected);
    let query = format!("q=London%2CGB&units=metric&appid={KEY}");
    assert_eq!(*asked.lock().unwrap(), [query]);
    server.gives_what_it_advertises([("weather_tool", json!({"location": "London"}))]).await;
}

#[tokio::test]
async fn a_location_cannot_add_to_the_question() {
    let (address, asked) = service(StatusCode::OK, report().to_string()).await;
    let server = server_asking(address, Duration::from_secs(30)).await;
    server.ok("weather_tool", json!({"location": "x&appid=stolen#"})).await;
    assert_eq!(*asked.lock().unwrap(), [format!("q=x%26appid%3Dstolen%23&units=metric&appid={KEY}")]);
}

#[tokio::test]
async fn a_location_that_is_none_is_told_before_anybody_is_asked() {
    let (address, asked) = service(StatusCode::OK, report().to_string()).await;
    let server = server_asking(address, Duration::from_secs(30)).await;
    assert_eq!(server.refused("weather_tool", json!({})).await, "location: is required");
    assert_eq!(server.refused("weather_tool", json!({"location": ""})).await, "location: must not be empty");
    assert_eq!(server.refused("weather_tool", json!({"location": " "})).await, "location: must not be blank");
    let too_long = json!({"location": "x".repeat(101)});
    assert_eq!(server.refused("weather_tool", too_long).await, "location: must have at most 100 characters");
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_place_that_the_service_does_not_know_is_the_callers_to_put_right() {
    let server = server_told(StatusCode::NOT_FOUND, r#"{"cod":"404","message":"city not found"}"#).await;
    let told = server.refused("weather_tool", json!({"location": "Atlantis"})).await;
    assert_eq!(told, "location: is no place that the weather service knows: write one such as London,GB");
}

#[tokio::test]
async fn without_a_key_nothing_is_made_up() {
    let told = unavailable(&Server::empty().await, json!({"location": "London"})).await;
    assert!(told.contains("no key for OpenWeatherMap"), "{told}");
}

#[tokio::test]
async fn a_service_that_is_down_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let server = server_asking(address, Duration::from_secs(30)).await;
    let told = unavailable(&server, json!({"location": "London"})).await;
    assert!(told.contains("cannot be reached") && !told.contains(KEY), "{told}");
}

#[tokio::test]
async fn a_service_that_is_slow_is_not_waited_for() {
    // It takes connections, in its backlog, and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = server_asking(listener.local_addr().unwrap(), Duration::from_millis(50)).await;
    let told = unavailable(&server, json!({"location": "London"})).await;
    assert!(told.contains("did not answer in time"), "{told}");
}

#[tokio::test]
async fn an_answer_that_is_no_report_is_not_passed_on() {
    let mut without_sky = report();
    without_sky["weather"] = json!([]);
    let mut endless_name = report();
    endless_name["name"] = json!("x".repeat(101));
    let mut hidden_text = report();
    hidden_text["weather"][0]["description"] = json!("rain\u{1b}[2J");
    let mut beyond_time = report();
    beyond_time["dt"] = json!(i64::MAX);
    let mut huge = report();
    huge["padding"] = json!("x".repeat(64 * 1024));
    let nonsense = ["", "[]", "null", "<html>sunny</html>", r#"{"name":"London"}"#].map(str::to_owned).into_iter();
    let wrong = [without_sky, endless_name, hidden_text, beyond_time, huge].map(|report| report.to_string());
    for body in nonsense.chain(wrong) {
        let server = server_told(StatusCode::OK, body.clone()).await;
        let told = unavailable(&server, json!({"location": "London"})).await;
        assert!(told.contains("something else than a report"), "{told}: {body:.100}");
    }
}

#[tokio::test]
async fn each_refusal_of_the_service_has_its_words() {
    for (status, words) in [
        (StatusCode::UNAUTHORIZED, "refuses this server's key"),
        (StatusCode::TOO_MANY_REQUESTS, "asked too often"),
        (StatusCode::BAD_GATEWAY, "cannot be reached"),
        (StatusCode::MOVED_PERMANENTLY, "something else than a report"),
    ] {
        let told = unavailable(&server_told(status, KEY).await, json!({"location": "London"})).await;
        assert!(told.contains(words) && !told.contains(KEY), "{status}: {told}");
    }
}

#[test]
fn the_key_is_sent_in_clear_to_loopback_hosts_only() {
    for right in ["https://api.example/weather", "http://localhost:9/weather", "http://127.0.0.1:9", "http://[::1]:9"] {
        assert!(right.parse::<crate::weather::ReportUrl>().is_ok(), "{right}");
    }
    for wrong in [
        "http://api.example",
        "http://localhost.evil.example",
        "ftp://localhost",
        "https://u@x.example",
        "https://:p@x.example",
        "x",
    ] {
        assert!(wrong.parse::<crate::weather::ReportUrl>().is_err(), "{wrong}");
    }
}
