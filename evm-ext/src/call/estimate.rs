//! `eth_estimateGas`: a search for the least gas limit that makes a call succeed.
use super::{
    CallEnvironment, CallRequest, halt_message,
    machine::{Machine, RunError},
};
use crate::ExecutionError;
use alloy_primitives::U256;
use pervade_chainspec::params::TRANSACTION_GAS_MAX;
use revm::{
    context::{TxEnv, result::ExecutionResult},
    context_interface::result::HaltReason,
    primitives::hardfork::SpecId,
};

/// Gas of a plain transfer.
const TRANSFER_GAS: u64 = 21_000;
/// What a callee of a value transfer gets for free (Yellow Paper, G_callstipend).
const CALL_STIPEND: u64 = 2_300;
/// The search ends when its bounds are this near, in thousandths of the upper one.
const TOLERANCE_PER_MILLE: u64 = 15;

/// See [`super::estimate_gas`].
pub(super) fn estimate(environment: &CallEnvironment<'_>, request: &CallRequest) -> Result<u64, ExecutionError> {
    let mut machine = Machine::new(environment, ())?;
    let ask = request.gas.filter(|gas| *gas >= TRANSFER_GAS).unwrap_or(environment.header.gas_limit);
    let mut highest = ask.min(environment.gas_max);
    if machine.evm().ctx.cfg.spec.is_enabled_in(SpecId::OSAKA) {
        highest = highest.min(TRANSACTION_GAS_MAX);
    }
    let transaction = machine.transaction(environment.spec.chain_id(), request, highest)?;
    highest = highest.min(affordable_gas(&mut machine, &transaction)?);
    let run = |machine: &mut Machine<'_>, gas_limit: u64| match machine.run(TxEnv { gas_limit, ..transaction.clone() })
    {
        Ok(result) => Ok(Some(result)),
        Err(RunError::TooLittleGas(_)) => Ok(None),
        Err(RunError::Other(error)) => Err(error),
    };
    let succeeds = |machine: &mut Machine<'_>, gas_limit: u64| {
        run(machine, gas_limit).map(|result| result.is_some_and(|result| result.is_success()))
    };

    // A transfer to an account without code needs no search.
    if let Some(to) = request.to
        && request.input.is_empty()
        && highest >= TRANSFER_GAS
        && !machine.account(to)?.2
        && succeeds(&mut machine, TRANSFER_GAS)?
    {
        return Ok(TRANSFER_GAS);
    }

    let (used, spent) = match run(&mut machine, highest)? {
        Some(ExecutionResult::Success { gas, .. }) => (gas.tx_gas_used(), gas.total_gas_spent().max(gas.tx_gas_used())),
        Some(ExecutionResult::Revert { output, .. }) => return Err(ExecutionError::Reverted { output }),
        Some(ExecutionResult::Halt { reason, .. }) if !matches!(reason, HaltReason::OutOfGas(_)) => {
            return Err(ExecutionError::Halted { message: halt_message(&reason) });
        }
        _ => return Err(ExecutionError::GasAllowance { allowance: highest }),
    };
    let mut lowest = used.saturating_sub(1);
    // Calls keep a 64th of the gas back (EIP-150), so a little more than what was spent is the likely answer.
    let likely = spent.saturating_add(CALL_STIPEND).saturating_mul(64) / 63;
    if likely < highest {
        if succeeds(&mut machine, likely)? { highest = likely } else { lowest = likely }
    }
    while lowest.saturating_add(1) < highest {
        let width = highest.saturating_sub(lowest);
        if width.saturating_mul(1000) < highest.saturating_mul(TOLERANCE_PER_MILLE) {
            break;
        }
        // Most calls need little more than they use: the lower bound at most doubles.
        let middle = lowest.midpoint(highest).min(lowest.saturating_mul(2));
        if succeeds(&mut machine, middle)? { highest = middle } else { lowest = middle }
    }
    Ok(highest)
}

/// Gas that the sender's balance pays for at the price that the request offers.
fn affordable_gas(machine: &mut Machine<'_>, transaction: &TxEnv) -> Result<u64, ExecutionError> {
    if transaction.gas_price == 0 {
        return Ok(u64::MAX);
    }
    let (_, balance, _) = machine.account(transaction.caller)?;
    if transaction.value > U256::ZERO && transaction.value >= balance {
        return Err(ExecutionError::InvalidTransaction("insufficient funds for transfer".into()));
    }
    let left = balance.saturating_sub(transaction.value);
    Ok(left.checked_div(U256::from(transaction.gas_price)).map_or(u64::MAX, |gas| gas.saturating_to()))
}
