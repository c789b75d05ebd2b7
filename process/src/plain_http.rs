//! The rule for plain HTTP: tokens travel unencrypted on loopback only. Owns the decision; what
//! the public URL is, and whether TLS ends in front of the process, the caller says.

use std::net::SocketAddr;

/// The URL under which clients know this process: its issuer or its resource.
#[derive(Clone, Copy, Debug)]
pub struct PublicUrl<'a> {
    /// The URL itself, for the error text.
    pub text: &'a str,
    /// Whether its scheme is `http`.
    pub is_plain_http: bool,
    /// Whether its host is `localhost` or a loopback address.
    pub is_loopback: bool,
}

/// Why a process that speaks plain HTTP may not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlainHttpRefused {
    /// The public URL itself promises plain HTTP across a network.
    #[error(
        "{url} is a plain http URL of a host that is not loopback: tokens would cross the network unencrypted; \
         use its https URL"
    )]
    PlainUrl {
        /// The public URL.
        url: String,
    },
    /// The URL promises TLS, or the listener is reachable from outside, and nobody said that TLS
    /// ends in front of this process.
    #[error(
        "{url} on {listen} needs TLS, which this process does not speak yet: end TLS at a proxy in front of it and set \
         {setting}=true, or use an http://localhost URL and listen on a loopback address"
    )]
    NoTls {
        /// The public URL.
        url: String,
        /// Where the process would listen.
        listen: SocketAddr,
        /// The environment variable that says where TLS ends.
        setting: &'static str,
    },
}

/// Whether a process that speaks plain HTTP may listen on `listen` and be known as `url`.
/// `tls_terminated` is the value of `setting`: the operator's word that TLS ends in front of it.
///
/// # Errors
/// Why not; the text says what to change.
pub fn may_start(
    url: PublicUrl<'_>,
    listen: SocketAddr,
    tls_terminated: bool,
    setting: &'static str,
) -> Result<(), PlainHttpRefused> {
    if url.is_plain_http && !url.is_loopback {
        return Err(PlainHttpRefused::PlainUrl { url: url.text.to_owned() });
    }
    let stays_here = url.is_plain_http && listen.ip().is_loopback();
    if stays_here || tls_terminated {
        return Ok(());
    }
    Err(PlainHttpRefused::NoTls { url: url.text.to_owned(), listen, setting })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_loopback_unless_tls_ends_in_front() {
        let cases = [
            (true, true, "127.0.0.1:8000", false, true),
            (true, true, "[::1]:8000", false, true),
            (true, true, "0.0.0.0:8000", false, false),
            (true, true, "0.0.0.0:8000", true, true),
            (true, false, "127.0.0.1:8000", false, false),
            (true, false, "127.0.0.1:8000", true, false),
            (false, false, "127.0.0.1:8000", false, false),
            (false, false, "10.0.0.1:8000", true, true),
            (false, true, "127.0.0.1:8000", false, false),
        ];
        for (is_plain_http, is_loopback, listen, tls_terminated, may) in cases {
            let url = PublicUrl { text: "the URL", is_plain_http, is_loopback };
            let decision = may_start(url, listen.parse().unwrap(), tls_terminated, "MCP_TLS_TERMINATED");
            assert_eq!(decision.is_ok(), may, "{url:?} {listen} {tls_terminated}");
        }
    }
}
