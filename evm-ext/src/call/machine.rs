//! The EVM set up for questions instead of transactions.
use super::{
    CallEnvironment, CallRequest, fees, handler::CallHandler, overrides::apply_overrides, result::invalid_message,
};
use crate::{
    ExecutionError,
    environment::{environment, is_merged},
    evm::{Control, PervadeContext, PervadeEvm, build},
    precompiles::{PrecompileSet, Precompiles},
    state::{BlockState, StateError},
};
use alloy_primitives::{Address, TxKind, U256};
use pervade_chainspec::params::SYSTEM_ACCOUNT;
use pervade_storage::StateView;
use revm::{
    ExecuteEvm, Inspector,
    context::{TxEnv, result::EVMError, result::ExecutionResult},
    context_interface::result::InvalidTransaction,
    handler::Handler,
    inspector::InspectorHandler,
    interpreter::interpreter::EthInterpreter,
};
use std::time::Instant;

/// Runs one request as often as needed. Nothing is ever committed to its state.
pub(super) struct Machine<'a, I = ()> {
    evm: PervadeEvm<&'a StateView, I>,
    /// The chain has a system account, for which nobody asks.
    has_system_account: bool,
    limit_ms: u64,
}

impl<'a, I> Machine<'a, I> {
    /// Applies the environment's overrides.
    pub(super) fn new(environment_of_call: &CallEnvironment<'a>, inspector: I) -> Result<Self, ExecutionError> {
        let CallEnvironment { spec, view, header, block_overrides, state_overrides, time_max, .. } =
            environment_of_call;
        let mut header = alloy_consensus::Header::clone(header);
        let merged = is_merged(spec, &header);
        header.number = block_overrides.number.map_or(header.number, |number| number.saturating_to());
        header.timestamp = block_overrides.time.unwrap_or(header.timestamp);
        let forks = spec.forks_at(header.number, header.timestamp, merged);
        let mut environment = environment(spec.chain_id(), &forks, &header);
        let (cfg, block) = (&mut environment.cfg, &mut environment.block);
        block.number = block_overrides.number.unwrap_or(block.number);
        block.difficulty = block_overrides.difficulty.unwrap_or(block.difficulty);
        block.gas_limit = block_overrides.gas_limit.unwrap_or(block.gas_limit);
        block.beneficiary = block_overrides.coinbase.unwrap_or(block.beneficiary);
        block.prevrandao = block_overrides.random.or(block.prevrandao);
        block.basefee = block_overrides.base_fee.unwrap_or(block.basefee);
        if let (Some(price), Some(blob)) = (block_overrides.blob_base_fee, &mut block.blob_excess_gas_and_price) {
            blob.blob_gasprice = price;
        }
        // Questions may ask for more than a transaction may (EIP-7825), and need no nonce.
        cfg.tx_gas_limit_cap = Some(u64::MAX);
        cfg.disable_nonce_check = true;

        let mut state = BlockState::new(*view);
        let mut precompiles = Precompiles::new(cfg.spec, PrecompileSet::active(spec, &forks, &mut state)?);
        apply_overrides(&mut state, &mut precompiles, state_overrides)?;
        let control = Control::until(Instant::now().checked_add(*time_max).unwrap_or_else(Instant::now));
        let evm = build(state, environment, precompiles, inspector, control);
        let limit_ms = u64::try_from(time_max.as_millis()).unwrap_or(u64::MAX);
        Ok(Self { evm, has_system_account: spec.pervade().is_some(), limit_ms })
    }

