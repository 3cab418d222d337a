//! Merkle proofs.
use crate::Account;
use alloy_primitives::{Address, Bytes, U256};

/// Proof of an account and of slots in it, each a list of RLP nodes from the root down (EIP-1186).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountProof {
    /// Whose proof.
    pub address: Address,
    /// The account; `None`: the proof shows its absence.
    pub account: Option<Account>,
    /// Nodes of the state trie.
    pub nodes: Vec<Bytes>,
    /// Slot, value, and nodes of the storage trie, in the order asked for.
    pub slots: Vec<(U256, U256, Vec<Bytes>)>,
}
