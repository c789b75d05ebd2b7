//! The table against what core says of each event alone.

use std::sync::atomic::AtomicBool;
use std::thread;

use bailiwick_core::Revocation;
use proptest::prelude::*;
use serde_json::json;

use super::*;

const KINDS: [SubjectKind; 7] = [
    SubjectKind::Token,
    SubjectKind::Grant,
    SubjectKind::Client,
    SubjectKind::User,
    SubjectKind::Role,
    SubjectKind::Resource,
    SubjectKind::Key,
];

/// A token of few names, so that events and tokens meet. The name stands for each of its subjects.
fn token(name: &str, roles: &[&str], rev: Option<u64>) -> (Claims, KeyId) {
    let mut claims = json!({
        "iss": "https://id.example", "sub": name, "aud": "https://hr.example/mcp", "client_id": name, "iat": 1,
        "exp": 900, "jti": name, "scope": "hr:*", "roles": roles, "grant_id": name,
    });
    if let Some(rev) = rev {
        claims["rev"] = json!(rev);
    }
    let claims = claims.to_string();
    (Claims::read(bailiwick_core::json::members(claims.as_bytes()).unwrap()).unwrap(), name.parse().unwrap())
}

fn event(kind: SubjectKind, id: &str, seq: u64) -> Revocation {
    let retain_until = UnixSeconds(1000);
    Revocation { seq, at: UnixSeconds(1), subject: Subject::new(kind, id), reason: String::new(), retain_until }
}

fn take(table: &Table, event: &Revocation) -> Result<(), Full> {
    table.insert((event.subject.kind, &event.subject.id), event.seq, event.retain_until)
}

fn table_of(events: &[Revocation]) -> Table {
    let table = Table::new(1000);
    for event in events {
        take(&table, event).unwrap();
    }
    table
}

fn some_event() -> impl Strategy<Value = Revocation> {
    let id = prop::sample::select(vec!["a", "b", "c", "https://hr.example/mcp"]);
    (prop::sample::select(KINDS.to_vec()), id, 1_u64..12).prop_map(|(kind, id, seq)| event(kind, id, seq))
}

fn some_token() -> impl Strategy<Value = (Claims, KeyId)> {
    let name = prop::sample::select(vec!["a", "b", "c", "d"]);
    let roles = prop::sample::subsequence(vec!["a", "b", "c"], 0..=3);
    (name, roles, prop::option::of(0_u64..12)).prop_map(|(name, roles, rev)| token(name, &roles, rev))
}

proptest! {
    #[test]
    fn a_token_is_refused_if_and_only_if_one_of_the_events_refuses_it(
        events in prop::collection::vec(some_event(), 0..8),
        tokens in prop::collection::vec(some_token(), 1..8),
    ) {
        let table = table_of(&events);
        for (claims, key_id) in tokens {
            let subjects = Subject::all_of(&claims, &key_id);
            let refused =
                events.iter().any(|event| subjects.contains(&event.subject) && event.refuses(claims.rev));
            prop_assert_eq!(table.refuses(&claims, &key_id), refused);
        }
    }

    #[test]
    fn the_order_and_the_repetition_of_events_make_no_difference(
        (events, heard) in prop::collection::vec(some_event(), 1..8).prop_flat_map(|events| {
            let order = Just(events.clone()).prop_shuffle();
            let again = prop::collection::vec(prop::sample::select(events.clone()), 0..8);
            let heard = (order, again).prop_map(|(order, again)| [again.clone(), order, again].concat());
            (Just(events), heard)
        }),
        tokens in prop::collection::vec(some_token(), 1..8),
    ) {
        let (table, other) = (table_of(&events), table_of(&heard));
        for (claims, key_id) in tokens {
            prop_assert_eq!(table.refuses(&claims, &key_id), other.refuses(&claims, &key_id));
        }
        prop_assert_eq!(table.live(), other.live());
    }

    #[test]
    fn content_that_takes_the_place_of_another_is_all_that_counts(
        before in prop::collection::vec(some_event(), 0..8),
        after in prop::collection::vec(some_event(), 0..8),
        tokens in prop::collection::vec(some_token(), 1..8),
    ) {
        let (table, expected) = (table_of(&before), table_of(&after));
        let aside = table.empty_like();
        for event in &after {
            take(&aside, event).unwrap();
        }
        table.replace_with(aside);
        for (claims, key_id) in tokens {
            prop_assert_eq!(table.refuses(&claims, &key_id), expected.refuses(&claims, &key_id));
        }
        prop_assert_eq!(table.live(), expected.live());
    }
}

