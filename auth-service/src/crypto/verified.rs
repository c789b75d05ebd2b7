//! Which client secrets were verified a moment ago, so that an agent that comes again costs no
//! argon2. Owns the memory of successes and the sharing of equal work; keeps no secret, only a MAC
//! under a key that dies with the process.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use moka::sync::Cache;
use tokio::sync::OnceCell;
use zeroize::Zeroize as _;

use super::entropy::{Entropy, NoEntropy, random};
use super::hash::StoredHash;
use super::secret::ClientSecret;

/// The most secrets that are remembered; beyond, those seen least are hashed again. Some 240 bytes
/// each, so 63 MB at most.
const MOST_VERIFIED: u64 = 262_144;

/// A client, its stored hash and the secret that it presented, as a MAC.
type Mac = [u8; 32];

/// One hashing that several requests await.
#[derive(Default)]
struct Flight {
    /// Whether the secret is right, once it is known.
    matched: Arc<OnceCell<bool>>,
    /// The requests that await it.
    requests: usize,
}

/// The secrets that were verified. No entry ever grows old: the stored hash is part of it, so
/// with another hash there is another entry. Only successes are kept; a failure always pays.
pub(crate) struct VerifiedSecrets {
    key: hmac::Key,
    verified: Cache<Mac, ()>,
    /// What is being hashed just now. Bounded by the requests in progress.
    flights: Mutex<HashMap<Mac, Flight>>,
}

impl VerifiedSecrets {
    /// An empty memory under a fresh key.
    ///
    /// # Errors
    /// [`NoEntropy`] where there is no key to be had.
    pub(crate) fn new(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let mut key = random::<32>(entropy)?;
        let verified = Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            verified: Cache::new(MOST_VERIFIED),
            flights: Mutex::default(),
        };
        key.zeroize();
        Ok(verified)
    }

    /// Whether the presented secret of `client_id` is the one of the `stored` hash, from memory or
    /// by awaiting `hashing`. That is polled only where it is needed: requests that ask the same at
    /// the same time share the first one's, and where that one fails or goes away the next takes
    /// over with its own.
    ///
    /// # Errors
    /// What `hashing` fails with.
    pub(crate) async fn verify<E>(
        &self,
        client_id: &str,
        stored: Option<&StoredHash>,
        presented: &ClientSecret,
        hashing: impl Future<Output = Result<bool, E>>,
    ) -> Result<bool, E> {
        let mac = self.mac(client_id, stored, presented);
        if self.verified.contains_key(&mac) {
            return Ok(true);
        }
        let flight = self.join(mac);
        let matched = flight.matched.get_or_try_init(|| async {
            // An earlier flight may have ended well between the look above and the joining.
            if self.verified.contains_key(&mac) {
                return Ok(true);
            }
            let matched = hashing.await?;
            if matched {
                self.verified.insert(mac, ());
            }
            Ok(matched)
        });
        matched.await.copied()
    }

    /// Every part with its length, so that no two requests write the same message.
    fn mac(&self, client_id: &str, stored: Option<&StoredHash>, presented: &ClientSecret) -> Mac {
        let mut context = hmac::Context::with_key(&self.key);
        let texts = [client_id, presented.expose()].into_iter().chain(stored.map(StoredHash::as_str));
        for text in texts {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        let mut mac = Mac::default();
        mac.copy_from_slice(context.sign().as_ref());
        mac
    }

    /// Joins the flight of this MAC, or begins it.
    fn join(&self, mac: Mac) -> Joined<'_> {
        let mut flights = self.flights();
        let flight = flights.entry(mac).or_default();
        flight.requests += 1;
        Joined { to: self, mac, matched: Arc::clone(&flight.matched) }
    }

    /// The flights are whole whenever the lock is free: nothing under it can panic halfway.
    fn flights(&self) -> MutexGuard<'_, HashMap<Mac, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request's part in a flight. The last one to leave, answered or not, ends the flight.
struct Joined<'a> {
    to: &'a VerifiedSecrets,
    mac: Mac,
    matched: Arc<OnceCell<bool>>,
}

