//! The log index against a search through all logs.
use crate::chain::{Chain, block, log};
use alloy_primitives::{Address, B256, Log};
use pervade_storage::{HistoryMode, LogFilter, StateChanges};
use proptest::prelude::*;

/// Values of addresses and topics: few, so that filters meet them.
const VALUES: u8 = 5;

fn logs() -> impl Strategy<Value = Vec<Log>> {
    let log = (0..VALUES, prop::collection::vec(0..VALUES, 0..=4)).prop_map(|(address, topics)| log(address, &topics));
    prop::collection::vec(log, 0..4)
}

fn filter() -> impl Strategy<Value = LogFilter> {
    let addresses = prop::collection::vec((0..VALUES).prop_map(Address::with_last_byte), 0..3);
    let topics = prop::collection::vec((0..VALUES).prop_map(B256::with_last_byte), 0..3);
    (addresses, prop::collection::vec(topics, 0..=4)).prop_map(|(addresses, topics)| LogFilter { addresses, topics })
}

/// For each criterion the block has a log that meets it.
fn can_match(filter: &LogFilter, logs: &[Log]) -> bool {
    let by_address = |log: &Log| filter.addresses.contains(&log.address);
    !logs.is_empty()
        && (filter.addresses.is_empty() || logs.iter().any(by_address))
        && filter.topics.iter().enumerate().all(|(position, topics)| {
            let by_topic = |log: &Log| log.data.topics().get(position).is_some_and(|topic| topics.contains(topic));
            topics.is_empty() || logs.iter().any(by_topic)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn the_index_names_the_blocks_that_a_search_finds(
        blocks in prop::collection::vec(logs(), 1..40),
        queries in prop::collection::vec((filter(), 0..45u64, 0..45u64, 1..50usize), 40),
    ) {
        let chain = Chain::new(HistoryMode::Archive);
        for logs in &blocks {
            let executed = block(chain.storage(), &StateChanges::default(), vec![logs.clone(), Vec::new()]);
            chain.storage().commit(executed).unwrap();
        }
        for (filter, first, last, limit) in queries {
            let expected: Vec<_> = (1u64..)
                .zip(&blocks)
                .filter(|(number, logs)| (first..=last).contains(number) && can_match(&filter, logs))
                .map(|(number, _)| number)
                .take(limit)
                .collect();
            prop_assert_eq!(chain.storage().blocks_with_logs(&filter, first, last, limit).unwrap(), expected);
        }
    }
}

#[test]
fn a_search_reads_the_index_and_no_block() {
    let chain = Chain::new(HistoryMode::Archive);
    for number in 1..=300u64 {
        let logs = vec![log(1, &[1]), log(if number % 100 == 0 { 2 } else { 3 }, &[])];
        chain.storage().commit(block(chain.storage(), &StateChanges::default(), vec![logs])).unwrap();
    }
    let rare = LogFilter { addresses: vec![Address::with_last_byte(2)], topics: vec![vec![B256::with_last_byte(1)]] };
    chain.storage().sync().unwrap();
    let (before, _) = chain.storage().io_counts();
    assert_eq!(chain.storage().blocks_with_logs(&rare, 0, u64::MAX, 10).unwrap(), [100, 200, 300]);
    let (after, _) = chain.storage().io_counts();
    assert_eq!(after - before, 2, "one run of keys for each criterion");
}
