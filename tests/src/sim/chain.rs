//! The chain that a simulation runs: genesis, funded accounts, a contract, and signed transactions.
use super::{clock::GENESIS_UNIX_SECONDS, keys::VALIDATOR_KEYS};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use pervade_chainspec::{BaseFeeRule, ChainSpec, NetworkParams, ValidatorConfig};
use pervade_storage::{MemoryDisk, Storage, StorageOptions, Transaction};
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

/// Accounts that send.
pub const SENDERS: usize = 6;
/// Transactions that each of them has signed.
pub const TRANSACTIONS_PER_SENDER: usize = 16;
/// What each of them begins with, wei.
pub const FUNDS: u64 = 1 << 60;
/// Shortest time from one height to the next, milliseconds: a storm lasts a few heights.
pub const BLOCK_PERIOD_MS: u64 = 250;
/// Wait for an empty block, milliseconds: short, or the simulated hours would be idle ones.
pub const EMPTY_BLOCK_PERIOD_MS: u64 = 600;
/// Every sender's transaction with this nonce is so large that its block travels in parts.
const LARGE_NONCE: usize = 5;
/// Bytes of its calldata, zeros after the first word.
const LARGE_CALLDATA_BYTES: usize = 70_000;
/// The contract: adds the first word of the calldata to the slot of its caller.
pub const COUNTER: Address = address!("00000000000000000000000000000000000c0de5");
/// `CALLER SLOAD PUSH0 CALLDATALOAD ADD CALLER SSTORE STOP`
const COUNTER_CODE: [u8; 8] = hex!("33545f3501335500");

/// What a transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Pays `value` to `to`, and a fee of `fee` to the block's beneficiary.
    Transfer {
        /// Recipient.
        to: Address,
        /// Wei.
        value: u64,
        /// Wei, all of it: 21,000 gas at the transaction's price.
        fee: u64,
    },
    /// Adds to the sender's slot of [`COUNTER`]; free of charge.
    Add {
        /// What is added.
        amount: u64,
    },
}

/// A signed transaction.
#[derive(Debug, Clone)]
pub struct SignedTransaction {
    /// Who sends it.
    pub sender: Address,
    /// The sender's nonce.
    pub nonce: u64,
    /// Its EIP-2718 encoding.
    pub encoded: Bytes,
    /// Its hash.
    pub hash: B256,
    /// What it does.
    pub effect: Effect,
}

/// All transactions that there are: by sender, in order of nonces.
pub static TRANSACTIONS: LazyLock<Vec<Vec<SignedTransaction>>> = LazyLock::new(|| {
    let signers: Vec<_> = (0..SENDERS).map(sender).collect();
    (0..SENDERS).map(|index| (0..TRANSACTIONS_PER_SENDER).map(|nonce| sign(&signers, index, nonce)).collect()).collect()
});

/// The transaction of a hash.
pub fn transaction(hash: &B256) -> Option<&'static SignedTransaction> {
    static BY_HASH: LazyLock<BTreeMap<B256, &'static SignedTransaction>> =
        LazyLock::new(|| TRANSACTIONS.iter().flatten().map(|signed| (signed.hash, signed)).collect());
    BY_HASH.get(hash).copied()
}

/// Addresses of the senders.
pub fn senders() -> impl Iterator<Item = Address> {
    TRANSACTIONS.iter().filter_map(|of_sender| Some(of_sender.first()?.sender))
}

fn sender(index: usize) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(format!("sender {index}"))).expect("a hash is below the order of the curve")
}

fn sign(signers: &[PrivateKeySigner], index: usize, nonce: usize) -> SignedTransaction {
    let sender = signers[index].address();
    let draw = keccak256([index as u8, nonce as u8]);
    let is_large = nonce == LARGE_NONCE;
    let (tip, effect) = if is_large || draw[0].is_multiple_of(3) {
        (0, Effect::Add { amount: u64::from(draw[1]) + 1 })
    } else {
        let to = signers[usize::from(draw[2]) % SENDERS].address();
        let (value, tip) = (u64::from(draw[3]) * 1_000_003, u64::from(draw[4] % 4));
        (tip, Effect::Transfer { to, value, fee: tip * 21_000 })
    };
    let (to, value, mut input, gas_limit) = match effect {
        Effect::Transfer { to, value, .. } => (to, value, Vec::new(), 21_000),
        Effect::Add { amount } => (COUNTER, 0, B256::from(U256::from(amount)).to_vec(), 1_000_000),
    };
    if is_large {
        input.resize(LARGE_CALLDATA_BYTES, 0);
    }
    let transaction = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce: nonce as u64,
        gas_limit,
        max_fee_per_gas: u128::from(tip),
        max_priority_fee_per_gas: u128::from(tip),
        to: TxKind::Call(to),
        value: U256::from(value),
        input: input.into(),
        ..TxEip1559::default()
    };
    let signature = signers[index].sign_hash_sync(&transaction.signature_hash()).expect("a key in memory signs");
    let signed = Transaction::from(transaction.into_signed(signature));
    let encoded = Bytes::from(signed.encoded_2718());
    SignedTransaction { sender, nonce: nonce as u64, hash: keccak256(&encoded), encoded, effect }
}

const CHAIN_ID: u64 = 70_707;

/// The chain of a cluster, and a disk with nothing but its genesis.
pub struct Genesis {
    /// Its rules.
    pub spec: Arc<ChainSpec>,
    disk: MemoryDisk,
}

impl Genesis {
    /// That of a cluster of so many equal validators; made once.
    pub fn of(validators: usize) -> &'static Self {
        static FOUR: LazyLock<Genesis> = LazyLock::new(|| Genesis::new(4));
        static SEVEN: LazyLock<Genesis> = LazyLock::new(|| Genesis::new(7));
        if validators == 4 { &FOUR } else { &SEVEN }
    }

    /// A fresh disk, as after the first start.
    pub fn disk(&self) -> MemoryDisk {
        self.disk.duplicate()
    }

    fn new(validators: usize) -> Self {
        let config = |key: &super::keys::ValidatorKey| ValidatorConfig {
            account: key.account,
            public_key: Bytes::copy_from_slice(key.public_key.as_slice()),
            power: 1,
        };
        let mut network = NetworkParams::new(CHAIN_ID, VALIDATOR_KEYS.iter().take(validators).map(config).collect());
        network.timestamp = GENESIS_UNIX_SECONDS;
        network.funded = senders().map(|sender| (sender, U256::from(FUNDS))).collect();
        network.block_period_ms = BLOCK_PERIOD_MS;
        network.empty_block_period_ms = EMPTY_BLOCK_PERIOD_MS;
        network.base_fee = BaseFeeRule::Zero;
        let mut genesis = ChainSpec::new_network(network);
        let counter = alloy_genesis::GenesisAccount::default()
            .with_nonce(Some(1))
            .with_code(Some(Bytes::from_static(&COUNTER_CODE)));
        genesis.alloc.insert(COUNTER, counter);
        let spec = Arc::new(ChainSpec::from_genesis(genesis, None).expect("the simulation's genesis is valid"));
        let disk = MemoryDisk::default();
        drop(Storage::open_in_memory(&disk, &spec, StorageOptions::default()).expect("a disk in memory works"));
        Self { spec, disk }
    }
}
