//! What a crash, or worse, may leave of the journal.
use super::*;
use crate::journal::{JournalFile, RecordBuffer};
use std::{fs, path::Path};

const HEADER_BYTES: usize = 40;

/// What one record of each list holds, and the file's bytes up to the end of each.
fn write(path: &Path, records: &[Vec<PooledTransaction>]) -> Vec<usize> {
    let mut file = JournalFile::open(path, &mut |_| panic!("a new journal is empty")).unwrap();
    let mut ends = vec![HEADER_BYTES];
    for record in records {
        let mut buffer = RecordBuffer::default();
        for transaction in record {
            buffer.push(&transaction.sender, transaction.bytes, |out| transaction.encode_into(out));
        }
        file.append(&mut buffer).unwrap();
        let bytes: usize = record.iter().map(|tx| 24 + tx.bytes).sum();
        ends.push(ends.last().unwrap() + 28 + bytes);
    }
    ends
}

/// In memory where that is possible: thousands of files are synced here.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn read(path: &Path) -> Result<Vec<B256>, PoolError> {
    let mut hashes = Vec::new();
    JournalFile::open(path, &mut |entry| {
        assert!(entry.sender != Address::ZERO);
        hashes.push(keccak256(entry.encoded));
    })?;
    Ok(hashes)
}

fn records() -> Vec<Vec<PooledTransaction>> {
    (0..4_u8)
        .map(|record| (0..=record).map(|nonce| pooled(sender(1 + record), transfer(nonce.into(), 1, 1))).collect())
        .collect()
}

fn hashes(records: &[Vec<PooledTransaction>]) -> Vec<B256> {
    records.iter().flatten().map(|tx| tx.hash).collect()
}

#[test]
fn everything_synced_is_back_wherever_the_file_ends() {
    let dir = directory();
    let path = dir.path().join("j");
    let records = records();
    let ends = write(&path, &records);
    assert_eq!(read(&path).unwrap(), hashes(&records));
    let whole = fs::read(&path).unwrap();
    for length in HEADER_BYTES..=ends[4] {
        let synced = ends.iter().filter(|end| **end <= length).count() - 1;
        // Cut, and cut but with the room still there.
        for fill in [0, 1_000] {
            let mut bytes = whole[..length].to_vec();
            bytes.resize(length + fill, 0);
            fs::write(&path, &bytes).unwrap();
            assert_eq!(read(&path).unwrap(), hashes(&records[..synced]), "{length} {fill}");
            if length % 16 != 0 && !ends.contains(&length) {
                continue;
            }
            // The cut is for good, and what is appended then is found.
            let mut file = JournalFile::open(&path, &mut |_| {}).unwrap();
            let more = pooled(sender(9), transfer(9, 1, 1));
            let mut buffer = RecordBuffer::default();
            buffer.push(&more.sender, more.bytes, |out| more.encode_into(out));
            file.append(&mut buffer).unwrap();
            let expected = [hashes(&records[..synced]), vec![more.hash]].concat();
            assert_eq!(read(&path).unwrap(), expected, "{length} {fill}");
        }
    }
    for length in 0..HEADER_BYTES {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(message(read(&path)).contains("shorter than its header"));
    }
}

#[test]
fn a_flipped_bit_is_reported_or_drops_the_last_record() {
    let dir = directory();
    let path = dir.path().join("j");
    let records = records();
    let ends = write(&path, &records);
    let mut whole = fs::read(&path).unwrap();
    whole.truncate(ends[4] + 100);
    for position in 0..ends[4] {
        let mut bytes = whole.clone();
        bytes[position] ^= 1 << (position % 8);
        fs::write(&path, &bytes).unwrap();
        let result = read(&path);
        if position < ends[3] {
            let text = message(result);
            assert!(text.contains("damaged at byte") || text.contains("is newer than"), "{position}: {text}");
        } else {
            assert_eq!(result.unwrap(), hashes(&records[..3]), "{position}");
        }
    }
}

#[test]
fn a_torn_record_of_which_only_the_end_arrived_is_cut() {
    let dir = directory();
    let path = dir.path().join("j");
    let records = records();
    let ends = write(&path, &records);
    let mut bytes = fs::read(&path).unwrap();
    bytes[ends[3]..ends[3] + 200].fill(0);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(read(&path).unwrap(), hashes(&records[..3]));
}

#[test]
fn a_transaction_cannot_pass_for_a_record() {
    let dir = directory();
    let path = dir.path().join("j");
    // A record of another journal, with a high sequence, inside of a transaction in the last record.
    let other = dir.path().join("other");
    let ends = write(&other, &records());
    let bait = fs::read(&other).unwrap()[ends[2]..ends[4]].to_vec();
    let carrier = pooled(sender(1), TxEip1559 { input: bait.into(), ..transfer(0, 1, 1) });
    let ends = write(&path, &[vec![carrier]]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[ends[0] + 21] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(read(&path).unwrap().is_empty());
}

#[test]
fn a_rewrite_has_the_live_ones_and_nothing_unfinished_is_read() {
    let dir = directory();
    let path = dir.path().join("pool.journal");
    write(&path, &records());
    let live: Vec<_> = records().into_iter().flatten().skip(3).map(Arc::new).collect();
    let expected: Vec<_> = live.iter().map(|tx| tx.hash).collect();
    fs::write(path.with_extension("new"), b"unfinished").unwrap();
    let file = JournalFile::create(&path, &live).unwrap();
    assert_eq!(read(&path).unwrap(), expected);
    // A crash between write and rename leaves the old file, and a new one that is removed.
    fs::write(path.with_extension("new"), b"unfinished").unwrap();
    assert_eq!(read(&path).unwrap(), expected);
    assert!(!path.with_extension("new").exists());
    assert!(!file.is_mostly_gone(0, 0));
}

#[test]
fn room_is_made_as_records_come() {
    let dir = directory();
    let path = dir.path().join("j");
    let large = |nonce| pooled(sender(1), TxEip1559 { input: vec![7; 120_000].into(), ..transfer(nonce, 1, 1) });
    let records: Vec<Vec<_>> =
        (0..10_u64).map(|record| (0..9).map(|nonce| large(record * 9 + nonce)).collect()).collect();
    write(&path, &records);
    assert_eq!(read(&path).unwrap(), hashes(&records));
}

#[test]
fn no_journal_no_directory_and_no_access_are_named() {
    let dir = directory();
    let missing = dir.path().join("missing").join("j");
    let text = message(JournalFile::open(&missing, &mut |_| {}));
    assert!(text.contains("cannot write a new one") && text.contains("missing"), "{text}");
    fs::write(dir.path().join("text"), "this is a text file, long enough for a header").unwrap();
    let text = message(read(&dir.path().join("text")));
    assert!(text.contains("damaged at byte 0") && text.contains("move it away"), "{text}");
}
