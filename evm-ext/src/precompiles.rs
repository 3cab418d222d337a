//! Ethereum's precompiles and this project's own: contracts that are code of the node.
//!
//! An own precompile is a [`Precompile`] at an address of a [`PrecompileSet`]. Its state is the ordinary storage of
//! the account at that address, reached through a [`PrecompileHost`], which prices slots as the EVM's instructions are
//! priced and writes to the journal, so that a revert undoes everything.
use crate::{evm::PervadeContext, state::StateError};
use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256, map::AddressMap};
use pervade_chainspec::{BlockForks, ChainSpec};
use pervade_storage::StateReader;
use revm::{
    context_interface::{Block, Cfg, ContextTr, JournalTr, context::SStoreResult},
    handler::{EthPrecompiles, PrecompileProvider},
    interpreter::{CallInputs, Gas, InstructionResult, InterpreterResult},
    primitives::{AddressSet, hardfork::SpecId},
};
use std::{fmt, sync::Arc};

/// A contract implemented by the node. A pure function of the call and of what the host answers.
pub trait Precompile: Send + Sync {
    /// Runs one call.
    ///
    /// # Errors
    /// [`PrecompileError::OutOfGas`] burns the call's gas; [`PrecompileError::State`] ends the block's execution.
    fn call(
        &self,
        call: &PrecompileCall<'_>,
        host: &mut dyn PrecompileHost,
    ) -> Result<PrecompileOutput, PrecompileError>;
}

/// What a precompile is asked.
#[derive(Debug)]
pub struct PrecompileCall<'a> {
    /// `msg.sender`.
    pub caller: Address,
    /// `tx.origin`.
    pub origin: Address,
    /// `msg.value`, wei.
    pub value: U256,
    /// Calldata.
    pub input: &'a [u8],
    /// Nothing may be written.
    pub is_static: bool,
    /// The precompile is the callee, not only its code (neither DELEGATECALL nor CALLCODE).
    pub is_direct: bool,
    /// Number of the block.
    pub block_number: u64,
    /// Unix seconds of the block.
    pub block_timestamp: u64,
}

/// What a precompile answers. Gas that is left goes back to the caller either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrecompileOutput {
    /// Done.
    Return(Bytes),
    /// Everything undone, with an ABI-encoded error.
    Revert(Bytes),
}

/// Why a precompile did not answer.
#[derive(Debug, thiserror::Error)]
pub enum PrecompileError {
    /// The call's gas does not suffice.
    #[error("out of gas")]
    OutOfGas,
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Gas, storage and logs of the precompile that runs.
pub trait PrecompileHost {
    /// Charges gas for work that the precompile is about to do.
    fn charge(&mut self, gas: u64) -> Result<(), PrecompileError>;
    /// Reads a slot, at SLOAD's price.
    fn load(&mut self, slot: U256) -> Result<U256, PrecompileError>;
    /// Writes a slot, at SSTORE's price and with its refund.
    fn store(&mut self, slot: U256, value: U256) -> Result<(), PrecompileError>;
    /// Emits a log, at the price of LOG.
    fn log(&mut self, topics: Vec<B256>, data: Bytes) -> Result<(), PrecompileError>;
}

/// This project's precompiles that are active in a block.
#[derive(Clone, Default)]
pub struct PrecompileSet {
    by_address: Arc<AddressMap<Arc<dyn Precompile>>>,
}

impl PrecompileSet {
    /// A set of these.
    pub fn new(precompiles: impl IntoIterator<Item = (Address, Arc<dyn Precompile>)>) -> Self {
        Self { by_address: Arc::new(precompiles.into_iter().collect()) }
    }

    /// Those of a chain that are active in a block: what is implemented, filtered by the chain specification.
    pub(crate) fn active(spec: &ChainSpec, forks: &BlockForks<'_>) -> Self {
        let Some(pervade) = spec.pervade() else { return Self::default() };
        let active = |address: &Address| pervade.precompile_active(*address, forks.number, forks.timestamp);
        Self::new(implemented().into_iter().filter(|(address, _)| active(address)))
    }
}

impl fmt::Debug for PrecompileSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut addresses: Vec<_> = self.by_address.keys().collect();
        addresses.sort_unstable();
        f.debug_tuple("PrecompileSet").field(&addresses).finish()
    }
}

