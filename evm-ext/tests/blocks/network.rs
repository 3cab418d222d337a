//! A network of one validator in a temporary folder.
use alloy_consensus::{SignableTransaction, TxEip1559, transaction::SignerRecoverable};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use pervade_chainspec::{BaseFeeRule, ChainSpec, NetworkParams, ValidatorConfig};
use pervade_evm_ext::{Proposal, ProposalAttributes, ProposalTransaction, TransactionSource, propose_block};
use pervade_storage::{ExecutedBlock, HistoryMode, Storage, StorageOptions, Transaction};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tempfile::TempDir;

pub(crate) const CHAIN_ID: u64 = 77;
pub(crate) const PROPOSER: Address = Address::repeat_byte(0x77);
pub(crate) const ETHER: u64 = 1_000_000_000_000_000_000;
pub(crate) const GWEI: u128 = 1_000_000_000;

pub(crate) struct Network {
    pub(crate) spec: ChainSpec,
    pub(crate) storage: Storage,
    _folder: TempDir,
}

impl Network {
    /// `alice` and `bob` have ten ether each.
    pub(crate) fn new(base_fee: BaseFeeRule) -> Self {
        Self::with(|params| params.base_fee = base_fee)
    }

    /// As [`Self::new`] at the default base fee, with changes.
    pub(crate) fn with(change: impl FnOnce(&mut NetworkParams)) -> Self {
        // The curve's generator: the public key of the private key 1.
        let public_key = hex!("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798").into();
        let mut params =
            NetworkParams::new(CHAIN_ID, vec![ValidatorConfig { account: PROPOSER, public_key, power: 1 }]);
        params.timestamp = 1000;
        params.gas_limit = 30_000_000;
        params.funded = vec![
            (alice().address(), U256::from(10) * U256::from(ETHER)),
            (bob().address(), U256::from(10) * U256::from(ETHER)),
        ];
        change(&mut params);
        let spec = ChainSpec::from_genesis(ChainSpec::new_network(params), None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let options = StorageOptions {
            history: HistoryMode::Archive,
            block_cache_bytes: 1 << 20,
            node_cache_bytes: 1 << 20,
            open_files_max: 64,
            read_only: false,
        };
        let storage = Storage::open(folder.path(), &spec, options).unwrap();
        Self { spec, storage, _folder: folder }
    }

    /// Proposes on the head.
    pub(crate) fn propose(&self, transactions: impl IntoIterator<Item = Transaction>) -> (Proposal, Queue) {
        self.propose_after(0, transactions)
    }

    /// Proposes on the head, so many seconds later.
    pub(crate) fn propose_after(
        &self,
        seconds: u64,
        transactions: impl IntoIterator<Item = Transaction>,
    ) -> (Proposal, Queue) {
        let head = self.storage.head();
        let mut queue = Queue::new(transactions);
        let timestamp = head.header().timestamp + seconds;
        let attributes = ProposalAttributes { timestamp, proposer: PROPOSER, time_max: Duration::from_secs(60) };
        let view = self.storage.latest_view();
        let proposal = propose_block(&self.spec, head.header(), head.hash, &view, &attributes, &mut queue).unwrap();
        (proposal, queue)
    }

    /// Proposes and commits; every transaction must be taken.
    pub(crate) fn produce(&self, transactions: impl IntoIterator<Item = Transaction>) -> ExecutedBlock {
        let (proposal, queue) = self.propose(transactions);
        assert!(proposal.refused.is_empty() && queue.refused == 0, "{:?}", proposal.refused);
        self.storage.commit(proposal.executed.clone()).unwrap();
        proposal.executed
    }
}

pub(crate) fn alice() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(0xa1)).unwrap()
}

pub(crate) fn bob() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(0xb0)).unwrap()
}

/// A signed transaction with a fee cap of 100 gwei and a tip of 1 gwei.
pub(crate) fn transaction(
    signer: &PrivateKeySigner,
    nonce: u64,
    to: TxKind,
    value: U256,
    gas_limit: u64,
    input: impl Into<Bytes>,
) -> Transaction {
    let unsigned = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit,
        max_fee_per_gas: 100 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to,
        value,
        input: input.into(),
        ..TxEip1559::default()
    };
    sign(signer, unsigned)
}

pub(crate) fn sign(signer: &PrivateKeySigner, unsigned: TxEip1559) -> Transaction {
    let signature = signer.sign_hash_sync(&unsigned.signature_hash()).unwrap();
    unsigned.into_signed(signature).into()
}

/// Creates a contract with this code.
pub(crate) fn creation(signer: &PrivateKeySigner, nonce: u64, code: &[u8]) -> Transaction {
    // PUSH1 length, PUSH1 11, PUSH0, CODECOPY, PUSH1 length, PUSH0, RETURN, and one byte to fill up.
    let length = u8::try_from(code.len()).unwrap();
    let mut init = vec![0x60, length, 0x60, 11, 0x5f, 0x39, 0x60, length, 0x5f, 0xf3, 0x00];
    init.extend(code);
    transaction(signer, nonce, TxKind::Create, U256::ZERO, 1_000_000, init)
}

/// A source that counts refusals.
pub(crate) struct Queue {
    waiting: VecDeque<Transaction>,
    pub(crate) refused: usize,
}

impl Queue {
    fn new(transactions: impl IntoIterator<Item = Transaction>) -> Self {
        Self { waiting: transactions.into_iter().collect(), refused: 0 }
    }
}

impl TransactionSource for Queue {
    fn next(&mut self) -> Option<ProposalTransaction> {
        let transaction = self.waiting.pop_front()?;
        let (hash, sender) = (*transaction.tx_hash(), transaction.recover_signer().unwrap());
        Some(ProposalTransaction { transaction: Arc::new(transaction), hash, sender })
    }
    fn refuse(&mut self) {
        self.refused += 1;
    }
}
