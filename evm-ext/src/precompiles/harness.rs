//! A chain in memory for tests of precompiles: transactions run on the real machine, one after the other.
use super::{Frame, Precompile, PrecompileCall, PrecompileError, PrecompileSet, Precompiles, StateHost, implemented};
use crate::{
    environment::Environment,
    evm::{Control, PervadeEvm, build},
    memory_state::MemoryState,
    state::BlockState,
};
use alloy_primitives::{Address, Bytes, Log, TxKind, U256, hex};
use alloy_sol_types::{Revert, SolCall, SolError};
use pervade_chainspec::{PervadeConfig, ValidatorConfig, params};
use pervade_storage::StateChanges;
use revm::{
    DatabaseCommit, ExecuteEvm,
    context::{BlockEnv, CfgEnv, TxEnv, result::ExecutionResult},
    primitives::hardfork::SpecId,
};
use std::sync::Arc;

pub(crate) const CHAIN_ID: u64 = 77;
/// Unix seconds of the first block.
pub(crate) const START: u64 = 1_700_000_000;
/// Every account in tests begins with so much, wei.
pub(crate) const WEALTH: u64 = 1_000_000_000_000_000_000;

/// Why a call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It reverted with this output.
    Revert(Bytes),
    /// It halted; out of gas, mostly.
    Halt,
}

impl Failure {
    /// The text of `Error(string)`.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Revert(output) => Revert::abi_decode(output).map(|error| error.reason).unwrap_or_default(),
            Self::Halt => "halt".to_owned(),
        }
    }

    /// Whether it is this custom error.
    pub(crate) fn is<E: SolError>(&self, error: &E) -> bool {
        *self == Self::Revert(error.abi_encode().into())
    }
}

pub(crate) struct Harness {
    pub(crate) evm: PervadeEvm<MemoryState>,
    pub(crate) chain: Arc<PervadeConfig>,
    /// Logs of the last transaction.
    pub(crate) logs: Vec<Log>,
    /// Gas of the last transaction, intrinsic gas included.
    pub(crate) gas_used: u64,
    /// Gas limit of the next transactions.
    pub(crate) gas_limit: u64,
}

impl Harness {
    /// A chain with these validators; `accounts` have [`WEALTH`].
    pub(crate) fn new(validators: Vec<ValidatorConfig>, accounts: &[Address]) -> Self {
        Self::with_code(PervadeConfig::new(validators, params::GAS_LIMIT_DEFAULT), accounts, &[])
    }

    /// A chain with these settings, and contracts with code.
    pub(crate) fn with_code(chain: PervadeConfig, accounts: &[Address], contracts: &[(Address, &[u8])]) -> Self {
        Self::with_precompiles(chain, accounts, contracts, implemented())
    }

