//! A bounded queue in which nobody can starve others: lanes by address, within an address by
//! client, served in turns. Owns the discipline and its bounds and nothing else: no threads, no
//! clock, no idea of what the items are.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// How many items may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Of one client at one address.
    pub(crate) per_client: usize,
    /// Of one address.
    pub(crate) per_address: usize,
    /// In all.
    pub(crate) total: usize,
}

/// Which bound an item would break. It is not in the queue then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// [`Bounds::per_client`] or [`Bounds::per_address`]: others still have room.
    Lane,
    /// [`Bounds::total`].
    Queue,
}

/// The queue. Addresses take turns, and within an address its clients do; within a client the
/// oldest item comes first. Each turn yields one item, so of `k` waiting addresses each gets every
/// `k`-th turn, however much one of them sends. A lane that falls empty is forgotten.
#[derive(Debug)]
pub(crate) struct FairQueue<Address, Client, Item> {
    bounds: Bounds,
    length: usize,
    addresses: Turns<Address, AddressLane<Client, Item>>,
}

/// What waits for one address.
#[derive(Debug)]
struct AddressLane<Client, Item> {
    length: usize,
    clients: Turns<Client, VecDeque<Item>>,
}

impl<Client, Item> Default for AddressLane<Client, Item> {
    fn default() -> Self {
        Self { length: 0, clients: Turns::default() }
    }
}

/// Lanes that take turns. Every lane that exists stands exactly once in `order`.
#[derive(Debug)]
struct Turns<Key, Lane> {
    lanes: HashMap<Key, Lane>,
    order: VecDeque<Key>,
}

impl<Key, Lane> Default for Turns<Key, Lane> {
    fn default() -> Self {
        Self { lanes: HashMap::new(), order: VecDeque::new() }
    }
}

impl<Key: Clone + Eq + Hash, Lane: Default> Turns<Key, Lane> {
    /// The lane of `key`; a new one gets its turn after all the others.
    fn lane(&mut self, key: Key) -> &mut Lane {
        let order = &mut self.order;
        self.lanes.entry(key).or_insert_with_key(|key| {
            order.push_back(key.clone());
            Lane::default()
        })
    }

    /// Lets the next lane give one item, and then puts it last, or forgets it where it is empty.
    fn next<Item>(&mut self, take: impl FnOnce(&mut Lane) -> Option<Item>, empty: fn(&Lane) -> bool) -> Option<Item> {
        let key = self.order.pop_front()?;
        let lane = self.lanes.get_mut(&key)?;
        let item = take(lane);
        if empty(lane) {
            self.lanes.remove(&key);
        } else {
            self.order.push_back(key);
        }
        item
    }
}

impl<Address: Clone + Eq + Hash, Client: Clone + Eq + Hash, Item> FairQueue<Address, Client, Item> {
    /// An empty queue.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, length: 0, addresses: Turns::default() }
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Adds an item to its lane.
    ///
    /// # Errors
    /// Which bound is reached; the item is dropped, and nothing has changed.
    pub(crate) fn push(&mut self, address: Address, client: Client, item: Item) -> Result<(), Full> {
        if self.length >= self.bounds.total {
            return Err(Full::Queue);
        }
        if let Some(lane) = self.addresses.lanes.get(&address) {
            let waiting = lane.clients.lanes.get(&client).map_or(0, VecDeque::len);
            if lane.length >= self.bounds.per_address || waiting >= self.bounds.per_client {
                return Err(Full::Lane);
            }
        }
        let lane = self.addresses.lane(address);
        lane.clients.lane(client).push_back(item);
        lane.length += 1;
        self.length += 1;
        Ok(())
    }

    /// Takes the item whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<Item> {
        let item = self.addresses.next(AddressLane::pop, |lane| lane.length == 0)?;
        self.length -= 1;
        Some(item)
    }
}

