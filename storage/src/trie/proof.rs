//! [`prove`]: the nodes that show what a key has.
use super::{
    EMPTY_ROOT_HASH, NodeReader,
    node::Node,
    source::{NodeRlp, NodeSource},
    subtrie::{child_path, lies_below},
};
use crate::StorageError;
use alloy_primitives::{B256, Bytes};
use alloy_trie::{Nibbles, nodes::RlpNode};

/// The nodes from the root down to where `key` is or would be, each as its RLP; a node that is embedded in its parent
/// is not listed again. Empty for an empty trie. Their hashes prove the key's value, or that it has none (EIP-1186).
///
/// # Errors
/// [`StorageError::Damaged`] if a node on the way is missing, malformed or not what its parent names; whatever the
/// reader says.
pub fn prove(reader: &dyn NodeReader, owner: Option<&B256>, root: B256, key: B256) -> Result<Vec<Bytes>, StorageError> {
    let mut proof = Vec::new();
    if root == EMPTY_ROOT_HASH {
        return Ok(proof);
    }
    let source = NodeSource::new(reader, owner);
    let key = Nibbles::unpack_array(&key);
    let mut at = Nibbles::new();
    let mut reference = RlpNode::word_rlp(&root);
    loop {
        let rlp = source.resolve(&at, &reference)?;
        let below = match source.decode(&at, rlp.as_ref())? {
            Node::Leaf { .. } => None,
            Node::Extension { prefix, child } => {
                let path = at.join(&prefix);
                if lies_below(&key, &path) { Some((path, source.reference(&path, child)?)) } else { None }
            }
            Node::Branch(branch) => match key.get(at.len()) {
                Some(nibble) if !branch.child(nibble).is_empty() => {
                    let path = child_path(&at, nibble);
                    Some((path, source.reference(&path, branch.child(nibble))?))
                }
                _ => None,
            },
        };
        if let NodeRlp::Stored(rlp) = rlp {
            proof.push(rlp);
        }
        match below {
            Some(next) => (at, reference) = next,
            None => return Ok(proof),
        }
    }
}
