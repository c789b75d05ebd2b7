use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::body::Body;
use axum::http::{Request, Response};
use bailiwick_core::ClientId;
use bailiwick_guard::{Guard, LocalClient, LocalClients, Mode, SecretDigest};
use rmcp::model::Tool;
use tower::{Layer, ServiceExt, service_fn};

use super::*;

/// Callers as a guard lets them in: by the keys of these clients.
pub(in crate::http_sse) async fn callers<const COUNT: usize>(names: [&str; COUNT]) -> Vec<Principal> {
    let known = |name: &str| LocalClient { secret: SecretDigest::of(name), roles: Vec::new(), expires_at: None };
    let clients: BTreeMap<ClientId, _> = names.into_iter().map(|name| (name.parse().unwrap(), known(name))).collect();
    let builder = Guard::builder(
        "http://localhost:8100/mcp".parse().unwrap(),
        "http://localhost:8000".parse().unwrap(),
        "quickstart".parse().unwrap(),
    );
    let clients = LocalClients::new(BTreeMap::new(), clients).unwrap();
    let guard = builder.modes([Mode::ApiKey]).local_clients(clients).tools(Vec::<Tool>::new()).build().unwrap();
    let mut callers = Vec::new();
    for name in names {
        let (tell, told) = std::sync::mpsc::channel();
        let seen = service_fn(move |request: Request<Body>| {
            tell.send(request.extensions().get::<Principal>().cloned()).unwrap();
            async { Ok::<_, Infallible>(Response::new(Body::empty())) }
        });
        let request = Request::get("/sse").header("host", "localhost:8100").header("x-api-key", name);
        guard.layer().layer(seen).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        callers.push(told.recv().unwrap().unwrap());
    }
    callers
}

#[tokio::test(start_paused = true)]
async fn a_session_that_lies_idle_ends_and_each_message_keeps_it() {
    let caller = callers(["one"]).await.remove(0);
    let sessions = Arc::new(Sessions::new());
    let Opened { id, over, conversation: _kept, .. } = sessions.open(&caller).unwrap();
    let session = sessions.get(&id, &caller).unwrap();
    let began = Instant::now();
    let over = tokio::spawn(over);
    tokio::time::sleep(LONGEST_IDLE / 2).await;
    let ping = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    session.take(serde_json::from_value(ping).unwrap(), 0, &caller).unwrap();
    over.await.unwrap();
    let lived = began.elapsed();
    let expected = LONGEST_IDLE / 2 + LONGEST_IDLE;
    assert!((expected..expected + Duration::from_secs(1)).contains(&lived), "{lived:?}");
}

#[tokio::test]
async fn there_are_so_many_sessions_of_a_caller_and_so_many_in_all() {
    let names: [String; MOST / MOST_OF_CALLER + 1] = std::array::from_fn(|number| format!("caller-{number}"));
    let callers = callers(names.each_ref().map(String::as_str)).await;
    let sessions = Arc::new(Sessions::new());
    let mut open = Vec::new();
    for caller in &callers[..MOST / MOST_OF_CALLER] {
        open.extend((0..MOST_OF_CALLER).map(|_| sessions.open(caller).unwrap().id));
    }
    assert_eq!(open.len(), MOST);
    assert_eq!(sessions.open(&callers[MOST / MOST_OF_CALLER]).err(), Some(Full::Server));
    drop(sessions.until_dropped(open.swap_remove(0)));
    assert_eq!(sessions.open(&callers[1]).err(), Some(Full::Caller));
    assert!(sessions.open(&callers[MOST / MOST_OF_CALLER]).is_ok());
}

#[tokio::test]
async fn a_session_is_its_callers_alone() {
    let callers = callers(["one", "other"]).await;
    let sessions = Arc::new(Sessions::new());
    let Opened { id, .. } = sessions.open(&callers[0]).unwrap();
    assert!(sessions.get(&id, &callers[1]).is_none());
    assert!(sessions.get("", &callers[0]).is_none());
    assert!(sessions.get(&id, &callers[0]).is_some());
}

#[tokio::test]
async fn all_sessions_end_when_they_are_told_to_and_those_that_come_later_too() {
    let caller = callers(["one"]).await.remove(0);
    let sessions = Arc::new(Sessions::new());
    let before = sessions.open(&caller).unwrap();
    sessions.end();
    before.over.await;
    sessions.open(&caller).unwrap().over.await;
}
