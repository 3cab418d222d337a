//! What the tests share: keys, transactions, rules and a chain in memory.
mod blobs;
mod journal;
mod model;
mod pool;
mod rules;
mod state;

use crate::{
    PoolConfig, PoolError, PooledTransaction,
    head::Chain,
    rules::NextBlockRules,
    sender::SenderAccount,
    state::{AccountAt, PoolState},
};
use alloy_consensus::{Header, SignableTransaction, TxEip1559, TxLegacy, crypto::secp256k1::sign_message};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use parking_lot::Mutex;
use pervade_storage::{Account, Transaction};
use revm::{context_interface::cfg::GasParams, primitives::hardfork::SpecId};
use std::{collections::BTreeMap, sync::Arc, time::Instant};

pub(super) const CHAIN_ID: u64 = 1337;
pub(super) const BLOCK_GAS: u64 = 30_000_000;

pub(super) fn rules_of(fork: SpecId) -> NextBlockRules {
    NextBlockRules {
        chain_id: CHAIN_ID,
        fork,
        takes_blobs: false,
        gas_params: GasParams::new_spec(fork),
        base_fee: Some(0),
        gas_limit: BLOCK_GAS,
        min_tip: 0,
    }
}

/// Of one of Ethereum's own chains.
pub(super) fn rules_with_blobs(fork: SpecId) -> NextBlockRules {
    NextBlockRules { takes_blobs: true, ..rules_of(fork) }
}

pub(super) fn config() -> PoolConfig {
    PoolConfig {
        sender_transactions_max: 16,
        transactions_max: 1_000,
        bytes_max: 1 << 20,
        price_bump_percent: 10,
        queued_lifetime_s: 60,
        min_tip: 0,
    }
}

pub(super) fn state(config: PoolConfig) -> PoolState {
    PoolState::new(config, Arc::new(rules_of(SpecId::OSAKA)), 0)
}

pub(super) fn key(index: u64) -> B256 {
    keccak256(index.to_be_bytes())
}

/// Address of `key(index)`.
pub(super) fn address(index: u64) -> Address {
    let tx = transfer(0, 1, 1);
    let signed = sign(index, tx);
    alloy_consensus::transaction::SignerRecoverable::recover_signer(&signed).unwrap()
}

pub(super) fn transfer(nonce: u64, fee_cap: u128, tip_cap: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: fee_cap,
        max_priority_fee_per_gas: tip_cap,
        to: TxKind::Call(Address::repeat_byte(0x11)),
        ..Default::default()
    }
}

pub(super) fn legacy(nonce: u64, gas_price: u128) -> TxLegacy {
    TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce,
        gas_price,
        gas_limit: 21_000,
        to: TxKind::Call(Address::repeat_byte(0x11)),
        ..Default::default()
    }
}

pub(super) fn sign<T: SignableTransaction<Signature>>(index: u64, transaction: T) -> Transaction
where
    Transaction: From<alloy_consensus::Signed<T>>,
{
    let signature = sign_message(key(index), transaction.signature_hash()).unwrap();
    transaction.into_signed(signature).into()
}

pub(super) fn encoded<T: SignableTransaction<Signature>>(index: u64, transaction: T) -> Bytes
where
    Transaction: From<alloy_consensus::Signed<T>>,
{
    sign(index, transaction).encoded_2718().into()
}

/// Not really signed: for tests below the recovery of senders.
pub(super) fn pooled(sender: Address, transaction: TxEip1559) -> PooledTransaction {
    pooled_at(sender, transaction, Instant::now())
}

pub(super) fn pooled_at(sender: Address, transaction: TxEip1559, now: Instant) -> PooledTransaction {
    // The sender in the signature makes hashes differ between senders.
    let r = U256::from_be_slice(sender.as_slice());
    let transaction: Transaction = transaction.into_signed(Signature::new(r, U256::from(1), false)).into();
    let (hash, bytes) = (*transaction.tx_hash(), transaction.encode_2718_len());
    PooledTransaction::new(transaction, hash, sender, bytes, now)
}

pub(super) fn sender(index: u8) -> Address {
    Address::with_last_byte(index)
}

pub(super) fn rich(nonce: u64) -> SenderAccount {
    SenderAccount { nonce, balance: U256::from(u128::MAX) }
}

pub(super) fn at(block: u64, account: SenderAccount) -> Option<AccountAt> {
    Some(AccountAt { block, account })
}

/// Senders in memory: unknown ones are rich.
#[derive(Clone, Default)]
pub(super) struct Accounts {
    pub(super) block: Arc<Mutex<u64>>,
    pub(super) accounts: Arc<Mutex<BTreeMap<Address, SenderAccount>>>,
    pub(super) reads: Arc<Mutex<usize>>,
}

impl Chain for Accounts {
    fn sender(&self, address: &Address) -> Result<AccountAt, PoolError> {
        *self.reads.lock() += 1;
        let account = self.accounts.lock().get(address).copied().unwrap_or(rich(0));
        Ok(AccountAt { block: *self.block.lock(), account })
    }

    fn as_sender(&self, _address: &Address, account: Option<&Account>) -> Option<SenderAccount> {
        account.map(|account| SenderAccount { nonce: account.nonce, balance: account.balance })
    }

    fn rules_after(&self, _head: &Header, _total_difficulty: U256) -> NextBlockRules {
        rules_of(SpecId::OSAKA)
    }
}

pub(super) fn message<T: std::fmt::Debug>(result: Result<T, PoolError>) -> String {
    result.expect_err("a refusal").to_string()
}
