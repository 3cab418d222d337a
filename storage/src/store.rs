//! [`Store`]: what the handle, the views and the background writer of one data directory share.
use crate::{
    ExecutedBlock, StorageError, StorageOptions,
    bell::Bell,
    codec::{block::decode_header_prefix, key::block_key},
    columns::Column,
    database::Database,
    node_cache::NodeCache,
    observations::ObservationsState,
    overlay::Tip,
    recent::RecentBlocks,
    witness::HeadNotes,
    writer::Queue,
};
use alloy_primitives::{B256, Bytes};
use crossbeam_channel::Sender;
use parking_lot::{Mutex, RwLock};
use schnellru::{ByLength, LruMap};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Contracts whose code stays in memory. At EIP-170's 24 KiB each, 6 MiB at most on chains that have it.
const CODES_CACHED_MAX: u32 = 256;

pub(crate) struct Store {
    pub(crate) dir: PathBuf,
    pub(crate) options: StorageOptions,
    pub(crate) genesis_hash: B256,
    pub(crate) database: Database,
    /// Replaced whole; see [`Tip`].
    pub(crate) tip: RwLock<Arc<Tip>>,
    pub(crate) recent: RecentBlocks,
    pub(crate) queue: Queue,
    /// Held while blocks are added or taken back.
    pub(crate) committing: Mutex<Committing>,
    /// The block whose state the background writer is writing or has written last: raised before it writes.
    pub(crate) writing_to: AtomicU64,
    /// First block whose state can be read: raised before its history is deleted.
    pub(crate) first_state: AtomicU64,
    /// Odd while blocks are taken back.
    pub(crate) unwinds: AtomicU64,
    pub(crate) codes: Mutex<LruMap<B256, Bytes, ByLength>>,
    pub(crate) nodes: NodeCache,
    /// Number of the head, for those that wait for blocks.
    pub(crate) heads: Bell,
    pub(crate) observations: ObservationsState,
}

/// What only one thread at a time may touch.
pub(crate) struct Committing {
    pub(crate) subscribers: Vec<Sender<ExecutedBlock>>,
    pub(crate) notes: HeadNotes,
}

/// The numbers a directory is opened with.
pub(crate) struct Markers {
    pub(crate) genesis_hash: B256,
    /// Block whose state is written.
    pub(crate) state: u64,
    pub(crate) first_state: u64,
    /// See [`crate::codec::meta`].
    pub(crate) observed: Option<u64>,
    /// See [`crate::codec::meta`].
    pub(crate) first_observed: Option<u64>,
}

impl Store {
    pub(crate) fn new(
        dir: PathBuf,
        options: StorageOptions,
        database: Database,
        markers: Markers,
        tip: Tip,
        notes: HeadNotes,
    ) -> Self {
        Self {
            nodes: NodeCache::new(options.node_cache_bytes),
            heads: Bell::new(tip.head.number()),
            observations: ObservationsState::new(markers.observed, markers.first_observed),
            dir,
            options,
            genesis_hash: markers.genesis_hash,
            database,
            tip: RwLock::new(Arc::new(tip)),
            recent: RecentBlocks::default(),
            queue: Queue::default(),
            committing: Mutex::new(Committing { subscribers: Vec::new(), notes }),
            writing_to: AtomicU64::new(markers.state),
            first_state: AtomicU64::new(markers.first_state),
            unwinds: AtomicU64::new(0),
            codes: Mutex::new(LruMap::new(ByLength::new(CODES_CACHED_MAX))),
        }
    }

    pub(crate) fn tip(&self) -> Arc<Tip> {
        self.tip.read().clone()
    }

    /// The state of `number` is still there.
    pub(crate) fn check_kept(&self, number: u64) -> Result<(), StorageError> {
        let first = self.first_state.load(Ordering::SeqCst);
        if number >= first {
            return Ok(());
        }
        Err(StorageError::Pruned { number, first, last: self.tip().head.number() })
    }

    pub(crate) fn block_hash(&self, number: u64) -> Result<Option<B256>, StorageError> {
        if let Some(recent) = self.recent.get(number) {
            return Ok(Some(recent.block.hash));
        }
        match self.database.get(Column::Headers, &block_key(number))? {
            None => Ok(None),
            Some(record) => Ok(Some(decode_header_prefix(&record)?.0)),
        }
    }

    pub(crate) fn code(&self, code_hash: &B256) -> Result<Bytes, StorageError> {
        if let Some(code) = self.codes.lock().get(code_hash) {
            return Ok(code.clone());
        }
        let record = self.database.get(Column::Code, code_hash.as_slice())?;
        let record = record.ok_or_else(|| StorageError::Damaged {
            column: Column::Code.name(),
            reason: format!("no code of hash {code_hash}"),
        })?;
        let code = Bytes::copy_from_slice(&record);
        self.codes.lock().insert(*code_hash, code.clone());
        Ok(code)
    }
}
