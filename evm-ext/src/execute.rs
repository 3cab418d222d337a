//! Executes a block on its parent's state.
use crate::{
    BlockError,
    executor::{BlockExecutor, TransactionError},
    header::check_governed,
    roots,
    state::BlockState,
    system,
};
use alloy_primitives::U256;
use pervade_chainspec::ChainSpec;
use pervade_storage::{ExecutedBlock, RecoveredBlock, StateUpdate, StateView};
use std::{fmt::Display, sync::Arc};

/// Executes and checks everything the header commits to: gas, blob gas, receipts root, bloom, requests hash, state
/// root. `view` is the state after the parent; `merged`: see [`crate::is_merged`]; `total_difficulty` is the sum up to
/// and with this block. The header itself is checked by [`crate::validate_block`].
///
/// # Errors
/// [`BlockError::Invalid`] names the header field that is wrong, [`BlockError::Transaction`] the transaction that
/// cannot be executed.
pub fn execute_block(
    spec: &ChainSpec,
    view: &StateView,
    block: Arc<RecoveredBlock>,
    merged: bool,
    total_difficulty: U256,
) -> Result<ExecutedBlock, BlockError> {
    let header = block.header();
    let body = &block.block.body;
    let mut state = BlockState::new(view);
    check_governed(spec, &mut state, header)?;
    let mut executor = BlockExecutor::new(spec, header, merged, state)?;
    executor.start(header)?;
    let users = system::user_transactions(spec, &block);
    let (user_transactions, tail) = body.transactions.split_at(users.min(body.transactions.len()));
    for (index, (transaction, sender)) in user_transactions.iter().zip(&block.senders).enumerate() {
        executor.transact(transaction, *sender).map_err(|error| transaction_error(index, error))?;
        if executor.receipts_hold_state_roots() {
            executor.set_state_root(view.update(&executor.changes())?.state_root);
        }
    }
    system::check_tail(tail, &executor.system_transactions()?)?;
    for (index, transaction) in tail.iter().enumerate() {
        let index = users.saturating_add(index);
        executor.transact_system(transaction).map_err(|error| transaction_error(index, error))?;
    }
    let (outcome, changes) = executor.finish(header, &body.ommers, body.withdrawals.as_ref())?;
    let (state, (receipts_root, bloom)) =
        rayon::join(|| view.update(&changes), || roots::receipts_root(&outcome.receipts));
    let state: StateUpdate = state?;
    check("gasUsed", header.gas_used, outcome.gas_used)?;
    if header.blob_gas_used.is_some() {
        check("blobGasUsed", header.blob_gas_used.unwrap_or_default(), outcome.blob_gas_used)?;
    }
    check("receiptsRoot", header.receipts_root, receipts_root)?;
    if header.logs_bloom != bloom {
        return Err(BlockError::Invalid { field: "logsBloom", reason: "is not the bloom of the block's logs".into() });
    }
    if let Some(requests_hash) = outcome.requests_hash {
        check("requestsHash", header.requests_hash.unwrap_or_default(), requests_hash)?;
    }
    check("stateRoot", header.state_root, state.state_root)?;
    Ok(ExecutedBlock { block, receipts: Arc::new(outcome.receipts), state: Arc::new(state), total_difficulty })
}

/// A failed transaction as the block's error.
pub(crate) fn transaction_error(index: usize, error: TransactionError) -> BlockError {
    match error {
        TransactionError::State(error) => error.into(),
        other => BlockError::Transaction { index, reason: other.to_string() },
    }
}

fn check<T: PartialEq + Display>(field: &'static str, stated: T, computed: T) -> Result<(), BlockError> {
    if stated == computed {
        return Ok(());
    }
    Err(BlockError::Invalid { field, reason: format!("the header says {stated}, execution gives {computed}") })
}
