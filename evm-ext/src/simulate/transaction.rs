//! A call as a transaction: without a signature, but otherwise as it would stand in a block.
use super::{SimulationError, TransactionRule};
use crate::{CallRequest, ExecutionError};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip4844, TxEip7702, TxLegacy};
use alloy_primitives::{Address, Signature, TxKind, U256};
use pervade_storage::Transaction;
use revm::context_interface::result::InvalidTransaction;

/// What a request leaves to whoever runs it.
pub(super) struct Defaults {
    pub(super) chain_id: u64,
    pub(super) nonce: u64,
    pub(super) gas_limit: u64,
}

/// The transaction that a request stands for: one with EIP-1559 fees, unless it names what only another type has.
///
/// # Errors
/// Two kinds of fees; another chain; a blob or a delegating transaction that creates a contract.
pub(super) fn unsigned(request: &CallRequest, defaults: &Defaults) -> Result<Transaction, ExecutionError> {
    let refuse = |reason: String| Err(ExecutionError::InvalidTransaction(reason));
    let Defaults { chain_id, nonce, gas_limit } = *defaults;
    if let Some(have) = request.chain_id.filter(|id| *id != chain_id) {
        return refuse(format!("chainId does not match node's (have={have}, want={chain_id})"));
    }
    let dynamic = request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
    if request.gas_price.is_some() && dynamic {
        return refuse("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified".into());
    }
    let to = request.to.map_or(TxKind::Create, TxKind::Call);
    let value = request.value.unwrap_or_default();
    let (input, access_list) = (request.input.clone(), request.access_list.clone().unwrap_or_default());
    let max_fee_per_gas = request.max_fee_per_gas.unwrap_or_default();
    let max_priority_fee_per_gas = request.max_priority_fee_per_gas.unwrap_or_default();
    let callee = |kind: &str| match request.to {
        Some(to) => Ok(to),
        None => Err(ExecutionError::InvalidTransaction(format!("{kind} transaction of type create not allowed"))),
    };
    Ok(if let Some(gas_price) = request.gas_price {
        sign(TxLegacy { chain_id: None, nonce, gas_price, gas_limit, to, value, input })
    } else if let Some(authorization_list) = request.authorization_list.clone() {
        let to: Address = callee("EIP-7702")?;
        sign(TxEip7702 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            authorization_list,
            input,
        })
    } else if let Some(blob_versioned_hashes) = request.blob_versioned_hashes.clone() {
        let to: Address = callee("blob")?;
        sign(TxEip4844 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            blob_versioned_hashes,
            max_fee_per_blob_gas: request.max_fee_per_blob_gas.unwrap_or_default(),
            input,
        })
    } else {
        sign(TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            input,
        })
    })
}

/// With a signature of zeros: nobody signed it.
fn sign<T: SignableTransaction<Signature>>(transaction: T) -> Transaction
where
    Transaction: From<alloy_consensus::Signed<T>>,
{
    transaction.into_signed(Signature::new(U256::ZERO, U256::ZERO, false)).into()
}

/// The rule that an invalid transaction breaks.
pub(super) fn rule(invalid: &InvalidTransaction) -> TransactionRule {
    use InvalidTransaction as Invalid;
    match invalid {
        Invalid::NonceTooLow { .. } => TransactionRule::NonceTooLow,
        Invalid::NonceTooHigh { .. } => TransactionRule::NonceTooHigh,
        Invalid::GasPriceLessThanBasefee => TransactionRule::FeeCapTooLow,
        Invalid::CallGasCostMoreThanGasLimit { .. } | Invalid::GasFloorMoreThanGasLimit { .. } => {
            TransactionRule::IntrinsicGas
        }
        Invalid::LackOfFundForMaxFee { .. } => TransactionRule::Funds,
        Invalid::CreateInitCodeSizeLimit => TransactionRule::InitCodeSize,
        Invalid::PriorityFeeGreaterThanMaxFee => TransactionRule::TipAboveFeeCap,
        _ => TransactionRule::Other,
    }
}

/// A refused call, with its gas limit as geth tells it.
pub(super) fn refused(rule: TransactionRule, message: String, gas_limit: u64) -> SimulationError {
    SimulationError::Transaction { rule, message, gas_limit }
}
