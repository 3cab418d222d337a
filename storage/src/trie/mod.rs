//! The Merkle Patricia trie, kept path-based and updated along changed paths only.
//!
//! A node's record is its RLP, filed under the path of nibbles that leads to it. A node whose RLP is shorter than
//! 32 bytes has no record: it sits inside its parent. The root always has one, under the empty path.
//!
//! ```text
//!   sorted changes ──► update ──► open what lies on their paths ──► NodeReader (cache, layers, RocksDB)
//!                        │                                             │ RLP, checked against the parent's hash
//!                        ▼                                             ▼
//!                 new root hash,  ◄── encode and hash, ◄── replace leaves, split, collapse
//!                 NodeChanges         deepest first
//! ```
//!
//! - [`update_trie`] applies one batch: each node on a changed path is read, decoded and hashed once.
//! - [`update_leaves`] does the same knowing what the keys had so far: their leaves are not read but made again, and
//!   their parents' hashes say whether that was right.
//! - [`prove`] collects the nodes that show a key's value or its absence (EIP-1186).
//! - [`visit_leaves`] walks a whole trie and checks every hash on the way.
//!
//! Invariants: after a batch the stored records are exactly those that a build from nothing would make. Branches never
//! move; leaves and extensions do when their neighbourhood splits or collapses, and leave no record behind. What is
//! read must hash to what its parent names, otherwise it is [`StorageError::Damaged`]; what a cache holds was hashed
//! when it came there, and is compared by that hash. So no cache can be out of date: it has what a parent names, or not.
//!
//! Not here: where records are kept, caching, history, and how accounts and slots become keys and values.
mod build;
mod changes;
mod encode;
mod node;
mod proof;
mod source;
mod subtrie;
mod update;
mod walk;

#[cfg(test)]
mod tests;

pub use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
pub use changes::{NodeChange, NodeChanges};
pub use proof::prove;
pub use update::{LeafChange, update_leaves, update_trie, update_trie_by_path};
pub use walk::{WalkedTrie, visit_leaves};

use crate::StorageError;
use alloy_primitives::{B256, Bytes};

/// Reads stored nodes.
pub trait NodeReader: Sync {
    /// The RLP stored at `path`, `None` if there is none. `owner`: keccak-256 of the address whose storage trie it is,
    /// `None` for the account trie. The trie checks the hash of what it gets.
    ///
    /// # Errors
    /// Whatever the store says.
    fn node(&self, owner: Option<&B256>, path: &Nibbles) -> Result<Option<Bytes>, StorageError>;

    /// The RLP stored at `path`, if it is at hand and known to have this hash: it is then neither read nor hashed.
    /// Whoever answers has hashed it, or been told by [`Self::keep`].
    fn cached(&self, _owner: Option<&B256>, _path: &Nibbles, _hash: &B256) -> Option<Bytes> {
        None
    }

    /// Tells what was read at `path` and does have this hash.
    fn keep(&self, _owner: Option<&B256>, _path: &Nibbles, _hash: &B256, _rlp: &Bytes) {}
}
