//! The rule for plain HTTP: tokens travel unencrypted on loopback only. Owns the decision; what
//! the public URL is, and where TLS ends, the caller says.

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

/// Where TLS ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsEnd {
    /// Nowhere: plain HTTP all the way.
    Nowhere,
    /// In this process.
    Here,
    /// In front of it: the operator's word.
    InFront,
}

/// Why a process may not start as it is set.
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
    /// The process speaks TLS, and the URL sends clients to it without.
    #[error("{url} is a plain http URL, and this process has a TLS certificate: use its https URL")]
    TlsBehindPlainUrl {
        /// The public URL.
        url: String,
    },
    /// The URL promises TLS, or the listener is reachable from outside, and nobody said that TLS
    /// ends in front of this process.
    #[error(
        "{url} on {listen} needs TLS: set {prefix}_TLS_CERT and {prefix}_TLS_KEY, or end TLS at a proxy in front of \
         this process and set {prefix}_TLS_TERMINATED=true, or use an http://localhost URL and listen on a loopback \
         address"
    )]
    NoTls {
        /// The public URL.
        url: String,
        /// Where the process would listen.
        listen: SocketAddr,
        /// What the names of the settings begin with.
        prefix: &'static str,
    },
}

/// Whether a process may listen on `listen` and be known as `url`, when TLS ends where `tls` says.
/// `prefix` is what the names of its settings begin with.
///
/// # Errors
/// Why not; the text says what to change.
pub fn may_start(
    url: PublicUrl<'_>,
    listen: SocketAddr,
    tls: TlsEnd,
    prefix: &'static str,
) -> Result<(), PlainHttpRefused> {
    if url.is_plain_http && !url.is_loopback {
        return Err(PlainHttpRefused::PlainUrl { url: url.text.to_owned() });
    }
    let stays_here = url.is_plain_http && listen.ip().is_loopback();
    match tls {
        TlsEnd::Here if url.is_plain_http => Err(PlainHttpRefused::TlsBehindPlainUrl { url: url.text.to_owned() }),
        TlsEnd::Nowhere if !stays_here => Err(PlainHttpRefused::NoTls { url: url.text.to_owned(), listen, prefix }),
        TlsEnd::Here | TlsEnd::InFront | TlsEnd::Nowhere => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_loopback_unless_tls_ends_here_or_in_front() {
        let cases = [
            (true, true, "127.0.0.1:8000", TlsEnd::Nowhere, true),
            (true, true, "[::1]:8000", TlsEnd::Nowhere, true),
            (true, true, "0.0.0.0:8000", TlsEnd::Nowhere, false),
            (true, true, "0.0.0.0:8000", TlsEnd::InFront, true),
            (true, true, "127.0.0.1:8000", TlsEnd::Here, false),
            (true, false, "127.0.0.1:8000", TlsEnd::Nowhere, false),
            (true, false, "127.0.0.1:8000", TlsEnd::InFront, false),
            (true, false, "127.0.0.1:8000", TlsEnd::Here, false),
            (false, false, "127.0.0.1:8000", TlsEnd::Nowhere, false),
            (false, false, "10.0.0.1:8000", TlsEnd::InFront, true),
            (false, false, "10.0.0.1:8000", TlsEnd::Here, true),
            (false, true, "127.0.0.1:8000", TlsEnd::Nowhere, false),
            (false, true, "127.0.0.1:8000", TlsEnd::Here, true),
        ];
        for (is_plain_http, is_loopback, listen, tls, may) in cases {
            let url = PublicUrl { text: "the URL", is_plain_http, is_loopback };
            let decision = may_start(url, listen.parse().unwrap(), tls, "MCP");
            assert_eq!(decision.is_ok(), may, "{url:?} {listen} {tls:?}");
        }
    }
}
