//! The body of a request that is refused before it was read. Owns reading it away, so that the connection can
//! carry the client's next request: where a body is left behind it has to be closed, and a client that was
//! not told so finds out when that request fails. Nothing in the body is looked at.

use std::time::Duration;

use http::Version;
use http::header::EXPECT;
use http::request::Parts;
use http_body_util::{BodyExt, Limited};
use tokio::time;
use tower::BoxError;

use crate::LARGEST_BODY;

/// How much of a body is read away, in bytes: more than anybody may send, since who sends a little too much
/// reads why only once all is sent.
const MOST: usize = 4 * LARGEST_BODY;
/// How long the next piece of a body may let us wait.
const NEXT_WITHIN: Duration = Duration::from_secs(2);
/// How long all of it may take.
const ALL_WITHIN: Duration = Duration::from_secs(10);

/// Reads `body` away, at most [`MOST`] bytes. Whether all of it came: else the connection is of no more use.
pub(crate) async fn read_away<B>(body: &mut B, head: &Parts) -> bool
where
    B: http_body::Body<Error: Into<BoxError>> + Unpin,
{
    // From HTTP/2 on a body that is left behind ends its own stream and nothing else.
    if body.is_end_stream() || head.version > Version::HTTP_11 {
        return true;
    }
    let most = u64::try_from(MOST).unwrap_or(u64::MAX);
    // To read would be to ask a client for it that waits to be asked (RFC 9110 section 10.1.1).
    if head.headers.contains_key(EXPECT) || body.size_hint().lower() > most {
        return false;
    }
    let mut body = Limited::new(body, MOST);
    let to_its_end = async {
        loop {
            match time::timeout(NEXT_WITHIN, body.frame()).await {
                Ok(Some(Ok(_))) => {}
                Ok(None) => return true,
                Ok(Some(Err(_))) | Err(_) => return false,
            }
        }
    };
    time::timeout(ALL_WITHIN, to_its_end).await.unwrap_or(false)
}
