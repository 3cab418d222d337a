//! Roots and bloom of a block's lists, computed in parallel and with one encoding of each item.
use alloy_consensus::{EMPTY_ROOT_HASH, TxReceipt};
use alloy_eips::{Encodable2718, eip4895::Withdrawal};
use alloy_primitives::{B256, Bloom};
use alloy_trie::root::{ordered_trie_root, ordered_trie_root_encoded};
use pervade_storage::{Receipt, Transaction};
use rayon::prelude::*;

/// Items that one task encodes: smaller lists are not worth a task.
const ITEMS_PER_TASK: usize = 256;

/// Root of the transactions trie.
pub(crate) fn transactions_root(transactions: &[Transaction]) -> B256 {
    if transactions.is_empty() {
        return EMPTY_ROOT_HASH;
    }
    let encoded: Vec<Vec<u8>> =
        transactions.par_iter().with_min_len(ITEMS_PER_TASK).map(Encodable2718::encoded_2718).collect();
    ordered_trie_root_encoded(&encoded)
}

/// Root of the receipts trie, and the bloom filter of all logs.
pub(crate) fn receipts_root(receipts: &[Receipt]) -> (B256, Bloom) {
    if receipts.is_empty() {
        return (EMPTY_ROOT_HASH, Bloom::ZERO);
    }
    let encoded: Vec<(Vec<u8>, Bloom)> = receipts
        .par_iter()
        .with_min_len(ITEMS_PER_TASK)
        .map(|receipt| {
            let with_bloom = receipt.with_bloom_ref();
            (with_bloom.encoded_2718(), with_bloom.logs_bloom)
        })
        .collect();
    let mut bloom = Bloom::ZERO;
    let mut bytes = Vec::with_capacity(encoded.len());
    for (item, (receipt_bytes, receipt_bloom)) in receipts.iter().zip(encoded) {
        if !item.logs.is_empty() {
            bloom |= receipt_bloom;
        }
        bytes.push(receipt_bytes);
    }
    (ordered_trie_root_encoded(&bytes), bloom)
}

/// Root of the withdrawals trie (EIP-4895).
pub(crate) fn withdrawals_root(withdrawals: &[Withdrawal]) -> B256 {
    ordered_trie_root(withdrawals)
}
