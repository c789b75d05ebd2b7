//! Health, for whatever watches the process: open to everybody, whatever the Host, and silent on
//! everything but the state itself.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bailiwick_guard::Guard;
use serde_json::{Value, json};

use crate::database::Database;

#[derive(Clone)]
struct Watched {
    guard: Guard,
    database: Database,
}

/// `/health` and `/health/live`: the process answers. `/health/ready`: it can do its work, which needs its database,
/// the token service's keys and, where it hears of revocations, to have heard of them; else 503.
pub(crate) fn routes(guard: Guard, database: Database) -> Router {
    Router::new()
        .route("/health", get(live))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .with_state(Watched { guard, database })
}

async fn live() -> Response {
    answer(StatusCode::OK, json!({"status": "ok"}))
}

async fn ready(State(watched): State<Watched>) -> Response {
    let database = watched.database.is_ready().await;
    let (keys, hearing) = (watched.guard.has_keys(), watched.guard.hearing());
    let is_ready = database && keys && hearing.suffices();
    let (status, word) =
        if is_ready { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable") };
    answer(status, json!({"status": word, "database": database, "keys": keys, "revocations": hearing.as_str()}))
}

fn answer(status: StatusCode, body: Value) -> Response {
    (status, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body)).into_response()
}