    /// The request as a transaction with this gas limit. Free requests see no fees (`BASEFEE` is zero), as in geth.
    pub(super) fn transaction(
        &mut self,
        spec_chain_id: u64,
        request: &CallRequest,
        gas_limit: u64,
    ) -> Result<TxEnv, ExecutionError> {
        if let Some(have) = request.chain_id.filter(|id| *id != spec_chain_id) {
            return Err(refused(format!("chainId does not match node's (have={have}, want={spec_chain_id})")));
        }
        if let Some(from) = request.from.filter(|from| self.has_system_account && *from == SYSTEM_ACCOUNT) {
            return Err(refused(format!("invalid sender: {from} is the system account")));
        }
        let fees = fees::of(request)?;
        if fees.is_free() {
            self.evm.ctx.block.basefee = 0;
        }
        if fees.max_per_blob_gas == 0
            && let Some(blob) = &mut self.evm.ctx.block.blob_excess_gas_and_price
        {
            blob.blob_gasprice = 0;
        }
        let mut transaction = TxEnv {
            tx_type: fees::transaction_type(request),
            caller: request.from.unwrap_or_default(),
            gas_limit,
            gas_price: fees.max_per_gas,
            gas_priority_fee: fees.max_priority_per_gas,
            max_fee_per_blob_gas: fees.max_per_blob_gas,
            kind: request.to.map_or(TxKind::Create, TxKind::Call),
            value: request.value.unwrap_or_default(),
            data: request.input.clone(),
            chain_id: Some(spec_chain_id),
            access_list: request.access_list.clone().unwrap_or_default(),
            blob_hashes: request.blob_versioned_hashes.clone().unwrap_or_default(),
            ..TxEnv::default()
        };
        if let Some(authorizations) = &request.authorization_list {
            transaction.set_signed_authorization(authorizations.clone());
        }
        Ok(transaction)
    }

    /// Runs a transaction without an inspector.
    pub(super) fn run(&mut self, transaction: TxEnv) -> Result<ExecutionResult, RunError> {
        self.evm.ctx.tx = transaction;
        let result = CallHandler::new(false).run(&mut self.evm);
        self.finish(result)
    }

    /// Runs a transaction under the inspector.
    pub(super) fn inspect(&mut self, transaction: TxEnv) -> Result<ExecutionResult, RunError>
    where
        I: Inspector<PervadeContext<&'a StateView>, EthInterpreter>,
    {
        self.evm.ctx.tx = transaction;
        let result = CallHandler::new(false).inspect_run(&mut self.evm);
        self.finish(result)
    }

    /// An account before the call.
    pub(super) fn account(&mut self, address: Address) -> Result<(u64, U256, bool), ExecutionError> {
        let account = self.evm.ctx.journaled_state.database.account(address)?;
        Ok(account.map_or((0, U256::ZERO, false), |info| (info.nonce, info.balance, !info.is_empty_code_hash())))
    }

    /// The machine's inspector.
    pub(super) const fn inspector_mut(&mut self) -> &mut I {
        &mut self.evm.inspector
    }

    /// The machine itself.
    pub(super) const fn evm(&self) -> &PervadeEvm<&'a StateView, I> {
        &self.evm
    }

    fn finish(&mut self, result: Result<ExecutionResult, EVMError<StateError>>) -> Result<ExecutionResult, RunError> {
        // Drops what the call changed; the state keeps what it read.
        self.evm.finalize();
        self.evm.ctx.error = Ok(());
        let error = match result {
            Ok(result) => return Ok(result),
            Err(error) => error,
        };
        let control = &mut self.evm.ctx.chain;
        if control.expired() {
            return Err(ExecutionError::Timeout { limit_ms: self.limit_ms }.into());
        }
        if let Some(failure) = control.take_failure() {
            return Err(ExecutionError::Storage(failure.0).into());
        }
        match error {
            EVMError::Database(error) => Err(ExecutionError::Storage(error.0).into()),
            EVMError::Transaction(
                invalid @ (InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
                | InvalidTransaction::GasFloorMoreThanGasLimit { .. }),
            ) => Err(RunError::TooLittleGas(refused(invalid_message(&invalid, &self.evm.ctx.tx, &self.evm.ctx.block)))),
            EVMError::Transaction(invalid) => {
                Err(refused(invalid_message(&invalid, &self.evm.ctx.tx, &self.evm.ctx.block)).into())
            }
            other => Err(refused(other.to_string()).into()),
        }
    }
}

/// Why a run gave no result.
pub(super) enum RunError {
    /// The gas limit does not even cover the intrinsic gas: more could do.
    TooLittleGas(ExecutionError),
    /// Anything else.
    Other(ExecutionError),
}

impl From<ExecutionError> for RunError {
    fn from(error: ExecutionError) -> Self {
        Self::Other(error)
    }
}

impl From<RunError> for ExecutionError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::TooLittleGas(error) | RunError::Other(error) => error,
        }
    }
}

fn refused(message: String) -> ExecutionError {
    ExecutionError::InvalidTransaction(message)
}
