//! What a transaction must keep whatever the state is.
use crate::header::check_transaction_form;
use alloy_consensus::Transaction as _;
use alloy_evm::FromRecoveredTx;
use alloy_primitives::{Address, U256};
use pervade_chainspec::{BlockForks, ChainSpec, params::TRANSACTION_GAS_MAX};
use pervade_storage::Transaction;
use revm::{
    context::TxEnv,
    context_interface::cfg::GasParams,
    primitives::{eip3860::MAX_INITCODE_SIZE, hardfork::SpecId},
};

/// Gas that a transaction needs before its first instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntrinsicGas {
    /// For being a transaction, its data, lists and created contract.
    pub intrinsic: u64,
    /// Least gas that it uses, by its data (EIP-7623); zero before Prague.
    pub floor: u64,
}

/// Why a transaction is invalid whatever the state is. Words are geth's where geth has them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// Type, chain id or signature are not the fork's.
    #[error("{0}")]
    Form(&'static str),
    /// The bytes are no transaction.
    #[error("{0}")]
    Encoding(String),
    /// No key made the signature.
    #[error("invalid sender")]
    Signature,
    /// EIP-2681.
    #[error("nonce has max value")]
    NonceMax,
    /// EIP-7825.
    #[error("transaction gas limit too high (cap: {cap}, tx: {gas_limit})")]
    GasLimitCap {
        /// Allowed.
        cap: u64,
        /// The transaction's.
        gas_limit: u64,
    },
    /// EIP-1559.
    #[error("max priority fee per gas higher than max fee per gas")]
    TipAboveCap,
    /// What its gas can cost has more than 256 bits.
    #[error("gas limit times price exceeds 256 bits")]
    CostOverflow,
    /// EIP-3860.
    #[error("max initcode size exceeded: code size {bytes} limit {MAX_INITCODE_SIZE}")]
    InitcodeSize {
        /// The transaction's.
        bytes: usize,
    },
    /// EIP-4844, EIP-7594.
    #[error("{0}")]
    Blobs(&'static str),
    /// EIP-7702.
    #[error("EIP-7702 transaction with empty auth list")]
    NoAuthorization,
    /// The gas limit does not cover the intrinsic gas.
    #[error("intrinsic gas too low: have {gas_limit}, want {needed}")]
    IntrinsicGas {
        /// The transaction's.
        gas_limit: u64,
        /// Least possible.
        needed: u64,
    },
    /// EIP-7623.
    #[error("insufficient gas for floor data gas cost: have {gas_limit}, want {needed}")]
    FloorGas {
        /// The transaction's.
        gas_limit: u64,
        /// Least possible.
        needed: u64,
    },
}

/// Checks all rules of a transaction that do not depend on the state, for a block with these forks.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_transaction(
    spec: &ChainSpec,
    transaction: &Transaction,
    forks: &BlockForks<'_>,
) -> Result<IntrinsicGas, AdmissionError> {
    check_transaction_form(spec, transaction, forks).map_err(AdmissionError::Form)?;
    let spec_id = forks.spec_id();
    if transaction.nonce() == u64::MAX {
        return Err(AdmissionError::NonceMax);
    }
    let gas_limit = transaction.gas_limit();
    if spec_id.is_enabled_in(SpecId::OSAKA) && gas_limit > TRANSACTION_GAS_MAX {
        return Err(AdmissionError::GasLimitCap { cap: TRANSACTION_GAS_MAX, gas_limit });
    }
    if transaction.max_priority_fee_per_gas().is_some_and(|tip| tip > transaction.max_fee_per_gas()) {
        return Err(AdmissionError::TipAboveCap);
    }
    if U256::from(gas_limit).checked_mul(U256::from(transaction.max_fee_per_gas())).is_none() {
        return Err(AdmissionError::CostOverflow);
    }
    let bytes = transaction.input().len();
    if spec_id.is_enabled_in(SpecId::SHANGHAI) && transaction.is_create() && bytes > MAX_INITCODE_SIZE {
        return Err(AdmissionError::InitcodeSize { bytes });
    }
    check_lists(transaction, forks)?;
    let gas = intrinsic_gas(transaction, spec_id);
    if gas.intrinsic > gas_limit {
        return Err(AdmissionError::IntrinsicGas { gas_limit, needed: gas.intrinsic });
    }
    if gas.floor > gas_limit {
        return Err(AdmissionError::FloorGas { gas_limit, needed: gas.floor });
    }
    Ok(gas)
}

fn check_lists(transaction: &Transaction, forks: &BlockForks<'_>) -> Result<(), AdmissionError> {
    if let Some(hashes) = transaction.blob_versioned_hashes() {
        let max = forks.blob_params().map_or(0, |params| params.max_blobs_per_tx);
        if hashes.is_empty() {
            return Err(AdmissionError::Blobs("blob transaction without blobs"));
        }
        if u64::try_from(hashes.len()).is_ok_and(|count| count > max) {
            return Err(AdmissionError::Blobs("too many blobs in transaction"));
        }
        if hashes.iter().any(|hash| hash.first() != Some(&BLOB_HASH_VERSION)) {
            return Err(AdmissionError::Blobs("blob hash version mismatch"));
        }
    }
    match transaction.authorization_list() {
        Some([]) => Err(AdmissionError::NoAuthorization),
        _ => Ok(()),
    }
}

/// First byte of a blob's hash (EIP-4844).
const BLOB_HASH_VERSION: u8 = 1;

/// Gas that a transaction needs before its first instruction.
pub fn intrinsic_gas(transaction: &Transaction, spec_id: SpecId) -> IntrinsicGas {
    let gas =
        GasParams::new_spec(spec_id).initial_tx_gas_for_tx(TxEnv::from_recovered_tx(transaction, Address::ZERO), None);
    let floor = if spec_id.is_enabled_in(SpecId::PRAGUE) { gas.floor_gas() } else { 0 };
    IntrinsicGas { intrinsic: gas.initial_total_gas(), floor }
}
