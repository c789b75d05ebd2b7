//! The places of those requests that are with the server. Owns how many there are, that no caller takes them
//! all, and for how long a request waits for one; whether it may go on at all was decided before.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::{MOST_IN_HAND, MOST_IN_HAND_OF_ONE};

/// How long a request waits for a place.
const PATIENCE: Duration = Duration::from_secs(5);

/// Among so many shares callers are spread, by a secret of this process: that two meet in one is rare, and
/// nobody can bring it about.
const SHARES: usize = 1024;

/// The places of one server.
pub(crate) struct Places {
    all: Semaphore,
    shares: Box<[Semaphore]>,
    spread: RandomState,
}

/// A place that is taken until this is dropped.
pub(crate) struct Place<'a> {
    /// Whether there was none at first.
    pub(crate) was_awaited: bool,
    _of_all: SemaphorePermit<'a>,
    _of_caller: SemaphorePermit<'a>,
}

impl Places {
    /// All of them free.
    pub(crate) fn new() -> Self {
        let shares = (0..SHARES).map(|_| Semaphore::new(MOST_IN_HAND_OF_ONE)).collect();
        Self { all: Semaphore::new(MOST_IN_HAND), shares, spread: RandomState::new() }
    }

    /// A place for a request of `caller`, once there is one.
    ///
    /// # Errors
    /// [`Refusal::TooManyInHand`] where the caller has as many as it may for as long as is waited,
    /// [`Refusal::Busy`] where all callers have.
    pub(crate) async fn take(&self, caller: &Principal) -> Result<Place<'_>, Refusal> {
        let share = self.share_of(caller);
        // Whoever finds a place needs no clock. It takes none from those who wait: what is given back is theirs first.
        if let (Ok(of_caller), Ok(of_all)) = (share.try_acquire(), self.all.try_acquire()) {
            return Ok(Place { was_awaited: false, _of_all: of_all, _of_caller: of_caller });
        }
        let until = Instant::now() + PATIENCE;
        // Its own first, so that whoever has enough takes none of the others' while it waits. Nobody closes them.
        let Ok(Ok(of_caller)) = timeout_at(until, share.acquire()).await else {
            return Err(Refusal::TooManyInHand);
        };
        let Ok(Ok(of_all)) = timeout_at(until, self.all.acquire()).await else { return Err(Refusal::Busy) };
        Ok(Place { was_awaited: true, _of_all: of_all, _of_caller: of_caller })
    }

    fn share_of(&self, caller: &Principal) -> &Semaphore {
        let hash = self.spread.hash_one((&caller.claims().iss, caller.subject(), caller.client_id()));
        let share = usize::try_from(hash % self.shares.len() as u64).unwrap_or_default();
        &self.shares[share]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bailiwick_core::{Claims, json};

    use super::*;
    use crate::principal::Proof;

    fn caller(name: &str) -> Principal {
        let claims = format!(
            r#"{{"iss":"https://id.example","sub":"{name}","aud":"https://hr.example/mcp","client_id":"{name}",
                "iat":1,"exp":2,"jti":"a"}}"#
        );
        let claims = Claims::read(json::members(claims.as_bytes()).unwrap()).unwrap();
        Principal::new(Arc::new(claims), Proof::AccessToken("a-key".parse().unwrap()))
    }

    /// Another caller, whose share is none of these callers'.
    fn another(places: &Places, than: &[Principal]) -> Principal {
        let is_new =
            |one: &Principal| than.iter().all(|than| !std::ptr::eq(places.share_of(one), places.share_of(than)));
        (0..100_000).map(|number| caller(&format!("agent-{number}"))).find(is_new).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn one_caller_leaves_places_to_the_others_and_is_told_that_it_has_enough() {
        let places = Places::new();
        let greedy = caller("greedy");
        let mut held = Vec::new();
        for _ in 0..MOST_IN_HAND_OF_ONE {
            held.push(places.take(&greedy).await.ok().unwrap());
        }
        assert!(matches!(places.take(&greedy).await, Err(Refusal::TooManyInHand)));
        let began = Instant::now();
        assert!(places.take(&another(&places, std::slice::from_ref(&greedy))).await.is_ok());
        assert_eq!(began.elapsed(), Duration::ZERO, "nobody else waits");
        held.pop();
        assert!(places.take(&greedy).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_places_are_taken_whoever_comes_waits_and_is_sent_away() {
        let places = Places::new();
        let (mut callers, mut held) = (Vec::new(), Vec::new());
        while held.len() < MOST_IN_HAND {
            let next = another(&places, &callers);
            for _ in 0..MOST_IN_HAND_OF_ONE {
                held.push(places.take(&next).await.ok().unwrap());
            }
            callers.push(next);
        }
        let late = another(&places, &callers);
        let began = Instant::now();
        assert!(matches!(places.take(&late).await, Err(Refusal::Busy)));
        assert_eq!(began.elapsed(), PATIENCE);
        let waiting = places.take(&late);
        tokio::pin!(waiting);
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        held.pop();
        assert!(waiting.await.is_ok());
    }
}
