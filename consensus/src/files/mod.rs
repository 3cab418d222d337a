//! The files of agreement, and the little that is asked of a disk.
mod folder;
mod memory;
mod open;

pub use folder::FolderStore;
pub use memory::{MemoryStore, SECTOR_BYTES};
pub use open::{ConsensusFiles, MissingRecord, Recovered};

use crate::error::ConsensusError;
use std::io;

/// A folder with a few files. A write is visible to the next read at once and on disk after the file's next sync; until
/// then a power loss may keep it, lose it, or keep some of its sectors.
pub trait FileStore: Send {
    /// The whole file; `None` if there is none.
    ///
    /// # Errors
    /// Those of the disk.
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Writes at an offset; the file is made, and grows, as needed. Gaps read as zero.
    ///
    /// # Errors
    /// Those of the disk.
    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to a length. A file that is shorter, or not there, stays as it is.
    ///
    /// # Errors
    /// Those of the disk.
    fn truncate(&mut self, name: &str, bytes: u64) -> io::Result<()>;

    /// Returns when the file's content, its length and its name survive a power loss.
    ///
    /// # Errors
    /// Those of the disk. What was written since the last sync is then in doubt for good.
    fn sync(&mut self, name: &str) -> io::Result<()>;

    /// Gives a synced file its name, in place of what has that name. When this returns, the name survives a power loss; if
    /// the power goes before, either name may be there, and the content is whole under it.
    ///
    /// # Errors
    /// Those of the disk.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
}

/// Adds the file's name and what was tried to an error of the disk.
pub(crate) fn file_error(name: &str, action: &'static str) -> impl FnOnce(io::Error) -> ConsensusError {
    let file = name.to_owned();
    move |source| ConsensusError::File { file, action, source }
}
