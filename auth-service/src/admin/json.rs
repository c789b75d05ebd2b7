//! What the admin API reads: JSON bodies and path segments, each into a type that cannot hold
//! nonsense. Owns their limits.

use std::fmt::Display;
use std::str::FromStr;

use actix_web::HttpRequest;
use actix_web::web::Bytes;
use bailiwick_core::json;
use serde::de::DeserializeOwned;
use serde_json::Value;

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

/// The body, where it could be read whole.
pub fn bytes(body: Result<Bytes, actix_web::Error>) -> Result<Bytes, AdminError> {
    body.map_err(|error| Unreadable::of(&error, LONGEST_BODY).into())
}

/// The path segment of that name; a text that breaks the name's grammar is told so.
pub fn segment<T: FromStr<Err: Display>>(request: &HttpRequest, name: &str) -> Result<T, AdminError> {
    request.match_info().query(name).parse().map_err(|error| AdminError::InvalidRequest(format!("{name}: {error}")))
}
