//! [`MemoryJournal`]: a journal without file and thread, for simulations.
use super::Ticket;
use alloy_primitives::Address;
use parking_lot::Mutex;
use std::{fmt, sync::Arc};

/// What a pool's journal holds, in memory. Clones are the same one: a pool that is opened on it again takes back what
/// survived. What the file's records and checksums do when they are torn is not its matter: it forgets whole transactions.
#[derive(Clone, Default)]
pub struct MemoryJournal {
    content: Arc<Mutex<Content>>,
}

#[derive(Default)]
struct Content {
    /// Sender and encoded transaction, in order.
    entries: Vec<(Address, Vec<u8>)>,
    /// So many of them are durable.
    synced: usize,
    ignores_syncs: bool,
}

impl fmt::Debug for MemoryJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = self.content.lock();
        f.debug_struct("MemoryJournal")
            .field("entries", &content.entries.len())
            .field("synced", &content.synced)
            .finish()
    }
}

impl MemoryJournal {
    /// Transactions that a power loss may take.
    pub fn unsynced(&self) -> usize {
        let content = self.content.lock();
        content.entries.len().saturating_sub(content.synced)
    }

    /// The machine is back after a power loss: of the unsynced transactions the oldest `kept` are there.
    pub fn restart(&self, kept: usize) {
        let mut content = self.content.lock();
        let length = content.synced.saturating_add(kept);
        content.entries.truncate(length);
        content.synced = content.entries.len();
    }

    /// A disk that says it has synced and has not: what depends on syncs must be seen to break.
    pub fn ignore_syncs(&self) {
        self.content.lock().ignores_syncs = true;
    }

    pub(crate) fn push(&self, sender: &Address, encoded: &[u8]) -> Ticket {
        let mut content = self.content.lock();
        content.entries.push((*sender, encoded.to_vec()));
        Ticket(content.entries.len() as u64)
    }

    pub(crate) fn sync(&self) {
        let mut content = self.content.lock();
        if !content.ignores_syncs {
            content.synced = content.entries.len();
        }
    }

    pub(crate) fn entries(&self) -> Vec<(Address, Vec<u8>)> {
        self.content.lock().entries.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_keeps_what_was_synced_and_a_prefix_of_the_rest() {
        let journal = MemoryJournal::default();
        let push = |byte| journal.push(&Address::repeat_byte(byte), &[byte]);
        push(1);
        journal.sync();
        push(2);
        push(3);
        assert_eq!(journal.unsynced(), 2);
        journal.restart(1);
        let senders: Vec<_> = journal.entries().into_iter().map(|(sender, _)| sender[0]).collect();
        assert_eq!((senders, journal.unsynced()), (vec![1, 2], 0));

        journal.ignore_syncs();
        push(4);
        journal.sync();
        journal.restart(0);
        assert_eq!(journal.entries().len(), 2);
    }
}
