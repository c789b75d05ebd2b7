//! One HTTP/1.1 connection over loopback that is kept alive. Owns its socket; what is asked and what a
//! right answer is are its users'.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use crate::error::{BenchError, system};

/// How much of a wrong answer an error quotes, in characters.
const QUOTED: usize = 300;

/// A connection to a server.
#[derive(Debug)]
pub struct Connection {
    name: Arc<str>,
    host: HeaderValue,
    sender: SendRequest<Full<Bytes>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Bytes,
    name: Arc<str>,
}

impl Connection {
    /// Connects to the server of that name for people.
    pub async fn open(name: &str, address: SocketAddr) -> Result<Self, BenchError> {
        let connect = async || -> io::Result<TcpStream> {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = connect().await.map_err(system(name))?;
        let handshake = http1::handshake(TokioIo::new(stream)).await;
        let (sender, driver) = handshake.map_err(|error| broken(name, error))?;
        // What goes wrong on the connection, its next request is told.
        tokio::spawn(driver);
        let host = HeaderValue::from_str(&format!("localhost:{}", address.port())).map_err(http::Error::from)?;
        Ok(Self { name: name.into(), host, sender })
    }

    /// Sends a request, with the server's `Host`, and reads the answer.
    pub async fn exchange(&mut self, mut request: Request<Full<Bytes>>) -> Result<Answer, BenchError> {
        request.headers_mut().insert(HOST, self.host.clone());
        let answered = async {
            self.sender.ready().await?;
            let (head, body) = self.sender.send_request(request).await?.into_parts();
            Ok((head.status, body.collect().await?.to_bytes()))
        };
        let (status, body) = answered.await.map_err(|error| broken(&self.name, error))?;
        Ok(Answer { status, body, name: Arc::clone(&self.name) })
    }
}

impl Answer {
    /// Itself, where it has this status and its body holds this text, which is not empty.
    pub fn with(self, status: StatusCode, expected: &'static str) -> Result<Self, BenchError> {
        if self.status == status && self.body.windows(expected.len().max(1)).any(|part| part == expected.as_bytes()) {
            return Ok(self);
        }
        let body = String::from_utf8_lossy(&self.body).chars().take(QUOTED).collect();
        Err(BenchError::WrongAnswer { name: self.name.to_string(), status: self.status, expected, body })
    }

    /// Its body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, BenchError> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

fn broken(name: &str, error: hyper::Error) -> BenchError {
    BenchError::Connection { name: name.to_owned(), source: error }
}