/// This project's precompiles, by address. Until one is here, its account reverts by its code.
fn implemented() -> Vec<(Address, Arc<dyn Precompile>)> {
    Vec::new()
}

/// What revm asks: Ethereum's precompiles of the fork, then our own.
#[derive(Debug, Clone)]
pub struct Precompiles {
    ethereum: EthPrecompiles,
    own: PrecompileSet,
    /// Answer at another address too (state overrides of calls).
    moved: Vec<(Address, Address)>,
    /// All addresses; kept only if there are more than Ethereum's.
    warm: Option<AddressSet>,
}

impl Precompiles {
    pub(crate) fn new(spec: SpecId, own: PrecompileSet) -> Self {
        let mut precompiles = Self { ethereum: EthPrecompiles::new(spec), own, moved: Vec::new(), warm: None };
        precompiles.refresh();
        precompiles
    }

    /// Lets the precompile at `from` answer at `to` instead. False if there is none.
    pub(crate) fn relocate(&mut self, from: Address, to: Address) -> bool {
        let known = self.ethereum.contains(&from) || self.own.by_address.contains_key(&from);
        if known {
            self.moved.push((from, to));
            self.refresh();
        }
        known
    }

    fn refresh(&mut self) {
        if self.own.by_address.is_empty() && self.moved.is_empty() {
            self.warm = None;
            return;
        }
        let mut warm = self.ethereum.warm_addresses().clone();
        warm.extend(self.own.by_address.keys().copied());
        for (from, to) in &self.moved {
            warm.remove(from);
            warm.insert(*to);
        }
        self.warm = Some(warm);
    }
}

impl<R: StateReader> PrecompileProvider<PervadeContext<R>> for Precompiles {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: SpecId) -> bool {
        let changed = <EthPrecompiles as PrecompileProvider<PervadeContext<R>>>::set_spec(&mut self.ethereum, spec);
        if changed {
            self.refresh();
        }
        changed
    }

    fn run(
        &mut self,
        context: &mut PervadeContext<R>,
        inputs: &CallInputs,
    ) -> Result<Option<InterpreterResult>, String> {
        context.chain.tick()?;
        if self.moved.is_empty() && self.own.by_address.is_empty() {
            return self.ethereum.run(context, inputs);
        }
        let mut address = inputs.bytecode_address;
        if let Some((from, _)) = self.moved.iter().find(|(_, to)| *to == address) {
            address = *from;
        } else if self.moved.iter().any(|(from, _)| *from == address) {
            return Ok(None);
        }
        match self.own.by_address.get(&address) {
            Some(precompile) => run_own(precompile.as_ref(), context, inputs).map(Some),
            None if address == inputs.bytecode_address => self.ethereum.run(context, inputs),
            None => {
                let inputs = CallInputs { bytecode_address: address, ..inputs.clone() };
                self.ethereum.run(context, &inputs)
            }
        }
    }

    fn warm_addresses(&self) -> &AddressSet {
        self.warm.as_ref().unwrap_or_else(|| self.ethereum.warm_addresses())
    }
}

fn run_own<R: StateReader>(
    precompile: &dyn Precompile,
    context: &mut PervadeContext<R>,
    inputs: &CallInputs,
) -> Result<InterpreterResult, String> {
    let input = inputs.input.bytes(context);
    let call = PrecompileCall {
        caller: inputs.caller,
        origin: context.tx.caller,
        value: inputs.call_value(),
        input: &input,
        is_static: inputs.is_static,
        is_direct: inputs.target_address == inputs.bytecode_address,
        block_number: context.block.number().saturating_to(),
        block_timestamp: context.block.timestamp().saturating_to(),
    };
    let mut host = JournalHost { context, address: inputs.target_address, gas: Gas::new(inputs.gas_limit) };
    let answer = precompile.call(&call, &mut host);
    let mut gas = host.gas;
    let (result, output) = match answer {
        Ok(PrecompileOutput::Return(output)) => (InstructionResult::Return, output),
        Ok(PrecompileOutput::Revert(output)) => (InstructionResult::Revert, output),
        Err(PrecompileError::OutOfGas) => {
            gas.spend_all();
            (InstructionResult::PrecompileOOG, Bytes::new())
        }
        Err(PrecompileError::State(error)) => return Err(context.chain.fail(error)),
    };
    Ok(InterpreterResult { result, output, gas })
}

