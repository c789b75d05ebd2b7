//! The pool's promises: right answers under load, turns, bounds, and survival.

use std::net::IpAddr;
use std::sync::mpsc;

use super::super::entropy::{Entropy as _, SystemEntropy};
use super::super::hash::{Cost, NewSalt};
use super::*;

fn pool(threads: usize) -> HashPool {
    HashPool::start(NonZeroUsize::new(threads).unwrap()).unwrap()
}

fn lane(host: u8, client: &str) -> Lane {
    Lane { address: IpAddr::from([198, 51, 100, host]).into(), client: client.into() }
}

fn secret() -> Arc<ClientSecret> {
    Arc::new(ClientSecret::generate(|bytes| SystemEntropy.fill(bytes)).unwrap())
}

/// Keeps one thread of the pool busy until the sender is dropped or sends.
fn hold_a_thread(pool: &HashPool) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel();
    let (begin, has_begun) = mpsc::channel();
    let work = move |_: &mut HashMemory| {
        begin.send(()).unwrap();
        let _ = released.recv();
        Outcome::Done
    };
    pool.submit(lane(0, "holder"), Box::new(work)).unwrap();
    has_begun.recv().unwrap();
    release
}

/// Lets everything that was submitted so far be done: with one thread, the last in turn is last.
async fn settled(pool: &HashPool) {
    while pool.figures().waiting > 0 {
        pool.run(lane(255, "settler"), |_| Ok(())).await.unwrap();
    }
}

fn hash(secret: &ClientSecret) -> StoredHash {
    let salt = NewSalt::generate(&SystemEntropy).unwrap();
    StoredHash::create(secret.expose(), Cost::GENERATED, &salt, &mut HashMemory::default()).unwrap()
}

