//! After a run: every transaction has a receipt, every receipt says success.
use super::{Chain, LoadError, wallet::Signed};
use alloy_primitives::{B256, U64, map::B256Set};
use std::ops::Range;

pub(crate) fn verify_receipts(chain: &mut Chain, blocks: Range<u64>, signed: &[Vec<Signed>]) -> Result<(), LoadError> {
    let mut missing: B256Set = signed.iter().flatten().map(|transaction| transaction.hash).collect();
    let differs = |reason: String| Err(LoadError::Verification { reason });
    for block in blocks {
        for receipt in chain.receipts(block)? {
            let hash: B256 = receipt.transaction_hash;
            if !missing.remove(&hash) {
                return differs(format!("block {block} has {hash}, which was not sent, or twice"));
            }
            if receipt.status != U64::from(1) {
                return differs(format!("{hash} in block {block} failed with {} gas used", receipt.gas_used));
            }
        }
    }
    match missing.iter().next() {
        Some(hash) => differs(format!("{} transactions have no receipt, {hash} among them", missing.len())),
        None => Ok(()),
    }
}
