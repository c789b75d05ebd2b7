//! A proxy of the tests' own that adds a bearer token, for clients that know no authorization. It changes
//! nothing else but its own host and port into the server's, and passes streams on as they come. Owns
//! its threads, which end with it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// The most bytes of one request's head.
const LARGEST_HEAD: usize = 64 * 1024;

/// A running proxy.
#[derive(Debug)]
pub struct BearerProxy {
    /// The port that it listens on.
    pub port: u16,
    stopped: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

/// Where requests go and what they get.
#[derive(Debug)]
struct Way {
    port: u16,
    server: u16,
    token: String,
}

impl BearerProxy {
    /// Starts one in front of what listens on `server`, a port of the loopback address.
    #[must_use]
    pub fn start(server: u16, token: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let stopped = Arc::new(AtomicBool::new(false));
        let way = Arc::new(Way { port, server, token: token.to_owned() });
        let thread = std::thread::spawn({
            let stopped = Arc::clone(&stopped);
            move || {
                for client in listener.incoming().map_while(Result::ok) {
                    if stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    let way = Arc::clone(&way);
                    // Either side may go away at any time; that is no failure of the proxy.
                    std::thread::spawn(move || way.pass(&client));
                }
            }
        });
        Self { port, stopped, listener: Some(thread) }
    }
}

impl Drop for BearerProxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // The thread waits for a connection; this one wakes it.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl Way {
    /// Passes one request on and its answer back. Every request gets a connection of its own, so that
    /// only heads need to be read.
    fn pass(&self, client: &TcpStream) -> io::Result<()> {
        let mut from_client = BufReader::new(client.try_clone()?);
        let head = self.changed(&head_of(&mut from_client)?);
        let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server))?;
        server.set_nodelay(true)?;
        client.set_nodelay(true)?;
        server.write_all(head.as_bytes())?;
        let (mut to_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
        let upwards = std::thread::spawn(move || {
            let _ = io::copy(&mut from_client, &mut to_server);
            // A client that is gone is how a stream is cancelled.
            let _ = to_server.shutdown(Shutdown::Both);
        });
        let _ = io::copy(&mut server, &mut to_client);
        let _ = client.shutdown(Shutdown::Both);
        let _ = upwards.join();
        Ok(())
    }

    /// The head of a request as the server shall see it.
    fn changed(&self, head: &[String]) -> String {
        let (ours, theirs) = (format!("localhost:{}", self.port), format!("localhost:{}", self.server));
        let names = |line: &str, name: &str| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
        let mut changed = String::new();
        for line in head.iter().filter(|line| !names(line, "connection")) {
            let is_address = names(line, "host") || names(line, "origin");
            let is_ours = is_address && line.ends_with(&ours);
            changed.push_str(&if is_ours { line.replace(&ours, &theirs) } else { line.clone() });
            changed.push_str("\r\n");
        }
        if !head.iter().any(|line| names(line, "authorization")) {
            changed.extend(["Authorization: Bearer ", &self.token, "\r\n"]);
        }
        changed + "Connection: close\r\n\r\n"
    }
}

/// The lines of a request's head, the empty one not included.
fn head_of(client: &mut impl BufRead) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut size = 0;
    loop {
        let mut line = String::new();
        size += client.read_line(&mut line)?;
        let line = line.trim_end().to_owned();
        if size > LARGEST_HEAD || (line.is_empty() && lines.is_empty()) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if line.is_empty() {
            return Ok(lines);
        }
        lines.push(line);
    }
}