#[test]
fn subjects_of_one_id_and_different_kinds_are_different() {
    for kind in KINDS {
        let table = table_of(&[event(kind, "a", 5)]);
        let refused = KINDS.into_iter().filter(|other| table.latest_of(*other, "a").is_some());
        assert_eq!(refused.collect::<Vec<_>>(), [kind]);
    }
}

#[test]
fn an_event_is_held_until_its_time_is_over() {
    let table = Table::new(10);
    table.insert((SubjectKind::Client, "a"), 1, UnixSeconds(100)).unwrap();
    table.insert((SubjectKind::Client, "b"), 2, UnixSeconds(200)).unwrap();
    // Again, and told to be kept for less long: the longest counts.
    table.insert((SubjectKind::Client, "b"), 3, UnixSeconds(150)).unwrap();
    let refuses = |name| {
        let (claims, key_id) = token(name, &[], Some(0));
        table.refuses(&claims, &key_id)
    };
    table.reap(UnixSeconds(100));
    assert!(refuses("a") && refuses("b"));
    table.reap(UnixSeconds(101));
    assert!(!refuses("a") && refuses("b"));
    table.reap(UnixSeconds(201));
    assert_eq!((refuses("b"), table.live()), (false, 0));
}

#[test]
fn one_subject_more_than_may_be_is_not_taken_and_costs_none_that_is_held() {
    let table = Table::new(2);
    take(&table, &event(SubjectKind::Client, "a", 1)).unwrap();
    take(&table, &event(SubjectKind::Client, "b", 2)).unwrap();
    assert_eq!(take(&table, &event(SubjectKind::Client, "c", 3)), Err(Full(2)));
    take(&table, &event(SubjectKind::Client, "a", 4)).unwrap();
    assert_eq!(table.latest_of(SubjectKind::Client, "a"), Some(4));
    assert_eq!(table.latest_of(SubjectKind::Client, "b"), Some(2));
    table.reap(UnixSeconds(1001));
    take(&table, &event(SubjectKind::Client, "c", 3)).unwrap();
}

#[test]
fn memory_of_a_storm_is_given_back_when_it_is_over() {
    let table = Table::new(100_000);
    let room = || table.maps.iter().map(|map| read(map).capacity()).sum::<usize>();
    for number in 0..50_000_u64 {
        table.insert((SubjectKind::Token, &number.to_string()), number + 1, UnixSeconds(100)).unwrap();
    }
    assert!(room() >= 50_000);
    table.reap(UnixSeconds(101));
    assert_eq!((table.live(), room()), (0, 0));
}

/// A race: one thread puts one content in the place of another again and again, both of which refuse the
/// token; others ask all the while.
#[test]
fn no_reader_ever_sees_less_than_the_old_content_or_the_new() {
    let fill = |table: &Table, seq: u64| {
        take(table, &event(SubjectKind::Client, "a", seq)).unwrap();
        for number in 0..200 {
            take(table, &event(SubjectKind::Token, &format!("{seq}-{number}"), seq + 1)).unwrap();
        }
    };
    let table = Table::new(1000);
    fill(&table, 10);
    let (claims, key_id) = token("a", &[], Some(9));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    assert!(table.refuses(&claims, &key_id));
                }
            })
        });
        for turn in 0..300 {
            let aside = table.empty_like();
            fill(&aside, if turn % 2 == 0 { 1000 } else { 10 });
            table.replace_with(aside);
        }
        over.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}
