//! The journal's file: reading it back, appending, replacing it.
use super::format::{self, ENTRY_HEADER_BYTES, HEADER_BYTES, HeaderError, RECORD_HEADER_BYTES, RecordHeader, Salt};
use crate::{PoolError, PooledTransaction};
use alloy_primitives::Address;
use std::{
    collections::hash_map::RandomState,
    fs::{File, OpenOptions},
    hash::BuildHasher,
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};
use tracing::{info, warn};

/// Room is made in steps of this size: one sync of the file size for some 25,000 transfers.
const ROOM_BYTES: usize = 4 * 1024 * 1024;
/// A rewritten file has records of about this size.
const REWRITE_RECORD_BYTES: usize = 1024 * 1024;
/// A journal below this size is never rewritten.
const REWRITE_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// A transaction as the journal has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JournalEntry<'a> {
    pub(crate) sender: Address,
    pub(crate) encoded: &'a [u8],
}

/// The open file. Only whole, synced records are in it, or one torn record at its end.
#[derive(Debug)]
pub(crate) struct JournalFile {
    path: PathBuf,
    file: File,
    salt: Salt,
    next_sequence: u64,
    /// Where the next record goes.
    end: u64,
    /// File size: zeros from `end` on.
    room_end: u64,
}

impl JournalFile {
    /// Opens or creates the journal and gives each of its transactions, in order, to `take`.
    ///
    /// # Errors
    /// [`PoolError::Journal`], [`PoolError::JournalDamaged`], [`PoolError::JournalVersion`].
    pub(crate) fn open(path: &Path, take: &mut dyn FnMut(JournalEntry<'_>)) -> Result<Self, PoolError> {
        match std::fs::remove_file(new_path(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(PoolError::journal(path, "remove an unfinished rewrite of it", error));
            }
            _ => {}
        }
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::create(path, &[]),
            Err(error) => return Err(PoolError::journal(path, "open it", error)),
        };
        Reader::new(path, file)?.read_all(take)
    }

    /// Writes a whole new journal and puts it in the place of the one that may be there.
    pub(crate) fn create(path: &Path, live: &[Arc<PooledTransaction>]) -> Result<Self, PoolError> {
        Self::write_new(path, live).map_err(|error| PoolError::journal(path, "write a new one", error))
    }

    fn write_new(path: &Path, live: &[Arc<PooledTransaction>]) -> io::Result<Self> {
        let new_path = new_path(path);
        let salt = random_salt();
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&new_path)?;
        let mut journal = Self { path: path.to_owned(), file, salt, next_sequence: 1, end: 0, room_end: 0 };
        journal.file.write_all(&format::header(&salt))?;
        journal.end = HEADER_BYTES as u64;
        journal.room_end = journal.end;
        let mut buffer = RecordBuffer::default();
        for transaction in live {
            buffer.push(&transaction.sender, transaction.bytes, |out| transaction.encode_into(out));
            if buffer.len() >= REWRITE_RECORD_BYTES {
                journal.write_record(&mut buffer)?;
            }
        }
        if !buffer.is_empty() {
            journal.write_record(&mut buffer)?;
        }
        journal.file.sync_all()?;
        std::fs::rename(&new_path, path)?;
        sync_directory(path)?;
        Ok(journal)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends what `buffer` holds as one record and syncs it. An error leaves the file's end unknown: nothing may
    /// be appended any more.
    pub(crate) fn append(&mut self, buffer: &mut RecordBuffer) -> Result<(), PoolError> {
        self.write_record(buffer)
            .and_then(|()| self.file.sync_data())
            .map_err(|error| PoolError::journal(&self.path, "append to it", error))
    }

    fn write_record(&mut self, buffer: &mut RecordBuffer) -> io::Result<()> {
        let record = buffer.seal(&self.salt, self.next_sequence)?;
        let end = self.end.saturating_add(record.len() as u64);
        if end > self.room_end {
            self.make_room(end)?;
        }
        self.file.write_all(record)?;
        buffer.clear();
        self.end = end;
        self.next_sequence = self.next_sequence.saturating_add(1);
        Ok(())
    }

