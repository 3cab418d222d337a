//! Time of batches, printed for a look by hand: the work is mostly hashing, so a debug build with optimised
//! dependencies already shows the order of magnitude.
use crate::{
    StorageError,
    trie::{EMPTY_ROOT_HASH, Nibbles, NodeReader, update_trie},
};
use alloy_primitives::{
    B256, Bytes, keccak256,
    map::{DefaultHashBuilder, HashMap},
};
use std::{collections::BTreeMap, fs, time::Instant};

/// Leaves that a batch replaces, deletes or adds.
const TOUCHED: u64 = 10_000;

/// Quicker than any real store, so that what is measured is the trie.
#[derive(Default)]
struct HashedNodes(HashMap<Nibbles, Bytes, DefaultHashBuilder>);

impl NodeReader for HashedNodes {
    fn node(&self, _owner: Option<&B256>, path: &Nibbles) -> Result<Option<Bytes>, StorageError> {
        Ok(self.0.get(path).cloned())
    }
}

/// Nanoseconds that this thread spent on a core; the wall clock's where the system does not tell.
fn cpu_ns(started: &Instant) -> u128 {
    let scheduled = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let on_core = scheduled.and_then(|fields| fields.split(' ').next()?.parse().ok());
    on_core.unwrap_or_else(|| started.elapsed().as_nanos())
}

fn timed<R>(name: &str, leaves: u64, work: impl FnOnce() -> R) -> R {
    let started = Instant::now();
    let before = cpu_ns(&started);
    let result = work();
    println!("  {name}: {} ns each", (cpu_ns(&started) - before) / u128::from(leaves));
    result
}

fn measure(count: u64) {
    let full_branch = [7; 532];
    timed("for comparison, hashing a full branch", TOUCHED, || {
        (0..TOUCHED).fold(0, |sum, _| sum ^ keccak256(std::hint::black_box(&full_branch))[0])
    });
    let leaves: BTreeMap<B256, _> =
        (0..count).map(|index| (keccak256(index.to_be_bytes()), Some(vec![9; 72]))).collect();
    let changes: Vec<_> = leaves.into_iter().collect();
    let mut nodes = HashedNodes::default();
    let (root, built) = timed("build", count, || update_trie(&nodes, None, EMPTY_ROOT_HASH, &changes)).unwrap();
    println!("  {} nodes", built.len());
    nodes.0 = built.into_iter().filter_map(|(path, rlp)| Some((path, rlp?))).collect();

    let keys = |from: u64| (from..from + TOUCHED).map(|index| keccak256(index.to_be_bytes()));
    for (name, batch) in [
        ("replace", keys(0).map(|key| (key, Some(vec![8; 72]))).collect::<BTreeMap<_, _>>()),
        ("delete", keys(0).map(|key| (key, None)).collect()),
        ("add", keys(count).map(|key| (key, Some(vec![7; 72]))).collect()),
    ] {
        let batch: Vec<_> = batch.into_iter().collect();
        let (_, changed) = timed(name, TOUCHED, || update_trie(&nodes, None, root, &batch)).unwrap();
        println!("    {} nodes changed", changed.len());
    }
}

/// On one thread, whose time on a core can be told from what else the machine does.
fn measure_alone(count: u64) {
    println!("{TOUCHED} leaves of {count}");
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| measure(count));
}

#[test]
fn slow_trie_batch_of_10_000_against_10_000_leaves() {
    measure_alone(10_000);
}

#[test]
fn slow_trie_batch_of_10_000_against_1_000_000_leaves() {
    measure_alone(1_000_000);
}
