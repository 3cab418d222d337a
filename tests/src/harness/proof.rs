//! Proofs of accounts and slots, as nodes answer them, checked against a state root.
use super::Rpc;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof};
use eyre::{WrapErr, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

/// What `eth_getProof` answers (EIP-1186). Nothing of it is true before [`Self::verify`] says so.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// Transactions of the account.
    pub nonce: U256,
    /// Its money, wei.
    pub balance: U256,
    storage_hash: B256,
    code_hash: B256,
    account_proof: Vec<Bytes>,
    /// Its slots, in the order in which they were asked for.
    pub storage_proof: Vec<SlotProof>,
}

/// A slot in a [`Proof`].
#[derive(Debug, Deserialize)]
pub struct SlotProof {
    /// What is in it; zero: nothing.
    pub value: U256,
    proof: Vec<Bytes>,
}

impl Proof {
    /// Asks a node for an account and some of its slots at a block: its number, or a tag.
    ///
    /// # Errors
    /// The node does not answer, or not in the form of the standard.
    pub async fn ask(rpc: &Rpc, address: Address, slots: &[B256], block: &Value) -> eyre::Result<Self> {
        let answer = rpc.call("eth_getProof", json!([address, slots, block])).await?;
        serde_json::from_value(answer).wrap_err("eth_getProof")
    }

    /// Checks that the account and all slots that were asked for are under a state root as the answer says.
    ///
    /// # Errors
    /// A path does not lead from the root to what the answer says, or a slot is left out.
    pub fn verify(&self, root: B256, address: Address, slots: &[B256]) -> eyre::Result<()> {
        let account = TrieAccount {
            nonce: self.nonce.saturating_to(),
            balance: self.balance,
            storage_root: self.storage_hash,
            code_hash: self.code_hash,
        };
        let untouched = self.nonce.is_zero() && self.balance.is_zero() && self.code_hash == keccak256([]);
        let leaf = (!untouched).then(|| alloy_rlp::encode(account));
        verify_proof(root, Nibbles::unpack(keccak256(address)), leaf, &self.account_proof)?;
        ensure!(self.storage_proof.len() == slots.len(), "{} of {} slots", self.storage_proof.len(), slots.len());
        for (slot, proven) in slots.iter().zip(&self.storage_proof) {
            let leaf = (!proven.value.is_zero()).then(|| alloy_rlp::encode(proven.value));
            verify_proof(self.storage_hash, Nibbles::unpack(keccak256(slot)), leaf, &proven.proof)?;
        }
        Ok(())
    }
}
