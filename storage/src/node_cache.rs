//! [`NodeCache`]: trie nodes in memory, each with its hash.
//!
//! ```text
//! place (of owner and path) -> hash, RLP
//! ```
//! A node is asked for by its place and the hash that its parent names, and given only if it has that hash. So whatever is
//! in here is right for every view: commits, layers, views of the past and blocks that are taken back need no word about
//! it; at worst, something is not found. One place has one node, the latest, since older ones are asked for seldom.
//!
//! What comes in: every node that was read and checked, and the branches and extensions of committed blocks. Not their
//! leaves: an update makes those again from the flat state.
use crate::{StateUpdate, trie::NodeChange};
use alloy_primitives::{B256, Bytes, map::DefaultHashBuilder};
use alloy_trie::Nibbles;
use parking_lot::Mutex;
use schnellru::{Limiter, LruMap};
use std::hash::BuildHasher;

/// Parts with a lock each, so that threads that read one trie seldom meet.
const SHARDS: usize = 16;
/// What an entry takes beside its RLP: its slot of a map that is two thirds full (some 120 bytes), a shared counter and
/// what the allocator adds to both.
const ENTRY_BYTES: usize = 176;

/// Bounded by bytes; the least recently used go first.
pub(crate) struct NodeCache {
    shards: Vec<Mutex<Shard>>,
    hasher: DefaultHashBuilder,
}

type Shard = LruMap<u64, Node, Bound>;

struct Node {
    hash: B256,
    rlp: Bytes,
}

impl NodeCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let bound = || Bound { bytes: 0, bytes_max: bytes_max / SHARDS };
        let shards = (0..SHARDS).map(|_| Mutex::new(LruMap::new(bound()))).collect();
        Self { shards, hasher: DefaultHashBuilder::default() }
    }

    pub(crate) fn get(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Option<Bytes> {
        let (shard, place) = self.place(owner, path)?;
        let mut shard = shard.lock();
        shard.get(&place).filter(|node| node.hash == *hash).map(|node| node.rlp.clone())
    }

    /// The caller has hashed it.
    pub(crate) fn insert(&self, owner: Option<&B256>, path: &Nibbles, hash: B256, rlp: Bytes) {
        if let Some((shard, place)) = self.place(owner, path) {
            shard.lock().insert(place, Node { hash, rlp });
        }
    }

    /// Takes the nodes that a block made.
    pub(crate) fn insert_update(&self, update: &StateUpdate) {
        self.insert_changes(None, &update.account_nodes);
        for storage in &update.storages {
            self.insert_changes(Some(&storage.owner), &storage.nodes);
        }
    }

    fn insert_changes(&self, owner: Option<&B256>, changes: &[NodeChange]) {
        for change in changes {
            if let (Some(rlp), Some(hash)) = (&change.after, change.inner_hash) {
                self.insert(owner, &change.path, hash, rlp.clone());
            }
        }
    }

    /// Two nodes that share a place drive each other out, and that is all.
    fn place(&self, owner: Option<&B256>, path: &Nibbles) -> Option<(&Mutex<Shard>, u64)> {
        let place = self.hasher.hash_one((owner, path));
        let shard = self.shards.get(place as usize % SHARDS)?;
        Some((shard, place))
    }
}

/// Bytes of one part.
struct Bound {
    bytes: usize,
    bytes_max: usize,
}

impl Bound {
    fn cost(node: &Node) -> usize {
        node.rlp.len().saturating_add(ENTRY_BYTES)
    }
}

impl Limiter<u64, Node> for Bound {
    type KeyToInsert<'a> = u64;
    type LinkType = u32;

    fn is_over_the_limit(&self, _length: usize) -> bool {
        self.bytes > self.bytes_max
    }

    fn on_insert(&mut self, _length: usize, place: u64, node: Node) -> Option<(u64, Node)> {
        let cost = Self::cost(&node);
        if cost > self.bytes_max {
            return None;
        }
        self.bytes = self.bytes.saturating_add(cost);
        Some((place, node))
    }

    fn on_replace(&mut self, _length: usize, _: &mut u64, _: u64, old: &mut Node, new: &mut Node) -> bool {
        let cost = Self::cost(new);
        if cost > self.bytes_max {
            return false; // the old one is then removed
        }
        self.bytes = self.bytes.saturating_sub(Self::cost(old)).saturating_add(cost);
        true
    }

