//! The mode `api-key`: a client's secret in the header `x-api-key` of each request. Owns finding it.

use std::sync::Arc;

use http::HeaderName;

use crate::guard::Parts;
use crate::head::Head;
use crate::mode::Mode;
use crate::modes::basic::proved;
use crate::principal::Principal;
use crate::refusal::Refusal;

/// The header that holds the key.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// The longest key that is looked at, in bytes.
const LONGEST: usize = 1024;

/// The key that the request presents, if any.
///
/// # Errors
/// [`Refusal::InvalidRequest`] for two of them, or one that is none.
pub(crate) fn presented<'a>(head: &Head<'a>) -> Result<Option<&'a str>, Refusal> {
    let two = || Refusal::InvalidRequest("there is more than one x-api-key header");
    let Some(value) = head.api_key.at_most_once(two)? else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=LONGEST).contains(&key.len()));
    key.map(Some).ok_or(Refusal::InvalidRequest("the x-api-key header holds no key: 1 to 1024 visible characters"))
}

/// The client whose key this is.
pub(crate) fn identify(guard: &Parts, key: &str) -> Result<Principal, Refusal> {
    let everybody = guard.modes.clients.everybody();
    proved(guard, Mode::ApiKey, everybody.with_secret(key).map(Arc::clone))
}
