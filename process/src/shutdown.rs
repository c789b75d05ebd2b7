//! The wish to stop, as a future. Owns the two signals that mean it; stopping itself is the
//! affair of whoever awaits.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Hears SIGTERM and SIGINT from now on; the future ends when the first of them arrives.
///
/// # Errors
/// Where the operating system refuses the handlers.
pub fn requested() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
