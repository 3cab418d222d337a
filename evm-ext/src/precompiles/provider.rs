//! What revm asks for: Ethereum's precompiles of the fork, then this project's own.
use super::{Frame, Precompile, PrecompileCall, PrecompileError, implemented, journal_host::JournalHost};
use crate::{
    evm::PervadeContext,
    governance::fork_time_in,
    state::{BlockState, StateError},
};
use alloy_primitives::{Address, Bytes};
use pervade_chainspec::{BlockForks, ChainSpec, PervadeConfig};
use pervade_storage::StateReader;
use revm::{
    context_interface::Block,
    handler::{EthPrecompiles, PrecompileProvider},
    interpreter::{CallInputs, Gas, InstructionResult, InterpreterResult},
    primitives::{AddressSet, hardfork::SpecId},
};
use std::{fmt, sync::Arc};

/// This project's precompiles that are active in a block.
#[derive(Clone, Default)]
pub struct PrecompileSet {
    /// `None`: not a chain of ours, and no precompiles.
    chain: Option<Arc<PervadeConfig>>,
    by_address: Vec<(Address, &'static dyn Precompile)>,
}

impl PrecompileSet {
    /// A set of these on a chain with these settings.
    pub fn new(
        chain: Arc<PervadeConfig>,
        precompiles: impl IntoIterator<Item = (Address, &'static dyn Precompile)>,
    ) -> Self {
        Self { chain: Some(chain), by_address: precompiles.into_iter().collect() }
    }

    /// Those of a chain that are active in a block: what is implemented, from when genesis or a vote says. `state` is
    /// that of the block.
    pub(crate) fn active<R: StateReader>(
        spec: &ChainSpec,
        forks: &BlockForks<'_>,
        state: &mut BlockState<R>,
    ) -> Result<Self, StateError> {
        let Some(chain) = spec.pervade_shared() else { return Ok(Self::default()) };
        let mut by_address = Vec::new();
        for (address, precompile) in implemented().iter().copied() {
            let mut active = chain.precompile_active(address, forks.number, forks.timestamp);
            if !active {
                let voted = fork_time_in(spec, state, address, forks.number)?;
                active = voted.is_some_and(|time| forks.timestamp >= time);
            }
            if active {
                by_address.push((address, precompile));
            }
        }
        Ok(Self { chain: Some(chain), by_address })
    }

    fn get(&self, address: Address) -> Option<(&PervadeConfig, &'static dyn Precompile)> {
        let (_, precompile) = self.by_address.iter().find(|(own, _)| *own == address)?;
        Some((self.chain.as_ref()?, *precompile))
    }

    fn addresses(&self) -> impl Iterator<Item = Address> {
        self.by_address.iter().map(|(address, _)| *address)
    }
}

impl fmt::Debug for PrecompileSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut addresses: Vec<_> = self.addresses().collect();
        addresses.sort_unstable();
        f.debug_tuple("PrecompileSet").field(&addresses).finish()
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Precompiles {
    ethereum: EthPrecompiles,
    own: PrecompileSet,
    /// Answer at another address instead, or nowhere (state overrides of calls).
    moved: Vec<(Address, Option<Address>)>,
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
        let known = self.ethereum.contains(&from) || self.own.get(from).is_some();
        if known {
            self.moved.push((from, Some(to)));
            self.refresh();
        }
        known
    }

    /// Lets an account be what its override says. One of Ethereum's precompiles whose account is overridden in any way
    /// answers no more, as in geth; of this project's, whose accounts have storage, only one that gets other code.
    pub(crate) fn give_way(&mut self, address: Address, has_code: bool) {
        if self.ethereum.contains(&address) || (has_code && self.own.get(address).is_some()) {
            self.moved.push((address, None));
            self.refresh();
        }
    }

    /// Whether one of our own answers at an address.
    pub(crate) fn is_active(&self, address: Address) -> bool {
        self.own.get(address).is_some()
    }