    /// Zeros from the end of the file, so that at least `needed` bytes are there; the position stays at `end`.
    fn make_room(&mut self, needed: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.room_end))?;
        let zeros = vec![0; 64 * 1024];
        let target = needed.saturating_add(ROOM_BYTES as u64);
        while self.room_end < target {
            self.file.write_all(&zeros)?;
            self.room_end = self.room_end.saturating_add(zeros.len() as u64);
        }
        self.file.sync_all()?;
        self.file.seek(SeekFrom::Start(self.end))?;
        Ok(())
    }

    /// The same file, opened for reading only: every write fails.
    #[cfg(test)]
    pub(crate) fn without_write_access(self) -> Self {
        let file = File::open(&self.path).unwrap();
        Self { file, ..self }
    }

    /// The file is large, and more than half of it are transactions that are gone. `live_bytes`: encoded size of
    /// the `live_count` others.
    pub(crate) fn is_mostly_gone(&self, live_bytes: usize, live_count: usize) -> bool {
        let live = live_bytes.saturating_add(live_count.saturating_mul(ENTRY_HEADER_BYTES)) as u64;
        self.end > REWRITE_BYTES_MIN && self.end > live.saturating_mul(2)
    }
}

/// A record that is being collected.
#[derive(Debug)]
pub(crate) struct RecordBuffer {
    /// Room for the record's header, then the body.
    bytes: Vec<u8>,
    count: u32,
}

impl Default for RecordBuffer {
    fn default() -> Self {
        Self { bytes: vec![0; RECORD_HEADER_BYTES], count: 0 }
    }
}

impl RecordBuffer {
    pub(crate) fn push(&mut self, sender: &Address, bytes: usize, encode: impl FnOnce(&mut Vec<u8>)) {
        format::push_entry(&mut self.bytes, sender, bytes, encode);
        self.count = self.count.saturating_add(1);
    }

    /// Number of transactions.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn len(&self) -> usize {
        self.bytes.len()
    }

    fn clear(&mut self) {
        self.bytes.truncate(RECORD_HEADER_BYTES);
        // One burst must not hold its memory for ever.
        self.bytes.shrink_to(ROOM_BYTES);
        self.count = 0;
    }

    fn seal(&mut self, salt: &Salt, sequence: u64) -> io::Result<&[u8]> {
        let too_large = || io::Error::other("more than 4 GiB of transactions in one record");
        let (header, body) = self.bytes.split_at_mut_checked(RECORD_HEADER_BYTES).ok_or_else(too_large)?;
        let body_bytes = u32::try_from(body.len()).map_err(|_| too_large())?;
        header.copy_from_slice(&RecordHeader::new(salt, sequence, self.count, body_bytes, body).to_bytes());
        Ok(&self.bytes)
    }
}

/// Reads an existing file record by record.
struct Reader {
    path: PathBuf,
    input: BufReader<File>,
    file_bytes: u64,
    salt: Salt,
    sequence: u64,
    position: u64,
}

impl Reader {
    fn new(path: &Path, file: File) -> Result<Self, PoolError> {
        let fail = |error| PoolError::journal(path, "read it", error);
        let file_bytes = file.metadata().map_err(fail)?.len();
        let mut input = BufReader::with_capacity(1024 * 1024, file);
        let mut header = [0; HEADER_BYTES];
        if file_bytes < HEADER_BYTES as u64 {
            // A journal gets its name when its header is synced: a crash leaves none without.
            return Err(damaged(path, 0, "the file is shorter than its header"));
        }
        input.read_exact(&mut header).map_err(fail)?;
        let salt = format::read_header(&header).map_err(|error| match error {
            HeaderError::Damaged(reason) => damaged(path, 0, reason),
            HeaderError::Newer(found) => {
                PoolError::JournalVersion { path: path.to_owned(), found, supported: format::FORMAT }
            }
        })?;
        Ok(Self { path: path.to_owned(), input, file_bytes, salt, sequence: 1, position: HEADER_BYTES as u64 })
    }

