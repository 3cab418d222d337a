//! The chain that a simulation runs: genesis, funded accounts, a contract, and signed transactions.
use super::{clock::GENESIS_UNIX_SECONDS, electorate::Change, keys::VALIDATOR_KEYS};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use pervade_chainspec::{
    Activation, BaseFeeRule, ChainSpec, NetworkParams, ValidatorConfig, params::GOVERNANCE_ADDRESS,
};
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
    /// A validator's account proposes a change of the set; free of charge.
    Propose {
        /// Place of the account's node.
        proposer: usize,
        /// What it proposes.
        change: Change,
    },
    /// A validator's account votes; free of charge.
    Vote {
        /// Place of the account's node.
        voter: usize,
        /// Id of the proposal.
        proposal: u64,
        /// For or against it.
        support: bool,
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
    let draw = keccak256([index as u8, nonce as u8]);
    let is_large = nonce == LARGE_NONCE;
    let (to, value, mut input, gas_limit, tip, effect) = if is_large || draw[0].is_multiple_of(3) {
        let amount = u64::from(draw[1]) + 1;
        let input = B256::from(U256::from(amount)).to_vec();
        (COUNTER, 0, input, 1_000_000, 0, Effect::Add { amount })
    } else {
        let to = signers[usize::from(draw[2]) % SENDERS].address();
        let (value, tip) = (u64::from(draw[3]) * 1_000_003, u64::from(draw[4] % 4));
        (to, value, Vec::new(), 21_000, tip, Effect::Transfer { to, value, fee: tip * 21_000 })
    };
    if is_large {
        input.resize(LARGE_CALLDATA_BYTES, 0);
    }
    let transaction = TxEip1559 {
        nonce: nonce as u64,
        gas_limit,
        max_fee_per_gas: u128::from(tip),
        max_priority_fee_per_gas: u128::from(tip),
        to: TxKind::Call(to),
        value: U256::from(value),
        input: input.into(),
        ..TxEip1559::default()
    };
    sign_with(&signers[index], transaction, effect)
}

fn sign_with(signer: &PrivateKeySigner, transaction: TxEip1559, effect: Effect) -> SignedTransaction {
    let transaction = TxEip1559 { chain_id: CHAIN_ID, ..transaction };
    let nonce = transaction.nonce;
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).expect("a key in memory signs");
    let signed = Transaction::from(transaction.into_signed(signature));
    let encoded = Bytes::from(signed.encoded_2718());
    SignedTransaction { sender: signer.address(), nonce, hash: keccak256(&encoded), encoded, effect }
}

/// Gas of a transaction that governs: the last vote stores a set.
const GOVERNING_GAS: u64 = 3_000_000;
/// When proposals expire, seconds after the genesis: not in any run.
const EXPIRY_SECONDS: u64 = 20 * 86_400;

/// A validator's account proposes a change of the set.
pub fn sign_proposal(proposer: usize, nonce: u64, change: Change) -> SignedTransaction {
    let key = &VALIDATOR_KEYS[change.place];
    // abi.encode(address account, bytes publicKey, uint64 power)
    let mut arguments = words(&[U256::from_be_slice(key.account.as_slice()), U256::from(96), U256::from(change.power)]);
    arguments.extend(words(&[U256::from(key.public_key.len())]));
    arguments.extend(key.public_key);
    arguments.resize(arguments.len().next_multiple_of(32), 0);
    let head =
        [U256::ZERO, U256::from(96), U256::from(GENESIS_UNIX_SECONDS + EXPIRY_SECONDS), U256::from(arguments.len())];
    let input = [words(&head), arguments].concat();
    govern(proposer, nonce, "propose(uint8,bytes,uint64)", input, Effect::Propose { proposer, change })
}

/// A validator's account votes.
pub fn sign_vote(voter: usize, nonce: u64, proposal: u64, support: bool) -> SignedTransaction {
    let input = words(&[U256::from(proposal), U256::from(support)]);
    govern(voter, nonce, "vote(uint256,bool)", input, Effect::Vote { voter, proposal, support })
}

fn govern(place: usize, nonce: u64, function: &str, input: Vec<u8>, effect: Effect) -> SignedTransaction {
    let input = [&keccak256(function)[..4], &input[..]].concat().into();
    let to = TxKind::Call(GOVERNANCE_ADDRESS);
    let transaction = TxEip1559 { nonce, gas_limit: GOVERNING_GAS, to, input, ..TxEip1559::default() };
    sign_with(&VALIDATOR_KEYS[place].account_key, transaction, effect)
}

fn words(values: &[U256]) -> Vec<u8> {
    values.iter().flat_map(U256::to_be_bytes::<32>).collect()
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
        network.precompiles.governance = Activation::Block(0);
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
