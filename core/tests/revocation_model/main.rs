//! The law of revocation, held to a model of its protocol: *no token issued from state older than an
//! event survives that event*. Every interleaving within small bounds is tried, longer ones by lot;
//! and each rule of the protocol is broken once, to see that the law then breaks too.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic; that is how it fails")]

mod protocol;

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::prelude::*;

use protocol::{Budget, PROTOCOL, Rules, Step, World};

/// The steps that led to a breach, and the breach.
#[derive(Debug)]
struct Counterexample {
    steps: Vec<Step>,
    breach: String,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} after {:?}", self.breach, self.steps)
    }
}

/// Tries every interleaving; worlds that were seen before are counted, not walked again.
struct Search {
    rules: Rules,
    seen: HashMap<(u64, u64), u128>,
    steps: Vec<Step>,
}

impl Search {
    /// How many interleavings there are within that budget, all of which keep the law.
    fn of(rules: Rules, budget: Budget) -> Result<u128, Counterexample> {
        Self { rules, seen: HashMap::new(), steps: Vec::new() }.walk(&World::new(budget))
    }

    /// How many ways lead from here to an end.
    fn walk(&mut self, world: &World) -> Result<u128, Counterexample> {
        let name = fingerprint(world);
        if let Some(ways) = self.seen.get(&name) {
            return Ok(*ways);
        }
        world.check().map_err(|breach| Counterexample { steps: self.steps.clone(), breach })?;
        let mut ways = 0;
        for step in world.steps(self.rules) {
            let mut next = world.clone();
            next.take(step, self.rules);
            self.steps.push(step);
            ways += self.walk(&next)?;
            self.steps.pop();
        }
        let ways = ways.max(1);
        self.seen.insert(name, ways);
        Ok(ways)
    }
}

/// 128 bits of a world: two worlds that share them do not happen.
fn fingerprint(world: &World) -> (u64, u64) {
    let hash = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, world).hash(&mut hasher);
        hasher.finish()
    };
    (hash(0), hash(1))
}

/// Two processes issue two tokens while two changes are made to two subjects, and a guard listens.
const ISSUING: Budget = Budget {
    subjects: 2,
    services: 2,
    changes: 2,
    tokens: 2,
    polls: 2,
    repeated_answers: 1,
    ticks: 0,
    backups: 0,
    restores: 0,
    restarts: 0,
};

/// One process issues from what it remembers.
const REMEMBERING: Budget = Budget { services: 1, tokens: 3, changes: 3, polls: 0, repeated_answers: 0, ..ISSUING };

/// Time passes, tokens expire, events are forgotten, and the guard is away in between.
const FORGETTING: Budget =
    Budget { subjects: 1, services: 1, changes: 2, tokens: 2, polls: 2, ticks: 3, repeated_answers: 1, ..ISSUING };

/// The database is lost and restored from a backup, and processes start in between.
const RESTORING: Budget = Budget {
    subjects: 1,
    services: 1,
    changes: 2,
    tokens: 2,
    polls: 2,
    repeated_answers: 0,
    ticks: 0,
    backups: 1,
    restores: 1,
    restarts: 1,
};

/// That the law holds in every interleaving within that budget, of which there are so many.
fn holds(budget: Budget, interleavings: u128) {
    let covered = Search::of(PROTOCOL, budget).unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(covered, interleavings, "this is another model than the one that was thought through");
}

#[test]
fn no_token_issued_by_two_processes_survives_an_event_that_it_is_older_than() {
    holds(ISSUING, 365_597_232);
}

#[test]
fn no_token_issued_from_memory_survives_an_event_that_it_is_older_than() {
    holds(REMEMBERING, 44_992);
}

#[test]
fn no_event_is_forgotten_before_the_last_token_that_it_refuses() {
    holds(FORGETTING, 2_002_070_688);
}

#[test]
fn no_token_of_a_future_that_was_lost_survives_and_none_of_its_events_refuses_what_comes_after() {
    holds(RESTORING, 140_452_560);
}

/// That rules which break the law are found out within that budget, and how.
fn is_found_out(rules: Rules, budget: Budget, breach: &str) {
    match Search::of(rules, budget) {
        Ok(covered) => panic!("{rules:?} is not found out in {covered} interleavings"),
        Err(found) => assert!(found.breach.contains(breach), "{found}"),
    }
}

#[test]
fn reading_the_position_after_the_rows_is_found_out() {
    is_found_out(Rules { position_before_rows: false, ..PROTOCOL }, ISSUING, "survives");
}

#[test]
fn a_bare_sequence_is_found_out() {
    is_found_out(Rules { counted_in_the_commit: false, ..PROTOCOL }, ISSUING, "survives");
}

#[test]
fn an_event_in_a_transaction_before_its_cause_is_found_out() {
    is_found_out(Rules { event_with_its_cause: false, ..PROTOCOL }, ISSUING, "survives");
}

#[test]
fn a_row_remembered_beyond_its_version_is_found_out() {
    is_found_out(Rules { cache_at_its_version: false, ..PROTOCOL }, REMEMBERING, "survives");
}

#[test]
fn forgetting_an_event_before_its_last_token_is_found_out() {
    is_found_out(Rules { retention: 0, ..PROTOCOL }, Budget { polls: 0, ..FORGETTING }, "is forgotten");
}

#[test]
fn a_leap_by_lot_alone_is_found_out() {
    is_found_out(Rules { leap_by_the_clock: false, ..PROTOCOL }, RESTORING, "which the restore undid");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn long_interleavings_keep_the_law(lots in proptest::collection::vec(any::<prop::sample::Index>(), 1..160)) {
        let budget = Budget {
            subjects: 3,
            services: 3,
            changes: 12,
            tokens: 16,
            polls: 20,
            repeated_answers: 6,
            ticks: 6,
            backups: 2,
            restores: 2,
            restarts: 3,
        };
        let mut world = World::new(budget);
        for lot in lots {
            let steps = world.steps(PROTOCOL);
            if steps.is_empty() {
                break;
            }
            world.take(*lot.get(&steps), PROTOCOL);
            if let Err(breach) = world.check() {
                prop_assert!(false, "{breach}\n{world:#?}");
            }
        }
    }
}
