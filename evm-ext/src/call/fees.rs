//! Fees and type of a request.
use super::CallRequest;
use crate::ExecutionError;
use alloy_consensus::TxType;

/// What a request offers, wei.
pub(super) struct Fees {
    pub(super) max_per_gas: u128,
    pub(super) max_priority_per_gas: Option<u128>,
    pub(super) max_per_blob_gas: u128,
}

impl Fees {
    /// Nothing is offered, so that nothing is charged.
    pub(super) fn is_free(&self) -> bool {
        self.max_per_gas == 0 && self.max_priority_per_gas.unwrap_or_default() == 0
    }
}

/// Reads the fee fields.
///
/// # Errors
/// Both kinds of fees, or a tip above the cap.
pub(super) fn of(request: &CallRequest) -> Result<Fees, ExecutionError> {
    let refuse = |message: &str| Err(ExecutionError::InvalidTransaction(message.into()));
    let dynamic = request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
    if request.gas_price.is_some() && dynamic {
        return refuse("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
    }
    let max_priority_per_gas = dynamic.then(|| request.max_priority_fee_per_gas.unwrap_or_default());
    let max_per_gas = if dynamic { request.max_fee_per_gas } else { request.gas_price }.unwrap_or_default();
    let max_per_blob_gas = request.max_fee_per_blob_gas.unwrap_or_default();
    Ok(Fees { max_per_gas, max_priority_per_gas, max_per_blob_gas })
}

/// The least type that can hold the request's fields.
pub(super) fn transaction_type(request: &CallRequest) -> u8 {
    let transaction_type = if request.authorization_list.is_some() {
        TxType::Eip7702
    } else if request.blob_versioned_hashes.is_some() {
        TxType::Eip4844
    } else if request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some() {
        TxType::Eip1559
    } else if request.access_list.is_some() {
        TxType::Eip2930
    } else {
        TxType::Legacy
    };
    transaction_type.into()
}
