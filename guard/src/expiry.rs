//! Ends an open stream when what opened it ends or is refused. Owns the moment; the clock is passed in, and
//! what is refused [`crate::revocations`] and [`crate::local_clients`] know.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bailiwick_core::claims::CLOCK_SKEW;
use bailiwick_core::{Clock, UnixSeconds};
use futures::{FutureExt, StreamExt, future};

use crate::guard::Parts;
use crate::principal::{Principal, Proof};

/// How often an open stream looks at the clock. The clock counts whole seconds, so that a look at each
/// half ends a stream within one.
const LOOK: Duration = Duration::from_millis(500);

/// `body` until its caller's credentials end or are refused.
pub(crate) fn until_ended(caller: Principal, guard: &Parts, body: Body) -> Body {
    let expired = expired(caller.expires_at(), Arc::clone(&guard.clock)).boxed();
    let refused = match (caller.proof(), &guard.revocations) {
        (Proof::AccessToken(_), Some(revocations)) => Arc::clone(revocations).until_refused(caller).boxed(),
        (Proof::Client(_, client), _) => Arc::clone(&guard.modes.clients).until_forgotten(Arc::clone(client)).boxed(),
        (Proof::AccessToken(_) | Proof::PublicKey, _) => future::pending().boxed(),
    };
    Body::from_stream(body.into_data_stream().take_until(future::select(expired, refused)))
}

/// Waits for a token's end. A stream that is opened in the seconds by which two clocks may differ ends
/// with them.
fn expired(expires_at: UnixSeconds, clock: Arc<dyn Clock>) -> impl Future<Output = ()> + Send {
    let ends_at = if clock.now() < expires_at { expires_at } else { expires_at + CLOCK_SKEW };
    async move {
        loop {
            let left = ends_at.since(clock.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LOOK)).await;
        }
    }
}
