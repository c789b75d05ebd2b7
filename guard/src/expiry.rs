//! Ends an open stream when the token that opened it does. Owns the moment; the clock is passed in.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bailiwick_core::claims::CLOCK_SKEW;
use bailiwick_core::{Clock, UnixSeconds};
use futures::StreamExt;

/// How often an open stream looks at the clock. The clock counts whole seconds, so that a look at each
/// half ends a stream within one.
const LOOK: Duration = Duration::from_millis(500);

/// `body` until the token ends at `expires_at`. A stream that is opened in the seconds by which two
/// clocks may differ ends with them.
pub(crate) fn until(expires_at: UnixSeconds, clock: Arc<dyn Clock>, body: Body) -> Body {
    let ends_at = if clock.now() < expires_at { expires_at } else { expires_at + CLOCK_SKEW };
    let end = async move {
        loop {
            let left = ends_at.since(clock.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK)).await;
        }
    };
    Body::from_stream(body.into_data_stream().take_until(Box::pin(end)))
}
