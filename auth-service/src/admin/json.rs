//! What the admin API reads: JSON bodies and path segments, each into a type that cannot hold
//! nonsense. Owns their limits.

use std::fmt::Display;
use std::str::FromStr;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use serde::de::DeserializeOwned;

use super::error::AdminError;
use crate::administration::AdministrationError;

/// The longest body, in bytes: a resource may have a thousand tools.
pub const LONGEST_BODY: usize = 1024 * 1024;

/// Reads a body; `what` is wrong with it is told as `invalid_request`.
pub fn read<T: DeserializeOwned>(body: Result<Bytes, actix_web::Error>) -> Result<T, AdminError> {
    serde_json::from_slice(&bytes(body)?).map_err(|error| AdminError::InvalidRequest(format!("the body: {error}")))
}

/// Reads the metadata of a client: what is wrong with it is told as `invalid_client_metadata`
/// (RFC 7591 section 3.2.2), unless it is no JSON at all.
pub fn read_metadata<T: DeserializeOwned>(body: Result<Bytes, actix_web::Error>) -> Result<T, AdminError> {
    serde_json::from_slice(&bytes(body)?).map_err(|error| {
        let reason = format!("the body: {error}");
        if error.is_data() {
            AdministrationError::InvalidMetadata(reason).into()
        } else {
            AdminError::InvalidRequest(reason)
        }
    })
}

/// The body, where it could be read whole.
pub fn bytes(body: Result<Bytes, actix_web::Error>) -> Result<Bytes, AdminError> {
    body.map_err(|error| match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => AdminError::TooLarge(LONGEST_BODY),
        _ => AdminError::InvalidRequest("the body could not be read".to_owned()),
    })
}

/// The path segment of that name; a text that breaks the name's grammar is told so.
pub fn segment<T: FromStr<Err: Display>>(request: &HttpRequest, name: &str) -> Result<T, AdminError> {
    request.match_info().query(name).parse().map_err(|error| AdminError::InvalidRequest(format!("{name}: {error}")))
}
