//! The body of a request, read as a whole. Owns how large it may be and how long it may take to come.

use std::pin::pin;
use std::time::Duration;

use axum::body::Bytes;
use futures::FutureExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;
use tower::BoxError;

use crate::refusal::Refusal;

/// How long a body may take to come. Together with the wait for a place it is less than the half minute that
/// our listeners give a request.
const WITHIN: Duration = Duration::from_secs(15);

/// A body that has come.
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    /// Whether it took its time.
    pub(crate) was_awaited: bool,
}

/// The whole body, of at most `most` bytes.
///
/// # Errors
/// [`Refusal::TooLarge`], [`Refusal::BodyUnread`] or [`Refusal::BodyTooSlow`].
pub(crate) async fn whole<B: http_body::Body<Error: Into<BoxError>>>(body: B, most: usize) -> Result<Whole, Refusal> {
    if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
        return Err(Refusal::TooLarge);
    }
    let mut collected = pin!(Limited::new(body, most).collect());
    // Most bodies have come with their heads, and need no clock.
    let at_once = collected.as_mut().now_or_never();
    let was_awaited = at_once.is_none();
    let collected = match at_once {
        Some(collected) => collected,
        None => timeout(WITHIN, collected).await.map_err(|_| Refusal::BodyTooSlow)?,
    };
    match collected {
        Ok(body) => Ok(Whole { bytes: body.to_bytes(), was_awaited }),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge),
        Err(_) => Err(Refusal::BodyUnread),
    }
}
