//! [`BlockExecutor`]: runs a block's parts in their order on one [`BlockState`].
//!
//! ```text
//! start:  DAO fork, beacon root (EIP-4788), parent hash (EIP-2935)
//! each transaction: validity, execution, receipt
//! finish: requests (EIP-6110, 7002, 7251), rewards of block and ommers, withdrawals
//! ```
use crate::{
    BlockError,
    environment::environment,
    evm::{Control, PervadeEvm, build},
    governance::{self, chain_settings_in, missing_permission, permissions_in},
    precompiles::{Frame, PrecompileError, PrecompileSet, Precompiles, protocol_step},
    requests, rewards,
    state::{BlockState, StateError},
    system::SystemWork,
    system_handler::SystemHandler,
    things,
};
use alloy_consensus::{Eip658Value, Header, Transaction as _};
use alloy_eips::{
    eip2935::HISTORY_STORAGE_ADDRESS, eip4788::BEACON_ROOTS_ADDRESS, eip4895::Withdrawals,
    eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS, eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
    eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, eip7685::Requests,
};
use alloy_evm::FromRecoveredTx;
use alloy_hardforks::{EthereumHardfork, EthereumHardforks};
use alloy_primitives::{Address, B256, Bytes, Log};
use pervade_chainspec::{
    BlockForks, ChainSpec, PermissionRule,
    params::{GOVERNANCE_ADDRESS, SYSTEM_ACCOUNT, SYSTEM_GAS_MIN, THINGS_ADDRESS},
};
use pervade_storage::{Receipt, StateChanges, StateReader, Transaction};
use revm::{
    DatabaseCommit, ExecuteEvm, SystemCallEvm,
    context::{TxEnv, result::EVMError, result::ExecutionResult},
    context_interface::result::InvalidTransaction,
    handler::Handler,
    primitives::hardfork::SpecId,
    state::EvmState,
};

/// What execution produces beside the state.
#[derive(Debug, Clone)]
pub struct BlockOutcome {
    /// One for each transaction.
    pub receipts: Vec<Receipt>,
    /// Gas used by all transactions.
    pub gas_used: u64,
    /// Blob gas used.
    pub blob_gas_used: u64,
    /// EIP-7685 hash of the requests; `None` before Prague.
    pub requests_hash: Option<B256>,
}

/// Why a transaction was not executed. The state is as before.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// It breaks a rule: a block with it is invalid.
    #[error("{0}")]
    Invalid(#[from] InvalidTransaction),
    /// Its gas limit is above what the block has left: it may fit into the next one.
    #[error("gas limit {gas_limit} exceeds the {available} that the block has left")]
    BlockGas {
        /// The transaction's.
        gas_limit: u64,
        /// The block's.
        available: u64,
    },
    /// Its blobs exceed what the block has left.
    #[error("blob gas {blob_gas} exceeds the {available} that the block has left")]
    BlobGas {
        /// The transaction's.
        blob_gas: u64,
        /// The block's.
        available: u64,
    },
    /// Only the protocol itself sends from this account.
    #[error("sender is the system account, which only the protocol itself uses")]
    SystemAccount,
    /// The chain has permissions, and the sender lacks one.
    #[error("{sender} may not {missing}; validators give permissions by vote")]
    NotPermitted {
        /// Who sent it.
        sender: Address,
        /// What it would need to be allowed.
        missing: &'static str,
    },
    /// The machine gave up for a reason that is not the transaction's.
    #[error("execution failed: {0}")]
    Machine(String),
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
}

/// See the module.
pub struct BlockExecutor<'a, R: StateReader, I = ()> {
    evm: PervadeEvm<R, I>,
    spec: &'a ChainSpec,
    forks: BlockForks<'a>,
    spec_id: SpecId,
    blob_gas_max: u64,
    gas_used: u64,
    blob_gas_used: u64,
    receipts: Vec<Receipt>,
    is_pervade: bool,
    system_gas: u64,
    /// Gas that users leave free because work is due.
    reserved_gas: u64,
}

impl<'a, R: StateReader> BlockExecutor<'a, R> {
    /// Prepares a block with this header on the parent's state. `merged`: see [`crate::is_merged`].
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn new(spec: &'a ChainSpec, header: &Header, merged: bool, state: BlockState<R>) -> Result<Self, StateError> {
        Self::with_inspector(spec, header, merged, state, (), Control::default())
    }
}