impl Drop for Joined<'_> {
    fn drop(&mut self) {
        let mut flights = self.to.flights();
        if let Entry::Occupied(mut flight) = flights.entry(self.mac) {
            flight.get_mut().requests -= 1;
            if flight.get().requests == 0 {
                flight.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::{Barrier, oneshot};

    use super::super::entropy::SystemEntropy;
    use super::super::hash::{Cost, HashMemory, NewSalt};
    use super::*;

    fn verified() -> VerifiedSecrets {
        VerifiedSecrets::new(&SystemEntropy).unwrap()
    }

    fn secret() -> ClientSecret {
        ClientSecret::generate(|bytes| SystemEntropy.fill(bytes)).unwrap()
    }

    fn hash(secret: &ClientSecret) -> StoredHash {
        let salt = NewSalt::generate(&SystemEntropy).unwrap();
        StoredHash::create(secret.expose(), Cost::GENERATED, &salt, &mut HashMemory::default()).unwrap()
    }

    /// A hashing that counts how often it is really done.
    async fn counted(count: &AtomicUsize, answer: bool) -> Result<bool, Infallible> {
        count.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Ok(answer)
    }

    #[tokio::test]
    async fn a_secret_that_was_verified_is_not_hashed_again() {
        let (verified, secret, count) = (verified(), secret(), AtomicUsize::new(0));
        let stored = hash(&secret);
        for _ in 0..3 {
            assert_eq!(verified.verify("a", Some(&stored), &secret, counted(&count, true)).await, Ok(true));
        }
        assert_eq!(count.into_inner(), 1);
    }

    #[tokio::test]
    async fn a_wrong_secret_is_hashed_each_time() {
        let (verified, secret, count) = (verified(), secret(), AtomicUsize::new(0));
        for _ in 0..3 {
            assert_eq!(verified.verify("a", None, &secret, counted(&count, false)).await, Ok(false));
        }
        assert_eq!(count.into_inner(), 3);
    }

    #[tokio::test]
    async fn a_changed_hash_another_client_or_another_secret_is_not_remembered() {
        let (verified, secret, count) = (verified(), secret(), AtomicUsize::new(0));
        let (old, new) = (hash(&secret), hash(&secret));
        let another = self::secret();
        for (client_id, stored, secret) in [
            ("a", Some(&old), &secret),
            ("a", Some(&new), &secret),
            ("a", None, &secret),
            ("b", Some(&old), &secret),
            ("a", Some(&old), &another),
        ] {
            let answer = verified.verify(client_id, stored, secret, counted(&count, true)).await;
            assert_eq!(answer, Ok(true));
        }
        assert_eq!(count.into_inner(), 5);
    }

    #[test]
    fn no_two_processes_make_the_same_mac() {
        let secret = secret();
        assert_ne!(verified().mac("a", None, &secret), verified().mac("a", None, &secret));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_stampede_of_one_secret_costs_one_hash() {
        const REQUESTS: usize = 64;
        let (verified, secret) = (Arc::new(verified()), Arc::new(secret()));
        let (count, start) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(REQUESTS)));
        let tasks: Vec<_> = (0..REQUESTS)
            .map(|_| {
                let (verified, secret) = (Arc::clone(&verified), Arc::clone(&secret));
                let (count, start) = (Arc::clone(&count), Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    verified.verify("a", None, &secret, counted(&count, true)).await
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(true));
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(verified.flights().is_empty());
    }

    #[tokio::test]
    async fn where_the_first_request_goes_away_the_next_takes_over() {
        let (verified, secret, count) = (verified(), secret(), AtomicUsize::new(0));
        let (_never, pending) = oneshot::channel::<()>();
        let first = verified.verify("a", None, &secret, async {
            let _ = pending.await;
            Ok::<_, Infallible>(false)
        });
        let mut first = Box::pin(first);
        let mut second = Box::pin(verified.verify("a", None, &secret, counted(&count, true)));
        assert!(futures::poll!(&mut first).is_pending());
        assert!(futures::poll!(&mut second).is_pending());
        drop(first);
        assert_eq!(count.load(Ordering::SeqCst), 0);
        assert_eq!(second.await, Ok(true));
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(verified.flights().is_empty());
    }

    #[tokio::test]
    async fn one_request_that_is_refused_refuses_no_other() {
        let (verified, secret, count) = (verified(), secret(), AtomicUsize::new(0));
        let refused = verified.verify("a", None, &secret, async { Err("busy") }).await;
        assert_eq!(refused, Err("busy"));
        assert_eq!(verified.verify("a", None, &secret, counted(&count, true)).await, Ok(true));
        assert!(verified.flights().is_empty());
    }
}
