//! Reads what the shim recorded.
use eyre::{bail, ensure, eyre};
use std::path::PathBuf;

const MAGIC: u32 = 0x5057_4c53;
/// Fixed part of a record.
const HEAD_BYTES: usize = 48;

/// One thing that the process did, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// Bytes `offset..offset + length` are written; `old` are those among them that were there before, `size` the size before.
    Write { inode: u64, offset: u64, length: u64, size: u64, old: Vec<u8> },
    /// The size changes; `cut` are the bytes that go.
    Resize { inode: u64, from: u64, to: u64, cut: Vec<u8> },
    /// A sync of a file or a folder begins; `path` is its name then.
    SyncBegin { inode: u64, token: u64, folder: Option<PathBuf> },
    /// It has ended well.
    SyncEnd { token: u64 },
    /// A new file gets a name.
    Create { inode: u64, path: PathBuf },
    /// A file gets another name, in place of what had it.
    Rename { inode: u64, from: PathBuf, to: PathBuf },
    /// A file loses a name.
    Unlink { path: PathBuf },
    /// A folder is made.
    MakeFolder { path: PathBuf },
    /// A folder is removed.
    RemoveFolder { path: PathBuf },
    /// A file gets a second name.
    Link { inode: u64, to: PathBuf },
}

/// Parses the record stream. A record cut off at the end is what the kill interrupted, and dropped.
///
/// # Errors
/// A record is malformed, or tells of something that the model does not cover.
pub(super) fn parse_events(mut bytes: &[u8]) -> eyre::Result<Vec<Event>> {
    let mut events = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(HEAD_BYTES) {
        let u32_at = |at: usize| u32::from_ne_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let u64_at = |at: usize| u64::from_ne_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        ensure!(u32_at(0) == MAGIC, "a record of the shim does not begin with its magic");
        let (a_bytes, b_bytes) = (u32_at(40) as usize, u32_at(44) as usize);
        let Some((tail, rest)) = rest.split_at_checked(a_bytes + b_bytes) else { break };
        let (a, b) = tail.split_at(a_bytes);
        bytes = rest;
        let path = |bytes: &[u8]| PathBuf::from(String::from_utf8_lossy(bytes).into_owned());
        let (inode, offset, length, size) = (u64_at(8), u64_at(16), u64_at(24), u64_at(32));
        events.push(match u32_at(4) {
            1 => Event::Write { inode, offset, length, size, old: a.to_vec() },
            2 => Event::Resize { inode, from: offset, to: length, cut: a.to_vec() },
            3 => Event::SyncBegin { inode, token: offset, folder: None },
            11 => Event::SyncBegin { inode, token: offset, folder: Some(path(a)) },
            4 | 12 => Event::SyncEnd { token: offset },
            5 => Event::Create { inode, path: path(a) },
            6 => Event::Rename { inode, from: path(a), to: path(b) },
            7 => Event::Unlink { path: path(a) },
            8 => Event::MakeFolder { path: path(a) },
            9 => Event::RemoveFolder { path: path(a) },
            10 => Event::Link { inode, to: path(b) },
            13 => bail!("not covered by the model: {} {}", path(a).display(), path(b).display()),
            other => return Err(eyre!("unknown record kind {other}")),
        });
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u32, inode: u64, a: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(MAGIC.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        for number in [inode, 1, 2, 3] {
            bytes.extend(number.to_ne_bytes());
        }
        bytes.extend((a.len() as u32).to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend(a);
        bytes
    }

    #[test]
    fn a_record_cut_off_by_the_kill_is_dropped() {
        let mut bytes = record(1, 7, b"old");
        bytes.extend(&record(5, 8, b"/a")[..HEAD_BYTES + 1]);
        let expected = Event::Write { inode: 7, offset: 1, length: 2, size: 3, old: b"old".to_vec() };
        assert_eq!(parse_events(&bytes).unwrap(), [expected]);
    }

    #[test]
    fn what_the_model_does_not_cover_is_an_error() {
        assert!(parse_events(&record(13, 7, b"a writable shared mapping")).is_err());
        assert!(parse_events(&[0; HEAD_BYTES]).is_err());
    }
}
