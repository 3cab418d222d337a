//! A chain in a temporary folder, and blocks for it.
use alloy_consensus::{BlockBody, Header, SignableTransaction, TxEip1559, crypto::secp256k1::sign_message};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use eyre::Context;
use pervade_chainspec::{BaseFeeRule, ChainSpec, NetworkParams, ValidatorConfig};
use pervade_evm_ext::{ProposalAttributes, ProposalTransaction, TransactionSource, propose_block};
use pervade_storage::{Block, ExecutedBlock, RecoveredBlock, StateUpdate, Storage, StorageOptions, Transaction};
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

const CHAIN_ID: u64 = 1337;
const GAS_LIMIT: u64 = 10_000_000_000;

/// An open chain, with the settings that a node has by default. Its files go when it is dropped.
pub(super) struct BenchChain {
    pub(super) spec: ChainSpec,
    pub(super) storage: Storage,
    directory: TempDir,
}

/// A key that signs.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    key: B256,
    pub(super) address: Address,
    nonce: u64,
}

impl Signer {
    pub(super) fn new(index: u64) -> eyre::Result<Self> {
        let key = keccak256(index.to_be_bytes());
        Ok(Self { key, address: PrivateKeySigner::from_bytes(&key)?.address(), nonce: 0 })
    }

    pub(super) fn sign(&mut self, to: TxKind, value: u64, gas_limit: u64, input: Bytes) -> eyre::Result<Transaction> {
        let transaction = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonce,
            gas_limit,
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
    pub(super) fn new(parent: Option<&Path>, funded: Vec<(Address, U256)>) -> eyre::Result<Self> {
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
        let network = NetworkParams {
            funded,
            gas_limit: GAS_LIMIT,
            base_fee: BaseFeeRule::Zero,
            ..NetworkParams::new(CHAIN_ID, validators)
        };
        let spec = ChainSpec::from_genesis(ChainSpec::new_network(network), None)?;
        let storage = Storage::open(directory.path(), &spec, StorageOptions::default())?;
        Ok(Self { spec, storage, directory })
    }

    /// Closes and opens again: what was in memory is gone. Nobody else may hold the storage.
    pub(super) fn reopen(self) -> eyre::Result<Self> {
        let Self { spec, storage, directory } = self;
        drop(storage);
        let storage = Storage::open(directory.path(), &spec, StorageOptions::default())?;
        Ok(Self { spec, storage, directory })
    }

    /// Executes a block of these transactions on the head. All must be taken.
    pub(super) fn propose(&self, transactions: Vec<(Transaction, Address)>) -> eyre::Result<ExecutedBlock> {
        let head = self.storage.head();
        let count = transactions.len();
        let attributes = ProposalAttributes {
            timestamp: head.header().timestamp + 1,
            proposer: Address::ZERO,
            time_max: Duration::from_secs(600),
        };
        let mut source = Listed(transactions.into_iter());
        let view = self.storage.latest_view();
        let proposal = propose_block(&self.spec, head.header(), head.hash, &view, &attributes, &mut source)?;
        eyre::ensure!(
            proposal.executed.block.senders.len() == count,
            "{count} transactions became {}: {:?}",
            proposal.executed.block.senders.len(),
            proposal.refused.first()
        );
        eyre::ensure!(proposal.executed.receipts.iter().all(|receipt| receipt.success()), "a transaction failed");
        Ok(proposal.executed)
    }

    /// A block without transactions that brings this state.
    pub(super) fn block_with_state(&self, state: StateUpdate) -> ExecutedBlock {
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
