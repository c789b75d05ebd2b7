//! The accept loop of an HTTP/1.1 service, plain or over TLS: whom it lets in, how long they may
//! take, and how it ends. Every limit is a number here. Owns connections; what requests mean is the
//! service's.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use std::{iter, mem};

use futures::stream::{FuturesUnordered, StreamExt};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time;
use tokio_rustls::TlsAcceptor;

pub use self::opening::{BindError, bind, handed_over};
use crate::tls::ServerConfig;

mod opening;

/// The numbers of one listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at one time; further ones wait in the backlog of the operating system.
    pub connections: usize,
    /// How long a caller may take to agree on TLS, where it is spoken.
    pub handshake: Duration,
    /// How long a caller may take to send the head of a request, and how long a connection may
    /// stay idle between two.
    pub head: Duration,
    /// How long a request may take until its answer begins, its body included.
    pub request: Duration,
    /// How long a connection may live; it then ends after the request in hand.
    pub connection_age: Duration,
    /// Header fields in one request.
    pub header_fields: usize,
    /// Bytes in the head of one request.
    pub head_bytes: usize,
    /// How long requests in hand may take to end once the service is to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            request: Duration::from_secs(30),
            connection_age: Duration::from_hours(1),
            header_fields: 64,
            head_bytes: 64 * 1024,
            drain: Duration::from_secs(10),
        }
    }
}

/// The address of the other end of the connection, among the extensions of every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

/// Why a request got no answer; its connection is closed.
#[derive(Debug, thiserror::Error)]
#[error("the request took too long")]
struct TooSlow;

/// How long to wait after the operating system refused a connection, as it does when it has no
/// file descriptors left.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// Answers requests with `service`, over TLS where its parameters are given, until `stop` ends; then
/// lets the requests in hand end within [`Limits::drain`]. Each request carries its [`PeerAddress`].
pub async fn serve<S, B>(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    service: S,
    limits: Limits,
    stop: impl Future<Output = ()>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let tls = tls.map(TlsAcceptor::from);
    let places = Arc::new(Semaphore::new(limits.connections));
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            (place, accepted) = accepted => match accepted {
                Ok((stream, peer)) => {
                    let connection = connection(stream, tls.clone(), peer, service.clone(), limits, stopped.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    time::sleep(PAUSE_AFTER_REFUSAL).await;
                }
            },
        }
    }
    drop(listener);
    stopping.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if time::timeout(limits.drain, all_ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests did not end in time and are cut off");
    }
}

async fn connection<S, B>(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    peer: SocketAddr,
    service: S,
    limits: Limits,
    stopped: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let Some(tls) = tls else {
        return http(stream, peer, service, limits, stopped).await;
    };
    // To the end in a stop too: the caller has come and is about to ask.
    match time::timeout(limits.handshake, tls.accept(stream)).await {
        Ok(Ok(stream)) => http(stream, peer, service, limits, stopped).await,
        Ok(Err(error)) => tracing::debug!(%error, %peer, "no agreement on TLS"),
        Err(_) => tracing::debug!(%peer, "no agreement on TLS in time"),
    }
}

async fn http<S, B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    service: S,
    limits: Limits,
    stopped: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let (asks, has_asked) = watch::channel(false);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        asks.send_if_modified(|asks| !mem::replace(asks, true));
        request.extensions_mut().insert(PeerAddress(peer));
        let answer = time::timeout(limits.request, service.call(request));
        async move { answer.await.map_err(|_| TooSlow).map(|Ok(response)| response) }
    });
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_headers(limits.header_fields)
        .max_header_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream), answer);
    let mut http = pin!(http);
    // A set of one: it looks at what it holds where that was woken, and not at every step of every request.
    let mut asked_to_end: FuturesUnordered<_> =
        iter::once(asked_to_end(stopped, limits.connection_age, has_asked)).collect();
    let ended = tokio::select! {
        biased;
        ended = http.as_mut() => ended,
        Some(()) = asked_to_end.next() => {
            http.as_mut().graceful_shutdown();
            let rest = limits.request + limits.drain;
            time::timeout(rest, http).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "a connection ended early");
    }
}

