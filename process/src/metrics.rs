//! The metrics of a process as text, on a listener of its own, so that they are never public by
//! accident. Owns the endpoint; what is counted, and the registry, are the caller's.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::listener::{self, Limits};

/// Connections to the metrics at one time: a scraper or two, and a person.
const CONNECTIONS: usize = 16;

/// The text format that Prometheus and its kin read.
const TEXT_FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers `GET /metrics` with what `registry` holds until `stop` ends.
pub async fn serve(listener: TcpListener, registry: Arc<Registry>, stop: impl Future<Output = ()>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = respond(&request, &registry);
        async move { Ok::<_, Infallible>(response) }
    });
    listener::serve(listener, None, service, Limits { connections: CONNECTIONS, ..Limits::default() }, stop).await;
}

fn respond<B>(request: &Request<B>, registry: &Registry) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    if request.uri().path() != "/metrics" {
        *response.status_mut() = StatusCode::NOT_FOUND;
    } else if request.method() != Method::GET && request.method() != Method::HEAD {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    } else {
        let mut text = String::new();
        match encode(&mut text, registry) {
            Ok(()) => {
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(TEXT_FORMAT));
                *response.body_mut() = Full::from(text);
            }
            Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    fn ask(method: &str, path: &str, registry: &Registry) -> Response<Full<Bytes>> {
        respond(&Request::builder().method(method).uri(path).body(()).unwrap(), registry)
    }

    #[tokio::test]
    async fn metrics_are_told_at_their_path_alone() {
        let mut registry = Registry::default();
        let counter: Counter = Counter::default();
        registry.register("decisions", "Decisions taken", counter.clone());
        counter.inc();
        let response = ask("GET", "/metrics", &registry);
        assert_eq!(response.headers()[CONTENT_TYPE], TEXT_FORMAT);
        let text = response.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&text).contains("decisions_total 1"));
        assert_eq!(ask("GET", "/", &registry).status(), StatusCode::NOT_FOUND);
        assert_eq!(ask("POST", "/metrics", &registry).status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
