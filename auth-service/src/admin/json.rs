//! What the admin API reads: JSON bodies and path segments, each into a type that cannot hold
//! nonsense. Owns their limits.

use std::fmt::Display;
use std::str::FromStr;

use actix_web::HttpRequest;
use actix_web::web::Bytes;
use bailiwick_core::json;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::AdminError;
use crate::administration::AdministrationError;
use crate::request_body::Unreadable;

/// The longest body, in bytes: a resource may have a thousand tools.
pub const LONGEST_BODY: usize = 1024 * 1024;

/// Reads a body, a JSON object; what is wrong with it is told as `invalid_request`.
pub fn read<T: DeserializeOwned>(body: Result<Bytes, actix_web::Error>) -> Result<T, AdminError> {
    json::read(&bytes(body)?).map_err(|error| AdminError::InvalidRequest(format!("the body: {error}")))
}

/// Reads the metadata of a client: what is wrong with a member is told as `invalid_client_metadata`
/// (RFC 7591 section 3.2.2).
pub fn read_metadata<T: DeserializeOwned>(body: Result<Bytes, actix_web::Error>) -> Result<T, AdminError> {
    let told = |error: serde_json::Error| format!("the body: {error}");
    let members = json::object(&bytes(body)?).map_err(|error| AdminError::InvalidRequest(told(error)))?;
    serde_json::from_value(Value::Object(members))
        .map_err(|error| AdministrationError::InvalidMetadata(told(error)).into())
}

/// Reads changes of a user, as [`read`] does; `null` is no wish of theirs.
pub fn read_changes<T: DeserializeOwned>(body: Result<Bytes, actix_web::Error>) -> Result<T, AdminError> {
    let body = bytes(body)?;
    refuse_null(&read(Ok(body.clone()))?, &[]).map_err(AdminError::InvalidRequest)?;
    read(Ok(body))
}

/// Reads changes of a client's metadata, as [`read_metadata`] does; `null` takes the limits of those names away.
pub fn read_metadata_changes<T: DeserializeOwned>(
    body: Result<Bytes, actix_web::Error>,
    limits: &[&str],
) -> Result<T, AdminError> {
    let body = bytes(body)?;
    refuse_null(&read(Ok(body.clone()))?, limits).map_err(AdministrationError::InvalidMetadata)?;
    read_metadata(Ok(body))
}

/// What is absent stays as it is. `null` is not absent: whoever sends it means to take something away, and must
/// not be told that it was done where it was not.
fn refuse_null(members: &Map<String, Value>, limits: &[&str]) -> Result<(), String> {
    let is_wrong = |(name, value): &(&String, &Value)| value.is_null() && !limits.contains(&name.as_str());
    match members.iter().find(is_wrong) {
        Some((name, _)) => Err(format!("{name} may not be null; leave it out, and it stays as it is")),
        None => Ok(()),
    }
}

/// The body, where it could be read whole.
pub fn bytes(body: Result<Bytes, actix_web::Error>) -> Result<Bytes, AdminError> {
    body.map_err(|error| Unreadable::of(&error, LONGEST_BODY).into())
}

/// The path segment of that name; a text that breaks the name's grammar is told so.
pub fn segment<T: FromStr<Err: Display>>(request: &HttpRequest, name: &str) -> Result<T, AdminError> {
    request.match_info().query(name).parse().map_err(|error| AdminError::InvalidRequest(format!("{name}: {error}")))
}
