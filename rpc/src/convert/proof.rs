//! Merkle proofs (EIP-1186).
use super::Quantity;
use crate::params::Slot;
use alloy_primitives::{Bytes, KECCAK256_EMPTY, U256};
use alloy_trie::EMPTY_ROOT_HASH;
use pervade_storage::AccountProof;
use serde::{Serialize, Serializer, ser::SerializeMap};

/// Proof of an account and of the slots that were asked for.
pub(crate) struct ProofJson<'a> {
    /// The proof; its slots are in the order of `slots`.
    pub(crate) proof: &'a AccountProof,
    /// As they were asked for.
    pub(crate) slots: &'a [Slot],
}

impl Serialize for ProofJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let account = self.proof.account;
        let slots = self.slots.iter().zip(&self.proof.slots).map(|(slot, (_, value, nodes))| SlotJson {
            slot: *slot,
            value: *value,
            nodes,
        });
        let mut map = serializer.serialize_map(Some(7))?;
        map.serialize_entry("address", &self.proof.address)?;
        map.serialize_entry("accountProof", &self.proof.nodes)?;
        map.serialize_entry("balance", &Quantity(account.map_or(U256::ZERO, |a| a.balance)))?;
        map.serialize_entry("codeHash", &account.map_or(KECCAK256_EMPTY, |a| a.code_hash))?;
        map.serialize_entry("nonce", &Quantity(account.map_or(0, |a| a.nonce)))?;
        map.serialize_entry("storageHash", &account.map_or(EMPTY_ROOT_HASH, |a| a.storage_root))?;
        map.serialize_entry("storageProof", &slots.collect::<Vec<_>>())?;
        map.end()
    }
}

struct SlotJson<'a> {
    slot: Slot,
    value: U256,
    nodes: &'a [Bytes],
}

impl Serialize for SlotJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        // A key given as a whole word is answered as one, any other as a quantity.
        if self.slot.full {
            map.serialize_entry("key", &super::Hex256(self.slot.value))?;
        } else {
            map.serialize_entry("key", &Quantity(self.slot.value))?;
        }
        map.serialize_entry("value", &Quantity(self.value))?;
        map.serialize_entry("proof", self.nodes)?;
        map.end()
    }
}
