//! [`StateHost`]: the host of steps that the protocol itself takes between transactions, and of questions from outside
//! of execution. Nothing is charged; what is written is written to the block's state at once.
use super::{Frame, PrecompileCall, PrecompileError, PrecompileHost};
use crate::state::{BlockState, StateError};
use alloy_primitives::{Address, B256, Bytes, U256};
use pervade_chainspec::ChainSpec;
#[cfg(test)]
use pervade_chainspec::PervadeConfig;
use pervade_storage::{StateReader, StorageError};
use revm::Database;

pub(crate) struct StateHost<'a, R> {
    state: &'a mut BlockState<R>,
    /// Logs are refused otherwise: outside of transactions there is no receipt for them.
    pub(crate) drop_logs: bool,
}

impl<'a, R: StateReader> StateHost<'a, R> {
    pub(crate) fn new(state: &'a mut BlockState<R>) -> Self {
        Self { state, drop_logs: false }
    }

    /// Lets `body` run as the precompile at `account`, in a block with this number and time.
    #[cfg(test)]
    pub(crate) fn run<T>(
        &mut self,
        chain: &PervadeConfig,
        account: Address,
        (number, timestamp): (u64, u64),
        body: impl FnOnce(&mut Frame<'_>) -> Result<T, PrecompileError>,
    ) -> Result<T, PrecompileError> {
        let call = PrecompileCall {
            block_number: number,
            block_timestamp: timestamp,
            ..PrecompileCall::new(chain, account, &[])
        };
        body(&mut Frame::new(call, self))
    }
}

/// Lets a precompile take a step of the protocol's own, or answer a question from outside of execution.
///
/// # Errors
/// The state cannot be read. A step that reverts is a defect, or the state is damaged.
pub(crate) fn protocol_step<R: StateReader, T>(
    spec: &ChainSpec,
    state: &mut BlockState<R>,
    precompile: Address,
    (block_number, block_timestamp): (u64, u64),
    base_fee: u64,
    body: impl FnOnce(&mut Frame<'_>) -> Result<T, PrecompileError>,
) -> Result<T, StateError> {
    let damaged = |reason: String| StateError(StorageError::Damaged { column: "slots", reason });
    let chain = spec.pervade().ok_or_else(|| damaged("the chain has no precompiles".to_owned()))?;
    let call = PrecompileCall {
        chain_id: spec.chain_id(),
        block_number,
        block_timestamp,
        base_fee,
        ..PrecompileCall::new(chain, precompile, &[])
    };
    body(&mut Frame::new(call, &mut StateHost::new(state))).map_err(|error| match error {
        PrecompileError::State(error) => error,
        other => damaged(format!("precompile {precompile}: {other}")),
    })
}

impl<R: StateReader> PrecompileHost for StateHost<'_, R> {
    fn charge(&mut self, _gas: u64) -> Result<(), PrecompileError> {
        Ok(())
    }

    fn gas_left(&self) -> u64 {
        u64::MAX
    }

    fn load(&mut self, account: Address, slot: U256) -> Result<U256, PrecompileError> {
        Ok(self.state.storage(account, slot)?)
    }

    fn store(&mut self, account: Address, slot: U256, value: U256) -> Result<(), PrecompileError> {
        Ok(self.state.set_slot(account, slot, value)?)
    }

    fn log(&mut self, _account: Address, _topics: Vec<B256>, _data: Bytes) -> Result<(), PrecompileError> {
        if self.drop_logs {
            return Ok(());
        }
        Err(PrecompileError::reason("no logs outside of transactions"))
    }

    fn balance(&mut self, account: Address) -> Result<U256, PrecompileError> {
        Ok(self.state.account(account)?.map_or(U256::ZERO, |account| account.balance))
    }

    fn code_hash(&mut self, account: Address) -> Result<B256, PrecompileError> {
        let account = self.state.account(account)?.filter(|account| !account.is_empty_code_hash());
        Ok(account.map_or(B256::ZERO, |account| account.code_hash))
    }

    fn transfer(&mut self, _from: Address, _to: Address, _wei: U256) -> Result<(), PrecompileError> {
        Err(PrecompileError::reason("no transfers outside of transactions"))
    }

    fn content(&mut self, hash: B256) -> Result<Bytes, PrecompileError> {
        Ok(self.state.content(hash)?)
    }

    fn keep_content(&mut self, content: Bytes) -> Result<B256, PrecompileError> {
        Ok(self.state.keep_content(content))
    }
}
