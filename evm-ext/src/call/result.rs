//! What a call came to.
use alloy_eips::eip2930::AccessList;
use alloy_primitives::Bytes;
use alloy_sol_types::{Panic, Revert, SolError};
use revm::{
    context::{
        BlockEnv, TxEnv,
        result::{ExecutionResult, HaltReason, OutOfGasError},
    },
    context_interface::result::InvalidTransaction,
    primitives::eip3860::MAX_INITCODE_SIZE,
};

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// With this output.
    Success {
        /// Returned bytes; the code, if a contract was created.
        output: Bytes,
    },
    /// REVERT with this output.
    Revert {
        /// ABI-encoded reason, usually.
        output: Bytes,
    },
    /// An exceptional halt, which burns all gas.
    Halt {
        /// In geth's words, for example `out of gas`.
        message: String,
        /// More gas could have helped.
        out_of_gas: bool,
    },
}

/// A call that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallResult {
    /// How it ended.
    pub outcome: CallOutcome,
    /// Gas used after refunds.
    pub gas_used: u64,
    /// Gas used at the highest point, before refunds.
    pub gas_spent: u64,
}

impl From<ExecutionResult> for CallResult {
    fn from(result: ExecutionResult) -> Self {
        let (gas, outcome) = match result {
            ExecutionResult::Success { gas, output, .. } => (gas, CallOutcome::Success { output: output.into_data() }),
            ExecutionResult::Revert { gas, output, .. } => (gas, CallOutcome::Revert { output }),
            ExecutionResult::Halt { gas, reason, .. } => {
                let out_of_gas = matches!(reason, HaltReason::OutOfGas(_));
                (gas, CallOutcome::Halt { message: halt_message(&reason), out_of_gas })
            }
        };
        Self { outcome, gas_used: gas.tx_gas_used(), gas_spent: gas.total_gas_spent() }
    }
}

/// Answer of `eth_createAccessList`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessListResult {
    /// Addresses and slots, sorted.
    pub access_list: AccessList,
    /// Gas used with that list.
    pub gas_used: u64,
    /// Why the call failed, if it did.
    pub error: Option<String>,
}

/// The text of `Error(string)` or the meaning of `Panic(uint256)` in a revert's output.
pub fn revert_reason(output: &[u8]) -> Option<String> {
    if let Ok(error) = Revert::abi_decode(output) {
        return Some(error.reason);
    }
    Some(Panic::abi_decode(output).ok()?.as_geth_str().into_owned())
}

/// An exceptional halt in geth's words.
pub fn halt_message(reason: &HaltReason) -> String {
    match reason {
        HaltReason::OutOfGas(OutOfGasError::MemoryLimit) => "gas uint64 overflow".into(),
        HaltReason::OutOfGas(_) => "out of gas".into(),
        HaltReason::OpcodeNotFound | HaltReason::InvalidFEOpcode => "invalid opcode: INVALID".into(),
        HaltReason::InvalidJump => "invalid jump destination".into(),
        HaltReason::StackUnderflow => "stack underflow".into(),
        HaltReason::StackOverflow => "stack limit reached 1024 (1023)".into(),
        HaltReason::OutOfOffset => "return data out of bounds".into(),
        HaltReason::CreateCollision => "contract address collision".into(),
        HaltReason::CreateContractSizeLimit => "max code size exceeded".into(),
        HaltReason::CreateContractStartingWithEF => "invalid code: must not begin with 0xef".into(),
        HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded".into(),
        HaltReason::NonceOverflow => "nonce uint64 overflow".into(),
        HaltReason::CallTooDeep => "max call depth exceeded".into(),
        HaltReason::OutOfFunds => "insufficient balance for transfer".into(),
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => "write protection".into(),
        HaltReason::PrecompileErrorWithContext(message) => message.clone(),
        other => format!("{other:?}"),
    }
}

/// Why a call's transaction is invalid, in geth's words.
pub(crate) fn invalid_message(invalid: &InvalidTransaction, tx: &TxEnv, block: &BlockEnv) -> String {
    use InvalidTransaction as Invalid;
    let from = tx.caller;
    match invalid {
        Invalid::LackOfFundForMaxFee { fee, balance } => {
            format!("insufficient funds for gas * price + value: address {from} have {balance} want {fee}")
        }
        Invalid::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}")
        }
        Invalid::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
            format!("insufficient gas for floor data gas cost: have {gas_limit}, want {gas_floor}")
        }
        Invalid::GasPriceLessThanBasefee => {
            let (max_fee, base_fee) = (tx.gas_price, block.basefee);
            format!(
                "max fee per gas less than block base fee: address {from}, maxFeePerGas: {max_fee}, baseFee: {base_fee}"
            )
        }
        Invalid::PriorityFeeGreaterThanMaxFee => {
            let (tip, max_fee) = (tx.gas_priority_fee.unwrap_or_default(), tx.gas_price);
            format!(
                "max priority fee per gas higher than max fee per gas: address {from}, maxPriorityFeePerGas: {tip}, \
                 maxFeePerGas: {max_fee}"
            )
        }
        Invalid::CreateInitCodeSizeLimit => {
            format!("max initcode size exceeded: code size {} limit {MAX_INITCODE_SIZE}", tx.data.len())
        }
        Invalid::NonceTooLow { tx, state } => format!("nonce too low: address {from}, tx: {tx} state: {state}"),
        Invalid::NonceTooHigh { tx, state } => format!("nonce too high: address {from}, tx: {tx} state: {state}"),
        Invalid::NonceOverflowInTransaction => format!("nonce has max value: address {from}, nonce: {}", tx.nonce),
        other => other.to_string(),
    }
}
