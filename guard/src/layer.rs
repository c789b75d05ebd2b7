//! The tower layer: the order of the checks, and what becomes of a request and of its answer. Owns
//! the order; each check lives in its module.

use std::borrow::Cow;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONNECTION};
use http::{HeaderValue, Method, Request, Response};
use http_body_util::BodyExt;
use tower::{BoxError, Layer, Service};

use crate::answer::{self, Asked};
use crate::answer_filter::{self, Shown};
use crate::authorization::authorize;
use crate::guard::{Guard, Parts};
use crate::head::Head;
use crate::message::Message;
use crate::mode::Mode;
use crate::modes::api_key;
use crate::places::Place;
use crate::principal::Principal;
use crate::record::Record;
use crate::refusal::Refusal;
use crate::refused_message::RefusedMessage;
use crate::session::SESSION_ID;
use crate::{LARGEST_BODY, body, challenge, expiry, modes, origin, unread};

/// What becomes of `Mcp-Session-Id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionPolicy {
    /// The server keeps no sessions: the header is ignored, as the protocol says.
    None,
    /// A session belongs to whoever opened it.
    Bound,
}

impl SessionPolicy {
    /// Whether the transport has that HTTP method. Streams are opened by GET and sessions ended by DELETE.
    fn has(self, method: &Method) -> bool {
        match self {
            Self::None => method == Method::POST,
            Self::Bound => matches!(*method, Method::POST | Method::GET | Method::DELETE),
        }
    }

    /// The HTTP methods of the transport, as `Allow` names them.
    fn methods(self) -> &'static str {
        match self {
            Self::None => "POST",
            Self::Bound => "POST, GET, DELETE",
        }
    }
}

/// Puts a [`Guard`] in front of a service; see [`Guard::layer`].
#[derive(Clone, Debug)]
pub struct GuardLayer {
    guard: Guard,
    sessions: SessionPolicy,
}

impl GuardLayer {
    pub(crate) fn new(guard: Guard, sessions: SessionPolicy) -> Self {
        Self { guard, sessions }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;

    fn layer(&self, inner: S) -> GuardService<S> {
        GuardService { layer: self.clone(), inner }
    }
}

/// A service with a [`Guard`] in front of it.
#[derive(Clone, Debug)]
pub struct GuardService<S> {
    layer: GuardLayer,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for GuardService<S>
where
    S: Service<Request<Body>, Response = Response<R>, Future: Send> + Clone + Send + 'static,
    B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    R: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was found ready is the one to call; its clone takes its place.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        Box::pin(async move { layer.handle(inner, request).await })
    }
}

