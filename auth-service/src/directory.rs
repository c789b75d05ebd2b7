//! Clients in memory, as long as they are true. Owns the question that is asked before each use: did
//! anything change, here or in another process? A client that did not is not read again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bailiwick_core::{ClientId, UnixSeconds};
use moka::sync::Cache;

use crate::clients::Client;
use crate::crypto::hash::StoredHash;
use crate::secrets::SecretId;
use crate::storage::{ClientSnapshot, State, Storage, StorageError};

/// The most clients that are kept in memory; beyond, those seen least are read again. Some 1 KB each.
const MOST_CLIENTS: u64 = 131_072;

/// A client and the one secret that it was asked for with.
pub struct KnownClient {
    /// The client.
    pub client: Client,
    /// The stored hash of that secret.
    pub hash: StoredHash,
    last_used_at: AtomicI64,
}

impl KnownClient {
    /// Whether its use `now` should be written down: the last one that was lies `resolution` back.
    pub fn use_is_news(&self, now: UnixSeconds, resolution: Duration) -> bool {
        let last = UnixSeconds(self.last_used_at.load(Ordering::Relaxed));
        let is_news = now.since(last) >= resolution;
        if is_news {
            self.last_used_at.store(now.0, Ordering::Relaxed);
        }
        is_news
    }
}

/// What a request rests on.
#[derive(Clone)]
pub struct Found {
    /// The state, read no later than the client was found to be true.
    pub state: State,
    /// The client, where there is one that has that secret.
    pub known: Option<Arc<KnownClient>>,
}

/// A client at the version at which it was read.
type Entry = (i64, Arc<KnownClient>);

/// Looks clients up.
pub struct ClientDirectory {
    storage: Storage,
    entries: Cache<(ClientId, SecretId), Entry>,
}

impl ClientDirectory {
    /// A directory that knows nobody yet.
    pub fn new(storage: Storage) -> Self {
        Self { storage, entries: Cache::new(MOST_CLIENTS) }
    }

    /// The client of that name with the secret of that id, as it is now. Only who exists and has
    /// the secret is remembered: to look for anybody else costs the same each time.
    pub async fn look_up(&self, client_id: &ClientId, secret_id: &SecretId) -> Result<Found, StorageError> {
        let key = (client_id.clone(), secret_id.clone());
        if let Some((version, known)) = self.entries.get(&key) {
            // The version is read in one statement with the position. Where it still is what it was,
            // the client is what it was too, at the moment of that position.
            let state = self.storage.state().await?;
            if state.client_version == version {
                return Ok(Found { state, known: Some(known) });
            }
        }
        let snapshot = self.storage.client_snapshot(client_id, secret_id).await?;
        let state = snapshot.state;
        let known = known(snapshot)?;
        if let Some(known) = &known {
            self.entries.insert(key, (state.client_version, Arc::clone(known)));
        }
        Ok(Found { state, known })
    }
}

fn known(snapshot: ClientSnapshot) -> Result<Option<Arc<KnownClient>>, StorageError> {
    let (Some(client), Some(hash)) = (snapshot.client, snapshot.hash) else { return Ok(None) };
    let hash = hash.parse().map_err(|_| StorageError::Unreadable("hash of a secret"))?;
    let last_used_at = AtomicI64::new(snapshot.last_used_at.map_or(i64::MIN, |at| at.0));
    Ok(Some(Arc::new(KnownClient { client, hash, last_used_at })))
}

#[cfg(test)]
mod tests {
    use bailiwick_core::UnixSeconds;

    use super::*;
    use crate::clients::{ClientChanges, NewClient};
    use crate::crypto::entropy::{Entropy as _, SystemEntropy};
    use crate::crypto::hash::{Cost, HashMemory, NewSalt};
    use crate::crypto::secret::ClientSecret;
    use crate::policy::Policy;

    const NOW: UnixSeconds = UnixSeconds(1_000_000);

    struct World {
        folder: tempfile::TempDir,
        storage: Storage,
        client: Client,
        secret_id: SecretId,
    }

