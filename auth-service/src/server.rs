//! The wiring: the route table, who may call across origins, and the limits of the HTTP server.
//! Owns no behaviour of any endpoint.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_cors::Cors;
use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, Error, HttpServer, web};
use bailiwick_process::listener;
use bailiwick_process::tls::ServerConfig;

use crate::admin::error::AdminError;
use crate::oauth2::form;
use crate::policy::{ADMIN_PATH, FEED_PATH};
use crate::service::Service;
use crate::{admin, feed, health, oauth2, openapi, pages, request_body};

/// Connections at one time, over all workers.
const MOST_CONNECTIONS: usize = 4096;
/// Connections that the operating system holds before they are taken.
const BACKLOG: u32 = 1024;
/// How long a caller may take to agree on TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a caller may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may stay idle between two requests.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long those who were let in last have to ask before the stop, which closes whoever has not asked.
const LAST_CALL: Duration = Duration::from_millis(500);
/// How long requests may take to finish after the stop was asked for, in seconds.
const SHUTDOWN_TIMEOUT: u64 = 10;

/// The server, listening and not yet running; over TLS where its parameters are given.
pub fn start(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    service: web::Data<Service>,
    workers: usize,
) -> std::io::Result<actix_web::dev::Server> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(service.clone())
            .service(
                web::scope(ADMIN_PATH)
                    .app_data(web::PayloadConfig::new(admin::json::LONGEST_BODY))
                    .wrap(from_fn(admin::authorize))
                    .configure(admin::routes)
                    .default_service(web::to(|| async { Err::<String, _>(AdminError::NoSuchPath) })),
            )
            .configure(routes)
            .wrap(from_fn(admit))
    });
    let connections = MOST_CONNECTIONS / workers.max(1);
    let server = server
        .workers(workers)
        .max_connections(connections)
        // Handshakes are bounded as connections are; a lower number would let a few silent callers hold up all.
        .max_connection_rate(connections)
        .backlog(BACKLOG)
        .tls_handshake_timeout(HANDSHAKE_TIMEOUT)
        .client_request_timeout(HEAD_TIMEOUT)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(SHUTDOWN_TIMEOUT)
        .disable_signals();
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, Arc::unwrap_or_clone(tls))?,
        None => server.listen(listener)?,
    };
    Ok(server.run())
}

/// Lets nobody else in, and the requests in hand end.
pub async fn stop(server: &ServerHandle) {
    server.pause().await;
    tokio::time::sleep(LAST_CALL).await;
    server.stop(true).await;
}

/// Takes the address, or takes over what the service manager holds open there, so that what is wrong
/// with it is known before anything else starts.
pub fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    let named = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("{address} is taken: another process listens there; stop it or choose another address")
        }
        _ => format!("cannot listen on {address}: {error}"),
    };
    match listener::handed_over(address).map_err(|error| error.to_string())? {
        Some(listener) => Ok(listener),
        None => TcpListener::bind(address).map_err(named),
    }
}

/// What holds for every request, before any route is looked for.
async fn admit(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    // HEAD is taken for GET (RFC 9110 section 9.3.2); of the answer to it, the HTTP library sends the head alone.
    if request.method() == Method::HEAD {
        request.head_mut().method = Method::GET;
    }
    request_body::in_time(request, next).await
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(form::LONGEST_BODY))
        .service(
            web::resource("/.well-known/oauth-authorization-server")
                .wrap(from_any_origin(&[Method::GET, Method::HEAD]))
                .route(web::get().to(oauth2::metadata::metadata)),
        )
        .service(
            web::resource("/.well-known/openid-configuration")
                .wrap(from_any_origin(&[Method::GET, Method::HEAD]))
                .route(web::get().to(oauth2::metadata::openid_configuration)),
        )
        .service(
            web::resource("/.well-known/jwks.json")
                .wrap(from_any_origin(&[Method::GET, Method::HEAD]))
                .route(web::get().to(oauth2::jwks::jwks)),
        )
        .service(
            web::resource("/oauth2/token")
                .wrap(from_any_origin(&[Method::POST]))
                .route(web::post().to(oauth2::token::token)),
        )
        .service(web::resource("/oauth2/authorize").route(web::get().to(oauth2::authorize::authorize)))
        .service(web::resource("/oauth2/revoke").route(web::post().to(oauth2::revoke::revoke)))
        .service(web::resource("/oauth2/introspect").route(web::post().to(oauth2::introspect::introspect)))
        .service(web::resource(FEED_PATH).route(web::get().to(feed::endpoint::read)))
        .service(web::resource("/openapi.json").route(web::get().to(openapi::openapi)))
        .service(web::resource("/health/live").route(web::get().to(health::live)))
        .service(web::resource("/health/ready").route(web::get().to(health::ready)))
        .configure(pages::routes);
}

/// Any page may read the answer, and no browser adds credentials of its own: what these endpoints
/// tell is public, or rests on what the caller sends itself.
fn from_any_origin(methods: &[Method]) -> Cors {
    Cors::default().allow_any_origin().send_wildcard().allowed_methods(methods.iter().cloned()).allow_any_header()
}
