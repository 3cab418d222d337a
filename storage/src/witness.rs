//! [`Witness`]: a small file beside the database that remembers which head was durable.
//!
//! RocksDB reads its log up to the first damaged record and takes that for the end: right after a power loss, which
//! can only damage what was never acknowledged; wrong if the disk has lost acknowledged blocks. The two look the same from
//! inside. So after each synced commit the head is also noted here, without a sync of its own: the note may lag behind
//! the database, but never be ahead of it, unless blocks are lost.
//!
//! ```text
//! two slots of 64 bytes, written in turns, so that a torn write leaves the older one:
//! 4 bytes    "PVW1"
//! be8        sequence number, the larger one counts
//! be8        block number
//! 32 bytes   block hash
//! 12 bytes   the first of keccak-256 of the 52 bytes before
//! ```
use crate::{StorageError, memory_disk::MemoryDisk};
use alloy_primitives::{B256, keccak256};
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

const FILE: &str = "head";
const SLOT_BYTES: usize = 64;
const MAGIC: [u8; 4] = *b"PVW1";

/// Where durable heads are noted.
pub(crate) enum HeadNotes {
    /// Nowhere: opened for reading only.
    Nowhere,
    /// In the file beside the database.
    File(Witness),
    /// On a disk in memory.
    Memory(MemoryDisk),
}

impl HeadNotes {
    /// Notes a head that is durable in the database.
    pub(crate) fn note(&mut self, number: u64, hash: &B256) -> Result<(), StorageError> {
        match self {
            Self::Nowhere => Ok(()),
            Self::File(witness) => witness.note(number, hash),
            Self::Memory(disk) => {
                disk.note(number, *hash);
                Ok(())
            }
        }
    }

    /// Makes the last note durable: before the head goes back.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        match self {
            Self::Nowhere | Self::Memory(_) => Ok(()),
            Self::File(witness) => witness.sync(),
        }
    }
}

/// The open file.
pub(crate) struct Witness {
    path: PathBuf,
    file: File,
    sequence: u64,
}

impl Witness {
    /// Opens or creates it.
    pub(crate) fn open(dir: &Path) -> Result<Self, StorageError> {
        let path = dir.join(FILE);
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = opened.map_err(|source| StorageError::Directory { path: path.clone(), source })?;
        let newest = newest(&file).map_err(|source| StorageError::Directory { path: path.clone(), source })?;
        let sequence = newest.map_or(0, |(sequence, ..)| sequence);
        Ok(Self { path, file, sequence })
    }

    /// The head noted in `dir`, if any.
    pub(crate) fn read(dir: &Path) -> Result<Option<(u64, B256)>, StorageError> {
        let path = dir.join(FILE);
        let noted = File::open(&path).and_then(|file| newest(&file));
        match noted {
            Ok(newest) => Ok(newest.map(|(_, number, hash)| (number, hash))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StorageError::Directory { path, source }),
        }
    }

    /// Notes a head that is durable in the database.
    pub(crate) fn note(&mut self, number: u64, hash: &B256) -> Result<(), StorageError> {
        self.sequence = self.sequence.wrapping_add(1);
        let offset = (self.sequence % 2).saturating_mul(SLOT_BYTES as u64);
        let written = self.file.write_all_at(&encode(self.sequence, number, hash), offset);
        written.map_err(|source| StorageError::Directory { path: self.path.clone(), source })
    }

    /// Makes the last note durable: before the head goes back.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        self.file.sync_data().map_err(|source| StorageError::Directory { path: self.path.clone(), source })
    }
}

fn encode(sequence: u64, number: u64, hash: &B256) -> [u8; SLOT_BYTES] {
    let mut slot = [0; SLOT_BYTES];
    slot[..4].copy_from_slice(&MAGIC);
    slot[4..12].copy_from_slice(&sequence.to_be_bytes());
    slot[12..20].copy_from_slice(&number.to_be_bytes());
    slot[20..52].copy_from_slice(hash.as_slice());
    let checksum = keccak256(&slot[..52]);
    slot[52..].copy_from_slice(&checksum[..12]);
    slot
}

fn decode(slot: &[u8; SLOT_BYTES]) -> Option<(u64, u64, B256)> {
    let sequence = u64::from_be_bytes(slot[4..12].try_into().ok()?);
    let number = u64::from_be_bytes(slot[12..20].try_into().ok()?);
    let hash = B256::from_slice(&slot[20..52]);
    (encode(sequence, number, &hash) == *slot).then_some((sequence, number, hash))
}

fn newest(file: &File) -> io::Result<Option<(u64, u64, B256)>> {
    let mut slots = Vec::with_capacity(2);
    for offset in [0, SLOT_BYTES as u64] {
        let mut slot = [0; SLOT_BYTES];
        match file.read_exact_at(&mut slot, offset) {
            Ok(()) => slots.extend(decode(&slot)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
    }
    Ok(slots.into_iter().max_by_key(|(sequence, ..)| *sequence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn a_slot_has_its_golden_bytes() {
        let slot = encode(1, 2, &B256::repeat_byte(3));
        let head = format!("5056573100000000000000010000000000000002{}", "03".repeat(32));
        assert_eq!(hex::encode(&slot[..52]), head);
        assert_eq!(decode(&slot), Some((1, 2, B256::repeat_byte(3))));
    }

    #[test]
    fn the_last_note_counts_and_a_torn_one_leaves_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let mut witness = Witness::open(dir.path()).unwrap();
        assert_eq!(Witness::read(dir.path()).unwrap(), None);
        let hash = B256::repeat_byte(7);
        for number in [1, 2, 3] {
            witness.note(number, &hash).unwrap();
        }
        assert_eq!(Witness::read(dir.path()).unwrap(), Some((3, hash)));
        witness.file.write_all_at(&[0xff; 10], SLOT_BYTES as u64 + 30).unwrap();
        assert_eq!(Witness::read(dir.path()).unwrap(), Some((2, hash)));
        drop(witness);

        let mut witness = Witness::open(dir.path()).unwrap();
        witness.note(9, &hash).unwrap();
        assert_eq!(Witness::read(dir.path()).unwrap(), Some((9, hash)));
        assert_eq!(Witness::read(&dir.path().join("elsewhere")).unwrap(), None);
    }
}
