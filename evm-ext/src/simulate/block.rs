//! One simulated block.
use super::{
    BlockRequest, SimulatedBlock, SimulatedCall, SimulationEnvironment, SimulationError, TRANSFER_LOG_ADDRESS,
    TransactionRule,
    transaction::{Defaults, refused, rule, unsigned},
    transfers::TransferLogs,
};
use crate::{
    BlockError, BlockOverrides, CallRequest, ExecutionError,
    call::{CallHandler, apply_overrides, invalid_message},
    environment::is_merged,
    evm::Control,
    execute::transaction_error,
    executor::BlockExecutor,
    header::{Governed, governed},
    roots,
    state::{BlockState, StateError},
};
use alloy_consensus::{BlockBody, EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header};
use alloy_eips::eip4895::Withdrawals;
use alloy_evm::FromRecoveredTx;
use alloy_hardforks::EthereumHardforks;
use alloy_primitives::{Address, B256, U256};
use pervade_chainspec::params::SYSTEM_ACCOUNT;
use pervade_storage::{Block, RecoveredBlock, StateView, Transaction};
use revm::{
    ExecuteEvm,
    context::{
        TxEnv,
        result::{EVMError, ExecutionResult},
    },
    handler::Handler,
    inspector::InspectorHandler,
    state::EvmState,
};
use std::time::Instant;

type Executor<'a> = BlockExecutor<'a, &'a StateView, TransferLogs>;

/// What lasts from block to block.
pub(super) struct Simulator<'e, 'a> {
    pub(super) environment: &'e SimulationEnvironment<'a>,
    pub(super) deadline: Instant,
    /// Gas that further calls may use.
    pub(super) gas_left: u64,
}