    async fn open(folder: &tempfile::TempDir) -> Storage {
        Storage::open(&format!("sqlite://{}", folder.path().join("auth.db").display())).await.unwrap()
    }

    fn policy() -> Policy {
        Policy::new(&"https://id.example".parse().unwrap(), Vec::new(), Vec::new())
    }

    async fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        let storage = open(&folder).await;
        let client = NewClient::default().validate("agent".parse().unwrap(), &policy(), NOW).unwrap();
        let secret = ClientSecret::generate(|bytes| SystemEntropy.fill(bytes)).unwrap();
        let salt = NewSalt::generate(&SystemEntropy).unwrap();
        let hash = StoredHash::create(secret.expose(), Cost::GENERATED, &salt, &mut HashMemory::default()).unwrap();
        let secret_id = SecretId::of(&secret);
        let mut change = storage.change().await.unwrap();
        assert!(change.insert_client(&client).await.unwrap());
        change.add_secret(&client.client_id, &secret_id, hash.as_str(), NOW).await.unwrap();
        change.commit().await.unwrap();
        World { folder, storage, client, secret_id }
    }

    #[tokio::test]
    async fn a_change_in_another_process_is_felt_by_the_next_request() {
        let world = world().await;
        let directory = ClientDirectory::new(world.storage.clone());
        let look_up = || directory.look_up(&world.client.client_id, &world.secret_id);
        for _ in 0..3 {
            assert!(!look_up().await.unwrap().known.unwrap().client.disabled);
        }
        // Another process has connections of its own.
        let other = open(&world.folder).await;
        let mut change = other.change().await.unwrap();
        let changes = ClientChanges { disabled: Some(true), ..ClientChanges::default() };
        let disabled = changes.apply(&world.client, &policy(), NOW).unwrap();
        change.update_client(&world.client, &disabled).await.unwrap();
        let before = look_up().await.unwrap();
        change.commit().await.unwrap();
        let after = look_up().await.unwrap();
        assert!(!before.known.unwrap().client.disabled);
        assert!(after.known.unwrap().client.disabled);
        assert!(after.state.feed_position > before.state.feed_position);
    }

    #[tokio::test]
    async fn a_retired_secret_is_not_remembered() {
        let world = world().await;
        let directory = ClientDirectory::new(world.storage.clone());
        let look_up = || directory.look_up(&world.client.client_id, &world.secret_id);
        assert!(look_up().await.unwrap().known.is_some());
        let mut change = world.storage.change().await.unwrap();
        assert!(change.retire_secret(&world.client.client_id, &world.secret_id).await.unwrap());
        change.commit().await.unwrap();
        assert!(look_up().await.unwrap().known.is_none());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_look_up_that_begins_after_a_commit_sees_what_was_before_it() {
        const CHANGES: i64 = 50;
        let world = world().await;
        let directory = Arc::new(ClientDirectory::new(world.storage.clone()));
        let committed = Arc::new(AtomicI64::new(0));
        let readers: Vec<_> = (0..8)
            .map(|_| {
                let (directory, committed) = (Arc::clone(&directory), Arc::clone(&committed));
                let (client_id, secret_id) = (world.client.client_id.clone(), world.secret_id.clone());
                tokio::spawn(async move {
                    loop {
                        let known_before = committed.load(Ordering::SeqCst);
                        let found = directory.look_up(&client_id, &secret_id).await.unwrap();
                        let seen: i64 = found.known.unwrap().client.client_name.parse().unwrap_or(0);
                        assert!(seen >= known_before, "{seen} was replaced before {known_before} was asked for");
                        if seen == CHANGES {
                            return;
                        }
                        // A look-up may never wait, and the writer needs these threads too.
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        let mut client = world.client.clone();
        for number in 1..=CHANGES {
            let after = Client { client_name: number.to_string(), ..client.clone() };
            let mut change = world.storage.change().await.unwrap();
            change.update_client(&client, &after).await.unwrap();
            change.commit().await.unwrap();
            committed.store(number, Ordering::SeqCst);
            client = after;
        }
        for reader in readers {
            reader.await.unwrap();
        }
    }
}