struct JournalHost<'a, R: StateReader> {
    context: &'a mut PervadeContext<R>,
    address: Address,
    gas: Gas,
}

impl<R: StateReader> JournalHost<'_, R> {
    fn sstore(&mut self, slot: U256, value: U256) -> Result<(SStoreResult, bool), PrecompileError> {
        let journal = self.context.journal_mut();
        journal.load_account(self.address)?;
        let stored = journal.sstore(self.address, slot, value)?;
        Ok((stored.data, stored.is_cold))
    }
}

impl<R: StateReader> PrecompileHost for JournalHost<'_, R> {
    fn charge(&mut self, gas: u64) -> Result<(), PrecompileError> {
        if self.gas.record_regular_cost(gas) { Ok(()) } else { Err(PrecompileError::OutOfGas) }
    }

    fn load(&mut self, slot: U256) -> Result<U256, PrecompileError> {
        let journal = self.context.journal_mut();
        journal.load_account(self.address)?;
        let loaded = journal.sload(self.address, slot)?;
        let params = self.context.cfg.gas_params();
        let mut price = params.warm_storage_read_cost();
        if loaded.is_cold {
            price = price.saturating_add(params.cold_storage_additional_cost());
        }
        self.charge(price)?;
        Ok(loaded.data)
    }

    fn store(&mut self, slot: U256, value: U256) -> Result<(), PrecompileError> {
        // EIP-2200: no write with only a call's stipend.
        if self.gas.remaining() <= self.context.cfg.gas_params().call_stipend() {
            return Err(PrecompileError::OutOfGas);
        }
        let (stored, is_cold) = self.sstore(slot, value)?;
        let params = self.context.cfg.gas_params();
        let price = params.sstore_static_gas().saturating_add(params.sstore_dynamic_gas(true, &stored, is_cold));
        let refund = params.sstore_refund(true, &stored);
        self.charge(price)?;
        self.gas.record_refund(refund);
        Ok(())
    }

    fn log(&mut self, topics: Vec<B256>, data: Bytes) -> Result<(), PrecompileError> {
        let count = u8::try_from(topics.len()).map_err(|_| PrecompileError::OutOfGas)?;
        let size = u64::try_from(data.len()).map_err(|_| PrecompileError::OutOfGas)?;
        let price = LOG_GAS.saturating_add(self.context.cfg.gas_params().log_cost(count, size));
        self.charge(price)?;
        let data = LogData::new(topics, data).ok_or(PrecompileError::OutOfGas)?;
        self.context.journal_mut().log(Log { address: self.address, data });
        Ok(())
    }
}

