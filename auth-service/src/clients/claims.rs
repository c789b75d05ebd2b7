//! The static claims of a client, which travel in every token of its. Owns what may not be among them.

use bailiwick_core::claims::RESERVED_CLAIMS;
use serde_json::{Map, Value};

use super::{InvalidMetadata, refuse};

/// The most static claims of one client.
const MOST_CLAIMS: usize = 32;
/// The most bytes that its static claims take as JSON: they travel in every token.
const MOST_CLAIM_BYTES: usize = 2048;
/// The longest name of a static claim, in bytes.
const LONGEST_CLAIM_NAME: usize = 64;

/// Checks the static claims of a client.
///
/// # Errors
/// What is wrong with them first.
pub(super) fn check(claims: &Map<String, Value>) -> Result<(), InvalidMetadata> {
    if let Some((name, _)) = claims.iter().find(|(_, value)| holds_null(value)) {
        return refuse(format!("claims may not set {name} to null, nor to what holds null; leave it out"));
    }
    if let Some(name) = claims.keys().find(|name| RESERVED_CLAIMS.contains(&name.as_str())) {
        return refuse(format!("claims may not set {name}, which is reserved"));
    }
    if claims.keys().any(|name| name.is_empty() || name.len() > LONGEST_CLAIM_NAME) {
        return refuse(format!("the name of a claim has 1 to {LONGEST_CLAIM_NAME} bytes"));
    }
    let bytes = serde_json::to_vec(claims).map_or(usize::MAX, |json| json.len());
    if claims.len() > MOST_CLAIMS || bytes > MOST_CLAIM_BYTES {
        return refuse(format!("a client has at most {MOST_CLAIMS} claims of {MOST_CLAIM_BYTES} bytes in all"));
    }
    Ok(())
}

/// Whether `null` is in a value at any depth. It says nothing that absence does not, and TOML cannot write it.
pub fn holds_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(holds_null),
        Value::Object(members) => members.values().any(holds_null),
        _ => false,
    }
}