impl GuardLayer {
    async fn handle<S, B, R>(&self, inner: S, request: Request<B>) -> Result<Response<Body>, S::Error>
    where
        S: Service<Request<Body>, Response = Response<R>>,
        B: http_body::Body<Error: Into<BoxError>>,
        R: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let guard = self.guard.parts();
        let (parts, body) = request.into_parts();
        let body = pin!(body);
        let mut body = body.fuse();
        let caller;
        let mut record = Record::begin();
        let head = Head::of(&parts);
        let page = match guard.hosts.check(&head).and_then(|()| guard.origins.check(&head)) {
            Ok(page) => page,
            Err(refusal) => return Ok(self.refuse(refusal, &head, &mut body, &record).await),
        };
        let in_session = self.sessions == SessionPolicy::Bound && !head.is_modern();
        let mut answer = if origin::is_preflight(&head) {
            origin::preflight_answer(&parts.headers)
        } else {
            let admitted = match modes::identify(guard, &head).await {
                Ok(known) => {
                    caller = known;
                    record.principal = Some(Cow::Borrowed(&caller));
                    self.check(&head, &caller, in_session, &mut body, &mut record).await
                }
                Err(refusal) => Err(refusal),
            };
            match admitted {
                Ok(Admitted { principal, body, place }) => {
                    guard.recorder.allowed(&record).await;
                    let shown = Shown::to(&record.method, in_session);
                    let request = Self::prepared(Request::from_parts(parts, body), principal, shown, in_session);
                    let answer = self.forward(inner, request, principal, shown).await?;
                    drop(place);
                    answer
                }
                Err(refusal) => self.refuse(refusal, &head, &mut body, &record).await,
            }
        };
        if let Some(page) = page {
            origin::share_with(page, &mut answer);
        }
        Ok(answer)
    }

    /// Revocations, size, JSON, decision: the body of the caller's request that goes on to the server.
    async fn check<'a, B>(
        &'a self,
        head: &Head<'_>,
        principal: &'a Principal,
        in_session: bool,
        body: &mut B,
        record: &mut Record<'_>,
    ) -> Result<Admitted<'a>, Refusal>
    where
        B: http_body::Body<Error: Into<BoxError>> + Unpin,
    {
        let guard = self.guard.parts();
        let method = &head.request.method;
        still_accepted(guard, principal)?;
        record.method = match *method {
            Method::GET => "GET".into(),
            Method::DELETE => "DELETE".into(),
            _ => "none".into(),
        };
        if !self.sessions.has(method) {
            return Err(Refusal::HttpMethod(self.sessions.methods()));
        }
        if in_session {
            guard.sessions.check(head, principal)?;
        }
        let mut content = Body::empty();
        if *method == Method::POST {
            let body = body::whole(body, LARGEST_BODY).await?;
            if body.was_awaited {
                // Whoever was let in to send a body may be shut out by now.
                still_accepted(guard, principal)?;
            }
            self.decide(head, principal, &body.bytes, record)?;
            content = Body::from(body.bytes);
        }
        let place = guard.places.take(principal).await?;
        if place.was_awaited {
            still_accepted(guard, principal)?;
        }
        Ok(Admitted { principal, body: content, place })
    }

    /// Whether the message may go on, and whether its caller may send another one now.
    fn decide(
        &self,
        head: &Head<'_>,
        principal: &Principal,
        body: &[u8],
        record: &mut Record<'_>,
    ) -> Result<(), Refusal> {
        let guard = self.guard.parts();
        let message = Message::read(body).map_err(Refusal::NotAMessage)?;
        let agreement = if head.is_modern() { message.agrees_with(head) } else { Ok(()) };
        match authorize(guard, principal, message, record) {
            // What is denied is denied for what the message says, whatever its headers do.
            Err(denied @ Refusal::InsufficientScope(_)) => return Err(denied),
            decided => agreement.and(decided)?,
        }
        guard.calls.take(principal, record)
    }

    /// Asks the server, and sees to what its answer shows and how long it may stay open.
    async fn forward<S, R>(
        &self,
        mut inner: S,
        request: Request<Body>,
        principal: &Principal,
        shown: Shown,
    ) -> Result<Response<Body>, S::Error>
    where
        S: Service<Request<Body>, Response = Response<R>>,
        R: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let guard = self.guard.parts();
        let mut answer = inner.call(request).await?.map(Body::new);
        if self.sessions == SessionPolicy::Bound {
            guard.sessions.bind(answer.headers(), principal);
        }
        if shown != Shown::Everything {
            answer = answer_filter::filter(answer, shown, &self.guard, principal).await;
        }
        if answer_filter::is_event_stream(answer.headers()) {
            answer = answer.map(|body| expiry::until_ended(principal.clone(), guard, body));
        }
        Ok(answer)
    }

    /// The request as the server sees it: with its caller, and without the credentials, which are nobody
    /// else's to read or pass on (MCP, authorization: token passthrough).
    fn prepared(mut request: Request<Body>, principal: &Principal, shown: Shown, in_session: bool) -> Request<Body> {
        let headers = request.headers_mut();
        headers.remove(AUTHORIZATION);
        headers.remove(api_key::HEADER);
        if !in_session {
            headers.remove(SESSION_ID);
        }
        if shown != Shown::Everything {
            headers.remove(ACCEPT_ENCODING);
        }
        request.extensions_mut().insert(principal.clone());
        request
    }

    /// The answer to a refused request, after which the connection can be used again or says that it cannot.
    async fn refuse<B>(&self, refusal: Refusal, head: &Head<'_>, body: &mut B, record: &Record<'_>) -> Response<Body>
    where
        B: http_body::Body<Error: Into<BoxError>> + Unpin,
    {
        let guard = self.guard.parts();
        guard.recorder.denied(record, &refusal).await;
        let asked = Asked {
            mode: record.principal.as_deref().map_or(Mode::OAuth, Principal::mode),
            challenges: &guard.challenges,
            hinted_scope: challenge::hinted_scope(&head.request.headers, &guard.tools, guard.methods.read_scope()),
            modern: head.is_modern(),
        };
        let refused = RefusedMessage::of(&refusal, record);
        let mut answer = answer::refused(refusal, &asked);
        if let Some(refused) = refused {
            answer.extensions_mut().insert(refused);
        }
        if !unread::read_away(body, head.request).await {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

/// A request that may go on to the server.
struct Admitted<'a> {
    principal: &'a Principal,
    body: Body,
    /// Held until the server's answer begins.
    place: Place<'a>,
}

/// Checks what can change while credentials are in use: whether they have ended or were taken back.
fn still_accepted(guard: &Parts, principal: &Principal) -> Result<(), Refusal> {
    principal.claims().check_times(guard.clock.now()).map_err(Refusal::InvalidToken)?;
    modes::still_stands(guard, principal)?;
    guard.revocations.as_ref().map_or(Ok(()), |revocations| revocations.check(principal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_has_the_methods_that_allow_names_and_no_other() {
        for sessions in [SessionPolicy::None, SessionPolicy::Bound] {
            for method in ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "MKCOL"] {
                let is_named = sessions.methods().split(", ").any(|named| named == method);
                let method = method.parse().unwrap();
                assert_eq!(sessions.has(&method), is_named, "{sessions:?} {method}");
            }
        }
    }
}
