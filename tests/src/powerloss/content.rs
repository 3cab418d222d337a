//! Which bytes of a file survive: those of the last sync, plus some of the writes after it.
use super::events::Event;
use rand::{Rng, RngCore, rngs::StdRng};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes that reach the disk together.
const PAGE: usize = 4096;

/// A change of one file that was not synced, with the bytes that it wrote.
#[derive(Debug, Clone)]
enum Unsynced {
    Write { offset: usize, bytes: Vec<u8> },
    Resize { to: usize },
}

/// The bytes of file `inode` after a power loss; `None` if all of it was durable. `current` are its bytes now,
/// `start_size` is its size at the start of the run. Second: what happened, for people.
pub(super) fn surviving_bytes(
    inode: u64,
    current: Vec<u8>,
    start_size: u64,
    events: &[Event],
    rng: &mut StdRng,
) -> Option<(Vec<u8>, String)> {
    let (durable, changes) = take_back(inode, current.clone(), start_size, events);
    if changes.is_empty() {
        return None;
    }
    let resized = changes.iter().any(|change| matches!(change, Unsynced::Resize { .. }));
    let (bytes, how) = match rng.random_range(0..10) {
        0 | 1 => (durable.clone(), "all unsynced changes lost".to_owned()),
        2 => (current.clone(), "all unsynced changes kept".to_owned()),
        3..=5 if !resized => (pages(&durable, &changes, current.len(), rng), "single pages kept".to_owned()),
        _ => prefix(&durable, &changes, current.len(), rng),
    };
    let how = format!("{how} ({} synced, {} written, {} after the loss)", durable.len(), current.len(), bytes.len());
    Some((bytes, how))
}

/// Undoes everything after the last sync: the durable bytes, and the changes in order.
fn take_back(inode: u64, mut bytes: Vec<u8>, start_size: u64, events: &[Event]) -> (Vec<u8>, Vec<Unsynced>) {
    let ended: BTreeSet<u64> =
        events.iter().filter_map(|e| if let Event::SyncEnd { token } = e { Some(*token) } else { None }).collect();
    let last_sync = events.iter().rposition(
        |event| matches!(event, Event::SyncBegin { inode: i, token, .. } if *i == inode && ended.contains(token)),
    );
    let mut known_size = start_size;
    for event in events {
        match event {
            Event::Write { inode: i, offset, length, .. } if *i == inode => {
                known_size = known_size.max(offset + length)
            }
            Event::Resize { inode: i, to, .. } if *i == inode => known_size = *to,
            _ => {}
        }
    }
    let mut changes = Vec::new();
    // Bytes that no record tells of were written by a way that the shim does not see: never synced.
    let known_size = known_size as usize;
    if bytes.len() > known_size {
        changes.push(Unsynced::Write { offset: known_size, bytes: bytes.split_off(known_size) });
    }
    let after = last_sync.map_or(0, |at| at + 1);
    for event in events[after..].iter().rev() {
        match event {
            Event::Write { inode: i, offset, length, size, old } if *i == inode => {
                let (from, to) = (*offset as usize, (*offset + *length) as usize);
                // A write that the kill prevented left nothing.
                let written = bytes.get(from.min(bytes.len())..to.min(bytes.len())).unwrap_or_default().to_vec();
                changes.push(Unsynced::Write { offset: from, bytes: written });
                if let Some(place) = bytes.get_mut(from..from + old.len()) {
                    place.copy_from_slice(old);
                }
                bytes.truncate(*size as usize);
            }
            Event::Resize { inode: i, from, to, cut } if *i == inode => {
                changes.push(Unsynced::Resize { to: *to as usize });
                // A cut that the kill prevented is undone already.
                if cut.is_empty() || bytes.len() == *to as usize {
                    bytes.truncate(*to as usize);
                    bytes.extend(cut);
                    bytes.resize(*from as usize, 0);
                }
            }
            _ => {}
        }
    }
    changes.retain(|change| !matches!(change, Unsynced::Write { bytes, .. } if bytes.is_empty()));
    changes.reverse();
    (bytes, changes)
}

fn write(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if file.len() < offset + bytes.len() {
        file.resize(offset + bytes.len(), 0);
    }
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
}

/// The changes up to some byte of them; behind it nothing, zeros, or garbage to the end of the page.
fn prefix(durable: &[u8], changes: &[Unsynced], full_size: usize, rng: &mut StdRng) -> (Vec<u8>, String) {
    let total: usize = changes.iter().map(weight).sum();
    let mut left = rng.random_range(0..=total);
    let mut file = durable.to_vec();
    for change in changes {
        let part = weight(change).min(left);
        match change {
            Unsynced::Write { offset, bytes } => write(&mut file, *offset, &bytes[..part]),
            Unsynced::Resize { to } if part > 0 => file.resize(*to, 0),
            Unsynced::Resize { .. } => {}
        }
        left -= part;
        if left == 0 {
            break;
        }
    }
    let tail = match rng.random_range(0..3) {
        1 if file.len() < full_size => {
            file.resize(full_size, 0);
            ", then zeros"
        }
        2 if file.len() < full_size => {
            let garbage = (PAGE - file.len() % PAGE).min(full_size - file.len());
            let from = file.len();
            file.resize(from + garbage, 0);
            rng.fill_bytes(&mut file[from..]);
            ", then garbage"
        }
        _ => "",
    };
    (file, format!("torn{tail}"))
}