#[tokio::test]
async fn a_client_secret_is_verified_against_its_own_hash_only() {
    let pool = pool(2);
    let (right, wrong) = (secret(), secret());
    let stored = hash(&right);
    assert_eq!(pool.verify_client_secret(lane(1, "a"), Some(stored.clone()), right.clone()).await, Ok(true));
    assert_eq!(pool.verify_client_secret(lane(1, "a"), Some(stored), wrong).await, Ok(false));
    assert_eq!(pool.verify_client_secret(lane(1, "a"), None, right).await, Ok(false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_requests_at_once_each_get_their_own_right_answer() {
    let pool = Arc::new(pool(2));
    let mut tasks = Vec::new();
    for number in 0..200u8 {
        let pool = pool.clone();
        tasks.push(tokio::spawn(async move {
            let lane = lane(number % 7, &format!("client-{number}"));
            let right = secret();
            let hash = hash(&right);
            let (is_wrong, presented) = (number % 3 == 0, if number % 3 == 0 { secret() } else { right });
            let matched = pool.verify_client_secret(lane, Some(hash), presented).await.unwrap();
            matched != is_wrong
        }));
    }
    for task in tasks {
        assert!(task.await.unwrap());
    }
    let shared = Arc::clone(&pool.shared);
    drop(pool); // Joins the threads, which count a job only after they have answered it.
    let figures = shared.counters.figures();
    assert_eq!((figures.done, figures.waiting, figures.refused, figures.panicked), (200, 0, 0, 0));
    assert!(figures.worked > Duration::ZERO);
}

#[tokio::test]
async fn a_job_that_panics_fails_alone() {
    let pool = pool(1);
    let failed = pool.run(lane(1, "a"), |_| -> Result<(), HashFailed> { panic!("on purpose") }).await;
    assert_eq!(failed, Err(NotHashed::Failed(HashFailed)));
    assert_eq!(pool.run(lane(1, "a"), |_| Ok(7)).await, Ok(7));
    assert_eq!(pool.figures().panicked, 1);
}

#[tokio::test]
async fn a_flood_from_one_address_delays_another_address_by_one_turn_only() {
    let pool = pool(1);
    let (told, order) = mpsc::channel();
    let release = hold_a_thread(&pool);
    let flood = (0..500u32).map(|number| (lane(1, &format!("made-up-{number}")), "flood"));
    for (lane, name) in flood.chain([(lane(2, "honest"), "honest")]) {
        let told = told.clone();
        let work = move |_: &mut HashMemory| {
            told.send(name).unwrap();
            Outcome::Done
        };
        pool.submit(lane, Box::new(work)).unwrap();
    }
    drop(release);
    settled(&pool).await;
    assert_eq!(order.try_iter().position(|name| name == "honest"), Some(1));
}

#[tokio::test]
async fn a_full_lane_refuses_at_once_and_leaves_room_for_others() {
    let pool = pool(1);
    let release = hold_a_thread(&pool);
    for _ in 0..BOUNDS.per_client {
        pool.submit(lane(1, "a"), Box::new(|_| Outcome::Done)).unwrap();
    }
    let refused = pool.run(lane(1, "a"), |_| Ok(())).await;
    assert!(matches!(refused, Err(NotHashed::Busy { retry_after }) if retry_after >= Duration::from_secs(1)));
    assert_eq!(pool.figures().refused, 1);
    assert_eq!(pool.figures().waiting, BOUNDS.per_client);
    pool.submit(lane(1, "b"), Box::new(|_| Outcome::Done)).unwrap();
    drop(release);
    assert_eq!(pool.run(lane(2, "c"), |_| Ok(())).await, Ok(()));
}

#[tokio::test]
async fn a_full_queue_refuses_even_a_newcomer() {
    let pool = pool(1);
    let release = hold_a_thread(&pool);
    for number in 0..BOUNDS.total {
        let host = u8::try_from(number % 250).unwrap();
        pool.submit(lane(host, &number.to_string()), Box::new(|_| Outcome::Done)).unwrap();
    }
    assert!(matches!(pool.run(lane(251, "new"), |_| Ok(())).await, Err(NotHashed::Busy { .. })));
    drop(release);
}

#[tokio::test]
async fn nothing_is_hashed_for_a_requester_who_has_gone() {
    let pool = pool(1);
    let (told, hashed) = mpsc::channel();
    let release = hold_a_thread(&pool);
    let mut request = Box::pin(pool.run(lane(1, "a"), move |_| told.send(()).map_err(|_| HashFailed)));
    assert!(futures::poll!(&mut request).is_pending());
    assert_eq!(pool.figures().waiting, 1);
    drop(request);
    drop(release);
    settled(&pool).await;
    pool.run(lane(1, "a"), |_| Ok(())).await.unwrap();
    assert_eq!(hashed.try_iter().count(), 0);
    assert_eq!(pool.figures().abandoned, 1);
}

#[tokio::test]
async fn dropping_the_pool_joins_its_threads_and_answers_those_who_wait() {
    let pool = pool(2);
    let shared = Arc::downgrade(&pool.shared);
    let (release, second) = (hold_a_thread(&pool), hold_a_thread(&pool));
    let (answer, answered) = oneshot::channel::<()>();
    let work = move |_: &mut HashMemory| {
        let _ = answer.send(());
        Outcome::Done
    };
    pool.submit(lane(1, "a"), Box::new(work)).unwrap();
    let stopped = tokio::task::spawn_blocking(move || drop(pool));
    assert!(answered.await.is_err());
    drop((release, second));
    stopped.await.unwrap();
    assert_eq!(shared.strong_count(), 0);
}

#[test]
fn the_time_to_wait_follows_the_pace_so_far() {
    let pace = Figures { done: 100, worked: Duration::from_millis(1500), ..Figures::default() };
    let after = |waiting, threads| Figures { waiting, ..pace }.time_to_drain(threads).as_secs();
    assert_eq!(after(1000, 2), 8);
    assert_eq!(after(1000, 1), 15);
    assert_eq!(after(1, 2), 1);
    assert_eq!(after(1_000_000, 2), 30);
    assert_eq!(Figures::default().time_to_drain(0).as_secs(), 1);
}
