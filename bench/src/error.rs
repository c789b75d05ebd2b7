//! Why nothing was measured: everything that ends a run early, as its reader is told. A wrong answer
//! of a server ends it too, since what answers wrongly is not worth a figure.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file or process of the operating system.
    #[error("{what}: {source}")]
    System {
        /// What was attempted.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A binary that has to be built first.
    #[error("{} is missing: scripts/bench builds it", .0.display())]
    NotBuilt(PathBuf),
    /// A command that should have succeeded.
    #[error("{command} failed: {output}")]
    Command {
        /// Its command line.
        command: String,
        /// What it said.
        output: String,
    },
    /// A server that ended or stayed silent instead of serving.
    #[error("{name} did not start: {log}")]
    NotStarted {
        /// What it is.
        name: String,
        /// The end of its log.
        log: String,
    },
    /// A connection that broke.
    #[error("{name}: the connection broke: {source}")]
    Connection {
        /// The server.
        name: String,
        /// How.
        source: hyper::Error,
    },
    /// An answer that is not the expected one.
    #[error("{name} answered {status} where {expected:?} was to be found: {body}")]
    WrongAnswer {
        /// The server.
        name: String,
        /// The status.
        status: http::StatusCode,
        /// What a right answer holds.
        expected: &'static str,
        /// The beginning of the body.
        body: String,
    },
    /// No answers.
    #[error("{0} did not answer all that it was asked within {1:?}")]
    Silent(String, Duration),
    /// A token that was taken back and goes on working.
    #[error("{0} let a token through that was taken back {1:?} before")]
    NotRefused(String, Duration),
    /// No request at all was made in a slice.
    #[error("{0} answered no request within a slice")]
    Nothing(String),
    /// A key, a signature or randomness that the library refuses.
    #[error("the cryptographic library: {0}")]
    Key(#[from] aws_lc_rs::error::Unspecified),
    /// A shared secret that the library refuses.
    #[error("the shared secret: {0}")]
    SharedSecret(#[from] bailiwick_core::ShortSecret),
    /// A header, a URL or a request that cannot be built.
    #[error("a request cannot be built: {0}")]
    Request(#[from] http::Error),
    /// JSON that cannot be read or written.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A name of the command line.
    #[error("there is no case {0:?}: --list names them")]
    NoSuchCase(String),
    /// Cases that draw nothing.
    #[error("none of these cases has a chart")]
    NoChart,
    /// Documents without the place for a table.
    #[error("{documents}: the line {marker:?} is missing")]
    NoPlace {
        /// The documents that were looked through.
        documents: String,
        /// The missing line.
        marker: String,
    },
    /// Somebody pressed Ctrl-C.
    #[error("stopped")]
    Stopped,
}

/// For errors of the operating system: says what was attempted.
pub fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> BenchError {
    let what = what.into();
    move |source| BenchError::System { what, source }
}