impl<'a> Simulator<'_, 'a> {
    /// Executes a block on the state after its parent; gives the state after it, too.
    pub(super) fn block(
        &mut self,
        request: BlockRequest,
        parent: &(Header, B256),
        state: BlockState<&'a StateView>,
    ) -> Result<(SimulatedBlock, BlockState<&'a StateView>), SimulationError> {
        self.check_time()?;
        let done = self.execute(request, parent, state);
        // What the protocol itself does in a block is stopped like a call, and fails in its own words.
        done.map_err(|error| match error {
            SimulationError::Block(BlockError::Invalid { .. } | BlockError::Transaction { .. }) => {
                self.check_time().err().unwrap_or(error)
            }
            other => other,
        })
    }

    fn execute(
        &mut self,
        request: BlockRequest,
        parent: &(Header, B256),
        mut state: BlockState<&'a StateView>,
    ) -> Result<(SimulatedBlock, BlockState<&'a StateView>), SimulationError> {
        let spec = self.environment.spec;
        let merged = is_merged(spec, self.environment.base);
        let mut header = self.header(&request.block_overrides, parent, merged);
        if let Some(Governed { gas_limit, extra_data }) = governed(spec, &mut state, header.number)? {
            header.gas_limit = request.block_overrides.gas_limit.unwrap_or(gas_limit);
            header.extra_data = extra_data;
        }
        let control = Control::until(self.deadline);
        let mut executor =
            BlockExecutor::with_inspector(spec, &header, merged, state, TransferLogs::default(), control)?;
        let evm = executor.evm_mut();
        // Questions may ask for more than a transaction may (EIP-7825).
        evm.ctx.cfg.tx_gas_limit_cap = Some(u64::MAX);
        if let (Some(price), Some(blob)) =
            (request.block_overrides.blob_base_fee, &mut evm.ctx.block.blob_excess_gas_and_price)
        {
            blob.blob_gasprice = price;
        }
        apply_overrides(&mut evm.ctx.journaled_state.database, &mut evm.precompiles, &request.state_overrides)?;
        executor.start(&header)?;

        let mut transactions = Vec::with_capacity(request.calls.len());
        let mut senders = Vec::with_capacity(request.calls.len());
        let mut calls = Vec::with_capacity(request.calls.len());
        for request in &request.calls {
            let (transaction, call) = self.call(&mut executor, &header, request)?;
            transactions.push(transaction);
            senders.push(request.from.unwrap_or_default());
            calls.push(call);
        }
        for transaction in executor.system_transactions()? {
            executor.transact_system(&transaction).map_err(|error| transaction_error(transactions.len(), error))?;
            transactions.push(transaction);
            senders.push(SYSTEM_ACCOUNT);
        }

        let withdrawals = header.withdrawals_root.map(|_| Withdrawals::default());
        let (outcome, state) = executor.finish_state(&header, &[], withdrawals.as_ref())?;
        header.state_root = self.environment.view.update(&state.changes())?.state_root;
        header.transactions_root = roots::transactions_root(&transactions);
        (header.receipts_root, header.logs_bloom) = roots::receipts_root(&outcome.receipts);
        header.gas_used = outcome.gas_used;
        header.blob_gas_used = header.blob_gas_used.map(|_| outcome.blob_gas_used);
        header.requests_hash = outcome.requests_hash;
        let hash = header.hash_slow();
        let block = Block { header, body: BlockBody { transactions, ommers: Vec::new(), withdrawals } };
        Ok((SimulatedBlock { block: RecoveredBlock { hash, block, senders }, calls }, state))
    }

    /// The header, without what execution computes. Without validation nobody has to pay, so the base fee is zero.
    fn header(&self, overrides: &BlockOverrides, parent: &(Header, B256), merged: bool) -> Header {
        let spec = self.environment.spec;
        let (parent, parent_hash) = parent;
        let number = overrides.number.map_or(0, |number| number.saturating_to());
        let timestamp = overrides.time.unwrap_or_default();
        let forks = spec.forks_at(number, timestamp, merged);
        let base_fee = match self.environment.validation {
            true => spec.next_base_fee(parent, forks),
            false => spec.next_base_fee(parent, forks).map(|_| 0),
        };
        let cancun = forks.is_cancun_active_at_timestamp(timestamp);
        let difficulty = if merged { U256::ZERO } else { parent.difficulty };
        Header {
            parent_hash: *parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: overrides.coinbase.unwrap_or(parent.beneficiary),
            difficulty: overrides.difficulty.unwrap_or(difficulty),
            number,
            gas_limit: overrides.gas_limit.unwrap_or(parent.gas_limit),
            timestamp,
            mix_hash: overrides.random.unwrap_or_default(),
            base_fee_per_gas: base_fee.map(|fee| overrides.base_fee.unwrap_or(fee)),
            withdrawals_root: forks.is_shanghai_active_at_timestamp(timestamp).then_some(EMPTY_ROOT_HASH),
            blob_gas_used: cancun.then_some(0),
            excess_blob_gas: spec.next_excess_blob_gas(parent, forks),
            parent_beacon_block_root: cancun.then_some(B256::ZERO),
            ..Header::default()
        }
    }

    fn call(
        &mut self,
        executor: &mut Executor<'a>,
        header: &Header,
        request: &CallRequest,
    ) -> Result<(Transaction, SimulatedCall), SimulationError> {
        self.check_time()?;
        let spec = self.environment.spec;
        let from = request.from.unwrap_or_default();
        if spec.pervade().is_some() && from == SYSTEM_ACCOUNT {
            let reason = format!("invalid sender: {from} is the system account");
            return Err(ExecutionError::InvalidTransaction(reason).into());
        }
        let used = executor.gas_used();
        let asked = request.gas.unwrap_or(header.gas_limit.saturating_sub(used));
        if used.saturating_add(asked) > header.gas_limit {
            return Err(SimulationError::BlockGas { used, limit: header.gas_limit });
        }
        let nonce = match request.nonce {
            Some(nonce) => nonce,
            None => nonce_of(executor, from)?,
        };
        let defaults = Defaults { chain_id: spec.chain_id(), nonce, gas_limit: asked.min(self.gas_left) };
        let transaction = unsigned(request, &defaults)?;
        let (result, changes) = self.run(executor, TxEnv::from_recovered_tx(&transaction, from))?;
        let logs = result.logs().to_vec();
        let real = logs.iter().filter(|log| log.address != TRANSFER_LOG_ADDRESS).cloned().collect();
        executor.include(&transaction, result.is_success(), result.tx_gas_used(), real, changes);
        self.gas_left = self.gas_left.saturating_sub(result.tx_gas_used());
        Ok((transaction, SimulatedCall { result: result.into(), logs }))
    }

    /// What takes time between the calls (roots, overrides) counts too.
    fn check_time(&self) -> Result<(), SimulationError> {
        if Instant::now() < self.deadline { Ok(()) } else { Err(self.timeout()) }
    }

    fn timeout(&self) -> SimulationError {
        let limit_ms = u64::try_from(self.environment.time_max.as_millis()).unwrap_or(u64::MAX);
        ExecutionError::Timeout { limit_ms }.into()
    }

    fn run(
        &self,
        executor: &mut Executor<'a>,
        transaction: TxEnv,
    ) -> Result<(ExecutionResult, EvmState), SimulationError> {
        let evm = executor.evm_mut();
        evm.ctx.tx = transaction;
        let mut handler = CallHandler::new(self.environment.validation);
        let result = if self.environment.trace_transfers { handler.inspect_run(evm) } else { handler.run(evm) };
        let changes = evm.finalize();
        evm.ctx.error = Ok(());
        let error = match result {
            Ok(result) => return Ok((result, changes)),
            Err(error) => error,
        };
        if evm.ctx.chain.expired() {
            return Err(self.timeout());
        }
        if let Some(failure) = evm.ctx.chain.take_failure() {
            return Err(failure.into());
        }
        let gas_limit = evm.ctx.tx.gas_limit;
        Err(match error {
            EVMError::Database(error) => error.into(),
            EVMError::Transaction(invalid) => {
                let message = invalid_message(&invalid, &evm.ctx.tx, &evm.ctx.block);
                refused(rule(&invalid), message, gas_limit)
            }
            other => refused(TransactionRule::Other, other.to_string(), gas_limit),
        })
    }
}

fn nonce_of(executor: &mut Executor<'_>, address: Address) -> Result<u64, StateError> {
    let state = &mut executor.evm_mut().ctx.journaled_state.database;
    Ok(state.account(address)?.map_or(0, |account| account.nonce))
}
