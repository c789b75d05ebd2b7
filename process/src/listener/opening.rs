//! How a listener is opened, or taken over from the service manager. Owns the errors of it; accepts
//! nobody.

use std::io;
use std::net::{self, SocketAddr};

use listenfd::ListenFd;
use tokio::net::TcpListener;

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("{0} is taken: another process listens there; stop it or choose another address")]
    Taken(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, #[source] io::Error),
    /// What the service manager hands over is not what the settings say.
    #[error(
        "the service manager hands over {handed_over}, and the settings say {expected}: let ListenStream= of the \
         socket unit and the setting name the same address, and only one"
    )]
    HandedOver {
        /// The listener, or what came in its place.
        handed_over: String,
        /// The address of the settings.
        expected: SocketAddr,
    },
}

/// Opens a listener on `address`.
///
/// # Errors
/// Names the address, and whether it is taken.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken(address),
        _ => BindError::Other(address, error),
    })
}

/// The listener on `address` that the service manager holds open and hands over, if it does: systemd's
/// socket activation (sd_listen_fds(3)). While the process restarts, connections wait there. Changes
/// the environment, so it is asked once, before there are threads.
///
/// # Errors
/// [`BindError::HandedOver`] where it listens elsewhere.
pub fn handed_over(address: SocketAddr) -> Result<Option<net::TcpListener>, BindError> {
    let wrong = |handed_over: String| BindError::HandedOver { handed_over, expected: address };
    let mut handed = ListenFd::from_env();
    if handed.len() > 1 {
        return Err(wrong(format!("{} sockets", handed.len())));
    }
    let Some(listener) = handed.take_tcp_listener(0).map_err(|error| wrong(error.to_string()))? else {
        return Ok(None);
    };
    let found = listener.local_addr().map_err(|error| wrong(error.to_string()))?;
    if found != address {
        return Err(wrong(format!("a listener on {found}")));
    }
    listener.set_nonblocking(true).map_err(|error| BindError::Other(address, error))?;
    Ok(Some(listener))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_address_is_named() {
        let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = first.local_addr().unwrap();
        let error = bind(address).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("{address} is taken")), "{error}");
    }
}
