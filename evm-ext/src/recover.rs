//! Senders of transactions.
use crate::BlockError;
use alloy_consensus::transaction::SignerRecoverable;
use alloy_primitives::{Address, B256};
use pervade_storage::{Block, RecoveredBlock, Transaction};
use rayon::prelude::*;

/// Recoveries that one task does: each takes tens of microseconds.
const TRANSACTIONS_PER_TASK: usize = 8;

/// Recovers senders in parallel. `known(hash)` answers for transactions whose sender is known already (the pool's).
/// Signatures with a high `s` (EIP-2) are recovered too: [`crate::validate_block`] refuses them from Homestead on.
///
/// # Errors
/// [`BlockError::Transaction`] for the first transaction without a valid signature.
pub fn recover_senders(
    transactions: &[Transaction],
    known: &(dyn Fn(&B256) -> Option<Address> + Sync),
) -> Result<Vec<Address>, BlockError> {
    let recover = |(index, transaction): (usize, &Transaction)| {
        known(transaction.tx_hash()).map_or_else(
            || {
                transaction
                    .recover_signer_unchecked()
                    .map_err(|_| BlockError::Transaction { index, reason: "the signature recovers no sender".into() })
            },
            Ok,
        )
    };
    if transactions.len() <= TRANSACTIONS_PER_TASK {
        return transactions.iter().enumerate().map(recover).collect();
    }
    transactions.par_iter().enumerate().with_min_len(TRANSACTIONS_PER_TASK).map(recover).collect()
}

/// Hash and senders of a block.
///
/// # Errors
/// As [`recover_senders`].
pub fn recover_block(
    block: Block,
    known: &(dyn Fn(&B256) -> Option<Address> + Sync),
) -> Result<RecoveredBlock, BlockError> {
    let senders = recover_senders(&block.body.transactions, known)?;
    Ok(RecoveredBlock { hash: block.header.hash_slow(), block, senders })
}
