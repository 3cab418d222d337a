//! The ten development accounts, and signed transactions of theirs.
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};

/// Chain id of `pervade node --dev`.
pub const DEV_CHAIN_ID: u64 = 1337;
const MNEMONIC: &str = "test test test test test test test test test test test junk";
const DEV_ACCOUNTS: u32 = 10;

/// What a transaction offers, wei per gas.
#[derive(Debug, Clone, Copy)]
pub struct Fees {
    /// Ceiling of base fee and tip together.
    pub max_fee: u128,
    /// Tip.
    pub tip: u128,
}

impl Default for Fees {
    /// Far above any base fee of a development chain.
    fn default() -> Self {
        Self { max_fee: 100_000_000_000, tip: 1_000_000_000 }
    }
}

/// The development account with this index, 0 to 9.
///
/// # Panics
/// Never: mnemonic and path are constants.
pub fn dev_account(index: u32) -> PrivateKeySigner {
    MnemonicBuilder::from_phrase_nth(MNEMONIC, index)
}

/// All ten.
pub fn dev_accounts() -> Vec<PrivateKeySigner> {
    (0..DEV_ACCOUNTS).map(dev_account).collect()
}

/// Signs a transfer of ether. Returns the transaction's hash and its encoding (EIP-2718).
pub fn sign_transfer(
    signer: &PrivateKeySigner,
    chain_id: u64,
    nonce: u64,
    to: Address,
    value: U256,
    fees: Fees,
) -> (B256, Bytes) {
    sign(signer, chain_id, nonce, TxKind::Call(to), value, Bytes::new(), 21_000, fees)
}

/// Signs a call of a contract.
pub fn sign_call(
    signer: &PrivateKeySigner,
    chain_id: u64,
    nonce: u64,
    to: Address,
    input: Bytes,
    gas: u64,
    fees: Fees,
) -> (B256, Bytes) {
    sign(signer, chain_id, nonce, TxKind::Call(to), U256::ZERO, input, gas, fees)
}

/// Signs the creation of a contract; its address is `signer.address().create(nonce)`.
pub fn sign_deploy(
    signer: &PrivateKeySigner,
    chain_id: u64,
    nonce: u64,
    code: Bytes,
    gas: u64,
    fees: Fees,
) -> (B256, Bytes) {
    sign(signer, chain_id, nonce, TxKind::Create, U256::ZERO, code, gas, fees)
}

/// Signs any call or creation, with value.
#[expect(clippy::too_many_arguments, reason = "the fields of a transaction")]
pub fn sign(
    signer: &PrivateKeySigner,
    chain_id: u64,
    nonce: u64,
    to: TxKind,
    value: U256,
    input: Bytes,
    gas_limit: u64,
    fees: Fees,
) -> (B256, Bytes) {
    let transaction = TxEip1559 {
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas: fees.max_fee,
        max_priority_fee_per_gas: fees.tip,
        to,
        value,
        input,
        ..Default::default()
    };
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).expect("a local key signs any hash");
    let signed = TxEnvelope::from(transaction.into_signed(signature));
    (*signed.tx_hash(), signed.encoded_2718().into())
}
