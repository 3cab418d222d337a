//! System transactions: the tail of a block that the protocol itself sends (callbacks, triggers).
//!
//! They are ordinary legacy transactions of one account, [`SYSTEM_ACCOUNT`]. Which ones a block has is a function of
//! the state after its last user transaction, so every validator computes the same and refuses a block that has
//! others. A part of the protocol that has work to do implements [`SystemTransactions`].
use crate::{BlockError, state::StateError};
use alloy_primitives::{Address, U256};
use pervade_chainspec::{ChainSpec, params::SYSTEM_ACCOUNT};
use pervade_storage::{RecoveredBlock, Transaction};
use revm::Database;
use std::sync::Arc;

/// Reads the state after the last user transaction.
pub trait SystemState {
    /// A slot of an account.
    fn slot(&mut self, address: Address, slot: U256) -> Result<U256, StateError>;
    /// Nonce of [`SYSTEM_ACCOUNT`]: that of the first transaction of the tail.
    fn nonce(&mut self) -> Result<u64, StateError>;
}

/// Knows what is due.
pub trait SystemTransactions: Send + Sync {
    /// Appends what is due in this block, in order, signed with the system account's key, within `gas` in all.
    fn due(
        &self,
        state: &mut dyn SystemState,
        number: u64,
        timestamp: u64,
        gas: u64,
        tail: &mut Vec<Transaction>,
    ) -> Result<(), StateError>;
}

/// What sends system transactions on a chain. None on Ethereum's.
pub(crate) fn sources(_spec: &ChainSpec) -> Vec<Arc<dyn SystemTransactions>> {
    Vec::new()
}

impl<R: pervade_storage::StateReader> SystemState for crate::state::BlockState<R> {
    fn slot(&mut self, address: Address, slot: U256) -> Result<U256, StateError> {
        self.storage(address, slot)
    }

    fn nonce(&mut self) -> Result<u64, StateError> {
        Ok(self.account(SYSTEM_ACCOUNT)?.map_or(0, |account| account.nonce))
    }
}

/// Number of user transactions: all before the first one of the system account.
pub(crate) fn user_transactions(spec: &ChainSpec, block: &RecoveredBlock) -> usize {
    let first_system = match spec.pervade() {
        Some(_) => block.senders.iter().position(|sender| *sender == SYSTEM_ACCOUNT),
        None => None,
    };
    first_system.unwrap_or(block.senders.len())
}

/// The tail of a block must be the computed one.
pub(crate) fn check_tail(stated: &[Transaction], computed: &[Transaction]) -> Result<(), BlockError> {
    let same = stated.len() == computed.len() && stated.iter().zip(computed).all(|(a, b)| a.tx_hash() == b.tx_hash());
    if same {
        return Ok(());
    }
    let reason = format!("{} system transactions, computed are {} or others", stated.len(), computed.len());
    Err(BlockError::Invalid { field: "transactions", reason })
}
