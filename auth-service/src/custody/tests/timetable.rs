//! The timetable, whatever the clocks say.

use bailiwick_core::claims::CLOCK_SKEW;
use futures::future::join_all;

use super::*;
use crate::clients::LONGEST_ACCESS_TOKEN;

/// Lives of keys over a year: two processes keep house and sign tokens that live for an hour, at
/// steps of 100 seconds while anything happens. The clock of one of them is `ahead`; its own tokens
/// do not count, and the other's must not suffer: each is accepted for as long as it lives by
/// whoever holds any copy of the key set that is younger than [`JWKS_AGE`]. Gives the number of keys
/// that were made.
async fn a_year_without_a_gap(ahead: i64) -> i64 {
    const STEP: i64 = 100;
    let host = Host::new();
    let (right, wrong) = (host.process(0).await, host.process(ahead).await);
    let (age, longest) = (seconds(JWKS_AGE), seconds(LONGEST_ACCESS_TOKEN + CLOCK_SKEW));
    let mut copies: Vec<(i64, Vec<KeyId>)> = Vec::new();
    let mut tokens: Vec<(i64, KeyId)> = Vec::new();
    let (mut now, mut most, mut made) = (START, 0, 0);
    while now < START + 365 * DAY {
        wrong.keep().await;
        right.keep().await;
        let keys = right.keys().await;
        copies.retain(|(fetched, _)| now - fetched < age);
        copies.push((now, keys.iter().map(|key| key.key_id.clone()).collect()));
        tokens.retain(|(expires, _)| now < *expires);
        tokens.push((now + longest, right.signer().await));
        for ((_, copy), (_, key_id)) in copies.iter().flat_map(|copy| tokens.iter().map(move |token| (copy, token))) {
            assert!(copy.contains(key_id), "a token is refused {} s after the start", now - START);
        }
        most = most.max(keys.len());
        made = keys.iter().map(|key| key.number).max().unwrap();
        // Nothing happens for weeks until a key is due, by the clock that comes first.
        let due = keys[0].created_at + ROTATION.unwrap();
        let quiet = if keys.len() == 1 { due.0 - ahead.max(0) - now - 10 * STEP } else { 0 };
        let step = quiet.max(STEP);
        now += step;
        right.pass(step);
        wrong.pass(step);
    }
    assert_eq!(most, 2, "so many keys are published at once");
    made
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap()
}

#[tokio::test]
async fn a_year_of_scheduled_rotations_leaves_no_gap() {
    assert_eq!(a_year_without_a_gap(0).await, 5);
}

#[tokio::test]
async fn a_clock_that_is_an_hour_or_two_ahead_makes_neither_a_gap_nor_a_storm() {
    for ahead in [HOUR, 2 * HOUR] {
        assert_eq!(a_year_without_a_gap(ahead).await, 5);
    }
}

#[tokio::test]
async fn a_clock_that_is_an_hour_or_two_behind_makes_neither_a_gap_nor_a_storm() {
    for behind in [HOUR, 2 * HOUR] {
        assert_eq!(a_year_without_a_gap(-behind).await, 5);
    }
}

#[tokio::test]
async fn a_clock_that_is_months_off_makes_no_storm_and_leaves_nobody_without_a_key() {
    for ahead in [100 * DAY, -100 * DAY] {
        let host = Host::new();
        let (right, wrong) = (host.process(0).await, host.process(ahead).await);
        for _ in 0..200 {
            wrong.keep().await;
            right.keep().await;
            // Each has a key to sign with, and it is published: there is no other.
            let _ = (right.signer().await, wrong.signer().await);
            right.pass(HOUR);
            wrong.pass(HOUR);
        }
        let made = right.keys().await.iter().map(|key| key.number).max().unwrap();
        assert!(made <= 3, "{made} keys within nine days");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_find_a_key_due_at_once_make_one() {
    let host = Host::new();
    let processes = join_all((0..4).map(|_| host.process(0))).await;
    let mut number = 0;
    for _ in 0..5 {
        join_all(processes.iter().map(Process::keep)).await;
        let keys = processes[0].keys().await;
        number += 1;
        assert_eq!(keys.iter().map(|key| key.number).max(), Some(number));
        for process in &processes {
            process.pass(90 * DAY);
        }
    }
}

#[tokio::test]
async fn what_is_due_is_decided_by_the_database_and_not_by_who_rotated_it() {
    let host = Host::new();
    let (one, other) = (host.process(0).await, host.process(0).await);
    one.keep().await;
    one.pass(89 * DAY);
    other.pass(89 * DAY);
    one.rotate(Takeover::AfterPublication).await;
    one.pass(2 * DAY);
    other.pass(2 * DAY);
    other.keep().await;
    assert_eq!(other.keys().await.len(), 1, "a rotation by hand counts, and the key before it is gone");
}

#[tokio::test]
async fn rotations_stop_before_guards_would_read_only_a_part_of_the_set() {
    let host = Host::new();
    let process = host.process(0).await;
    process.keep().await;
    for _ in 1..50 {
        process.rotate(Takeover::Now).await;
    }
    let refused = process.custody.rotate(&process.storage, OWN, Takeover::Now, &process.clock).await;
    assert!(matches!(refused, Err(CustodyError::TooMany)));
    assert_eq!(process.keys().await.len(), 50);
    assert!(matches!(process.withdraw(&process.signer().await).await, Withdrawal::Done(Some(_))));
    process.pass(4 * HOUR);
    process.keep().await;
    assert_eq!(process.keys().await.len(), 1);
    process.rotate(Takeover::Now).await;
}
