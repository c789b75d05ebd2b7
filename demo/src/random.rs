//! Secrets that nobody guesses. Owns how they are made; what each is for is its user's.

use bailiwick_process::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::DemoError;

/// A text of as many random bytes, four characters for three of them.
///
/// # Errors
/// The system gives no random bytes.
pub fn secret<const BYTES: usize>() -> Result<Secret, DemoError> {
    let mut bytes = [0; BYTES];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| DemoError::NoRandomness)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}
