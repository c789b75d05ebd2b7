//! An HTTP server of the test's own that answers whatever it is told, right or wrong, and remembers
//! what it was asked. Owns its thread, which ends with it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

/// One request, as it was read.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its method and its path, as in `GET /mcp`.
    pub what: String,
    /// Its headers, their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status line's rest, such as `200 OK`.
    pub status: &'static str,
    /// The headers, besides those of length and connection.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether more is promised than comes, until the server ends.
    pub is_unfinished: bool,
}

impl Reply {
    /// An answer without a body.
    #[must_use]
    pub fn status(status: &'static str) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), is_unfinished: false }
    }

    /// 200 with JSON.
    #[must_use]
    pub fn json(value: &Value) -> Self {
        Self::status("200 OK").with("Content-Type", "application/json").body(value.to_string())
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The same, but it never comes to its end.
    #[must_use]
    pub fn unfinished(mut self) -> Self {
        self.is_unfinished = true;
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// A running server.
#[derive(Debug)]
pub struct ScriptedServer {
    /// Its origin, such as `http://localhost:1234`.
    pub origin: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    stopped: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

impl ScriptedServer {
    /// Starts one that answers as `script` says; it is told the server's own origin.
    pub fn start(script: impl Fn(&str, &Asked) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let server = std::thread::spawn({
            let (origin, asked, stopped) = (origin.clone(), Arc::clone(&asked), Arc::clone(&stopped));
            move || {
                let mut held = Vec::new();
                for stream in listener.incoming().map_while(Result::ok) {
                    if stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    let served = serve(stream, |request| {
                        asked.lock().unwrap().push(request.clone());
                        script(&origin, &request)
                    });
                    // A client that goes away in between is its own affair.
                    held.extend(served.ok().flatten());
                }
            }
        });
        Self { origin, asked, stopped, server: Some(server) }
    }

    /// Everything that it was asked until now.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How often it was asked for `what`.
    #[must_use]
    pub fn count(&self, what: &str) -> usize {
        self.asked().iter().filter(|asked| asked.what == what).count()
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // The thread waits for a connection; this one wakes it.
        let _ = TcpStream::connect(self.origin.trim_start_matches("http://"));
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

/// Answers one request; gives the connection back where the answer has not come to its end.
fn serve(mut stream: TcpStream, answer: impl FnOnce(Asked) -> Reply) -> io::Result<Option<TcpStream>> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let what = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body)?;
    let Reply { status, headers: answered, body: content, is_unfinished } = answer(Asked { what, headers, body });
    let promised = content.len() + usize::from(is_unfinished);
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {promised}\r\nConnection: close\r\n");
    for (name, value) in answered {
        // A String takes all that is written to it.
        let _ = write!(head, "{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(&content)?;
    Ok(is_unfinished.then_some(stream))
}
