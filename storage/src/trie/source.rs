//! Loading of nodes, with the check that they are what their parent says.
use super::{
    NodeReader,
    node::{Node, hash_of},
};
use crate::StorageError;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::{Nibbles, nodes::RlpNode};

/// The stored nodes of one trie.
#[derive(Clone, Copy)]
pub(super) struct NodeSource<'a> {
    reader: &'a dyn NodeReader,
    owner: Option<&'a B256>,
}

impl<'a> NodeSource<'a> {
    pub(super) fn new(reader: &'a dyn NodeReader, owner: Option<&'a B256>) -> Self {
        Self { reader, owner }
    }

    /// The RLP behind a reference that is not empty: the record at `at` if it names a hash, else the reference itself.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] if the record is missing or has another hash; whatever the reader says.
    pub(super) fn resolve<'r>(&self, at: &Nibbles, reference: &'r [u8]) -> Result<NodeRlp<'r>, StorageError> {
        let Some(hash) = hash_of(reference) else { return Ok(NodeRlp::Embedded(reference)) };
        match self.cached(at, hash) {
            Some(rlp) => Ok(NodeRlp::Stored(rlp)),
            None => self.read(at, hash).map(NodeRlp::Stored),
        }
    }

    /// The RLP of that hash, if the reader has it at hand.
    pub(super) fn cached(&self, at: &Nibbles, hash: &B256) -> Option<Bytes> {
        self.reader.cached(self.owner, at, hash)
    }

    /// The record at `at`.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] if it is missing or has another hash; whatever the reader says.
    pub(super) fn read(&self, at: &Nibbles, hash: &B256) -> Result<Bytes, StorageError> {
        let Some(rlp) = self.reader.node(self.owner, at)? else {
            return Err(self.damaged(at, &format!("is missing: its parent names {hash}")));
        };
        let found = keccak256(&rlp);
        if found != *hash {
            return Err(self.damaged(at, &format!("has hash {found}, its parent names {hash}")));
        }
        self.reader.keep(self.owner, at, hash, &rlp);
        Ok(rlp)
    }

    /// Decodes the node at `at`.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] if it is no trie node or does not fit there.
    pub(super) fn decode<'r>(&self, at: &Nibbles, rlp: &'r [u8]) -> Result<Node<'r>, StorageError> {
        Node::decode(rlp, at.len()).map_err(|reason| self.damaged(at, reason))
    }

    /// A reference in a form that outlives its parent's RLP.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] if it is too long for one.
    pub(super) fn reference(&self, at: &Nibbles, reference: &[u8]) -> Result<RlpNode, StorageError> {
        RlpNode::from_raw(reference).ok_or_else(|| self.damaged(at, "has too long a reference"))
    }

    /// `reason` ends the sentence "the node at path ...".
    fn damaged(&self, at: &Nibbles, reason: &str) -> StorageError {
        let path: String = at.iter().filter_map(|nibble| char::from_digit(u32::from(nibble), 16)).collect();
        let (column, of) = match self.owner {
            Some(owner) => ("storage_trie", format!(" of account hash {owner}")),
            None => ("account_trie", String::new()),
        };
        StorageError::Damaged { column, reason: format!("the node at path 0x{path}{of} {reason}") }
    }
}

/// RLP of a node, and whether it has a record of its own.
pub(super) enum NodeRlp<'r> {
    Stored(Bytes),
    Embedded(&'r [u8]),
}

impl NodeRlp<'_> {
    pub(super) fn is_stored(&self) -> bool {
        matches!(self, Self::Stored(_))
    }
}

impl AsRef<[u8]> for NodeRlp<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Stored(rlp) => rlp,
            Self::Embedded(rlp) => rlp,
        }
    }
}
