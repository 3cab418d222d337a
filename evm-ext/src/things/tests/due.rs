//! Work comes from its time into the queue, and payers take turns.
use super::harness;
use crate::things::{Item, plan, queue, wheel};
use alloy_primitives::{Address, U256};
use pervade_chainspec::params::{STALE_ITEMS_MAX, THINGS_ADDRESS};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

fn payer(number: u8) -> Address {
    Address::repeat_byte(number)
}

#[test]
fn payers_take_turns_whoever_has_most_work() {
    let mut harness = harness();
    let served = harness.as_protocol(THINGS_ADDRESS, |frame| {
        for id in 0..6u64 {
            queue::push(frame, payer(1), Item::Trigger(U256::from(id)))?;
        }
        queue::push(frame, payer(2), Item::Request(U256::from(10)))?;
        queue::push(frame, payer(3), Item::Trigger(U256::from(20)))?;
        let mut served = Vec::new();
        while let Some((payer, item)) = queue::front(frame)? {
            queue::pop(frame, payer)?;
            let (Item::Trigger(id) | Item::Request(id)) = item;
            served.push(id.to::<u64>());
        }
        Ok(served)
    });
    assert_eq!(served.unwrap(), [0, 10, 20, 1, 2, 3, 4, 5]);
}

#[test]
fn a_block_takes_a_bounded_number_of_stale_items_off_the_queue() {
    for (count, is_left) in [(STALE_ITEMS_MAX, false), (STALE_ITEMS_MAX + 1, true)] {
        let mut harness = harness();
        let left = harness.as_protocol(THINGS_ADDRESS, |frame| {
            // Nothing is known of these triggers.
            for id in 0..count {
                queue::push(frame, payer(1), Item::Trigger(U256::from(id + 1)))?;
            }
            assert!(plan(frame, 1 << 40)?.is_empty());
            Ok(queue::front(frame)?.is_some())
        });
        assert_eq!(left.unwrap(), is_left, "{count}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_wheel_gives_the_earliest_first(
        steps in prop::collection::vec(prop_oneof![
            3 => prop_oneof![0u64..2_000, 1_699_999_000u64..1_700_001_000, 0..wheel::TIME_MAX + 1].prop_map(Some),
            2 => Just(None),
        ], 1..60),
    ) {
        let mut harness = harness();
        let mut model: BTreeMap<u64, VecDeque<U256>> = BTreeMap::new();
        for (id, step) in (1u64..).zip(steps) {
            let found = harness.as_protocol(THINGS_ADDRESS, |frame| match step {
                Some(time) => {
                    wheel::put(frame, time, U256::from(id))?;
                    Ok((wheel::first(frame)?, None))
                }
                None => {
                    let first = wheel::first(frame)?;
                    let taken = first.map(|time| wheel::take(frame, time)).transpose()?;
                    Ok((wheel::first(frame)?, taken))
                }
            }).unwrap();
            let mut taken = None;
            match step {
                Some(time) => model.entry(time).or_default().push_back(U256::from(id)),
                None => {
                    if let Some(mut entry) = model.first_entry() {
                        taken = entry.get_mut().pop_front();
                        if entry.get().is_empty() {
                            entry.remove();
                        }
                    }
                }
            }
            prop_assert_eq!(found, (model.keys().next().copied(), taken));
        }
    }

    #[test]
    fn the_queue_serves_as_a_plain_model_does(steps in prop::collection::vec((0u8..4, 0u8..5), 1..80)) {
        let mut harness = harness();
        let mut ring: VecDeque<u8> = VecDeque::new();
        let mut items: BTreeMap<u8, VecDeque<U256>> = BTreeMap::new();
        for (id, (who, kind)) in (1u64..).zip(steps) {
            let front = harness.as_protocol(THINGS_ADDRESS, |frame| {
                match (kind, queue::front(frame)?) {
                    (0..=2, _) => queue::push(frame, payer(who), Item::Trigger(U256::from(id)))?,
                    (3, Some((payer, _))) => queue::pop(frame, payer)?,
                    (_, Some((payer, _))) => queue::rotate(frame, payer)?,
                    _ => {}
                }
                queue::front(frame)
            }).unwrap();
            match (kind, ring.front().copied()) {
                (0..=2, _) => {
                    let list = items.entry(who).or_default();
                    list.push_back(U256::from(id));
                    if list.len() == 1 {
                        ring.push_back(who);
                    }
                }
                (3, Some(first)) => {
                    ring.pop_front();
                    let list = items.get_mut(&first).unwrap();
                    list.pop_front();
                    if !list.is_empty() {
                        ring.push_back(first);
                    }
                }
                (_, Some(_)) => ring.rotate_left(1),
                _ => {}
            }
            let expected = ring.front().map(|who| (payer(*who), Item::Trigger(items[who][0])));
            prop_assert_eq!(front, expected);
        }
    }
}
