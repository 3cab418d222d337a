//! What a call came to.
use alloy_eips::eip2930::AccessList;
use alloy_primitives::Bytes;
use alloy_sol_types::{Panic, Revert, SolError};
use revm::context::result::{HaltReason, OutOfGasError};

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