impl<'a, R: StateReader, I> BlockExecutor<'a, R, I> {
    /// As [`BlockExecutor::new`], with an inspector of what is run under it, and with what may end it.
    pub(crate) fn with_inspector(
        spec: &'a ChainSpec,
        header: &Header,
        merged: bool,
        mut state: BlockState<R>,
        inspector: I,
        control: Control,
    ) -> Result<Self, StateError> {
        let forks = spec.forks_at(header.number, header.timestamp, merged);
        let environment = environment(spec.chain_id(), &forks, header);
        let spec_id = environment.cfg.spec;
        let precompiles = Precompiles::new(spec_id, PrecompileSet::active(spec, &forks, &mut state)?);
        let settings = chain_settings_in(spec, &mut state, header.number)?;
        let system_gas = settings.map_or(0, |settings| settings.system_gas().max(SYSTEM_GAS_MIN).min(header.gas_limit));
        let evm = build(state, environment, precompiles, inspector, control);
        Ok(Self {
            evm,
            spec,
            forks,
            spec_id,
            blob_gas_max: forks.blob_params().map_or(0, |params| params.max_blob_gas_per_block()),
            gas_used: 0,
            blob_gas_used: 0,
            receipts: Vec::new(),
            is_pervade: spec.pervade().is_some(),
            system_gas,
            reserved_gas: 0,
        })
    }

    /// Applies what comes before the first transaction.
    pub fn start(&mut self, header: &Header) -> Result<(), BlockError> {
        let dao = self.forks.ethereum_fork_activation(EthereumHardfork::Dao);
        if dao.transitions_at_block(header.number) {
            rewards::apply_dao_fork(self.state_mut())?;
        }
        // Calls to contracts that do not exist, or fail, change nothing (EIP-4788, EIP-2935). Block 0 has no parent.
        if self.spec_id.is_enabled_in(SpecId::CANCUN) && header.number > 0 {
            let root = header.parent_beacon_block_root.unwrap_or_default();
            self.system_call(BEACON_ROOTS_ADDRESS, root.0.into())?;
        }
        if self.spec_id.is_enabled_in(SpecId::PRAGUE) && header.number > 0 {
            self.system_call(HISTORY_STORAGE_ADDRESS, header.parent_hash.0.into())?;
        }
        if self.is_active(THINGS_ADDRESS) && header.number > 0 {
            self.as_protocol(THINGS_ADDRESS, things::promote)?;
            if self.as_protocol(THINGS_ADDRESS, things::is_due)? {
                self.reserved_gas = self.system_gas;
            }
        }
        Ok(())
    }

    /// Executes a transaction and keeps its receipt.
    ///
    /// # Errors
    /// See [`TransactionError`]: nothing happened.
    pub fn transact(&mut self, transaction: &Transaction, sender: Address) -> Result<(), TransactionError> {
        if self.is_pervade && sender == SYSTEM_ACCOUNT {
            return Err(TransactionError::SystemAccount);
        }
        self.check_permissions(transaction, sender)?;
        self.run(transaction, sender)
    }

    fn check_permissions(&mut self, transaction: &Transaction, sender: Address) -> Result<(), TransactionError> {
        if self.spec.pervade().is_none_or(|chain| chain.permissions == PermissionRule::Off) {
            return Ok(());
        }
        let (spec, number) = (self.spec, self.forks.number);
        let permissions = permissions_in(spec, self.state_mut(), sender, number)?;
        match missing_permission(permissions, transaction) {
            Some(missing) => Err(TransactionError::NotPermitted { sender, missing }),
            None => Ok(()),
        }
    }

    /// The system transactions that follow the user transactions so far. To be asked for once: their work is taken off
    /// its queue.
    pub fn system_transactions(&mut self) -> Result<Vec<Transaction>, StateError> {
        self.reserved_gas = 0;
        let mut planned = Vec::new();
        let mut gas = self.system_gas.min(self.gas_left());
        if self.is_active(GOVERNANCE_ADDRESS)
            && gas >= SYSTEM_GAS_MIN
            && let Some(id) = self.as_protocol(GOVERNANCE_ADDRESS, governance::waiting_that_fits)?
        {
            planned.push((SystemWork::Proposal(id), SYSTEM_GAS_MIN));
            gas = gas.saturating_sub(SYSTEM_GAS_MIN);
        }
        if self.is_active(THINGS_ADDRESS) {
            let due = self.as_protocol(THINGS_ADDRESS, |frame| things::plan(frame, gas))?;
            planned.extend(due.into_iter().map(|(item, gas)| (SystemWork::Things(item), gas)));
        }
        let mut nonce = self.state_mut().account(SYSTEM_ACCOUNT)?.map_or(0, |account| account.nonce);
        let mut tail = Vec::with_capacity(planned.len());
        for (work, gas_limit) in planned {
            tail.extend(work.sign(self.spec.chain_id(), nonce, gas_limit));
            nonce = nonce.saturating_add(1);
        }
        Ok(tail)
    }

