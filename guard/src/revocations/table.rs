//! The live revocations in memory, and the question of every request: is this token refused? Owns how
//! they are held; which events are taken in, and when one has had its time, the caller says.
//!
//! A subject is held as 128 bits of a keyed hash (SipHash-1-3 under a key of this table's own), so that
//! an entry takes 33 bytes whatever the length of its id, and a look-up allocates nothing. Two subjects
//! of one fingerprint could only refuse too much; the chance of one such pair among a million is
//! 1 : 10^27. There are many small maps, each behind its own lock: what is written, made larger or reaped
//! keeps a reader waiting for one of them, and never for long.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bailiwick_core::{Claims, KeyId, Subject, SubjectKind, UnixSeconds};
use siphasher::sip128::{Hasher128, SipHasher13};

/// The maps; a power of two.
const MAPS: usize = 64;

/// A map with room for that many times its entries gives some of it back.
const ROOMY: usize = 4;

/// There are as many live revocations as may be held.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are more than {0} live revocations: allow the guard more of them, or shorten the life of tokens")]
pub(crate) struct Full(usize);

/// The highest revocation of each subject.
pub(crate) struct Table {
    key: (u64, u64),
    maps: Box<[RwLock<Map>]>,
    most: usize,
    live: AtomicUsize,
    newest: AtomicU64,
}

type Map = HashMap<Fingerprint, Known, BuildHasherDefault<AsItIs>>;

#[derive(Clone, Copy)]
struct Known {
    seq: u64,
    retain_until: UnixSeconds,
}

impl Table {
    /// An empty table that holds at most `most` subjects.
    pub(crate) fn new(most: usize) -> Self {
        let random = RandomState::new();
        Self::with_key((random.hash_one(0_u8), random.hash_one(1_u8)), most)
    }

    /// An empty table whose content can take the place of this one's.
    pub(crate) fn empty_like(&self) -> Self {
        Self::with_key(self.key, self.most)
    }

    fn with_key(key: (u64, u64), most: usize) -> Self {
        let maps = (0..MAPS).map(|_| RwLock::default()).collect();
        Self { key, maps, most, live: AtomicUsize::new(0), newest: AtomicU64::new(0) }
    }

    /// Whether a revocation refuses the token with these claims, signed by `key_id`.
    pub(crate) fn refuses(&self, claims: &Claims, key_id: &KeyId) -> bool {
        let newest = self.newest.load(Ordering::Acquire);
        // What even the newest event would not refuse needs no look-up: nearly every fresh token.
        Subject::each_of(claims, key_id)
            .filter(|(kind, _)| kind.refuses(newest, claims.rev))
            .any(|(kind, id)| self.latest_of(kind, id).is_some_and(|seq| kind.refuses(seq, claims.rev)))
    }

    fn latest_of(&self, kind: SubjectKind, id: &str) -> Option<u64> {
        let fingerprint = self.fingerprint(kind, id);
        read(self.map_of(fingerprint)).get(&fingerprint).map(|known| known.seq)
    }

    /// Takes in an event; in any order and any number of times, the outcome is the same. One writer at
    /// a time.
    ///
    /// # Errors
    /// [`Full`], for a subject that is new; what is held stays.
    pub(crate) fn insert(
        &self,
        (kind, id): (SubjectKind, &str),
        seq: u64,
        retain_until: UnixSeconds,
    ) -> Result<(), Full> {
        let fingerprint = self.fingerprint(kind, id);
        match write(self.map_of(fingerprint)).entry(fingerprint) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.seq = known.seq.max(seq);
                known.retain_until = known.retain_until.max(retain_until);
            }
            Entry::Vacant(_) if self.live() >= self.most => return Err(Full(self.most)),
            Entry::Vacant(place) => {
                place.insert(Known { seq, retain_until });
                self.live.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.newest.fetch_max(seq, Ordering::Release);
        Ok(())
    }

    /// Lets go of what no token can be refused by after `now`, and of memory that is not needed.
    pub(crate) fn reap(&self, now: UnixSeconds) {
        for map in &self.maps {
            let mut map = write(map);
            let before = map.len();
            map.retain(|_, known| known.retain_until >= now);
            self.live.fetch_sub(before - map.len(), Ordering::Relaxed);
            if map.capacity() > ROOMY * map.len() {
                let room = 2 * map.len();
                map.shrink_to(room);
            }
        }
    }

    /// Puts the content of `other`, made by [`Table::empty_like`], in the place of this one's. Each
    /// subject goes over in one step from what was known to what is known.
    pub(crate) fn replace_with(&self, other: Self) {
        let newest = other.newest.into_inner();
        self.newest.fetch_max(newest, Ordering::AcqRel);
        for (own, new) in self.maps.iter().zip(other.maps) {
            *write(own) = new.into_inner().unwrap_or_else(PoisonError::into_inner);
        }
        self.live.store(other.live.into_inner(), Ordering::Relaxed);
        self.newest.store(newest, Ordering::Release);
    }

    /// How many subjects are held.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    fn fingerprint(&self, kind: SubjectKind, id: &str) -> Fingerprint {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        kind.hash(&mut hasher);
        hasher.write(id.as_bytes());
        let hash = hasher.finish128();
        Fingerprint { map: hash.h1, place: hash.h2 }
    }

    fn map_of(&self, fingerprint: Fingerprint) -> &RwLock<Map> {
        let index = usize::try_from(fingerprint.map % self.maps.len() as u64).unwrap_or_default();
        &self.maps[index]
    }
}

fn read(map: &RwLock<Map>) -> RwLockReadGuard<'_, Map> {
    map.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(map: &RwLock<Map>) -> RwLockWriteGuard<'_, Map> {
    map.write().unwrap_or_else(PoisonError::into_inner)
}

/// A subject: one half of it chooses the map, the other the place there.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    map: u64,
    place: u64,
}

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.place);
    }
}

/// Hashes what is a hash already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests;
