//! The bodies of requests: how long one may take to come, and why one cannot be read. Owns that limit, for
//! every endpoint at once; how many bytes each reads is the endpoint's own.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage};
use futures::Stream;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a body may take to come, counted from the head of its request.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It has more bytes than the endpoint reads.
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
    /// It had not come whole after [`TIMEOUT`].
    #[error("the body did not come within {} seconds; send the request again", TIMEOUT.as_secs())]
    TooSlow,
    /// It ended early, or is not encoded as its head says.
    #[error("the body could not be read")]
    BrokenOff,
}

impl Unreadable {
    /// What `error` says of a body of which `longest` bytes are read at most.
    pub fn of(error: &Error, longest: usize) -> Self {
        match error.as_error::<PayloadError>() {
            Some(PayloadError::Overflow) => Self::TooLarge(longest),
            Some(PayloadError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => Self::TooSlow,
            _ => Self::BrokenOff,
        }
    }

    /// The status that says so.
    pub fn status_code(self) -> StatusCode {
        match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::BrokenOff => StatusCode::BAD_REQUEST,
        }
    }
}

/// A body that both its reader and the answer hold.
type Shared = Rc<RefCell<Payload>>;

/// Lets the body of a request come for [`TIMEOUT`] and no longer. Whoever is answered before it has come whole,
/// in time or not, is not heard any further: the answer closes the connection.
pub async fn in_time(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let body = match request.take_payload() {
        Payload::None => None,
        payload => Some(Rc::new(RefCell::new(payload))),
    };
    if let Some(body) = &body {
        let coming = Coming { body: Rc::clone(body), deadline: Instant::now() + TIMEOUT, timer: None };
        request.set_payload(Payload::Stream { payload: Box::pin(coming) });
    }
    let response = next.call(request).await?;
    Ok(response.map_body(|_, answer| Answer { answer: answer.boxed(), _unread: body }))
}

/// The body as its reader sees it.
struct Coming {
    body: Shared,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stream for Coming {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let coming = self.get_mut();
        if let Poll::Ready(part) = Pin::new(&mut *coming.body.borrow_mut()).poll_next(context) {
            return Poll::Ready(part);
        }
        // Most bodies come with their heads, and need no timer.
        let deadline = coming.deadline;
        ready!(coming.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline))).as_mut().poll(context));
        Poll::Ready(Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into()))))
    }
}

/// An answer that holds the request's body until it is out. A body that is let go before it has come whole, the
/// HTTP library would read away for as long as it comes; of one that is still held it closes the connection.
struct Answer {
    answer: BoxBody,
    _unread: Option<Shared>,
}

impl MessageBody for Answer {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().answer).poll_next(context)
    }
}