    fn read_all(mut self, take: &mut dyn FnMut(JournalEntry<'_>)) -> Result<JournalFile, PoolError> {
        let mut body = Vec::new();
        while let Some(header) =
            self.read_record(&mut body).map_err(|error| PoolError::journal(&self.path, "read it", error))?
        {
            let mut rest = body.as_slice();
            for _ in 0..header.count {
                let Some((sender, encoded)) = format::split_entry(&mut rest) else {
                    return Err(damaged(&self.path, self.position, "a record with a good checksum does not add up"));
                };
                take(JournalEntry { sender, encoded });
            }
            self.position = self.position.saturating_add(RECORD_HEADER_BYTES as u64).saturating_add(body.len() as u64);
            self.sequence = self.sequence.saturating_add(1);
        }
        self.check_rest()
    }

    /// The next record, its body in `body`; `None` if none with the right sequence and checksum is here.
    fn read_record(&mut self, body: &mut Vec<u8>) -> io::Result<Option<RecordHeader>> {
        let left = self.file_bytes.saturating_sub(self.position);
        let mut head = [0; RECORD_HEADER_BYTES];
        if left < RECORD_HEADER_BYTES as u64 {
            return Ok(None);
        }
        self.input.read_exact(&mut head)?;
        let Some(header) = RecordHeader::read(&head).filter(|header| {
            header.sequence == self.sequence
                && u64::from(header.body_bytes) <= left.saturating_sub(RECORD_HEADER_BYTES as u64)
        }) else {
            return Ok(None);
        };
        body.clear();
        (&mut self.input).take(u64::from(header.body_bytes)).read_to_end(body)?;
        Ok(Some(header).filter(|header| header.checks(&self.salt, body)))
    }

    /// What follows the last good record is room, or a torn record, or damage.
    fn check_rest(self) -> Result<JournalFile, PoolError> {
        let fail = |error| PoolError::journal(&self.path, "read it", error);
        let mut file = self.input.into_inner();
        let mut rest = Vec::new();
        file.seek(SeekFrom::Start(self.position)).map_err(fail)?;
        file.read_to_end(&mut rest).map_err(fail)?;
        let mut room_end = self.file_bytes;
        if let Some(last) = rest.iter().rposition(|byte| *byte != 0) {
            rest.truncate(last.saturating_add(1));
            if format::find_record(&rest, &self.salt, self.sequence.saturating_add(1)).is_some() {
                return Err(damaged(&self.path, self.position, "a record does not check, and good ones follow it"));
            }
            warn!(
                path = %self.path.display(),
                offset = self.position,
                torn_bytes = rest.len(),
                "cut a torn record off the transaction journal; nothing in it was acknowledged"
            );
            let cut = |error| PoolError::journal(&self.path, "cut a torn record off it", error);
            file.set_len(self.position).map_err(cut)?;
            file.sync_all().map_err(cut)?;
            room_end = self.position;
        }
        file.seek(SeekFrom::Start(self.position)).map_err(fail)?;
        info!(path = %self.path.display(), bytes = self.position, "read the transaction journal");
        Ok(JournalFile {
            path: self.path,
            file,
            salt: self.salt,
            next_sequence: self.sequence,
            end: self.position,
            room_end,
        })
    }
}

fn damaged(path: &Path, offset: u64, reason: &'static str) -> PoolError {
    PoolError::JournalDamaged { path: path.to_owned(), offset, reason }
}

fn new_path(path: &Path) -> PathBuf {
    path.with_extension("new")
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

/// Random from the operating system, by way of the seed of the standard library's hash maps.
fn random_salt() -> Salt {
    let mut salt = Salt::default();
    for half in salt.chunks_exact_mut(8) {
        half.copy_from_slice(&RandomState::new().hash_one(half.as_ptr() as usize).to_be_bytes());
    }
    salt
}
