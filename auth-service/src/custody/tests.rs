//! Processes on one database, each with connections, a clock and a custody of its own.

mod master_key;
mod timetable;
mod withdrawal;

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

use bailiwick_core::Revocation;

use super::*;
use crate::crypto::entropy::SystemEntropy;
use crate::keys::{KeyStatus, views};

const START: i64 = 1_800_000_000;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const OWN: Algorithm = Algorithm::EdDSA;
const ROTATION: Option<Duration> = Some(Duration::from_hours(24 * 90));

struct FakeClock(AtomicI64);

impl Clock for FakeClock {
    fn now(&self) -> UnixSeconds {
        UnixSeconds(self.0.load(Ordering::SeqCst))
    }
}

/// A process: its own connections to the database, its own clock.
struct Process {
    storage: Storage,
    custody: Custody,
    clock: FakeClock,
}

struct Host(tempfile::TempDir);

impl Host {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("master.key")
    }

    /// A process whose clock is so many seconds ahead.
    async fn process(&self, ahead: i64) -> Process {
        let storage = Storage::open(&format!("sqlite://{}", self.0.path().join("auth.db").display())).await.unwrap();
        finish_rewrap(&storage, &self.file()).await.unwrap();
        let master_key = MasterKey::load_or_create(&self.file(), &SystemEntropy).unwrap();
        let custody = Custody::new(master_key, Some(self.file()));
        Process { storage, custody, clock: FakeClock(AtomicI64::new(START + ahead)) }
    }
}

impl Process {
    fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    async fn keep(&self) {
        self.custody.keep_timetable(&self.storage, OWN, ROTATION, &self.clock).await.unwrap();
    }

    async fn keys(&self) -> Vec<StoredKey> {
        self.storage.policy().await.unwrap().keys
    }

    async fn signer(&self) -> KeyId {
        signer(self.keys().await.iter(), OWN, self.clock.now()).unwrap().key_id.clone()
    }

    async fn rotate(&self, takeover: Takeover) -> KeyId {
        self.custody.rotate(&self.storage, OWN, takeover, &self.clock).await.unwrap().key_id
    }

    async fn withdraw(&self, key_id: &KeyId) -> Withdrawal {
        self.custody.withdraw(&self.storage, key_id, OWN, &self.clock).await.unwrap()
    }

    async fn statuses(&self) -> Vec<KeyStatus> {
        views(&self.keys().await, self.clock.now()).into_iter().map(|view| view.status).collect()
    }

    async fn ring(&self) -> Result<KeyRing, CustodyError> {
        self.custody.ring(self.keys().await)
    }

    async fn events(&self) -> Vec<Revocation> {
        self.storage.revocations_after(0, 10).await.unwrap().events
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_start_at_once_store_one_key_between_them() {
    let host = Host::new();
    let starts = (0..4).map(async |number| {
        let begun = (number % 2 == 0).then(|| KeyInMaking::begin(OWN));
        let process = host.process(0).await;
        process.custody.ensure(&process.storage, OWN, begun, &process.clock).await.unwrap();
        process.signer().await
    });
    let signers = futures::future::join_all(starts).await;
    assert!(signers.iter().all(|signer| signer == &signers[0]), "{signers:?}");
    assert_eq!(host.process(0).await.keys().await.len(), 1);
}
