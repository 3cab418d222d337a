//! Opening the files after a start, and writing to them.
use super::FileStore;
use crate::{
    error::ConsensusError,
    log::{LogFile, RecoveredLog},
    persist::Persist,
    record::{RECORD_FILE, RecordFile, SigningState},
    signing::{ChainIdentity, PublicKey},
};

/// What to do where a validator has no signing record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingRecord {
    /// Refuse: it may have signed, and nobody knows what.
    Refuse,
    /// This key has never signed on this chain: somebody who knows says so, or the chain is at its first block and there is
    /// no log either. Sign nothing up to this height.
    Create {
        /// The height; 0 on a new chain.
        silent_through: u64,
    },
}

/// What the files held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Records of the height that was being worked on.
    pub log: RecoveredLog,
    /// What was signed last; `None` without a key.
    pub signing: Option<SigningState>,
}

/// The log and the signing record of a node, open for writing.
pub struct ConsensusFiles {
    store: Box<dyn FileStore>,
    log: LogFile,
    record: Option<RecordFile>,
}

impl ConsensusFiles {
    /// Opens the files, and makes those that may be made. Without a key there is a log and no record.
    ///
    /// # Errors
    /// [`ConsensusError::SigningRecordMissing`], [`ConsensusError::SigningRecordDamaged`],
    /// [`ConsensusError::SigningRecordForeign`]: this key must not sign until an operator has decided.
    /// [`ConsensusError::File`]. A damaged log is no error here: see [`RecoveredLog::damaged`].
    pub fn open(
        mut store: Box<dyn FileStore>,
        chain: &ChainIdentity,
        key: Option<&PublicKey>,
        missing: MissingRecord,
    ) -> Result<(Self, Recovered), ConsensusError> {
        let (mut record, mut signing) = (None, None);
        if let Some(key) = key {
            let found = match (RecordFile::open(store.as_mut(), chain, key)?, missing) {
                (Some(found), _) => found,
                (None, MissingRecord::Refuse) => {
                    return Err(ConsensusError::SigningRecordMissing { file: RECORD_FILE });
                }
                (None, MissingRecord::Create { silent_through }) => {
                    let state = SigningState { silent_through, ..SigningState::default() };
                    (RecordFile::create(store.as_mut(), chain, key, &state)?, state)
                }
            };
            record = Some(found.0);
            signing = Some(found.1);
        }
        let (log, mut recovered) = LogFile::open(store.as_mut())?;
        if let Some(signing) = &signing {
            recovered.require(signing.height, signing.log_records);
        }
        Ok((Self { store, log, record }, Recovered { log: recovered, signing }))
    }

    /// Carries out [`crate::Action::Persist`].
    ///
    /// # Errors
    /// [`ConsensusError::File`]: the process must end, since nobody knows what is on disk.
    pub fn persist(&mut self, persist: &Persist) -> Result<(), ConsensusError> {
        let store = self.store.as_mut();
        self.log.append(store, persist.height, &persist.records)?;
        if let Some(state) = &persist.signed {
            // The log first: the record says how much of it must be there.
            self.log.sync(store)?;
            if let Some(record) = &mut self.record {
                record.write(store, state)?;
            }
        }
        Ok(())
    }

    /// Gives the store back: to lose its power, or to look at it.
    pub fn into_store(self) -> Box<dyn FileStore> {
        self.store
    }
}