    /// Executes one of [`Self::system_transactions`].
    pub fn transact_system(&mut self, transaction: &Transaction) -> Result<(), TransactionError> {
        let work = SystemWork::decode(transaction.to(), transaction.input());
        let (Some(work), Some(chain)) = (work, self.spec.pervade_shared()) else {
            return Err(TransactionError::SystemAccount);
        };
        self.check_room(transaction)?;
        self.evm.ctx.tx = TxEnv::from_recovered_tx(transaction, SYSTEM_ACCOUNT);
        let result = SystemHandler::new(chain, work).run(&mut self.evm);
        let state = self.evm.finalize();
        match result {
            Ok(result) => {
                self.include_result(transaction, result, state);
                Ok(())
            }
            Err(error) => Err(self.transaction_error(error)),
        }
    }

    fn is_active(&self, precompile: Address) -> bool {
        self.evm.precompiles.is_active(precompile)
    }

    /// Lets a precompile take a step of the protocol's own.
    fn as_protocol<T>(
        &mut self,
        precompile: Address,
        body: impl FnOnce(&mut Frame<'_>) -> Result<T, PrecompileError>,
    ) -> Result<T, StateError> {
        let block = (self.forks.number, self.forks.timestamp);
        let base_fee = self.evm.ctx.block.basefee;
        let spec = self.spec;
        protocol_step(spec, self.state_mut(), precompile, block, base_fee, body)
    }

    fn run(&mut self, transaction: &Transaction, sender: Address) -> Result<(), TransactionError> {
        self.check_room(transaction)?;
        let result = self.evm.transact(TxEnv::from_recovered_tx(transaction, sender));
        let output = match result {
            Ok(output) => output,
            Err(error) => return Err(self.transaction_error(error)),
        };
        self.include_result(transaction, output.result, output.state);
        Ok(())
    }

    fn check_room(&self, transaction: &Transaction) -> Result<(), TransactionError> {
        let available = self.gas_left();
        let gas_limit = transaction.gas_limit();
        if gas_limit > available {
            return Err(TransactionError::BlockGas { gas_limit, available });
        }
        let blob_gas = transaction.blob_gas_used().unwrap_or_default();
        let blob_gas_left = self.blob_gas_max.saturating_sub(self.blob_gas_used);
        if blob_gas > blob_gas_left && self.spec_id.is_enabled_in(SpecId::CANCUN) {
            return Err(TransactionError::BlobGas { blob_gas, available: blob_gas_left });
        }
        Ok(())
    }

    fn include_result(&mut self, transaction: &Transaction, result: ExecutionResult, state: EvmState) {
        let (succeeded, gas_used) = (result.is_success(), result.tx_gas_used());
        self.include(transaction, succeeded, gas_used, result.into_logs(), state);
    }

    /// Keeps what an executed transaction did.
    pub(crate) fn include(
        &mut self,
        transaction: &Transaction,
        succeeded: bool,
        gas_used: u64,
        logs: Vec<Log>,
        state: EvmState,
    ) {
        self.state_mut().commit(state);
        self.gas_used = self.gas_used.saturating_add(gas_used);
        let blob_gas = transaction.blob_gas_used().unwrap_or_default();
        self.blob_gas_used = self.blob_gas_used.saturating_add(blob_gas);
        self.receipts.push(Receipt {
            tx_type: transaction.tx_type(),
            status: Eip658Value::Eip658(succeeded),
            cumulative_gas_used: self.gas_used,
            logs,
        });
    }

    /// Whether receipts hold the state root after their transaction instead of a status (before EIP-658).
    pub fn receipts_hold_state_roots(&self) -> bool {
        !self.spec_id.is_enabled_in(SpecId::BYZANTIUM)
    }

    /// Puts the state root into the latest receipt.
    pub fn set_state_root(&mut self, root: B256) {
        if let Some(receipt) = self.receipts.last_mut() {
            receipt.status = Eip658Value::PostState(root);
        }
    }

    /// The machine, for transactions that are run otherwise.
    pub(crate) fn evm_mut(&mut self) -> &mut PervadeEvm<R, I> {
        &mut self.evm
    }

    /// Gas used so far.
    pub(crate) fn gas_used(&self) -> u64 {
        self.gas_used
    }

    /// Receipts so far.
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// Gas that further transactions may use. While work is due, users leave the system's share free.
    pub fn gas_left(&self) -> u64 {
        self.evm.ctx.block.gas_limit.saturating_sub(self.gas_used).saturating_sub(self.reserved_gas)
    }

    /// What differs from the parent state so far.
    pub fn changes(&self) -> StateChanges {
        self.evm.ctx.journaled_state.database.changes()
    }

    /// Applies what comes after the last transaction.
    pub fn finish(
        self,
        header: &Header,
        ommers: &[Header],
        withdrawals: Option<&Withdrawals>,
    ) -> Result<(BlockOutcome, StateChanges), BlockError> {
        let (outcome, state) = self.finish_state(header, ommers, withdrawals)?;
        Ok((outcome, state.changes()))
    }

    /// As [`Self::finish`], with the state itself.
    pub(crate) fn finish_state(
        mut self,
        header: &Header,
        ommers: &[Header],
        withdrawals: Option<&Withdrawals>,
    ) -> Result<(BlockOutcome, BlockState<R>), BlockError> {
        let requests_hash = match self.spec_id.is_enabled_in(SpecId::PRAGUE) {
            true => Some(self.requests()?.requests_hash()),
            false => None,
        };
        rewards::pay_rewards(&mut self.evm.ctx.journaled_state.database, self.spec_id, header, ommers)?;
        if let Some(withdrawals) = withdrawals {
            rewards::pay_withdrawals(self.state_mut(), withdrawals)?;
        }
        let outcome = BlockOutcome {
            receipts: self.receipts,
            gas_used: self.gas_used,
            blob_gas_used: self.blob_gas_used,
            requests_hash,
        };
        Ok((outcome, self.evm.ctx.journaled_state.database))
    }

    fn requests(&mut self) -> Result<Requests, BlockError> {
        let mut requests = Requests::default();
        let contract = self.forks.deposit_contract().unwrap_or(MAINNET_DEPOSIT_CONTRACT_ADDRESS);
        requests::push(&mut requests, requests::DEPOSIT_TYPE, requests::deposits(contract, &self.receipts)?);
        let withdrawals = self.request_call(WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS)?;
        requests::push(&mut requests, requests::WITHDRAWAL_TYPE, withdrawals);
        let consolidations = self.request_call(CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS)?;
        requests::push(&mut requests, requests::CONSOLIDATION_TYPE, consolidations);
        Ok(requests)
    }

    /// A request contract must exist and must succeed, or the block is invalid (EIP-7002, EIP-7251).
    fn request_call(&mut self, contract: Address) -> Result<Bytes, BlockError> {
        let invalid = |reason: String| BlockError::Invalid { field: "requestsHash", reason };
        let exists = self.state_mut().account(contract)?.is_some_and(|account| !account.is_empty_code_hash());
        if !exists {
            return Err(invalid(format!("there is no system contract at {contract}; the genesis needs it")));
        }
        match self.system_call(contract, Bytes::new())? {
            ExecutionResult::Success { output, .. } => Ok(output.into_data()),
            _ => Err(invalid(format!("the system contract at {contract} failed"))),
        }
    }

    fn system_call(&mut self, contract: Address, input: Bytes) -> Result<ExecutionResult, BlockError> {
        match self.evm.system_call(contract, input) {
            Ok(output) => {
                self.state_mut().commit(output.state);
                Ok(output.result)
            }
            Err(EVMError::Database(error)) => Err(error.into()),
            Err(error) => {
                let reason = format!("the system call to {contract} failed: {error}");
                Err(BlockError::Invalid { field: "stateRoot", reason })
            }
        }
    }

    fn transaction_error(&mut self, error: EVMError<StateError>) -> TransactionError {
        if let Some(failure) = self.evm.ctx.chain.take_failure() {
            return TransactionError::State(failure);
        }
        match error {
            EVMError::Transaction(invalid) => TransactionError::Invalid(invalid),
            EVMError::Database(error) => TransactionError::State(error),
            other => TransactionError::Machine(other.to_string()),
        }
    }

    fn state_mut(&mut self) -> &mut BlockState<R> {
        &mut self.evm.ctx.journaled_state.database
    }
}
