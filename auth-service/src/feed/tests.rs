use std::sync::Arc;
use std::time::Duration;

use bailiwick_core::{Subject, SubjectKind, UnixSeconds};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::revocations::RETENTION;

const NOW: UnixSeconds = UnixSeconds(1_000_000);
/// Longer than any test should take; what is awaited comes before.
const LONG: Duration = Duration::from_secs(30);

async fn open(folder: &TempDir) -> Storage {
    Storage::open(&format!("sqlite://{}", folder.path().join("auth.db").display())).await.unwrap()
}

async fn revoke(storage: &Storage, id: &str) -> u64 {
    let mut change = storage.change().await.unwrap();
    let seq = change.revoke(&Subject::new(SubjectKind::Client, id), "test", NOW).await.unwrap();
    change.commit().await.unwrap();
    seq
}

/// A feed that listens, on a database that leapt already.
async fn feed(folder: &TempDir) -> (Arc<Feed>, JoinHandle<()>) {
    let storage = open(folder).await;
    storage.leap(NOW).await.unwrap();
    let feed = Arc::new(Feed::new(storage));
    let listening = tokio::spawn({
        let feed = Arc::clone(&feed);
        async move { feed.listen().await }
    });
    (feed, listening)
}

async fn position(feed: &Feed) -> u64 {
    feed.storage().state().await.unwrap().feed_position
}

fn waiting(feed: &Arc<Feed>, after: u64, wait: Duration) -> JoinHandle<Result<Bytes, NotRead>> {
    let feed = Arc::clone(feed);
    tokio::spawn(async move { feed.read(after, wait).await })
}

async fn until_waiting(feed: &Feed, number: usize) {
    let arrived = async {
        while feed.waiting() != number {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, arrived).await.unwrap();
}

fn ids(page: &Bytes) -> Vec<String> {
    let page: Value = serde_json::from_slice(page).unwrap();
    let id = |event: &Value| event["subject"]["id"].as_str().unwrap().to_owned();
    page["events"].as_array().unwrap().iter().map(id).collect()
}

fn next(page: &Bytes) -> u64 {
    serde_json::from_slice::<Value>(page).unwrap()["next"].as_u64().unwrap()
}

#[tokio::test]
async fn whoever_waits_hears_of_a_commit_here_and_in_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let (feed, _listening) = feed(&folder).await;
    let other = open(&folder).await;
    for (process, id) in [(feed.storage(), "here"), (&other, "there")] {
        let reader = waiting(&feed, position(&feed).await, LONG);
        until_waiting(&feed, 1).await;
        let seq = revoke(process, id).await;
        let page = reader.await.unwrap().unwrap();
        assert_eq!((ids(&page), next(&page)), (vec![id.to_owned()], seq));
        until_waiting(&feed, 0).await;
    }
}

#[tokio::test]
async fn what_is_there_already_is_given_at_once_and_a_wait_that_brings_nothing_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (feed, _listening) = feed(&folder).await;
    let before = position(&feed).await;
    let seq = revoke(feed.storage(), "agent").await;
    assert_eq!(ids(&feed.read(before, LONG).await.unwrap()), ["agent"]);
    let nothing = feed.read(seq, Duration::from_millis(1)).await.unwrap();
    assert_eq!((ids(&nothing).len(), next(&nothing)), (0, seq));
}

