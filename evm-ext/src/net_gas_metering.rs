//! SSTORE as Constantinople priced it (EIP-1283), before Petersburg took it back. revm knows no Constantinople.
use crate::evm::PervadeContext;
use pervade_storage::StateReader;
use revm::{
    context::CfgEnv,
    context_interface::{
        cfg::gas_params::GasId,
        context::{SStoreResult, StateLoad},
    },
    interpreter::{
        InstructionContext, InstructionExecResult, InstructionResult, instructions::host::sstore_with_gas_accounting,
        interpreter::EthInterpreter,
    },
};

/// A write that changes nothing, or not for the first time in the transaction.
const DIRTY_GAS: u64 = 200;
/// First write of a slot that was zero.
const FRESH_GAS: u64 = 20_000;
/// First write of a slot that was not zero.
const RESET_GAS: u64 = 5_000;
/// Given back for clearing a slot, and taken again if it is set once more.
const CLEAR_REFUND: i64 = 15_000;
/// Given back when a slot that was zero is zero again.
const RESTORE_FRESH_REFUND: i64 = 19_800;
/// Given back when a slot has its first value again.
const RESTORE_RESET_REFUND: i64 = 4_800;

/// Sets the price that every SSTORE pays at least.
pub(crate) fn set_base_price(cfg: &mut CfgEnv) {
    cfg.gas_params.override_gas([(GasId::sstore_static(), DIRTY_GAS)]);
}

/// The instruction.
pub(crate) fn sstore<R: StateReader>(
    context: InstructionContext<'_, PervadeContext<R>, EthInterpreter>,
) -> InstructionExecResult {
    sstore_with_gas_accounting(context, |context, _, stored: &StateLoad<SStoreResult>| {
        let (price, refund) = price(&stored.data);
        let gas = &mut context.interpreter.gas;
        if !gas.record_regular_cost(price.saturating_sub(DIRTY_GAS)) {
            return Err(InstructionResult::OutOfGas);
        }
        gas.record_refund(refund);
        Ok(())
    })
}

/// Gas and refund of a write, as the EIP lists its cases.
fn price(slot: &SStoreResult) -> (u64, i64) {
    let SStoreResult { original_value: original, present_value: current, new_value: new } = *slot;
    if current == new {
        return (DIRTY_GAS, 0);
    }
    if original == current {
        return match (original.is_zero(), new.is_zero()) {
            (true, _) => (FRESH_GAS, 0),
            (false, true) => (RESET_GAS, CLEAR_REFUND),
            (false, false) => (RESET_GAS, 0),
        };
    }
    let clearing = match (original.is_zero(), current.is_zero(), new.is_zero()) {
        (false, true, _) => CLEAR_REFUND.saturating_neg(),
        (false, false, true) => CLEAR_REFUND,
        _ => 0,
    };
    let restoring = match (original == new, original.is_zero()) {
        (true, true) => RESTORE_FRESH_REFUND,
        (true, false) => RESTORE_RESET_REFUND,
        (false, _) => 0,
    };
    (DIRTY_GAS, clearing.saturating_add(restoring))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        environment::Environment,
        evm::{Control, build},
        memory_state::MemoryState,
        precompiles::{PrecompileSet, Precompiles},
        state::BlockState,
    };
    use alloy_primitives::{Address, TxKind, U256};
    use revm::{
        ExecuteEvm,
        context::{BlockEnv, TxEnv},
        primitives::hardfork::SpecId,
    };

    const SENDER: Address = Address::repeat_byte(0xaa);
    const CONTRACT: Address = Address::repeat_byte(0xcc);

    /// Gas and refund of writing these values to slot 0, which holds `original`.
    fn run(original: u64, writes: &[u8]) -> (u64, u64) {
        let mut code = Vec::new();
        for value in writes {
            code.extend([0x60, *value, 0x60, 0x00, 0x55]); // PUSH1 value, PUSH1 0, SSTORE
        }
        let state = MemoryState::default().with(SENDER, 0, 0, &[]).with(CONTRACT, 1, 0, &code);
        let state = BlockState::new(state.with_slot(CONTRACT, 0, original));
        let mut cfg = CfgEnv::new_with_spec(SpecId::PETERSBURG);
        set_base_price(&mut cfg);
        let environment = Environment { cfg, block: BlockEnv::default(), net_gas_metering: true };
        let precompiles = Precompiles::new(SpecId::PETERSBURG, PrecompileSet::default());
        let mut evm = build(state, environment, precompiles, (), Control::default());
        let call = TxEnv { caller: SENDER, kind: TxKind::Call(CONTRACT), gas_limit: 1_000_000, ..TxEnv::default() };
        let result = evm.transact(TxEnv { chain_id: Some(1), value: U256::ZERO, ..call }).unwrap().result;
        let pushes = 2 * 3 * writes.len() as u64;
        (result.gas().total_gas_spent() - 21_000 - pushes, result.gas().inner_refunded())
    }

    #[test]
    fn prices_are_those_of_the_eips_table() {
        let cases: [(u64, &[u8], u64, u64); 15] = [
            (0, &[0, 0], 400, 0),
            (0, &[0, 1], 20_200, 0),
            (0, &[1, 0], 20_200, 19_800),
            (0, &[1, 2], 20_200, 0),
            (0, &[1, 1], 20_200, 0),
            (1, &[0, 0], 5_200, 15_000),
            (1, &[0, 1], 5_200, 4_800),
            (1, &[0, 2], 5_200, 0),
            (1, &[2, 0], 5_200, 15_000),
            (1, &[2, 3], 5_200, 0),
            (1, &[2, 1], 5_200, 4_800),
            (1, &[2, 2], 5_200, 0),
            (1, &[1, 0], 5_200, 15_000),
            (0, &[1, 0, 1], 40_200, 19_800),
            (1, &[0, 1, 0], 10_200, 19_800),
        ];
        for (original, writes, gas, refund) in cases {
            // Half of what was spent can be given back at most (before EIP-3529).
            let cap = (gas + 21_000 + 6 * writes.len() as u64) / 2;
            assert_eq!(run(original, writes), (gas, refund.min(cap)), "{original} -> {writes:?}");
        }
    }
}
