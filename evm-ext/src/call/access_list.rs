//! `eth_createAccessList`: the list with which a call touches nothing that is not on it.
use super::{AccessListResult, CallEnvironment, CallRequest, halt_message, machine::Machine};
use crate::{ExecutionError, evm::PervadeContext};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, U256};
use pervade_storage::StateReader;
use revm::{
    Inspector,
    bytecode::opcode as op,
    context::{TxEnv, result::ExecutionResult},
    handler::PrecompileProvider,
    interpreter::{
        Interpreter,
        interpreter::EthInterpreter,
        interpreter_types::{InputsTr, Jumps},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Runs until the list is stable. Each adds what the gas or the warmth of the one before opened.
const ROUNDS_MAX: usize = 16;

type Touched = BTreeMap<Address, BTreeSet<B256>>;

/// See [`super::create_access_list`].
pub(super) fn create(
    environment: &CallEnvironment<'_>,
    request: &CallRequest,
) -> Result<AccessListResult, ExecutionError> {
    let mut machine = Machine::new(environment, AccessRecorder::default())?;
    let mut request = request.clone();
    // A transaction with a list has at least type 1.
    let given = request.access_list.take().unwrap_or_default();
    request.access_list = Some(AccessList::default());
    let gas_limit = request.gas.unwrap_or(environment.gas_max).min(environment.gas_max);
    let transaction = machine.transaction(environment.spec.chain_id(), &request, gas_limit)?;
    let free = free_addresses(&mut machine, &request)?;
    let recorder = machine.inspector_mut();
    recorder.free = free;
    for item in given.0 {
        recorder.touch(item.address);
        for slot in item.storage_keys {
            recorder.touched.entry(item.address).or_default().insert(slot);
        }
    }
    let mut round = 0usize;
    loop {
        let before = machine.inspector_mut().touched.clone();
        let access_list = list(&before);
        let result = machine.inspect(TxEnv { access_list: access_list.clone(), ..transaction.clone() })?;
        round = round.saturating_add(1);
        if machine.inspector_mut().touched != before && round < ROUNDS_MAX {
            continue;
        }
        let error = match &result {
            ExecutionResult::Success { .. } => None,
            ExecutionResult::Revert { .. } => Some("execution reverted".into()),
            ExecutionResult::Halt { reason, .. } => Some(halt_message(reason)),
        };
        return Ok(AccessListResult { access_list, gas_used: result.tx_gas_used(), error });
    }
}

/// Addresses that are warm without a list: sender, callee or created contract, precompiles, authorities.
fn free_addresses(
    machine: &mut Machine<'_, AccessRecorder>,
    request: &CallRequest,
) -> Result<BTreeSet<Address>, ExecutionError> {
    let from = request.from.unwrap_or_default();
    let callee = match request.to {
        Some(to) => to,
        None => from.create(request.nonce.map_or_else(|| machine.account(from).map(|account| account.0), Ok)?),
    };
    let mut free = BTreeSet::from([from, callee]);
    free.extend(PrecompileProvider::<PervadeContext<&pervade_storage::StateView>>::warm_addresses(
        &machine.evm().precompiles,
    ));
    let authorizations = request.authorization_list.iter().flatten();
    free.extend(authorizations.filter_map(|authorization| authorization.recover_authority().ok()));
    Ok(free)
}

fn list(touched: &Touched) -> AccessList {
    let items = touched
        .iter()
        .map(|(address, slots)| AccessListItem { address: *address, storage_keys: slots.iter().copied().collect() });
    AccessList(items.collect())
}

/// Notes addresses and slots that instructions are about to touch.
#[derive(Default)]
struct AccessRecorder {
    free: BTreeSet<Address>,
    touched: Touched,
}

impl AccessRecorder {
    fn touch(&mut self, address: Address) {
        if !self.free.contains(&address) {
            self.touched.entry(address).or_default();
        }
    }
}

impl<R: StateReader> Inspector<PervadeContext<R>, EthInterpreter> for AccessRecorder {
    fn step(&mut self, interpreter: &mut Interpreter<EthInterpreter>, _: &mut PervadeContext<R>) {
        let from_top = |index: usize| interpreter.stack.peek(index).ok();
        let address = |word: U256| Address::from_word(word.into());
        match interpreter.bytecode.opcode() {
            op::SLOAD | op::SSTORE => {
                if let Some(slot) = from_top(0) {
                    let target = interpreter.input.target_address();
                    self.touched.entry(target).or_default().insert(slot.into());
                }
            }
            op::BALANCE | op::EXTCODESIZE | op::EXTCODECOPY | op::EXTCODEHASH | op::SELFDESTRUCT => {
                if let Some(word) = from_top(0) {
                    self.touch(address(word));
                }
            }
            op::CALL | op::CALLCODE | op::DELEGATECALL | op::STATICCALL => {
                if let Some(word) = from_top(1) {
                    self.touch(address(word));
                }
            }
            _ => {}
        }
    }
}