#[tokio::test]
async fn a_leap_of_another_process_is_no_event() {
    let folder = tempfile::tempdir().unwrap();
    let (feed, _listening) = feed(&folder).await;
    let reader = waiting(&feed, position(&feed).await, LONG);
    until_waiting(&feed, 1).await;
    let other = open(&folder).await;
    other.leap(NOW).await.unwrap();
    let seq = revoke(&other, "agent").await;
    let page = reader.await.unwrap().unwrap();
    assert_eq!((ids(&page), next(&page)), (vec!["agent".to_owned()], seq));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_who_wait_for_the_same_events_get_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (feed, _listening) = feed(&folder).await;
    let after = position(&feed).await;
    let readers: Vec<_> = (0..1000).map(|_| waiting(&feed, after, LONG)).collect();
    until_waiting(&feed, 1000).await;
    revoke(feed.storage(), "agent").await;
    let mut pages = Vec::new();
    for reader in readers {
        pages.push(reader.await.unwrap().unwrap());
    }
    assert_eq!(ids(&pages[0]), ["agent"]);
    assert!(pages.iter().all(|page| page.as_ptr() == pages[0].as_ptr()), "some were read or written apart");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_event_is_missed_however_commits_and_readings_fall() {
    const EVENTS: usize = 60;
    let folder = tempfile::tempdir().unwrap();
    let (feed, _listening) = feed(&folder).await;
    let start = position(&feed).await;
    let others = [open(&folder).await, open(&folder).await, feed.storage().clone()];
    let writers = others.into_iter().enumerate().map(|(process, storage)| {
        tokio::spawn(async move {
            for number in 0..EVENTS {
                revoke(&storage, &format!("{process}-{number}")).await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let feed = Arc::clone(&feed);
            tokio::spawn(async move {
                let (mut after, mut seen) = (start, Vec::new());
                while seen.len() < 3 * EVENTS {
                    let page = feed.read(after, LONG).await.unwrap();
                    assert!(next(&page) >= after, "positions fell");
                    after = next(&page);
                    seen.extend(ids(&page));
                }
                seen
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let all = ids(&feed.read(start, Duration::ZERO).await.unwrap());
    for reader in readers {
        assert_eq!(reader.await.unwrap(), all);
    }
}

#[tokio::test]
async fn a_page_is_bounded_and_the_next_one_goes_on_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let (feed, _listening) = feed(&folder).await;
    let start = position(&feed).await;
    let mut change = feed.storage().change().await.unwrap();
    for number in 0..2500 {
        change.revoke(&Subject::new(SubjectKind::Token, number.to_string()), "test", NOW).await.unwrap();
    }
    change.commit().await.unwrap();
    for first in [start, 0] {
        let (mut after, mut sizes) = (first, Vec::new());
        loop {
            let page = feed.read(after, Duration::ZERO).await.unwrap();
            after = next(&page);
            sizes.push(ids(&page).len());
            if sizes.last() == Some(&0) {
                break;
            }
        }
        assert_eq!(sizes, [1000, 1000, 500, 0]);
    }
}

#[tokio::test]
async fn there_are_only_so_many_places_to_wait_and_a_place_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let (feed, _listening) = feed(&folder).await;
    let after = position(&feed).await;
    let readers: Vec<_> = (0..MOST_WAITING).map(|_| waiting(&feed, after, LONG)).collect();
    until_waiting(&feed, MOST_WAITING).await;
    assert!(matches!(feed.read(after, LONG).await, Err(NotRead::TooManyWaiting)));
    assert!(feed.read(after, Duration::ZERO).await.is_ok(), "who does not wait needs no place");
    readers[0].abort();
    until_waiting(&feed, MOST_WAITING - 1).await;
    let late = waiting(&feed, after, LONG);
    until_waiting(&feed, MOST_WAITING).await;
    revoke(feed.storage(), "agent").await;
    assert_eq!(ids(&late.await.unwrap().unwrap()), ["agent"]);
}

#[tokio::test]
async fn closing_answers_everybody_and_ends_the_listening() {
    let folder = tempfile::tempdir().unwrap();
    let (feed, listening) = feed(&folder).await;
    let after = position(&feed).await;
    let readers: Vec<_> = (0..3).map(|_| waiting(&feed, after, LONG)).collect();
    until_waiting(&feed, 3).await;
    feed.close();
    for reader in readers {
        assert_eq!(next(&reader.await.unwrap().unwrap()), after);
    }
    assert_eq!(next(&feed.read(after, LONG).await.unwrap()), after, "nobody waits after the close");
    tokio::time::timeout(LONG, listening).await.unwrap().unwrap();
}

#[tokio::test]
async fn nobody_looks_where_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (feed, _listening) = feed(&folder).await;
    let heard = feed.position();
    let seq = revoke(&open(&folder).await, "agent").await;
    assert!(feed.read(0, Duration::ZERO).await.is_ok());
    assert_eq!(feed.position(), heard, "the position was read although nobody waits");
    let reader = waiting(&feed, seq, LONG);
    until_waiting(&feed, 1).await;
    let mut heard = feed.storage().heard_position();
    tokio::time::timeout(LONG, heard.wait_for(|position| *position == seq)).await.unwrap().unwrap();
    reader.abort();
}

#[tokio::test]
async fn forgotten_events_are_no_gap_for_whoever_was_away() {
    let folder = tempfile::tempdir().unwrap();
    let (feed, _listening) = feed(&folder).await;
    let before = position(&feed).await;
    revoke(feed.storage(), "old").await;
    assert_eq!(feed.storage().forget_revocations(NOW + RETENTION).await.unwrap(), 0);
    let late = UnixSeconds(NOW.0 + 1) + RETENTION;
    assert_eq!(feed.storage().forget_revocations(late).await.unwrap(), 1);
    revoke(feed.storage(), "new").await;
    assert_eq!(ids(&feed.read(before, Duration::ZERO).await.unwrap()), ["new"]);
}