    fn on_removed(&mut self, _: &mut u64, node: &mut Node) {
        self.bytes = self.bytes.saturating_sub(Self::cost(node));
    }

    fn on_cleared(&mut self) {
        self.bytes = 0;
    }

    /// The map's own memory is in [`ENTRY_BYTES`].
    fn on_grow(&mut self, _memory_bytes: usize) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RLP_BYTES: usize = 24;
    const NODE_BYTES: usize = RLP_BYTES + ENTRY_BYTES;

    fn rlp(byte: u8) -> Bytes {
        vec![byte; RLP_BYTES].into()
    }

    fn hash(byte: u8) -> B256 {
        B256::repeat_byte(byte)
    }

    /// Paths whose nodes all come into the same part.
    fn paths_of_one_shard(cache: &NodeCache) -> impl Iterator<Item = Nibbles> {
        let paths = (0..u16::MAX).map(|number| Nibbles::unpack(number.to_be_bytes()));
        paths.filter(|path| std::ptr::eq(cache.place(None, path).unwrap().0, &cache.shards[0]))
    }

    #[test]
    fn a_node_is_found_by_its_place_and_the_hash_its_parent_names() {
        let cache = NodeCache::new(1 << 20);
        let path = Nibbles::from_nibbles([1, 2]);
        cache.insert(None, &path, hash(1), rlp(1));
        assert_eq!(cache.get(None, &path, &hash(1)), Some(rlp(1)));
        assert_eq!(cache.get(None, &path, &hash(2)), None, "another block's node of that path");
        assert_eq!(cache.get(Some(&hash(9)), &path, &hash(1)), None, "another trie");
        assert_eq!(cache.get(None, &Nibbles::from_nibbles([1]), &hash(1)), None, "another path");
    }

    #[test]
    fn a_place_has_the_node_that_came_last() {
        let cache = NodeCache::new(1 << 20);
        let path = Nibbles::new();
        cache.insert(None, &path, hash(1), rlp(1));
        cache.insert(None, &path, hash(2), rlp(2));
        assert_eq!(cache.get(None, &path, &hash(1)), None);
        assert_eq!(cache.get(None, &path, &hash(2)), Some(rlp(2)));
    }

    #[test]
    fn as_many_nodes_as_fit_stay_and_one_more_drives_the_oldest_out() {
        let cache = NodeCache::new(3 * NODE_BYTES * SHARDS);
        let paths: Vec<_> = paths_of_one_shard(&cache).take(4).collect();
        for path in &paths[..3] {
            cache.insert(None, path, hash(1), rlp(1));
        }
        assert!(paths[..3].iter().all(|path| cache.get(None, path, &hash(1)).is_some()));
        // Asked for in this order, so the first is the oldest; the one more is not.
        cache.insert(None, &paths[3], hash(1), rlp(1));
        assert!(cache.get(None, &paths[0], &hash(1)).is_none());
        assert!(paths[1..].iter().all(|path| cache.get(None, path, &hash(1)).is_some()));
        assert_eq!(cache.shards[0].lock().limiter().bytes, 3 * NODE_BYTES);
    }

    #[test]
    fn a_node_larger_than_the_bound_is_left_out_and_a_replacement_counts_once() {
        let cache = NodeCache::new(NODE_BYTES * SHARDS);
        let path = paths_of_one_shard(&cache).next().unwrap();
        cache.insert(None, &path, hash(1), vec![0; RLP_BYTES + 1].into());
        assert_eq!(cache.get(None, &path, &hash(1)), None, "one byte too many");
        cache.insert(None, &path, hash(1), rlp(1));
        cache.insert(None, &path, hash(2), rlp(2));
        assert_eq!(cache.get(None, &path, &hash(2)), Some(rlp(2)));
        assert_eq!(cache.shards[0].lock().limiter().bytes, NODE_BYTES);
        cache.insert(None, &path, hash(3), vec![0; RLP_BYTES + 1].into());
        assert_eq!(cache.get(None, &path, &hash(3)), None);
        assert_eq!(cache.shards[0].lock().limiter().bytes, 0);
    }

    #[test]
    fn a_cache_of_no_bytes_keeps_nothing() {
        let cache = NodeCache::new(0);
        cache.insert(None, &Nibbles::new(), hash(1), rlp(1));
        assert_eq!(cache.get(None, &Nibbles::new(), &hash(1)), None);
    }
}
