//! Time series.
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn append(database: B256, time_ms: u64, value: &Bytes) -> abi::appendCall {
    abi::appendCall { database, series: TABLE, timeMs: time_ms, value: value.clone() }
}

#[test]
fn entries_go_where_their_time_belongs() {
    let (mut harness, database) = opened();
    let latest = abi::latestEntryCall { database, series: TABLE };
    assert!(send(&mut harness, BOB, &latest).map(|_| ()).unwrap_err().is(&abi::NoValue {}));
    for (time, length) in [(500, 1), (100, 2), (500, 40), (u64::MAX, 3), (0, 4), (100, 50), (300, 0)] {
        send(&mut harness, ALICE, &append(database, time, &bytes(length))).unwrap();
    }
    let lengths = |range, harness: &mut Harness| -> Vec<_> {
        range_all(harness, database, range, 2).into_iter().map(|(time, value)| (time, value.len())).collect()
    };
    let all = [(0, 4), (100, 2), (100, 50), (300, 0), (500, 1), (500, 40), (u64::MAX, 3)];
    assert_eq!(lengths((0, u64::MAX), &mut harness), all);
    assert_eq!(lengths((100, 300), &mut harness), all[1..4], "both ends are in");
    assert_eq!(lengths((101, 299), &mut harness), []);
    assert_eq!(lengths((300, 100), &mut harness), []);
    let entry = send(&mut harness, BOB, &latest).unwrap();
    assert_eq!((entry.timeMs, entry.value), (u64::MAX, bytes(3)));
}

#[test]
fn trimming_takes_the_earliest_first_and_says_how_many() {
    let (mut harness, database) = opened();
    for time in [10, 10, 10, 20, 30, 30] {
        send(&mut harness, ALICE, &append(database, time, &bytes(40))).unwrap();
    }
    let trim = |before, limit| abi::trimCall { database, series: TABLE, beforeMs: before, limit: U256::from(limit) };
    assert!(send(&mut harness, BOB, &trim(99, 9)).is_err());
    assert_eq!(send(&mut harness, ALICE, &trim(10, 99)).unwrap(), U256::ZERO);
    assert_eq!(send(&mut harness, ALICE, &trim(30, 2)).unwrap(), U256::from(2));
    send(&mut harness, ALICE, &append(database, 10, &bytes(7))).unwrap();
    let left = range_all(&mut harness, database, (0, 100), 1);
    let lengths: Vec<_> = left.iter().map(|(time, value)| (*time, value.len())).collect();
    assert_eq!(lengths, [(10, 40), (10, 7), (20, 40), (30, 40), (30, 40)]);
    assert_eq!(send(&mut harness, ALICE, &trim(30, 99)).unwrap(), U256::from(3));
    assert_eq!(send(&mut harness, ALICE, &trim(u64::MAX, 99)).unwrap(), U256::from(2));
    assert!(range_all(&mut harness, database, (0, u64::MAX), 9).is_empty());
    assert_eq!(send(&mut harness, ALICE, &trim(u64::MAX, 99)).unwrap(), U256::ZERO);
}

#[test]
fn what_is_trimmed_leaves_no_slot() {
    let (mut harness, database) = opened();
    let before = slots(&harness);
    for time in [1, 1 << 20, 1 << 50, 1 << 50] {
        send(&mut harness, ALICE, &append(database, time, &bytes(40))).unwrap();
    }
    assert_ne!(slots(&harness), before);
    let trim = abi::trimCall { database, series: TABLE, beforeMs: u64::MAX, limit: U256::from(10) };
    send(&mut harness, ALICE, &trim).unwrap();
    assert_eq!(slots(&harness), before);
}

/// Slots of the account that hold something.
fn slots(harness: &Harness) -> BTreeMap<U256, U256> {
    let changes = harness.changes();
    let slots = &changes.accounts[&DATABASE].storage;
    slots.iter().filter(|(_, value)| !value.is_zero()).map(|(slot, value)| (*slot, *value)).collect()
}

fn times() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..20, 0u64..2_000, (0u32..64).prop_map(|bit| 1 << bit), any::<u64>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_series_is_a_sorted_list(
        steps in prop::collection::vec((times(), 0u8..8), 1..40), limit in 1u64..5, range in (times(), times()),
    ) {
        let (mut harness, database) = opened();
        let mut model: Vec<(u64, Bytes)> = Vec::new();
        for (index, (time, action)) in steps.into_iter().enumerate() {
            if action == 0 {
                let call = abi::trimCall { database, series: TABLE, beforeMs: time, limit: U256::from(limit) };
                let removed: usize = send(&mut harness, ALICE, &call).unwrap().to();
                let expected = model.iter().take_while(|(at, _)| *at < time).count().min(limit as usize);
                prop_assert_eq!(removed, expected);
                model.drain(..removed);
            } else {
                let value = bytes(index);
                send(&mut harness, ALICE, &append(database, time, &value)).unwrap();
                let place = model.partition_point(|(at, _)| *at <= time);
                model.insert(place, (time, value));
            }
        }
        let (from, to) = range;
        let expected: Vec<_> = model.iter().filter(|(at, _)| (from..=to).contains(at)).cloned().collect();
        prop_assert_eq!(range_all(&mut harness, database, range, limit), expected);
        prop_assert_eq!(range_all(&mut harness, database, (0, u64::MAX), limit), model);
    }
}
