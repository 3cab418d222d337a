//! The state root of the head, re-verified: every account that the load knows, proven against the header.
use super::{Loss, load::Parties};
use crate::harness::{Proof, Rpc, Token, parse_quantity};
use alloy_primitives::{Address, B256};
use eyre::ContextCompat;
use rand::{Rng, rngs::StdRng};
use serde_json::json;

/// Recipients that a check proves.
const RECIPIENTS: usize = 40;

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
        let proof = Proof::ask(rpc, address, slots, &block["number"]).await?;
        if let Err(error) = proof.verify(root, address, slots) {
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
