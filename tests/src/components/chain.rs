//! A chain in a temporary folder, and blocks for it.
use alloy_consensus::{BlockBody, Header, SignableTransaction, TxEip1559, crypto::secp256k1::sign_message};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use eyre::Context;
use pervade_chainspec::{BaseFeeRule, ChainSpec, NetworkParams, ValidatorConfig};
use pervade_evm_ext::{Proposal, ProposalAttributes, ProposalTransaction, TransactionSource, propose_block};
use pervade_storage::{Block, ExecutedBlock, RecoveredBlock, StateUpdate, Storage, StorageOptions, Transaction};
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

pub(crate) const CHAIN_ID: u64 = 1337;
const GAS_LIMIT: u64 = 10_000_000_000;

/// An open chain, with the settings that a node has by default. Its files go when it is dropped.
pub(crate) struct BenchChain {
    pub(crate) spec: ChainSpec,
    pub(crate) storage: Storage,
    options: StorageOptions,
    directory: TempDir,
}

/// A key that signs.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    key: B256,
    pub(crate) address: Address,
    nonce: u64,
    max_fee_per_gas: u128,
}

impl Signer {
    pub(crate) fn new(index: u64) -> eyre::Result<Self> {
        let key = keccak256(index.to_be_bytes());
        Ok(Self { key, address: PrivateKeySigner::from_bytes(&key)?.address(), nonce: 0, max_fee_per_gas: 0 })
    }

    /// One that pays up to so much for gas, wei.
    pub(crate) fn paying(index: u64, max_fee_per_gas: u128) -> eyre::Result<Self> {
        Ok(Self { max_fee_per_gas, ..Self::new(index)? })
    }

    /// Next nonce.
    pub(crate) fn nonce(&self) -> u64 {
        self.nonce
    }

    /// Signs a digest, 65 bytes.
    pub(crate) fn sign_digest(&self, digest: B256) -> eyre::Result<Bytes> {
        Ok(sign_message(self.key, digest).wrap_err("signing")?.as_bytes().to_vec().into())
    }

    /// Its public key, compressed.
    pub(crate) fn public_key(&self) -> eyre::Result<Bytes> {
        let signer = PrivateKeySigner::from_bytes(&self.key)?;
        Ok(signer.credential().verifying_key().to_encoded_point(true).as_bytes().to_vec().into())
    }

    pub(crate) fn sign(&mut self, to: TxKind, value: u64, gas_limit: u64, input: Bytes) -> eyre::Result<Transaction> {
        let transaction = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonce,
            gas_limit,
            max_fee_per_gas: self.max_fee_per_gas,
            to,
            value: U256::from(value),
            input,
            ..Default::default()
        };
        let signature = sign_message(self.key, transaction.signature_hash()).wrap_err("signing")?;
        self.nonce += 1;
        Ok(transaction.into_signed(signature).into())
    }
}

impl BenchChain {
    /// A new chain without fees in a folder below `parent`.
    pub(crate) fn new(parent: Option<&Path>, funded: Vec<(Address, U256)>) -> eyre::Result<Self> {
        Self::with(parent, funded, StorageOptions::default(), |_| ())
    }

    /// As [`Self::new`], with other settings of storage and of the network.
    pub(crate) fn with(
        parent: Option<&Path>,
        funded: Vec<(Address, U256)>,
        options: StorageOptions,
        change: impl FnOnce(&mut NetworkParams),
    ) -> eyre::Result<Self> {
        let directory = match parent {
            Some(parent) => TempDir::new_in(parent)?,
            None => TempDir::new()?,
        };
        let validator = PrivateKeySigner::from_bytes(&keccak256("bench validator"))?;
        let public_key = validator.credential().verifying_key().to_encoded_point(true);
        let validators = vec![ValidatorConfig {
            account: validator.address(),
            public_key: Bytes::copy_from_slice(public_key.as_bytes()),
            power: 1,
        }];
        let mut network = NetworkParams {
            funded,
            gas_limit: GAS_LIMIT,
            base_fee: BaseFeeRule::Zero,
            ..NetworkParams::new(CHAIN_ID, validators)
        };
        change(&mut network);
        let spec = ChainSpec::from_genesis(ChainSpec::new_network(network), None)?;
        let storage = Storage::open(directory.path(), &spec, options.clone())?;
        Ok(Self { spec, storage, options, directory })
    }

    /// Closes and opens again: what was in memory is gone. Nobody else may hold the storage.
    pub(crate) fn reopen(self) -> eyre::Result<Self> {
        let Self { spec, storage, options, directory } = self;
        drop(storage);
        let storage = Storage::open(directory.path(), &spec, options.clone())?;
        Ok(Self { spec, storage, options, directory })
    }

    /// Executes a block of these transactions on the head. All must be taken.
    pub(crate) fn propose(&self, transactions: Vec<(Transaction, Address)>) -> eyre::Result<ExecutedBlock> {
        let count = transactions.len();
        let timestamp = self.storage.head().header().timestamp + 1;
        let proposal = self.propose_at(timestamp, transactions)?;
        eyre::ensure!(
            proposal.executed.block.senders.len() == count,
            "{count} transactions became {}: {:?}",
            proposal.executed.block.senders.len(),
            proposal.refused.first()
        );
        let mut before = 0;
        for (place, receipt) in proposal.executed.receipts.iter().enumerate() {
            let gas = receipt.cumulative_gas_used - before;
            eyre::ensure!(receipt.success(), "transaction {place} of {count} failed after {gas} gas");
            before = receipt.cumulative_gas_used;
        }
        Ok(proposal.executed)
    }

    /// Executes a block of these transactions on the head, at a time (unix seconds).
    pub(crate) fn propose_at(
        &self,
        timestamp: u64,
        transactions: Vec<(Transaction, Address)>,
    ) -> eyre::Result<Proposal> {
        let head = self.storage.head();
        let attributes = ProposalAttributes { timestamp, proposer: Address::ZERO, time_max: Duration::from_secs(600) };
        let mut source = Listed(transactions.into_iter());
        let view = self.storage.latest_view();
        Ok(propose_block(&self.spec, head.header(), head.hash, &view, &attributes, &mut source)?)
    }

    /// A block without transactions that brings this state.
    pub(crate) fn block_with_state(&self, state: StateUpdate) -> ExecutedBlock {
        let head = self.storage.head();
        let header = Header {
            parent_hash: head.hash,
            number: head.number() + 1,
            timestamp: head.header().timestamp + 1,
            state_root: state.state_root,
            gas_limit: GAS_LIMIT,
            base_fee_per_gas: Some(0),
            ..Header::default()
        };
        let hash = header.hash_slow();
        let block = Block { header, body: BlockBody::default() };
        ExecutedBlock {
            block: Arc::new(RecoveredBlock { hash, block, senders: Vec::new() }),
            receipts: Arc::default(),
            state: Arc::new(state),
            total_difficulty: U256::ZERO,
        }
    }
}

struct Listed(std::vec::IntoIter<(Transaction, Address)>);

impl TransactionSource for Listed {
    fn next(&mut self) -> Option<ProposalTransaction> {
        let (transaction, sender) = self.0.next()?;
        let hash = *transaction.tx_hash();
        Some(ProposalTransaction { transaction: Arc::new(transaction), hash, sender })
    }

    fn refuse(&mut self) {}
}
