//! `POST /token`, as the seed has it: a client that this server knows exchanges its name and secret for a
//! token of the mode `hs256`. Owns the request and the answer; the token is [`crate::modes::hs256`]'s.

use std::borrow::Cow;
use std::fmt::Write as _;

use aws_lc_rs::rand;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::post;
use bailiwick_core::json;
use http::request::Parts as RequestParts;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::guard::{Guard, Parts};
use crate::head::Head;
use crate::mode::Mode;
use crate::modes::{basic, hs256};
use crate::record::Record;
use crate::refusal::Refusal;
use crate::{answer, body};

/// Where it is.
pub(crate) const PATH: &str = "/token";

/// The largest request, in bytes.
pub(crate) const LARGEST_REQUEST: usize = 16 * 1024;

/// What is asked for in records.
const METHOD: &str = "token";

/// Why there is no token.
enum NoToken {
    /// As elsewhere at this guard.
    Refused(Refusal),
    /// The request is not the JSON that it should be.
    NotJson,
    /// The system fails.
    Failed(String),
}

/// What a client sends.
#[derive(Deserialize)]
struct Asked {
    client_id: String,
    client_secret: Zeroizing<String>,
}

/// The route, where tokens are given here.
pub(crate) fn route(guard: &Guard) -> Router {
    if guard.parts().modes.shared_secret.is_none() {
        return Router::new();
    }
    let guard = guard.clone();
    Router::new().route(
        PATH,
        post(move |request: Request| {
            let guard = guard.clone();
            async move { answer_to(guard.parts(), request).await }
        }),
    )
}

async fn answer_to(guard: &Parts, request: Request) -> Response<Body> {
    let mut record = Record::begin();
    record.method = METHOD.into();
    let (parts, body) = request.into_parts();
    match token(guard, &parts, body, &mut record).await {
        Ok(token) => {
            guard.recorder.allowed(&record).await;
            let granted = json!({
                "access_token": token, "token_type": "Bearer", "expires_in": hs256::LIFETIME.as_secs(),
            });
            answer::oauth(StatusCode::OK, &granted)
        }
        Err(NoToken::Refused(refusal)) => {
            guard.recorder.denied(&record, &refusal).await;
            answer::refused_token(&refusal)
        }
        Err(NoToken::NotJson) => {
            let description = r#"send JSON: {"client_id": "…", "client_secret": "…"}"#;
            answer::oauth_error(StatusCode::BAD_REQUEST, "invalid_request", description)
        }
        Err(NoToken::Failed(error)) => {
            tracing::error!(target: "bailiwick_guard::token", %error, "no token can be made");
            answer::oauth_error(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "no token can be made; try again")
        }
    }
}

async fn token(guard: &Parts, parts: &RequestParts, body: Body, record: &mut Record<'_>) -> Result<String, NoToken> {
    let head = Head::of(parts);
    guard.hosts.check(&head).and_then(|()| guard.origins.check(&head)).map_err(NoToken::Refused)?;
    let body = body::whole(body, LARGEST_REQUEST).await.map_err(NoToken::Refused)?;
    let body = Zeroizing::new(body.bytes.to_vec());
    let Asked { client_id, client_secret } = json::read(&body).map_err(|_| NoToken::NotJson)?;
    let everybody = guard.modes.clients.everybody();
    let client = everybody.with_name_and_secret(&client_id, &client_secret).cloned();
    let caller = basic::proved(guard, Mode::Hs256, client)
        .map_err(|no| NoToken::Refused(guard.modes.counted(no, &client_id, parts)))?;
    record.principal = Some(Cow::Owned(caller.clone()));
    let secret = guard.modes.shared_secret.as_ref().ok_or(NoToken::Refused(Refusal::NoToken))?;
    let name = fresh_name().ok_or_else(|| NoToken::Failed("there is no randomness".to_owned()))?;
    let now = guard.clock.now();
    hs256::issue(guard, secret, caller.client_id(), &name, now).map_err(|error| NoToken::Failed(error.to_string()))
}

/// A name that no other token has: 128 random bits.
fn fresh_name() -> Option<String> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).ok()?;
    let mut name = String::with_capacity(32);
    bytes.iter().try_for_each(|byte| write!(name, "{byte:02x}")).ok()?;
    Some(name)
}
