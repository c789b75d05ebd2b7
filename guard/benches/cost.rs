//! What the guard adds to one call, in microseconds of CPU: the same request to a service that does
//! nothing, bare, with a token seen before, and with one never seen (RS256, 2048 bits). The three take
//! turns in slices, so that whatever else the machine does falls on all alike.
//!
//! Run it with `cargo bench --workspace --bench cost`.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use axum::Router;
use bailiwick_guard::Guard;
use http::StatusCode;
use scene::{RESOURCE, cost, median, nothing, publish, request, token, tools};
use tower::{Layer, Service, service_fn};

mod scene;

/// How often each of the three takes its turn.
const ROUNDS: usize = 9;
/// The calls of one turn, where the token is known or none is looked at.
const CALLS: usize = 20_000;
/// The calls of one turn with tokens that are new each time.
const NEW_TOKENS: usize = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let issuer = publish(&key, |_| Router::new()).await?;
    let guard = Guard::builder(RESOURCE.parse()?, issuer.parse()?, "hr".parse()?).tools(tools()).build()?;
    let mut bare = service_fn(nothing);
    let mut guarded = guard.layer().layer(service_fn(nothing));
    let seen = token(&key, &issuer, 0, 1)?;
    assert_eq!(guarded.call(request(&seen)?).await?.status(), StatusCode::OK);

    let (mut bare_costs, mut seen_costs, mut new_costs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let same: Vec<String> = vec![seen.clone()];
        bare_costs.push(cost(&mut bare, same.iter().cycle().take(CALLS).map(request)).await?);
        seen_costs.push(cost(&mut guarded, same.iter().cycle().take(CALLS).map(request)).await?);
        let first = 1 + round * NEW_TOKENS;
        let new =
            (first..first + NEW_TOKENS).map(|number| token(&key, &issuer, number, 1)).collect::<Result<Vec<_>, _>>()?;
        new_costs.push(cost(&mut guarded, new.iter().map(request)).await?);
    }
    let (bare, seen, new) = (median(bare_costs), median(seen_costs), median(new_costs));
    println!("CPU per call in microseconds (median of {ROUNDS} turns)");
    println!("bare service              {bare:6.2}");
    println!("guarded, token seen       {seen:6.2}   added {:6.2}", seen - bare);
    println!("guarded, token never seen {new:6.2}   added {:6.2}", new - bare);
    Ok(())
}