/// Price of a log before topics and data (Yellow Paper, G_log).
const LOG_GAS: u64 = 375;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        environment::Environment,
        evm::{Control, build},
        memory_state::MemoryState,
        state::BlockState,
    };
    use alloy_primitives::{TxKind, hex};
    use revm::{
        DatabaseCommit, ExecuteEvm,
        context::{BlockEnv, CfgEnv, TxEnv, result::ExecutionResult},
    };

    const SENDER: Address = Address::repeat_byte(0xaa);
    const CALLER: Address = Address::repeat_byte(0xcc);
    const COUNTER: Address = Address::repeat_byte(0x71);

    /// Adds one to slot 0 and logs it; refuses static calls and delegation; reverts after writing if there is input.
    struct Counter;

    impl Precompile for Counter {
        fn call(
            &self,
            call: &PrecompileCall<'_>,
            host: &mut dyn PrecompileHost,
        ) -> Result<PrecompileOutput, PrecompileError> {
            if call.is_static || !call.is_direct {
                return Ok(PrecompileOutput::Revert(Bytes::new()));
            }
            host.charge(100)?;
            let next = host.load(U256::ZERO)?.saturating_add(U256::ONE);
            host.store(U256::ZERO, next)?;
            host.log(vec![B256::ZERO], Bytes::new())?;
            match call.input {
                [] => Ok(PrecompileOutput::Return(next.to_be_bytes_vec().into())),
                _ => Ok(PrecompileOutput::Revert(Bytes::copy_from_slice(call.input))),
            }
        }
    }

    /// Calls the counter, `code` being CALLER's, and returns result and the counter's slot.
    fn run(to: Address, code: &[u8], data: &'static [u8], gas_limit: u64) -> (ExecutionResult, Option<U256>) {
        let state = MemoryState::default().with(SENDER, 0, 1000, &[]).with(COUNTER, 1, 0, &hex!("5f5ffd"));
        let state = BlockState::new(state.with(CALLER, 1, 0, code));
        let set = PrecompileSet::new([(COUNTER, Arc::new(Counter) as Arc<dyn Precompile>)]);
        let precompiles = Precompiles::new(SpecId::OSAKA, set);
        let cfg = CfgEnv::new_with_spec(SpecId::OSAKA);
        let mut evm = build(
            state,
            Environment { cfg, block: BlockEnv::default(), net_gas_metering: false },
            precompiles,
            (),
            Control::default(),
        );
        let call = TxEnv { caller: SENDER, kind: TxKind::Call(to), data: data.into(), gas_limit, ..TxEnv::default() };
        let output = evm.transact(TxEnv { chain_id: Some(1), ..call }).unwrap();
        let state = &mut evm.ctx.journaled_state.database;
        state.commit(output.state);
        let changes = state.changes();
        let slot = changes.accounts.get(&COUNTER).and_then(|change| change.storage.get(&U256::ZERO).copied());
        (output.result, slot)
    }

    #[test]
    fn its_state_is_account_storage_priced_like_instructions() {
        let (result, slot) = run(COUNTER, &[], &[], 100_000);
        assert_eq!(slot, Some(U256::ONE));
        assert_eq!(result.logs().len(), 1);
        // Transaction, own charge, cold SLOAD, SSTORE of a warm fresh slot, log with a topic.
        assert_eq!(result.tx_gas_used(), 21_000 + 100 + 2_100 + 20_000 + 750);
    }

    #[test]
    fn a_revert_undoes_slots_and_logs_and_keeps_unused_gas() {
        let (result, slot) = run(COUNTER, &[], &[7], 100_000);
        assert!(matches!(&result, ExecutionResult::Revert { output, .. } if output[..] == [7]));
        assert_eq!((slot, result.logs().len()), (None, 0));
        assert!(result.tx_gas_used() < 50_000);
    }

    #[test]
    fn running_out_of_gas_burns_it_and_undoes_everything() {
        let (result, slot) = run(COUNTER, &[], &[], 40_000);
        assert!(result.is_halt(), "{result:?}");
        assert_eq!((slot, result.tx_gas_used()), (None, 40_000));
    }

    #[test]
    fn static_calls_and_delegated_ones_are_told_apart() {
        // Each calls the counter with the instruction given and returns its success flag.
        let code = |instruction: u8, value: &str| {
            let text = format!("5f5f5f5f{value}73{}620186a0{instruction:02x}5f5260205ff3", hex::encode(COUNTER));
            hex::decode(text).unwrap()
        };
        for (instruction, value, succeeds) in [(0xf1, "5f", true), (0xfa, "", false), (0xf4, "", false)] {
            let (result, slot) = run(CALLER, &code(instruction, value), &[], 200_000);
            let flag = result.output().map(|output| output[31] == 1);
            assert_eq!((flag, slot.is_some()), (Some(succeeds), succeeds), "{instruction:#x}");
        }
    }
}