impl<Client: Clone + Eq + Hash, Item> AddressLane<Client, Item> {
    fn pop(&mut self) -> Option<Item> {
        let item = self.clients.next(VecDeque::pop_front, VecDeque::is_empty)?;
        self.length -= 1;
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const ROOMY: Bounds = Bounds { per_client: 1000, per_address: 1000, total: 10_000 };

    type Numbered = FairQueue<u8, u8, (u8, u8, usize)>;

    fn filled(bounds: Bounds, lanes: &[(u8, u8)]) -> (Numbered, Vec<(u8, u8, usize)>) {
        let mut queue = FairQueue::new(bounds);
        let mut taken = Vec::new();
        for (number, &(address, client)) in lanes.iter().enumerate() {
            if queue.push(address, client, (address, client, number)).is_ok() {
                taken.push((address, client, number));
            }
        }
        (queue, taken)
    }

    fn drained(mut queue: Numbered) -> Vec<(u8, u8, usize)> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    /// Whether in every beginning of `turns`, while all `lanes` still have items, no two lanes
    /// differ by more than one.
    fn is_fair(turns: &[u8], lanes: &[u8], left: impl Fn(u8) -> usize) -> bool {
        let mut given: HashMap<u8, usize> = lanes.iter().map(|&lane| (lane, 0)).collect();
        for &lane in turns {
            if given.iter().any(|(&lane, &count)| count == left(lane)) {
                return true;
            }
            *given.entry(lane).or_default() += 1;
            let (most, least) = (given.values().max(), given.values().min());
            if most.zip(least).is_none_or(|(most, least)| most - least > 1) {
                return false;
            }
        }
        true
    }

    #[test]
    fn a_flooding_address_delays_another_by_one_turn_only() {
        let (mut queue, _) = filled(ROOMY, &[(1, 1); 500]);
        queue.push(2, 1, (2, 1, 0)).unwrap();
        queue.pop().unwrap();
        assert_eq!(queue.pop(), Some((2, 1, 0)));
    }

    #[test]
    fn a_flooding_client_behind_a_shared_address_delays_its_neighbours_by_one_turn_only() {
        let (mut queue, _) = filled(ROOMY, &[(1, 1); 500]);
        queue.push(1, 2, (1, 2, 0)).unwrap();
        queue.pop().unwrap();
        assert_eq!(queue.pop(), Some((1, 2, 0)));
    }

    #[test]
    fn a_lane_that_leaves_and_returns_waits_for_its_turn_again() {
        let (mut queue, _) = filled(ROOMY, &[(1, 1), (2, 1), (3, 1), (2, 1)]);
        assert_eq!(queue.pop(), Some((1, 1, 0)));
        queue.push(1, 1, (1, 1, 9)).unwrap();
        assert_eq!(drained(queue), [(2, 1, 1), (3, 1, 2), (1, 1, 9), (2, 1, 3)]);
    }

    #[test]
    fn each_bound_is_named_when_it_is_reached() {
        let bounds = Bounds { per_client: 1, per_address: 2, total: 3 };
        let (mut queue, _) = filled(bounds, &[(1, 1)]);
        assert_eq!(queue.push(1, 1, (1, 1, 1)), Err(Full::Lane));
        assert_eq!(queue.push(1, 2, (1, 2, 1)), Ok(()));
        assert_eq!(queue.push(1, 3, (1, 3, 1)), Err(Full::Lane));
        assert_eq!(queue.push(2, 1, (2, 1, 1)), Ok(()));
        assert_eq!(queue.push(3, 1, (3, 1, 1)), Err(Full::Queue));
        assert_eq!(queue.len(), 3);
    }

    proptest! {
        #[test]
        fn no_item_is_lost_or_doubled(lanes in vec((0u8..5, 0u8..4), 0..200)) {
            let (queue, mut pushed) = filled(ROOMY, &lanes);
            prop_assert_eq!(queue.len(), pushed.len());
            let mut popped = drained(queue);
            popped.sort_by_key(|item| item.2);
            pushed.sort_by_key(|item| item.2);
            prop_assert_eq!(popped, pushed);
        }

        #[test]
        fn within_a_client_the_oldest_comes_first(lanes in vec((0u8..3, 0u8..3), 0..100)) {
            let popped = drained(filled(ROOMY, &lanes).0);
            for lane in &lanes {
                let own = popped.iter().filter(|item| (item.0, item.1) == *lane).map(|item| item.2);
                prop_assert!(own.is_sorted());
            }
        }

        #[test]
        fn the_bounds_hold_however_pushes_and_pops_are_mixed(
            steps in vec(prop_oneof![3 => (0u8..4, 0u8..4).prop_map(Some), 1 => Just(None)], 0..300),
        ) {
            let bounds = Bounds { per_client: 3, per_address: 7, total: 15 };
            let mut queue = Numbered::new(bounds);
            let mut waiting: Vec<(u8, u8, usize)> = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                if let Some((address, client)) = step {
                    let item = (address, client, number);
                    let of_address = waiting.iter().filter(|item| item.0 == address).count();
                    let of_client = waiting.iter().filter(|item| (item.0, item.1) == (address, client)).count();
                    let expected = if waiting.len() == bounds.total {
                        Err(Full::Queue)
                    } else if of_address == bounds.per_address || of_client == bounds.per_client {
                        Err(Full::Lane)
                    } else {
                        waiting.push(item);
                        Ok(())
                    };
                    prop_assert_eq!(queue.push(address, client, item), expected);
                } else if let Some(item) = queue.pop() {
                    let position = waiting.iter().position(|known| *known == item);
                    prop_assert!(position.is_some());
                    waiting.remove(position.unwrap());
                } else {
                    prop_assert!(waiting.is_empty());
                }
                prop_assert_eq!(queue.len(), waiting.len());
                prop_assert_eq!(queue.addresses.order.len(), queue.addresses.lanes.len());
            }
        }

        #[test]
        fn busy_addresses_and_their_busy_clients_get_equal_shares(lanes in vec((0u8..4, 0u8..3), 1..200)) {
            let (queue, pushed) = filled(ROOMY, &lanes);
            let popped = drained(queue);
            let mut addresses: Vec<u8> = pushed.iter().map(|item| item.0).collect();
            addresses.sort_unstable();
            addresses.dedup();
            let turns: Vec<u8> = popped.iter().map(|item| item.0).collect();
            let left = |address| pushed.iter().filter(|item| item.0 == address).count();
            prop_assert!(is_fair(&turns, &addresses, left));
            for address in addresses {
                let of_address = |items: &[(u8, u8, usize)]| -> Vec<u8> {
                    items.iter().filter(|item| item.0 == address).map(|item| item.1).collect()
                };
                let mut clients = of_address(&pushed);
                let left = |client| pushed.iter().filter(|item| (item.0, item.1) == (address, client)).count();
                clients.sort_unstable();
                clients.dedup();
                prop_assert!(is_fair(&of_address(&popped), &clients, left));
            }
        }
    }
}
