//! Time that a test lets pass, and events that it waits for.

use std::panic::Location;
use std::time::{Duration, Instant};

/// Lets one second pass for the guard, and for nobody who waits for a network.
pub(crate) async fn pass_a_second() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
}

/// How long, by a clock that no test stops, an event may take that others bring about.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for an event that others bring about, letting them run.
#[track_caller]
pub(crate) fn until(happened: impl Fn() -> bool) -> impl Future<Output = ()> {
    let (place, began) = (Location::caller(), Instant::now());
    async move {
        while !happened() {
            assert!(began.elapsed() < PATIENCE, "it does not happen: {place}");
            tokio::task::yield_now().await;
        }
    }
}

/// Stops tokio's time without letting it run ahead on its own: it does not while a blocking task is
/// under way, and one is for as long as this lives.
pub(crate) struct StoppedTime {
    _end: std::sync::mpsc::Sender<()>,
}

impl StoppedTime {
    pub(crate) fn begin() -> Self {
        let (end, ended) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || ended.recv());
        tokio::time::pause();
        Self { _end: end }
    }

    /// Lets time pass until something has happened: slowly enough for what goes over the network meanwhile
    /// to arrive, some fifty times as fast as the world's.
    #[track_caller]
    pub(crate) fn pass_until(&self, happened: impl Fn() -> bool) -> impl Future<Output = ()> {
        let (place, began, stopped) = (Location::caller(), Instant::now(), self);
        async move {
            while !happened() {
                assert!(began.elapsed() < PATIENCE, "it does not happen: {place}");
                let step = Instant::now();
                while step.elapsed() < Duration::from_millis(1) {
                    tokio::task::yield_now().await;
                }
                stopped.pass(Duration::from_millis(50)).await;
            }
        }
    }

    pub(crate) async fn pass(&self, time: Duration) {
        tokio::task::yield_now().await;
        // Timers count in whole milliseconds, rounded up.
        tokio::time::advance(time + Duration::from_millis(2)).await;
    }
}

impl Drop for StoppedTime {
    fn drop(&mut self) {
        tokio::time::resume();
    }
}