/// Ends when the service is to stop or the connection has reached its age, but not before it has
/// asked for something: who has just come is about to ask, and is not sent away.
async fn asked_to_end(mut stopped: watch::Receiver<bool>, age: Duration, mut has_asked: watch::Receiver<bool>) {
    // An error means that the accept loop is gone, which is a stop too.
    let _ = time::timeout(age, stopped.wait_for(|stopped| *stopped)).await;
    // An error means that the connection is gone.
    let _ = has_asked.wait_for(|asked| *asked).await;
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};
    use hyper::body::Bytes;
    use rustls::crypto::aws_lc_rs;
    use rustls::server::ResolvesServerCertUsingSni;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    type Answer = Result<Response<Full<Bytes>>, Infallible>;

    async fn echo_peer(request: Request<Incoming>) -> Answer {
        let peer = request.extensions().get::<PeerAddress>().copied();
        let _ = request.into_body().collect().await;
        Ok(Response::new(Full::from(peer.map_or(String::new(), |peer| peer.0.to_string()))))
    }

    /// A listener with `limits`, its address, and what stops it.
    async fn start<S>(service: S, limits: Limits) -> (SocketAddr, oneshot::Sender<()>, tokio::task::JoinHandle<()>)
    where
        S: Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let loop_ended = tokio::spawn(async move {
            serve(listener, None, service, limits, async {
                let _ = stopped.await;
            })
            .await;
        });
        (address, stop, loop_ended)
    }

    async fn answer_to(stream: &mut TcpStream, request: &str) -> String {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    const GET: &str = "GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_handler_knows_the_peer_address() {
        let (address, _stop, _) = start(service_fn(echo_peer), Limits::default()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let own = stream.local_addr().unwrap().to_string();
        assert!(answer_to(&mut stream, GET).await.ends_with(&own));
    }

    #[tokio::test]
    async fn too_many_or_too_long_header_fields_are_refused() {
        let (address, _stop, _) = start(service_fn(echo_peer), Limits::default()).await;
        let many = "x: y\r\n".repeat(Limits::default().header_fields);
        let long = format!("x: {}\r\n", "y".repeat(Limits::default().head_bytes));
        for fields in [many, long] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let answer = answer_to(&mut stream, &format!("GET / HTTP/1.1\r\nhost: here\r\n{fields}\r\n")).await;
            assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        }
    }

    #[tokio::test]
    async fn slow_callers_are_cut_off() {
        let limits =
            Limits { head: Duration::from_millis(50), request: Duration::from_millis(50), ..Limits::default() };
        let (address, _stop, _) = start(service_fn(echo_peer), limits).await;
        let body_never_comes = "POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 9\r\n\r\n";
        for request in ["", "GET / HTTP/1.1\r\nhost:", body_never_comes] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            assert_eq!(answer_to(&mut stream, request).await, "", "{request:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_beyond_the_limit_waits_for_a_place() {
        let limits = Limits { connections: 1, ..Limits::default() };
        let (address, _stop, _) = start(service_fn(echo_peer), limits).await;
        let first = TcpStream::connect(address).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(GET.as_bytes()).await.unwrap();
        let waiting = time::timeout(Duration::from_millis(100), second.read_u8()).await;
        assert!(waiting.is_err(), "the second was answered while the first held the only place");
        drop(first);
        assert!(answer_to(&mut second, "").await.contains("200 OK"));
    }

    #[tokio::test]
    async fn a_caller_that_never_agrees_on_tls_is_cut_off_and_holds_up_nobody() {
        let limits = Limits { connections: 2, handshake: Duration::from_millis(50), ..Limits::default() };
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = config.with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (_stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(serve(listener, Some(Arc::new(config)), service_fn(echo_peer), limits, async {
            let _ = stopped.await;
        }));
        let mut silent = TcpStream::connect(address).await.unwrap();
        let mut plain = TcpStream::connect(address).await.unwrap();
        // An alert of TLS, and no answer of HTTP.
        plain.write_all(GET.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        plain.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer.first(), Some(&21), "{answer:?}");
        assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_stop_lets_a_caller_that_has_just_come_ask() {
        let (address, stop, loop_ended) = start(service_fn(echo_peer), Limits::default()).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        // Whoever came later is answered: so the first one has been let in.
        let mut second = TcpStream::connect(address).await.unwrap();
        assert!(answer_to(&mut second, GET).await.contains("200 OK"));
        stop.send(()).unwrap();
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(answer_to(&mut first, GET).await.contains("200 OK"));
        loop_ended.await.unwrap();
    }

    #[tokio::test]
    async fn a_stop_lets_the_request_in_hand_end() {
        let (begins, mut requests) = mpsc::channel::<oneshot::Sender<()>>(1);
        let slow = service_fn(move |_: Request<Incoming>| {
            let begins = begins.clone();
            async move {
                let (go_on, told) = oneshot::channel();
                let _ = begins.send(go_on).await;
                let _ = told.await;
                Answer::Ok(Response::new(Full::from("ended")))
            }
        });
        let (address, stop, loop_ended) = start(slow, Limits::default()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(GET.as_bytes()).await.unwrap();
        let go_on = requests.recv().await.unwrap();
        stop.send(()).unwrap();
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        go_on.send(()).unwrap();
        assert!(answer_to(&mut stream, "").await.ends_with("ended"));
        loop_ended.await.unwrap();
    }
}
