//! A node of the test cluster: a machine, its files, and a ledger that is a list.
use alloy_primitives::{Address, B256, keccak256};
use bytes::Bytes;
use pervade_chainspec::ValidatorConfig;
use pervade_consensus::{
    BlockVerdict, ChainIdentity, ConsensusFiles, DecidedBlock, Event, Machine, MemoryStore, MissingRecord,
    Secp256k1Signer, Secp256k1Verifier, Settings, Signer, StartHeight,
};
use std::sync::{Arc, Mutex};

/// Unix time at which every run begins, milliseconds.
pub const BEGIN_UNIX_MS: u64 = 1_700_000_000_000;
/// The chain of all tests.
pub const CHAIN: ChainIdentity = ChainIdentity { chain_id: 1337, genesis_hash: B256::repeat_byte(7) };

pub struct Node {
    pub machine: Option<Machine>,
    pub files: Option<ConsensusFiles>,
    pub store: Arc<Mutex<MemoryStore>>,
    pub chain: Vec<DecidedBlock>,
    pub key: Option<B256>,
    pub alarm_ms: Option<u64>,
    /// Counts starts: what was under way before a crash finds nobody.
    pub life: u64,
    pub skew_ms: i64,
}

impl Node {
    pub fn new(key: Option<B256>) -> Self {
        Self {
            machine: None,
            files: None,
            store: Arc::new(Mutex::new(MemoryStore::new())),
            chain: Vec::new(),
            key,
            alarm_ms: None,
            life: 0,
            skew_ms: 0,
        }
    }

    /// Starts the node from its files; the first event is for the caller to give.
    pub fn start(&mut self, settings: Settings, missing: MissingRecord) {
        let signer = self.key.map(|key| Secp256k1Signer::new(&key).unwrap());
        let public_key = signer.as_ref().map(Signer::public_key);
        let store = Box::new(Arc::clone(&self.store));
        let (files, recovered) = ConsensusFiles::open(store, &CHAIN, public_key.as_ref(), missing).unwrap();
        let signer = signer.map(|signer| Box::new(signer) as Box<dyn Signer>);
        self.machine = Some(Machine::new(settings, signer, Arc::new(Secp256k1Verifier::default()), recovered));
        self.files = Some(files);
        self.alarm_ms = None;
        self.life += 1;
    }

    pub fn stop(&mut self) {
        self.machine = None;
        self.files = None;
        self.alarm_ms = None;
        self.life += 1;
    }

    pub fn start_height(&self, validators: &[ValidatorConfig]) -> Event {
        Event::StartHeight(StartHeight {
            height: self.chain.len() as u64 + 1,
            parent_timestamp_s: self.tip().1,
            validators: validators.to_vec(),
        })
    }

    /// Hash and timestamp of the last block.
    fn tip(&self) -> (B256, u64) {
        self.chain.last().map_or((CHAIN.genesis_hash, BEGIN_UNIX_MS / 1000), |block| {
            (block.certificate.block_hash, timestamp_of(&block.body))
        })
    }

    /// A block on the tip, and its hash.
    pub fn build(&self, unix_ms: u64, salt: u64, beneficiary: Address, bytes: usize) -> (B256, Bytes) {
        let (parent, parent_timestamp_s) = self.tip();
        let mut body = Vec::new();
        body.extend((self.chain.len() as u64 + 1).to_be_bytes());
        body.extend((unix_ms / 1000).max(parent_timestamp_s).to_be_bytes());
        body.extend(parent);
        body.extend(salt.to_be_bytes());
        body.extend(beneficiary);
        body.resize(body.len() + bytes, 0x5a);
        (keccak256(&body), body.into())
    }

    pub fn validate(&self, height: u64, block_hash: B256, body: &Bytes) -> BlockVerdict {
        if keccak256(body) != block_hash || body.len() < 76 {
            return BlockVerdict::Mismatch;
        }
        let (parent, parent_timestamp_s) = self.tip();
        let follows = body[..8] == height.to_be_bytes()
            && height == self.chain.len() as u64 + 1
            && body[16..48] == parent[..]
            && timestamp_of(body) >= parent_timestamp_s;
        if follows {
            BlockVerdict::Valid { timestamp_s: timestamp_of(body), paid: Some(beneficiary_of(body)) }
        } else {
            BlockVerdict::Invalid
        }
    }
}

/// Account that a block pays.
pub fn beneficiary_of(body: &[u8]) -> Address {
    Address::from_slice(&body[56..76])
}

pub fn timestamp_of(body: &[u8]) -> u64 {
    u64::from_be_bytes(body[8..16].try_into().unwrap())
}
