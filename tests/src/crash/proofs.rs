//! The state root of the head, re-verified: every account that the load knows, proven against the header.
use super::{Loss, load::Parties};
use crate::harness::{Rpc, Token, parse_quantity};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::Encodable;
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof};
use eyre::ContextCompat;
use rand::{Rng, rngs::StdRng};
use serde::Deserialize;
use serde_json::json;

/// Recipients that a check proves.
const RECIPIENTS: usize = 40;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    nonce: U256,
    balance: U256,
    storage_hash: B256,
    code_hash: B256,
    account_proof: Vec<Bytes>,
    storage_proof: Vec<SlotProof>,
}

#[derive(Debug, Deserialize)]
struct SlotProof {
    value: U256,
    proof: Vec<Bytes>,
}

/// Proves senders, the token with some slots, and some recipients against the head's state root, and compares the
/// proven values with those of the plain queries.
///
/// # Errors
/// The node does not answer, or not in the form of the standard.
pub(super) async fn check_state_root(rpc: &Rpc, parties: &Parties, rng: &mut StdRng) -> eyre::Result<Vec<Loss>> {
    let mut losses = Vec::new();
    let block = rpc.call("eth_getBlockByNumber", json!(["latest", false])).await?;
    let root: B256 = block["stateRoot"].as_str().wrap_err("no stateRoot")?.parse()?;
    let number = block["number"].as_str().wrap_err("no number")?.to_owned();
    let recipients: Vec<Address> = (0..RECIPIENTS).map(|_| Parties::recipient(rng.random_range(0..5000))).collect();
    let slots: Vec<B256> = recipients.iter().map(|recipient| Token::balance_slot(*recipient)).collect();
    let senders = parties.senders.iter().map(|sender| sender.address());
    for address in senders.chain([parties.token]).chain(recipients) {
        let slots = if address == parties.token { slots.as_slice() } else { &[] };
        let proof = rpc.call("eth_getProof", json!([address, slots, number])).await?;
        let proof: Proof = serde_json::from_value(proof)?;
        if let Err(error) = verify(root, address, slots, &proof) {
            losses.push(Loss::new(format!("block {number}: the proof of {address} does not lead to {root}: {error}")));
        }
        let balance = parse_quantity(&rpc.call("eth_getBalance", json!([address, number])).await?)?;
        let nonce = parse_quantity(&rpc.call("eth_getTransactionCount", json!([address, number])).await?)?;
        if (balance, nonce) != (proof.balance, proof.nonce) {
            losses.push(Loss::new(format!(
                "block {number}: {address} is proven with {} wei and nonce {}, and served with {balance} and {nonce}",
                proof.balance, proof.nonce
            )));
        }
        for (slot, proven) in slots.iter().zip(&proof.storage_proof) {
            let value = rpc.call("eth_getStorageAt", json!([address, slot, number])).await?;
            if parse_quantity(&value)? != proven.value {
                losses.push(Loss::new(format!(
                    "block {number}: slot {slot} is proven {} and served {value}",
                    proven.value
                )));
            }
        }
    }
    Ok(losses)
}

fn verify(root: B256, address: Address, slots: &[B256], proof: &Proof) -> eyre::Result<()> {
    let account = TrieAccount {
        nonce: proof.nonce.saturating_to(),
        balance: proof.balance,
        storage_root: proof.storage_hash,
        code_hash: proof.code_hash,
    };
    let untouched = proof.nonce.is_zero() && proof.balance.is_zero() && proof.code_hash == keccak256([]);
    let leaf = (!untouched).then(|| alloy_rlp::encode(account));
    verify_proof(root, Nibbles::unpack(keccak256(address)), leaf, &proof.account_proof)?;
    for (slot, proven) in slots.iter().zip(&proof.storage_proof) {
        let mut value = Vec::new();
        proven.value.encode(&mut value);
        let leaf = (!proven.value.is_zero()).then_some(value);
        verify_proof(proof.storage_hash, Nibbles::unpack(keccak256(slot)), leaf, &proven.proof)?;
    }
    Ok(())
}
