//! `pervade_getReceiptProof`: what shows to whoever trusts a header that a transaction's receipt, with its logs, is in the block.
use crate::{
    RpcError,
    api::{Api, Json, Module, heavy, json},
    convert::Quantity,
    params::{Arguments, Fixed},
};
use alloy_consensus::TxReceipt;
use alloy_eips::Encodable2718;
use alloy_primitives::{B256, Bytes};
use alloy_trie::{HashBuilder, Nibbles, proof::ProofRetainer, root::adjust_index_for_rlp};
use jsonrpsee::server::RegisterMethodError;
use pervade_storage::Receipt;
use serde::Serialize;

pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    heavy(module, "pervade_getReceiptProof", 1, receipt_proof)
}

/// The path from `receiptsRoot` of the header to the receipt: a Merkle Patricia trie whose keys are RLP of positions.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReceiptProofJson {
    block_number: Quantity<u64>,
    block_hash: B256,
    /// RLP of the header: its hash is the block's.
    header: Bytes,
    receipts_root: B256,
    transaction_index: Quantity<u64>,
    /// RLP of the position.
    key: Bytes,
    /// The receipt (EIP-2718), as the last node has it.
    receipt: Bytes,
    /// Nodes from the root on, RLP.
    proof: Vec<Bytes>,
}

fn receipt_proof(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    let hash: B256 = arguments.required::<Fixed<32>>(0)?.into();
    let storage = api.storage();
    let Some(at) = storage.transaction_location(&hash)? else { return json(&()) };
    let (Some(header), Some(receipts), Some(block_hash)) =
        (storage.header(at.block_number)?, storage.receipts(at.block_number)?, storage.block_hash(at.block_number)?)
    else {
        return json(&());
    };
    let index = at.index as usize;
    let (receipt, proof) = prove(&receipts, index);
    json(&ReceiptProofJson {
        block_number: Quantity(at.block_number),
        block_hash,
        receipts_root: header.receipts_root,
        header: alloy_rlp::encode(&header).into(),
        transaction_index: Quantity(u64::from(at.index)),
        key: key(index),
        receipt,
        proof,
    })
}

fn key(index: usize) -> Bytes {
    alloy_rlp::encode(index).into()
}

fn encoded(receipt: &Receipt) -> Vec<u8> {
    receipt.clone().into_with_bloom().encoded_2718()
}

/// The encoding of one receipt of a block, and the nodes that lead to it.
fn prove(receipts: &[Receipt], index: usize) -> (Bytes, Vec<Bytes>) {
    let target = Nibbles::unpack(key(index));
    let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::new(vec![target]));
    let mut proved = Vec::new();
    // In the order of keys, which is not that of positions.
    for place in 0..receipts.len() {
        let position = adjust_index_for_rlp(place, receipts.len());
        let Some(receipt) = receipts.get(position) else { continue };
        let value = encoded(receipt);
        builder.add_leaf(Nibbles::unpack(key(position)), &value);
        if position == index {
            proved = value;
        }
    }
    let _root = builder.root();
    let nodes = builder.take_proof_nodes().into_nodes_sorted();
    (proved.into(), nodes.into_iter().map(|(_, node)| node).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{TxType, proofs::calculate_receipt_root};
    use alloy_primitives::{Address, Log, LogData};
    use alloy_trie::proof::verify_proof;

    fn receipts(count: u64) -> Vec<Receipt> {
        let log = |position: u64| Log {
            address: Address::with_last_byte(position as u8),
            data: LogData::new_unchecked(vec![B256::ZERO], vec![position as u8; 40].into()),
        };
        let receipt = |position| Receipt {
            tx_type: if position % 2 == 0 { TxType::Legacy } else { TxType::Eip1559 },
            status: true.into(),
            cumulative_gas_used: 21_000 * (position + 1),
            logs: (0..position % 3).map(log).collect(),
        };
        (0..count).map(receipt).collect()
    }

    #[test]
    fn every_receipt_of_blocks_of_all_sizes_is_proved() {
        for count in [1, 2, 3, 17, 127, 128, 129, 300] {
            let receipts = receipts(count);
            let with_bloom: Vec<_> = receipts.iter().cloned().map(TxReceipt::into_with_bloom).collect();
            let root = calculate_receipt_root(&with_bloom);
            for index in 0..receipts.len() {
                let (receipt, proof) = prove(&receipts, index);
                let target = Nibbles::unpack(key(index));
                assert_eq!(verify_proof(root, target, Some(receipt.to_vec()), &proof), Ok(()), "{index} of {count}");
                assert!(verify_proof(root, target, Some(vec![1]), &proof).is_err());
            }
        }
    }
}