    fn refresh(&mut self) {
        if self.own.by_address.is_empty() && self.moved.is_empty() {
            self.warm = None;
            return;
        }
        let mut warm = self.ethereum.warm_addresses().clone();
        warm.extend(self.own.addresses());
        for (from, to) in &self.moved {
            warm.remove(from);
            warm.extend(*to);
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
        if let Some((from, _)) = self.moved.iter().find(|(_, to)| *to == Some(address)) {
            address = *from;
        } else if self.moved.iter().any(|(from, _)| *from == address) {
            return Ok(None);
        }
        match self.own.get(address) {
            Some((chain, precompile)) => run_own(chain, address, precompile, context, inputs).map(Some),
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
    chain: &PervadeConfig,
    address: Address,
    precompile: &dyn Precompile,
    context: &mut PervadeContext<R>,
    inputs: &CallInputs,
) -> Result<InterpreterResult, String> {
    let input = inputs.input.bytes(context);
    let call = PrecompileCall {
        caller: inputs.caller,
        value: inputs.call_value(),
        is_static: inputs.is_static,
        is_direct: inputs.target_address == inputs.bytecode_address,
        ..in_block(chain, address, context, &input)
    };
    let mut host = JournalHost { context, gas: Gas::new(inputs.gas_limit) };
    let answer = precompile.call(&mut Frame::new(call, &mut host));
    let mut gas = host.gas;
    let (result, output) = match answer {
        Ok(output) => (InstructionResult::Return, output),
        Err(PrecompileError::Revert(output)) => (InstructionResult::Revert, output),
        Err(PrecompileError::OutOfGas) => {
            gas.spend_all();
            (InstructionResult::PrecompileOOG, Bytes::new())
        }
        Err(PrecompileError::State(error)) => return Err(context.chain.fail(error)),
    };
    Ok(InterpreterResult { result, output, gas })
}

/// Runs a step of the protocol inside a transaction, as the precompile at `address`, with gas of its own; answers what
/// it used of it.
pub(crate) fn run_as_protocol<R: StateReader, T>(
    context: &mut PervadeContext<R>,
    chain: &PervadeConfig,
    address: Address,
    gas_limit: u64,
    body: impl FnOnce(&mut Frame<'_>) -> Result<T, PrecompileError>,
) -> Result<(T, u64), PrecompileError> {
    let call = in_block(chain, address, context, &[]);
    let mut host = JournalHost { context, gas: Gas::new(gas_limit) };
    let value = body(&mut Frame::new(call, &mut host))?;
    Ok((value, host.gas.total_gas_spent()))
}

/// A call of a precompile in the block and transaction of a context.
fn in_block<'a, R: StateReader>(
    chain: &'a PervadeConfig,
    address: Address,
    context: &PervadeContext<R>,
    input: &'a [u8],
) -> PrecompileCall<'a> {
    PrecompileCall {
        chain_id: context.cfg.chain_id,
        origin: context.tx.caller,
        block_number: context.block.number().saturating_to(),
        block_timestamp: context.block.timestamp().saturating_to(),
        base_fee: context.block.basefee(),
        beneficiary: context.block.beneficiary(),
        ..PrecompileCall::new(chain, address, input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        environment::Environment,
        evm::{Control, build},
        memory_state::MemoryState,
        state::BlockState,
    };
    use alloy_primitives::{TxKind, U256, hex};
    use revm::{
        DatabaseCommit, ExecuteEvm,
        context::{BlockEnv, CfgEnv, TxEnv, result::ExecutionResult},
    };

    const SENDER: Address = Address::repeat_byte(0xaa);
    const CALLER: Address = Address::repeat_byte(0xcc);
    const COUNTER: Address = Address::repeat_byte(0x71);

    alloy_sol_types::sol! {
        event Counted();
    }

    /// Adds one to slot 0 and logs it; refuses static calls and delegation; reverts after writing if there is input.
    struct Counter;

    impl Precompile for Counter {
        fn call(&self, frame: &mut Frame<'_>) -> Result<Bytes, PrecompileError> {
            if frame.call().is_static || !frame.call().is_direct {
                return Err(PrecompileError::Revert(Bytes::new()));
            }
            frame.charge(100)?;
            let next = frame.load(COUNTER, U256::ZERO)?.saturating_add(U256::ONE);
            frame.store(COUNTER, U256::ZERO, next)?;
            frame.emit(COUNTER, &Counted {})?;
            match frame.call().input {
                [] => Ok(next.to_be_bytes_vec().into()),
                input => Err(PrecompileError::Revert(Bytes::copy_from_slice(input))),
            }
        }
    }

    /// Calls the counter, `code` being CALLER's, and returns result and the counter's slot.
    fn run(to: Address, code: &[u8], data: &'static [u8], gas_limit: u64) -> (ExecutionResult, Option<U256>) {
        let state = MemoryState::default().with(SENDER, 0, 1000, &[]).with(COUNTER, 1, 0, &hex!("5f5ffd"));
        let state = BlockState::new(state.with(CALLER, 1, 0, code));
        let chain = Arc::new(PervadeConfig::new(Vec::new(), 30_000_000));
        let set = PrecompileSet::new(chain, [(COUNTER, &Counter as &'static dyn Precompile)]);
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
