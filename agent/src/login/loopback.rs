//! Where the browser comes back to: a listener on this machine's own address alone, for one answer and
//! then no more (RFC 8252 section 7.3). Owns connections and the answer's page; reads nothing into
//! what the browser brings.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bailiwick_process::listener::{self, BindError, Limits};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::page::Page;

/// Where the answer comes to.
const PATH: &str = "/callback";

/// The numbers of the listener: a browser, and somebody who wants to disturb it.
const LIMITS: Limits = Limits {
    connections: 16,
    handshake: Duration::from_secs(1),
    head: Duration::from_secs(5),
    request: Duration::from_mins(1),
    connection_age: Duration::from_mins(1),
    header_fields: 64,
    head_bytes: 32 * 1024,
    drain: Duration::from_secs(2),
};

/// The listener.
pub struct Loopback {
    /// Its port.
    pub port: u16,
    visits: mpsc::Receiver<Visit>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

/// The browser has come and waits for its page.
pub struct Visit {
    /// What it brought.
    pub query: String,
    page: oneshot::Sender<Response<Full<Bytes>>>,
}

impl Visit {
    /// Shows the page.
    pub fn show(self, page: &Page<'_>) {
        // A browser that has gone away sees nothing.
        let _ = self.page.send(page.response());
    }
}

impl Loopback {
    /// Listens on that port, else on one that is free.
    pub async fn open(port: Option<u16>) -> Result<Self, BindError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or_default()));
        let listener = listener::bind(address).await?;
        let port = listener.local_addr().map_err(|error| BindError::Other(address, error))?.port();
        let (visit, visits) = mpsc::channel(1);
        let (stop, stopped) = oneshot::channel::<()>();
        let service = service_fn(move |request: Request<Incoming>| answer(request, visit.clone()));
        let served = tokio::spawn(async move {
            listener::serve(listener, None, service, LIMITS, async {
                // An error means that nobody waits for the browser any more.
                let _ = stopped.await;
            })
            .await;
        });
        Ok(Self { port, visits, stop, served })
    }

    /// The redirect URI that leads here.
    pub fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Waits for the browser. The first that comes is the only one.
    pub async fn visit(&mut self) -> Option<Visit> {
        let visit = self.visits.recv().await;
        self.visits.close();
        visit
    }

    /// Lets the page reach the browser, and ends.
    pub async fn close(self) {
        let _ = self.stop.send(());
        let _ = self.served.await;
    }
}

/// Answers the first request for the redirect URI, with the page that comes of it. Browsers ask for
/// more than they are sent to, such as an icon: that is not there.
async fn answer(request: Request<Incoming>, visit: mpsc::Sender<Visit>) -> Result<Response<Full<Bytes>>, Infallible> {
    let plain = |status| {
        let mut response = Response::new(Full::default());
        *response.status_mut() = status;
        Ok(response)
    };
    if request.method() != Method::GET || request.uri().path() != PATH {
        return plain(StatusCode::NOT_FOUND);
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    let (page, shown) = oneshot::channel();
    if visit.try_send(Visit { query, page }).is_err() {
        return plain(StatusCode::GONE);
    }
    match shown.await {
        Ok(response) => Ok(response),
        Err(_) => plain(StatusCode::GONE),
    }
}
