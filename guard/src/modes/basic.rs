//! The mode `basic`: a client's name and secret in each request (RFC 7617). Owns reading the two, and what
//! every mode does in which the secret itself is presented.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::guard::Parts;
use crate::local_clients::Known;
use crate::mode::Mode;
use crate::principal::{Principal, Proof};
use crate::refusal::Refusal;

/// The longest credentials that are looked at, in bytes of base64.
const LONGEST: usize = 4096;

/// A name and a secret; nothing of them is believed yet.
pub(crate) struct Credentials {
    joined: Zeroizing<String>,
    colon: usize,
}

impl Credentials {
    /// The name.
    pub(crate) fn name(&self) -> &str {
        &self.joined[..self.colon]
    }

    fn secret(&self) -> &str {
        &self.joined[self.colon + 1..]
    }
}

/// Reads what follows the word `Basic`.
///
/// # Errors
/// [`Refusal::InvalidRequest`] where it is not well-formed.
pub(crate) fn read(encoded: &str) -> Result<Credentials, Refusal> {
    let malformed = || Refusal::InvalidRequest("the Authorization header is not of the form: Basic <name:secret>");
    if encoded.len() > LONGEST {
        return Err(malformed());
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim_end_matches(' ')).map_err(|_| malformed())?);
    let joined = Zeroizing::new(std::str::from_utf8(&decoded).map_err(|_| malformed())?.to_owned());
    let colon = joined.find(':').ok_or_else(malformed)?;
    Ok(Credentials { joined, colon })
}

/// The client whose name and secret these are.
pub(crate) fn identify(guard: &Parts, credentials: &Credentials) -> Result<Principal, Refusal> {
    let everybody = guard.modes.clients.everybody();
    let client = everybody.with_name_and_secret(credentials.name(), credentials.secret());
    proved(guard, Mode::Basic, client.map(Arc::clone))
}

/// The caller who has shown the secret of `client`. Unknown, wrong and expired are one answer.
pub(crate) fn proved(guard: &Parts, mode: Mode, client: Option<Arc<Known>>) -> Result<Principal, Refusal> {
    let now = guard.clock.now();
    let client = client.filter(|client| client.claims.check_times(now).is_ok());
    let client = client.ok_or(Refusal::WrongCredentials(mode))?;
    client.used(now);
    Ok(Principal::new(Arc::clone(&client.claims), Proof::Client(mode, client)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &[u8]) -> Option<(String, String)> {
        let credentials = read(&STANDARD.encode(text)).ok()?;
        Some((credentials.name().to_owned(), credentials.secret().to_owned()))
    }

    #[test]
    fn a_name_ends_at_the_first_colon_and_the_rest_is_the_secret() {
        assert_eq!(found(b"ci:a:b"), Some(("ci".to_owned(), "a:b".to_owned())));
        assert_eq!(found(b":"), Some((String::new(), String::new())));
        assert_eq!((found(b"ci"), found(b"\xff:x")), (None, None));
        for wrong in ["", "!", "Y2k6", &"A".repeat(LONGEST + 4)] {
            assert!(read(wrong).is_err() == (wrong != "Y2k6"), "{wrong}");
        }
    }
}
