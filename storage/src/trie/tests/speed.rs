//! Time of batches, printed for a look by hand: the work is mostly hashing, so a debug build with optimised
//! dependencies already shows the order of magnitude.
use super::MemoryNodes;
use crate::trie::{EMPTY_ROOT_HASH, update_trie};
use alloy_primitives::{B256, keccak256};
use std::{collections::BTreeMap, time::Instant};

/// Leaves that a batch replaces, deletes or adds.
const TOUCHED: u64 = 10_000;

fn measure(count: u64) {
    let started = Instant::now();
    let leaves: BTreeMap<B256, Vec<u8>> =
        (0..count).map(|index| (keccak256(index.to_be_bytes()), vec![9; 72])).collect();
    println!("{count} leaves: keys and values in {:?}", started.elapsed());
    let changes: Vec<_> = leaves.into_iter().map(|(key, value)| (key, Some(value))).collect();
    let started = Instant::now();
    let (root, records) = update_trie(&MemoryNodes::default(), None, EMPTY_ROOT_HASH, &changes).unwrap();
    let elapsed = started.elapsed();
    println!("  build: {elapsed:?}, {} ns a leaf, {} nodes", elapsed.as_nanos() / u128::from(count), records.len());
    drop(changes);
    let mut nodes = MemoryNodes::default();
    nodes.apply(records);

    let keys = |from: u64| (from..from + TOUCHED).map(|index| keccak256(index.to_be_bytes()));
    for (name, batch) in [
        ("replace", keys(0).map(|key| (key, Some(vec![8; 72]))).collect::<BTreeMap<_, _>>()),
        ("delete", keys(0).map(|key| (key, None)).collect()),
        ("add", keys(count).map(|key| (key, Some(vec![7; 72]))).collect()),
    ] {
        let batch: Vec<_> = batch.into_iter().collect();
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            nodes.take_reads();
            let started = Instant::now();
            let (_, records) = pool.install(|| update_trie(&nodes, None, root, &batch)).unwrap();
            println!(
                "  {name} {TOUCHED}, {threads} threads: {} ns a leaf, {} reads, {} records",
                started.elapsed().as_nanos() / u128::from(TOUCHED),
                nodes.take_reads(),
                records.len()
            );
        }
    }
}

#[test]
fn slow_trie_batch_of_10_000_against_10_000_leaves() {
    measure(10_000);
}

#[test]
fn slow_trie_batch_of_10_000_against_1_000_000_leaves() {
    measure(1_000_000);
}
