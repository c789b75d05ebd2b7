//! What hearing revocations adds to one call, in nanoseconds of CPU, and what it takes of memory: the same
//! call, its token seen before, through guards that hear of nothing, and of 0, 100,000 and 1,000,000 live
//! revocations. A token that is newer than every revocation is told by its position alone; an older one is
//! looked up under each of its subjects. All take turns in slices, so that whatever else the machine does
//! falls on all alike.
//!
//! Run it with `cargo bench --workspace --bench revocations`.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;
use std::time::Instant;

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use axum::body::Body;
use axum::extract::RawQuery;
use axum::routing::{get, post};
use axum::{Json, Router};
use bailiwick_guard::{Credentials, Guard, GuardService, UnixSeconds};
use http::Request;
use scene::{Nothing, RESOURCE, cost, median, nothing, publish, request, token, tools};
use serde_json::{Value, json};
use tower::util::ServiceFn;
use tower::{Layer, service_fn};

mod scene;

/// How often each takes its turn.
const ROUNDS: usize = 25;
/// The calls of one turn.
const CALLS: usize = 10_000;
/// The events of one answer.
const PAGE: u64 = 10_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let mut measured = Vec::new();
    for live in [None, Some(0), Some(100_000), Some(1_000_000)] {
        measured.push(Measured::new(&key, live).await?);
    }
    for _ in 0..ROUNDS {
        for measured in &mut measured {
            measured.take_turn().await?;
        }
    }
    let bare = median(measured[0].old_costs.clone());
    println!("CPU per call (median of {ROUNDS} turns)");
    for Measured { name, new_costs, old_costs, .. } in measured {
        let (new, old) = (median(new_costs), median(old_costs));
        let added = |cost: f64| (cost - bare) * 1000.0;
        println!(
            "{name:32} newer token {new:5.2} us (added {:4.0} ns)   older token {old:5.2} us (added {:4.0} ns)",
            added(new),
            added(old)
        );
    }
    Ok(())
}

/// A server that does nothing.
type Server = ServiceFn<fn(Request<Body>) -> Nothing>;

/// A guarded service, two tokens for it, and what calls with them cost.
struct Measured {
    name: String,
    service: GuardService<Server>,
    newer: String,
    older: String,
    new_costs: Vec<f64>,
    old_costs: Vec<f64>,
}

impl Measured {
    /// A guard that has heard of so many live revocations, or hears of none.
    async fn new(key: &RsaKeyPair, live: Option<u64>) -> Result<Self, Box<dyn Error>> {
        let issuer = publish(key, |_| feed(live.unwrap_or_default())).await?;
        let builder = Guard::builder(RESOURCE.parse()?, issuer.parse()?, "hr".parse()?).tools(tools());
        let builder = match live {
            Some(_) => builder.credentials(Credentials::new("guard".parse()?, "secret")),
            None => builder,
        };
        let guard = builder.build()?;
        let (memory, began) = (resident_bytes()?, Instant::now());
        tokio::spawn(guard.run());
        guard.ready().await;
        let name = live.map_or("hears of nothing".to_owned(), |live| format!("{live} live revocations"));
        let grown = resident_bytes()?.saturating_sub(memory) / 1_000_000;
        println!("{name:32} read in {:4} ms, resident memory grew by {grown} MB", began.elapsed().as_millis());
        Ok(Self {
            name,
            service: guard.layer().layer(service_fn(nothing as fn(_) -> _)),
            newer: token(key, &issuer, 0, live.unwrap_or_default())?,
            older: token(key, &issuer, 1, 0)?,
            new_costs: Vec::new(),
            old_costs: Vec::new(),
        })
    }

    async fn take_turn(&mut self) -> Result<(), Box<dyn Error>> {
        self.new_costs.push(cost(&mut self.service, std::iter::repeat_n(&self.newer, CALLS).map(request)).await?);
        self.old_costs.push(cost(&mut self.service, std::iter::repeat_n(&self.older, CALLS).map(request)).await?);
        Ok(())
    }
}

/// A token endpoint, and a feed of so many revocations of tokens that nobody shows.
fn feed(live: u64) -> Router {
    let token = json!({ "access_token": "feed", "token_type": "Bearer", "expires_in": 3600 });
    let answer = move |RawQuery(query): RawQuery| async move {
        let query = query.unwrap_or_default();
        let number = |name: &str| {
            let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            value.and_then(|value| value.parse().ok()).unwrap_or(0_u64)
        };
        let after = number("after");
        if after == live && number("wait") > 0 {
            std::future::pending::<()>().await;
        }
        let UnixSeconds(now) = std::time::SystemTime::now().into();
        let next = live.min(after + PAGE);
        let events: Vec<Value> = (after + 1..=next).map(|seq| event(seq, now)).collect();
        Json(json!({ "events": events, "next": next }))
    };
    Router::new()
        .route("/oauth2/token", post(move || std::future::ready(Json(token))))
        .route("/revocations", get(answer))
}

fn event(seq: u64, now: i64) -> Value {
    let subject = json!({ "kind": "token", "id": format!("{:032x}", u128::from(seq) << 64) });
    json!({ "seq": seq, "at": now, "subject": subject, "reason": "revoked by its client", "retain_until": now + 3630 })
}

/// What this process holds in memory (Linux: the second number of statm, in pages).
fn resident_bytes() -> Result<u64, Box<dyn Error>> {
    const PAGE_BYTES: u64 = 4096;
    let text = std::fs::read_to_string("/proc/self/statm")?;
    Ok(text.split(' ').nth(1).unwrap_or_default().parse::<u64>()? * PAGE_BYTES)
}