fn weight(change: &Unsynced) -> usize {
    match change {
        Unsynced::Write { bytes, .. } => bytes.len(),
        Unsynced::Resize { .. } => 1,
    }
}

/// Each page as it was after some of the changes; the size as it was after some.
fn pages(durable: &[u8], changes: &[Unsynced], full_size: usize, rng: &mut StdRng) -> Vec<u8> {
    let mut cutoff: BTreeMap<usize, usize> = BTreeMap::new();
    let mut file = durable.to_vec();
    file.resize(full_size.max(durable.len()), 0);
    let mut size = durable.len();
    let size_cutoff = rng.random_range(0..=changes.len());
    for (index, change) in changes.iter().enumerate() {
        let Unsynced::Write { offset, bytes } = change else { continue };
        let mut at = *offset;
        while at < offset + bytes.len() {
            let page = at / PAGE;
            let end = ((page + 1) * PAGE).min(offset + bytes.len());
            let keep = *cutoff.entry(page).or_insert_with(|| match rng.random_range(0..3) {
                0 => 0,
                1 => changes.len(),
                _ => rng.random_range(0..=changes.len()),
            });
            if index < keep {
                write(&mut file, at, &bytes[at - offset..end - offset]);
                // A page that is there is inside the file.
                size = size.max(end);
            }
            at = end;
        }
        if index < size_cutoff {
            size = size.max(offset + bytes.len());
        }
    }
    file.truncate(size);
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    /// What `seeds` power losses leave of a file that holds `current` now.
    fn outcomes(current: &[u8], start_size: u64, events: &[Event]) -> Vec<Vec<u8>> {
        (0..500)
            .map(|seed| {
                let rng = &mut StdRng::seed_from_u64(seed);
                surviving_bytes(7, current.to_vec(), start_size, events, rng).map_or(current.to_vec(), |found| found.0)
            })
            .collect()
    }

    fn append(offset: u64, length: u64) -> Event {
        Event::Write { inode: 7, offset, length, size: offset, old: Vec::new() }
    }

    fn sync(token: u64) -> [Event; 2] {
        [Event::SyncBegin { inode: 7, token, folder: None }, Event::SyncEnd { token }]
    }

    #[test]
    fn a_synced_file_is_untouched() {
        let mut events = vec![append(0, 3)];
        events.extend(sync(1));
        assert!(outcomes(b"abc", 0, &events).iter().all(|bytes| bytes == b"abc"));
    }

    #[test]
    fn the_synced_part_always_survives_and_the_tail_does_not() {
        let mut events = vec![append(0, 4)];
        events.extend(sync(1));
        events.push(append(4, 6000));
        let current = [b"head".to_vec(), vec![b'x'; 6000]].concat();
        let found = outcomes(&current, 0, &events);
        assert!(found.iter().all(|bytes| bytes.starts_with(b"head")));
        assert!(found.iter().any(|bytes| bytes == b"head"));
        assert!(found.contains(&current));
        assert!(found.iter().any(|bytes| bytes.len() == current.len() && bytes.ends_with(&[0; 100])));
        assert!(found.iter().any(|bytes| bytes.len() > 4 && bytes.len() < current.len()));
    }

    #[test]
    fn overwritten_bytes_come_back() {
        let mut events = vec![Event::Write { inode: 7, offset: 1, length: 2, size: 4, old: b"bc".to_vec() }];
        let found = outcomes(b"aXXd", 4, &events);
        assert!(found.iter().any(|bytes| bytes == b"abcd"));
        assert!(found.iter().any(|bytes| bytes == b"aXXd"));
        assert!(found.iter().any(|bytes| bytes == b"aXcd"));
        events.extend(sync(1));
        assert!(outcomes(b"aXXd", 4, &events).iter().all(|bytes| bytes == b"aXXd"));
    }

    #[test]
    fn a_sync_covers_only_what_was_written_before_it_began() {
        let events = [sync(1)[0].clone(), append(0, 3), sync(1)[1].clone()];
        assert!(outcomes(b"abc", 0, &events).iter().any(Vec::is_empty));
    }

    #[test]
    fn a_truncation_that_was_not_synced_is_undone() {
        let events = [Event::Resize { inode: 7, from: 4, to: 1, cut: b"bcd".to_vec() }];
        let found = outcomes(b"a", 4, &events);
        assert!(found.iter().any(|bytes| bytes == b"abcd"));
        assert!(found.iter().any(|bytes| bytes == b"a"));
    }

    #[test]
    fn bytes_that_no_record_tells_of_are_never_safe() {
        let events = sync(1);
        assert!(outcomes(b"abcdef", 3, &events).iter().any(|bytes| bytes == b"abc"));
    }
}
