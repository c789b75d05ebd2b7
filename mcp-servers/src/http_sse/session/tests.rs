use futures::FutureExt;
use serde_json::{Value, json};

use super::*;
use crate::http_sse::sessions::tests::callers;
use crate::http_sse::waiting::MOST_BYTES;

/// A session that has begun, and its two ends.
struct Begun {
    caller: Principal,
    session: Session,
    conversation: Conversation,
    stream: mpsc::Receiver<Answer>,
}

impl Begun {
    async fn new() -> Self {
        let caller = callers(["one"]).await.remove(0);
        let (session, conversation, stream) = Session::new(&caller, CallersBytes::default());
        let mut begun = Self { caller, session, conversation, stream };
        let params = json!({
            "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}
        });
        begun.take(&json!({"jsonrpc": "2.0", "id": "first", "method": "initialize", "params": params})).unwrap();
        begun.serve("first");
        assert!(begun.read());
        begun
    }

    fn take(&self, message: &Value) -> Result<(), NotTaken> {
        let text = message.to_string();
        self.session.take(serde_json::from_str(&text).unwrap(), text.len(), &self.caller)
    }

    fn ping(&self, id: usize) -> Result<(), NotTaken> {
        self.take(&json!({"jsonrpc": "2.0", "id": id.to_string(), "method": "ping"}))
    }

    /// Takes the next message off as rmcp does, and gives it.
    fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        self.conversation.receive().now_or_never().flatten()
    }

    /// Takes the next message off, and answers the request `id`.
    fn serve(&mut self, id: &str) {
        drop(self.receive());
        self.answer(id, &json!({}));
    }

    fn answer(&mut self, id: &str, result: &Value) {
        let answer = json!({"jsonrpc": "2.0", "id": id, "result": result});
        self.conversation.send(serde_json::from_value(answer).unwrap()).now_or_never().unwrap().unwrap();
    }

    /// Reads an answer off the stream, if there is one.
    fn read(&mut self) -> bool {
        self.stream.next().now_or_never().flatten().is_some()
    }
}

fn is_full(taken: &Result<(), NotTaken>) -> bool {
    matches!(taken, Err(NotTaken::NoRoom(NoRoom::Messages)))
}

#[tokio::test]
async fn a_message_has_its_place_until_its_answer_is_read() {
    let mut begun = Begun::new().await;
    for id in 0..MOST_WAITING {
        begun.ping(id).unwrap();
    }
    assert!(is_full(&begun.ping(64)));
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert!(is_full(&begun.take(&notification)), "a notification needs a place too");
    assert!(is_full(&begun.take(&json!({"jsonrpc": "2.0", "id": 1, "result": {}}))), "and so does a response");
    for id in 0..MOST_WAITING {
        begun.serve(&id.to_string());
    }
    assert!(is_full(&begun.ping(64)), "an answer that nobody has read waits");
    assert!(begun.read());
    begun.ping(64).unwrap();
    assert!(is_full(&begun.ping(65)));
}

#[tokio::test]
async fn what_needs_no_answer_has_its_place_until_the_server_has_it() {
    let mut begun = Begun::new().await;
    for message in [
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
    ] {
        for _ in 0..MOST_WAITING {
            begun.take(&message).unwrap();
        }
        assert!(is_full(&begun.take(&message)));
        for _ in 0..MOST_WAITING {
            drop(begun.receive());
        }
        begun.take(&message).unwrap();
        drop(begun.receive());
    }
}

#[tokio::test]
async fn a_cancelled_request_gives_its_place_back_when_it_has_ended() {
    let mut begun = Begun::new().await;
    for id in 0..MOST_WAITING - 1 {
        begun.ping(id).unwrap();
    }
    let at_work: Vec<_> = std::iter::from_fn(|| begun.receive()).collect();
    let cancel =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "0", "reason": "late"}});
    begun.take(&cancel).unwrap();
    drop(begun.receive());
    begun.ping(100).unwrap();
    assert!(is_full(&begun.ping(101)), "it is still at work");
    drop(at_work);
    begun.ping(101).unwrap();
    // Nobody waits for its answer, and without a place it is not put anywhere.
    begun.answer("0", &json!({}));
    assert!(!begun.read());
}

#[tokio::test]
async fn two_requests_of_one_id_do_not_wait_together() {
    let mut begun = Begun::new().await;
    begun.ping(1).unwrap();
    assert!(matches!(begun.ping(1), Err(NotTaken::IdWaits)));
    begun.serve("1");
    begun.ping(1).unwrap();
}

#[tokio::test]
async fn bytes_are_counted_over_all_sessions_of_a_caller_with_the_answers_in_them() {
    let mut begun = Begun::new().await;
    let (other, mut others, _stream) = Session::new(&begun.caller, begun.session.callers_bytes());
    begun.ping(1).unwrap();
    drop(begun.receive());
    begun.answer("1", &json!({"text": "x".repeat(MOST_BYTES)}));
    let ping = || serde_json::from_value(json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})).unwrap();
    let taken = other.take(ping(), 1, &begun.caller);
    assert!(matches!(taken, Err(NotTaken::NoRoom(NoRoom::Bytes))), "{taken:?}");
    assert!(begun.read());
    other.take(ping(), MOST_BYTES, &begun.caller).unwrap();
    let taken = begun.ping(2);
    assert!(matches!(taken, Err(NotTaken::NoRoom(NoRoom::Bytes))), "{taken:?}");
    drop(others.receive().await);
}
