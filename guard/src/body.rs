//! The body of a request, read as a whole. Owns how large it may be and how long it may take to come.

use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;
use tower::BoxError;

use crate::refusal::Refusal;

/// How long a body may take to come. Together with the wait for a place it is less than the half minute that
/// our listeners give a request.
const WITHIN: Duration = Duration::from_secs(15);

/// The whole body, of at most `most` bytes.
///
/// # Errors
/// [`Refusal::TooLarge`], [`Refusal::BodyUnread`] or [`Refusal::BodyTooSlow`].
pub(crate) async fn whole<B: http_body::Body<Error: Into<BoxError>>>(body: B, most: usize) -> Result<Bytes, Refusal> {
    if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
        return Err(Refusal::TooLarge);
    }
    match timeout(WITHIN, Limited::new(body, most).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge),
        Ok(Err(_)) => Err(Refusal::BodyUnread),
        Err(_) => Err(Refusal::BodyTooSlow),
    }
}
