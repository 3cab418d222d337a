//! One validator's chain with its canonical index, driven by hand.
use super::abi::ISemantics;
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, hex, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolEvent};
use pervade_chainspec::{
    Activation, ChainSpec, NetworkParams, ValidatorConfig,
    params::{SEMANTICS_ADDRESS, THINGS_ADDRESS},
};
use pervade_evm_ext::{ProposalAttributes, ProposalTransaction, TransactionSource, canonical::value_json};
use pervade_node::{ledger::Ledger, observer::Observer};
use pervade_storage::{
    HistoryMode, ObservationFilter, ObservationRecord, Origin, Receipt, Storage, StorageOptions, Transaction,
};
use std::{collections::VecDeque, path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

/// Chain id.
pub(super) const CHAIN_ID: u64 = 77;
/// Gas of a transaction: the most that one may have.
const GAS: u64 = 16_000_000;
/// Wei that each party begins with.
const WEALTH: u128 = 1_000_000_000_000_000_000_000;
/// Unix seconds of the genesis.
const START: u64 = 1_700_000_000;
/// The validator.
const PROPOSER: Address = Address::repeat_byte(0x77);

/// A chain, its storage in a temporary folder, and its observer.
pub struct Chain {
    /// Blocks and state.
    pub ledger: Ledger,
    /// What reads them.
    pub observer: Observer,
    folder: TempDir,
    history: HistoryMode,
}

/// What the index has, in a form that tests compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Number of the block.
    pub block: u64,
    /// How it came about.
    pub origin: Origin,
    /// Thing, or account as a word.
    pub source: B256,
    /// Keccak-256 of the property's IRI.
    pub property: B256,
    /// The value for people.
    pub value: String,
    /// UCUM.
    pub unit: String,
}

impl Chain {
    /// A new chain on which these parties have funds.
    ///
    /// # Panics
    /// The folder cannot be made.
    pub fn new(parties: &[&PrivateKeySigner], history: HistoryMode) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let spec = Arc::new(spec(parties));
        Self::open(spec, folder, history)
    }

    fn open(spec: Arc<ChainSpec>, folder: TempDir, history: HistoryMode) -> Self {
        let options = StorageOptions { history, ..StorageOptions::default() };
        let storage = Storage::open(folder.path(), &spec, options).expect("the folder opens");
        let ledger = Ledger::open(spec.clone(), storage.clone()).expect("the chain is whole");
        let mut observer = Observer::new(spec, storage);
        observer.prepare().expect("the index can be written");
        Self { ledger, observer, folder, history }
    }

    /// Closes and opens the folder.
    pub fn reopen(self) -> Self {
        let Self { ledger, observer, folder, history } = self;
        let spec = ledger.spec().clone();
        drop((ledger, observer));
        Self::open(spec, folder, history)
    }

    /// The data directory.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Blocks, state and index.
    pub fn storage(&self) -> &Storage {
        self.ledger.storage()
    }

    /// Unix seconds of the head.
    pub fn now_s(&self) -> u64 {
        self.ledger.head().header().timestamp
    }

    /// Unix milliseconds of the head.
    pub fn now_ms(&self) -> u64 {
        self.now_s() * 1_000
    }

    /// A signed transaction of a party; `ahead` are its transactions before this one in the same block.
    ///
    /// # Panics
    /// The state cannot be read.
    pub fn sign(&self, from: &PrivateKeySigner, ahead: u64, to: TxKind, wei: U256, input: Vec<u8>) -> Transaction {
        let unsigned = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonce(from.address()) + ahead,
            gas_limit: GAS,
            max_fee_per_gas: 100_000_000_000,
            max_priority_fee_per_gas: 0,
            to,
            value: wei,
            input: input.into(),
            ..TxEip1559::default()
        };
        let signature = from.sign_hash_sync(&unsigned.signature_hash()).expect("a local key signs any hash");
        unsigned.into_signed(signature).into()
    }

    /// Transactions that an account has sent.
    ///
    /// # Panics
    /// The state cannot be read.
    pub fn nonce(&self, account: Address) -> u64 {
        use pervade_storage::StateReader;
        let account = self.storage().latest_view().account(&account).expect("the state is there");
        account.map_or(0, |account| account.nonce)
    }

    /// Makes a block of these transactions, a second after the last, and lets the observer read it. Answers its receipts, those
    /// of its tail included.
    ///
    /// # Panics
    /// A transaction is not taken, or a write fails.
    pub fn produce(&mut self, transactions: Vec<(Transaction, Address)>) -> Vec<Receipt> {
        let receipts = self.produce_unobserved(transactions);
        while self.observer.advance().expect("blocks are readable").is_some() {}
        receipts
    }

    /// As [`Self::produce`], but the observer does not see it yet.
    ///
    /// # Panics
    /// As [`Self::produce`].
    pub fn produce_unobserved(&mut self, transactions: Vec<(Transaction, Address)>) -> Vec<Receipt> {
        let count = transactions.len();
        let attributes =
            ProposalAttributes { timestamp: self.now_s() + 1, proposer: PROPOSER, time_max: Duration::from_secs(60) };
        let proposal = self.ledger.propose(&attributes, &mut Queue(transactions.into())).expect("a proposal");
        assert!(proposal.refused.is_empty(), "{:?}", proposal.refused);
        let receipts = proposal.executed.receipts.to_vec();
        assert!(receipts.len() >= count, "{} of {count} transactions are taken", receipts.len());
        self.ledger.commit(proposal.executed).expect("the block is written");
        receipts
    }

    /// Sends one transaction in a block of its own; it may fail.
    pub fn try_send(&mut self, from: &PrivateKeySigner, to: TxKind, wei: U256, input: Vec<u8>) -> Vec<Receipt> {
        let transaction = self.sign(from, 0, to, wei, input);
        self.produce(vec![(transaction, from.address())])
    }

    /// Sends one call in a block of its own. Answers all receipts of the block, its own first.
    ///
    /// # Panics
    /// It fails.
    pub fn send(&mut self, from: &PrivateKeySigner, to: Address, call: &impl SolCall) -> Vec<Receipt> {
        let receipts = self.try_send(from, TxKind::Call(to), U256::ZERO, call.abi_encode());
        assert!(receipts[0].success(), "the transaction fails");
        receipts
    }

    /// Creates a contract with this code; answers its address.
    ///
    /// # Panics
    /// It fails.
    pub fn create(&mut self, from: &PrivateKeySigner, code: &[u8]) -> Address {
        let address = from.address().create(self.nonce(from.address()));
        let receipts = self.try_send(from, TxKind::Create, U256::ZERO, super::deploy(code));
        assert!(receipts[0].success(), "the contract is not created");
        address
    }

    /// Defines a model from its JSON document (`contracts/models`).
    ///
    /// # Panics
    /// It is refused.
    pub fn define_model(&mut self, from: &PrivateKeySigner, document: &str) -> B256 {
        let call = model_call(document);
        self.send(from, SEMANTICS_ADDRESS, &call);
        definition_id(&call)
    }

    /// Defines a mapping.
    ///
    /// # Panics
    /// It is refused.
    pub fn define_mapping(
        &mut self,
        from: &PrivateKeySigner,
        model: B256,
        format: ISemantics::Format,
        program: &str,
    ) -> B256 {
        let call = ISemantics::defineMappingCall { model, format, program: program.as_bytes().to_vec().into() };
        self.send(from, SEMANTICS_ADDRESS, &call);
        definition_id(&call)
    }

    /// What the index has of a subject, in order, page by page.
    ///
    /// # Panics
    /// The index cannot be read.
    pub fn trace(&self, subject: B256) -> Vec<Said> {
        let mut filter = ObservationFilter { subjects: vec![subject], last: u64::MAX, ..ObservationFilter::default() };
        let mut said = Vec::new();
        loop {
            let page = self.storage().observations(&filter, 3).expect("the index is readable");
            said.extend(page.found.iter().map(|(position, record)| Said::new(position.block, record)));
            match page.next {
                Some(next) => filter.from = next,
                None => return said,
            }
        }
    }
}

