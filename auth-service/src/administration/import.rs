//! Registering many clients at once, each with a generated secret: a batch is one transaction, and
//! its secrets are in the caller's hands before it commits, so that none can be lost.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::num::NonZeroUsize;
use std::thread;

use bailiwick_core::{ClientId, UnixSeconds};

use super::{Administration, AdministrationError, NewSecret, RegisteredClient, clients};
use crate::clients::{Client, NewClient};
use crate::crypto::hash::{Cost, HashMemory, NewSalt, StoredHash};
use crate::crypto::secret::ClientSecret;
use crate::policy::Policy;
use crate::secrets::SecretId;

/// What became of one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Clients that are registered now.
    pub registered: usize,
    /// Clients that had been registered before, and are as they were.
    pub skipped: usize,
}

/// What all clients of an import are checked against, before the first is registered.
pub struct ImportCheck {
    policy: Policy,
    now: UnixSeconds,
    lines: HashMap<ClientId, usize>,
}

impl ImportCheck {
    /// Checks the client of a line.
    ///
    /// # Errors
    /// What cannot be accepted, or that another line has its name.
    pub fn check(&mut self, line: usize, new: NewClient) -> Result<(), String> {
        let client_id = new.client_id.clone().ok_or("client_id is missing")?;
        new.validate(client_id.clone(), &self.policy, self.now).map_err(|error| error.to_string())?;
        match self.lines.entry(client_id) {
            Entry::Vacant(free) => {
                free.insert(line);
                Ok(())
            }
            Entry::Occupied(taken) => {
                Err(format!("the client_id {} stands in line {} already", taken.key(), taken.get()))
            }
        }
    }
}

/// A client whose secret is made and hashed.
struct Prepared {
    client: Client,
    secret: NewSecret,
    hash: String,
}

impl Administration {
    /// Begins the check of an import.
    pub async fn import_check(&self) -> Result<ImportCheck, AdministrationError> {
        let policy = self.policy_now().await?;
        Ok(ImportCheck { policy, now: self.clock.now(), lines: HashMap::new() })
    }

    /// The clients that were checked and are registered already, by their lines.
    pub async fn registered_already(
        &self,
        checked: &ImportCheck,
    ) -> Result<Vec<(usize, ClientId)>, AdministrationError> {
        /// The names that are read at a time.
        const PAGE: u32 = 10_000;
        let mut registered = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.storage.client_ids_after(&after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(registered) };
            after = last.to_string();
            registered.extend(page.into_iter().filter_map(|id| Some((*checked.lines.get(&id)?, id))));
        }
    }

    /// Registers a batch in one transaction. `keep` is given the new clients with their secrets
    /// before the transaction commits: where it fails, nothing is registered.
    ///
    /// # Errors
    /// A client that cannot be accepted, by name; or one that exists, unless those are skipped.
    pub async fn import(
        &self,
        batch: Vec<NewClient>,
        skip_existing: bool,
        keep: impl FnOnce(&[RegisteredClient]) -> Result<(), String>,
    ) -> Result<Imported, AdministrationError> {
        let now = self.clock.now();
        let clients = self.validated(batch, now).await?;
        let prepared = self.prepare(clients, now).await?;
        let mut change = self.storage.change().await?;
        let mut imported = Imported::default();
        let mut registered = Vec::with_capacity(prepared.len());
        for Prepared { client, secret, hash } in prepared {
            if change.insert_client(&client).await? {
                let secret = (!client.is_public()).then_some(secret);
                if let Some(secret) = &secret {
                    change.add_secret(&client.client_id, &secret.secret_id, &hash, now).await?;
                }
                registered.push(RegisteredClient { client, secret });
            } else if skip_existing {
                imported.skipped += 1;
            } else {
                return Err(AdministrationError::Conflict(format!("the client_id {} is taken", client.client_id)));
            }
        }
        keep(&registered).map_err(AdministrationError::Internal)?;
        change.commit().await?;
        imported.registered = registered.len();
        Ok(imported)
    }

    /// The clients of a batch, checked against what is true now; roles that are taken away in the
    /// moment between give nothing, for a role's name alone gives nothing.
    async fn validated(&self, batch: Vec<NewClient>, now: UnixSeconds) -> Result<Vec<Client>, AdministrationError> {
        let policy = self.policy_now().await?;
        let validate = |new: NewClient| {
            let Some(client_id) = new.client_id.clone() else {
                return Err(AdministrationError::InvalidMetadata(
                    "each client of an import has a client_id".to_owned(),
                ));
            };
            new.validate(client_id.clone(), &policy, now)
                .map_err(|error| AdministrationError::InvalidMetadata(format!("client {client_id}: {error}")))
        };
        batch.into_iter().map(validate).collect()
    }

    /// Makes and hashes the secrets, on every core.
    async fn prepare(&self, clients: Vec<Client>, now: UnixSeconds) -> Result<Vec<Prepared>, AdministrationError> {
        let entropy = std::sync::Arc::clone(&self.entropy);
        let hashing = tokio::task::spawn_blocking(move || {
            let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
            let mut parts: Vec<Vec<Client>> = (0..cores).map(|_| Vec::new()).collect();
            for (index, client) in clients.into_iter().enumerate() {
                parts[index % cores].push(client);
            }
            thread::scope(|scope| {
                let entropy = entropy.as_ref();
                let threads: Vec<_> = parts
                    .into_iter()
                    .map(|part| {
                        scope.spawn(move || {
                            let mut memory = HashMemory::default();
                            part.into_iter()
                                .map(|client| prepare_one(client, entropy, &mut memory, now))
                                .collect::<Result<Vec<_>, _>>()
                        })
                    })
                    .collect();
                let join = |thread: thread::ScopedJoinHandle<'_, Result<Vec<Prepared>, AdministrationError>>| {
                    thread.join().unwrap_or_else(|_| Err(AdministrationError::Internal("hashing failed".to_owned())))
                };
                threads.into_iter().map(join).collect::<Result<Vec<_>, _>>()
            })
        });
        let parts = hashing.await.map_err(clients::internal)??;
        Ok(parts.into_iter().flatten().collect())
    }
}

fn prepare_one(
    client: Client,
    entropy: &dyn crate::crypto::entropy::Entropy,
    memory: &mut HashMemory,
    now: UnixSeconds,
) -> Result<Prepared, AdministrationError> {
    let secret = ClientSecret::generate(|bytes| entropy.fill(bytes)).map_err(clients::internal)?;
    let salt = NewSalt::generate(entropy).map_err(clients::internal)?;
    let hash = StoredHash::create(secret.expose(), Cost::GENERATED, &salt, memory).map_err(clients::internal)?;
    let secret = NewSecret { secret_id: SecretId::of(&secret), secret, created_at: now };
    Ok(Prepared { client, secret, hash: hash.as_str().to_owned() })
}
