//! Work comes from its time into the queue, and payers take turns.
use super::harness;
use crate::things::{
    Item, plan, promote,
    queue::{self, Entry},
    wheel,
};
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
        while let Some((payer, entry)) = queue::front(frame)? {
            queue::pop(frame, payer)?;
            if let Entry::Item(Item::Trigger(id) | Item::Request(id)) = entry {
                served.push(id.to::<u64>());
            }
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

/// What is due at once is served payer by payer, though one of them has most of it and was there first.
#[test]
fn whoever_has_most_of_a_second_holds_nobody_up() {
    let mut harness = harness();
    let (_, now) = harness.block();
    let turns = harness.as_protocol(THINGS_ADDRESS, |frame| {
        for id in 0..3_000u64 {
            wheel::put(frame, now, payer(1), Item::Request(U256::from(id)))?;
        }
        wheel::put(frame, now, payer(2), Item::Request(U256::from(3_000)))?;
        wheel::put(frame, now - 1, payer(3), Item::Request(U256::from(3_001)))?;
        promote(frame)?;
        let mut turns = Vec::new();
        for _ in 0..4 {
            let Some((payer, entry)) = queue::front(frame)? else { break };
            turns.push((payer, entry));
            queue::rotate(frame, payer)?;
        }
        Ok(turns)
    });
    let turn = |who, time| (payer(who), Entry::Second(time));
    assert_eq!(turns.unwrap(), [turn(3, now - 1), turn(1, now), turn(2, now), turn(3, now - 1)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_wheel_gives_the_earliest_second_and_its_payers_in_order(
        steps in prop::collection::vec(prop_oneof![
            3 => (prop_oneof![0u64..2_000, 1_699_999_000u64..1_700_001_000, 0..wheel::TIME_MAX + 1], 0u8..3).prop_map(Some),
            2 => Just(None),
        ], 1..60),
    ) {
        let mut harness = harness();
        let mut model: BTreeMap<u64, VecDeque<(u8, VecDeque<U256>)>> = BTreeMap::new();
        for (id, step) in (1u64..).zip(steps) {
            // Puts an item, or takes the first payer with all that it has in that second.
            let found = harness.as_protocol(THINGS_ADDRESS, |frame| match step {
                Some((time, who)) => {
                    wheel::put(frame, time, payer(who), Item::Trigger(U256::from(id)))?;
                    Ok((wheel::first(frame)?, None))
                }
                None => {
                    let Some(time) = wheel::first(frame)? else { return Ok((None, None)) };
                    let who = wheel::take(frame, time)?;
                    let mut items = Vec::new();
                    while let Some(Item::Trigger(id)) = wheel::item(frame, time, who)? {
                        items.push(id);
                        let others = wheel::drop_item(frame, time, who)?;
                        assert_eq!(others, wheel::item(frame, time, who)?.is_some());
                    }
                    Ok((wheel::first(frame)?, Some((who, items))))
                }
            }).unwrap();
            let mut taken = None;
            match step {
                Some((time, who)) => {
                    let bucket = model.entry(time).or_default();
                    match bucket.iter_mut().find(|(known, _)| *known == who) {
                        Some((_, items)) => items.push_back(U256::from(id)),
                        None => bucket.push_back((who, VecDeque::from([U256::from(id)]))),
                    }
                }
                None => {
                    if let Some(mut entry) = model.first_entry() {
                        taken = entry.get_mut().pop_front().map(|(who, items)| (payer(who), Vec::from(items)));
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
            let expected = ring.front().map(|who| (payer(*who), Entry::Item(Item::Trigger(items[who][0]))));
            prop_assert_eq!(front, expected);
        }
    }
}