    /// A chain with these precompiles.
    pub(crate) fn with_precompiles(
        chain: PervadeConfig,
        accounts: &[Address],
        contracts: &[(Address, &[u8])],
        own: &[(Address, &'static dyn Precompile)],
    ) -> Self {
        let mut state = MemoryState::default();
        for address in params::PRECOMPILE_ADDRESSES {
            state = state.with(address, params::PRECOMPILE_NONCE, 0, &params::PRECOMPILE_CODE);
        }
        for account in accounts {
            state = state.with(*account, 0, WEALTH, &[]);
        }
        for (address, code) in contracts {
            state = state.with(*address, 1, WEALTH, code);
        }
        let chain = Arc::new(chain);
        let set = PrecompileSet::new(chain.clone(), own.iter().copied());
        let precompiles = Precompiles::new(SpecId::OSAKA, set);
        let mut cfg = CfgEnv::new_with_spec(SpecId::OSAKA).with_chain_id(CHAIN_ID);
        cfg.disable_nonce_check = true;
        cfg.tx_gas_limit_cap = Some(u64::MAX);
        let block = BlockEnv {
            number: U256::ONE,
            timestamp: U256::from(START),
            gas_limit: u64::MAX,
            beneficiary: Address::repeat_byte(0xbe),
            ..BlockEnv::default()
        };
        let environment = Environment { cfg, block, net_gas_metering: false };
        let evm = build(BlockState::new(state), environment, precompiles, (), Control::default());
        Self { evm, chain, logs: Vec::new(), gas_used: 0, gas_limit: 1 << 40 }
    }

    /// Calls a function in a transaction, and keeps what it changes.
    pub(crate) fn send<C: SolCall>(
        &mut self,
        from: Address,
        to: Address,
        wei: U256,
        call: &C,
    ) -> Result<C::Return, Failure> {
        let output = self.transact(from, to, wei, call.abi_encode().into())?;
        Ok(C::abi_decode_returns(&output).unwrap())
    }

    /// Sends a transaction, and keeps what it changes.
    pub(crate) fn transact(&mut self, from: Address, to: Address, wei: U256, input: Bytes) -> Result<Bytes, Failure> {
        let transaction = TxEnv {
            caller: from,
            kind: TxKind::Call(to),
            value: wei,
            data: input,
            gas_limit: self.gas_limit,
            chain_id: Some(CHAIN_ID),
            ..TxEnv::default()
        };
        let output = self.evm.transact(transaction).unwrap();
        self.evm.ctx.journaled_state.database.commit(output.state);
        self.gas_used = output.result.tx_gas_used();
        self.logs = output.result.logs().to_vec();
        match output.result {
            ExecutionResult::Success { output, .. } => Ok(output.into_data()),
            ExecutionResult::Revert { output, .. } => Err(Failure::Revert(output)),
            ExecutionResult::Halt { .. } => Err(Failure::Halt),
        }
    }

    /// Lets time and block number go on.
    pub(crate) fn next_block(&mut self, seconds: u64) {
        let block = &mut self.evm.ctx.block;
        block.number = block.number.saturating_add(U256::ONE);
        block.timestamp = block.timestamp.saturating_add(U256::from(seconds));
    }

    /// Number and time of the block.
    pub(crate) fn block(&self) -> (u64, u64) {
        (self.evm.ctx.block.number.saturating_to(), self.evm.ctx.block.timestamp.saturating_to())
    }

    /// Runs a step of the protocol, or a question, as the precompile at `address`.
    pub(crate) fn as_protocol<T>(
        &mut self,
        address: Address,
        body: impl FnOnce(&mut Frame<'_>) -> Result<T, PrecompileError>,
    ) -> Result<T, PrecompileError> {
        let block = self.block();
        let chain = self.chain.clone();
        StateHost::new(&mut self.evm.ctx.journaled_state.database).run(&chain, address, block, body)
    }

    /// As [`Self::as_protocol`], for what writes logs: they are lost.
    pub(crate) fn as_protocol_with_logs<T>(
        &mut self,
        address: Address,
        body: impl FnOnce(&mut Frame<'_>) -> Result<T, PrecompileError>,
    ) -> Result<T, PrecompileError> {
        let block = self.block();
        let chain = self.chain.clone();
        let mut host = StateHost::new(&mut self.evm.ctx.journaled_state.database);
        host.drop_logs = true;
        host.run(&chain, address, block, body)
    }

    /// As [`Self::as_protocol_with_logs`], at a base fee.
    pub(crate) fn step_at_base_fee<T>(
        &mut self,
        address: Address,
        (block_number, block_timestamp): (u64, u64),
        base_fee: u64,
        body: impl FnOnce(&mut Frame<'_>) -> Result<T, PrecompileError>,
    ) -> T {
        let chain = self.chain.clone();
        let call =
            PrecompileCall { block_number, block_timestamp, base_fee, ..PrecompileCall::new(&chain, address, &[]) };
        let mut host = StateHost::new(&mut self.evm.ctx.journaled_state.database);
        host.drop_logs = true;
        body(&mut Frame::new(call, &mut host)).unwrap()
    }

    /// What the transactions so far changed.
    pub(crate) fn changes(&self) -> StateChanges {
        self.evm.ctx.journaled_state.database.changes()
    }

    /// Balance of an account, wei.
    pub(crate) fn balance(&mut self, address: Address) -> U256 {
        let account = self.evm.ctx.journaled_state.database.account(address).unwrap();
        account.map_or(U256::ZERO, |account| account.balance)
    }
}

/// Code of a contract that calls `target` with its own calldata by an instruction (0xf1 CALL, 0xf2 CALLCODE,
/// 0xf4 DELEGATECALL, 0xfa STATICCALL), and answers or reverts as it does.
pub(crate) fn forwarder(target: Address, instruction: u8) -> Vec<u8> {
    // CALLDATACOPY(0, 0, size); op(gas, target, [value,] 0, size, 0, 0); RETURNDATACOPY(0, 0, size); RETURN or REVERT.
    let value = if matches!(instruction, 0xf1 | 0xf2) { "34" } else { "" };
    let head = "365f5f37";
    let call = format!("5f5f365f{value}73{}5a{instruction:02x}", hex::encode(target));
    let copy = "3d5f5f3e";
    let body = format!("{head}{call}{copy}");
    let jump = body.len() / 2 + 6;
    hex::decode(format!("{body}60{jump:02x}573d5ffd5b3d5ff3")).unwrap()
}