impl Said {
    fn new(block: u64, record: &ObservationRecord) -> Self {
        Self {
            block,
            origin: record.origin,
            source: record.source,
            property: record.property,
            value: value_json(record),
            unit: record.unit.clone(),
        }
    }
}

/// The call that defines a model by its JSON document.
///
/// # Panics
/// It is no model.
pub fn model_call(document: &str) -> ISemantics::defineModelCall {
    let model = pervade_semantics::Model::parse(document.as_bytes()).expect("a model");
    let properties = model.properties().iter().map(|property| ISemantics::Property {
        property: property.id,
        iri: property.iri.clone(),
        kind: ISemantics::ValueKind::try_from(property.kind as u8).expect("a kind"),
        unit: property.unit.clone(),
        exponent: property.exponent,
        minimum: property.minimum,
        maximum: property.maximum,
    });
    ISemantics::defineModelCall { iri: model.iri().to_owned(), properties: properties.collect() }
}

/// Id of the model or mapping that a call defines: the hash of its arguments.
pub fn definition_id(call: &impl SolCall) -> B256 {
    keccak256(&call.abi_encode()[4..])
}

/// Events of one kind among the logs of receipts.
pub fn events<E: SolEvent>(receipts: &[Receipt]) -> Vec<E> {
    let logs = receipts.iter().flat_map(|receipt| &receipt.logs);
    logs.filter(|log| is::<E>(log)).filter_map(|log| E::decode_log_data(&log.data).ok()).collect()
}

fn is<E: SolEvent>(log: &Log) -> bool {
    [SEMANTICS_ADDRESS, THINGS_ADDRESS].contains(&log.address) && log.topics().first() == Some(&E::SIGNATURE_HASH)
}

fn spec(parties: &[&PrivateKeySigner]) -> ChainSpec {
    // The curve's generator: the public key of the private key 1.
    let public_key: Bytes = hex!("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798").into();
    let validator = ValidatorConfig { account: PROPOSER, public_key, power: 1 };
    let mut params = NetworkParams::new(CHAIN_ID, vec![validator]);
    params.timestamp = START;
    params.funded = parties.iter().map(|party| (party.address(), U256::from(WEALTH))).collect();
    params.precompiles.things = Activation::Block(0);
    params.precompiles.semantics = Activation::Block(0);
    ChainSpec::from_genesis(ChainSpec::new_network(params), None).expect("a valid network")
}

struct Queue(VecDeque<(Transaction, Address)>);

impl TransactionSource for Queue {
    fn next(&mut self) -> Option<ProposalTransaction> {
        let (transaction, sender) = self.0.pop_front()?;
        let hash = *transaction.tx_hash();
        Some(ProposalTransaction { transaction: Arc::new(transaction), hash, sender })
    }

    fn refuse(&mut self) {}
}
