//! [`Mailbox`]: messages of things on their way to the chain. Each is held, and not acknowledged to whoever delivered it,
//! until a block has it, or has refused it for good.
use super::{
    limits::{BATCH_BYTES_MAX, MAILBOX_MAX, TAKEOVER, TOO_EARLY_AGAIN},
    rotation,
};
use crate::Receipt;
use alloy_primitives::{Address, B256, U256};
use pervade_chainspec::params::BATCH_MESSAGES_MAX;
use pervade_evm_ext::things::IThings;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Names a message.
pub(crate) type Key = (B256, u64);

/// Why the chain skipped a message: `publishBatch`'s codes.
const FUTURE: u16 = 3;

struct Held {
    message: IThings::Message,
    /// More than one if it was delivered again.
    receipts: Vec<Receipt>,
    /// When it is this gateway's turn to send it.
    due: Instant,
    /// Somebody may have published it before.
    doubtful: bool,
    sent: bool,
    /// A transaction that had it failed.
    failed: bool,
}

/// Messages for one transaction.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) messages: Vec<IThings::Message>,
    /// A transaction with one of them has failed.
    pub(crate) is_retried: bool,
}

/// What became of a message that the chain skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skipped {
    /// Not held, or not sent by this gateway.
    Unknown,
    /// It is sent again later.
    TooEarly,
    /// It will never be taken, or is there already.
    ForGood,
}

/// Messages on their way to the chain.
#[derive(Default)]
pub(crate) struct Mailbox {
    held: BTreeMap<Key, Held>,
}

impl Mailbox {
    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there is room for one more; what does not fit waits where it comes from.
    pub(crate) fn has_room(&self) -> bool {
        self.held.len() < MAILBOX_MAX
    }

    /// Holds a message of a thing that these gateways serve.
    pub(crate) fn put(
        &mut self,
        message: IThings::Message,
        receipt: Receipt,
        (gateways, own): (&[Address], Address),
        (now, doubtful): (Instant, bool),
    ) {
        let key = (message.thing, message.sequence);
        let place = place(key, gateways, own);
        let held = self.held.entry(key).or_insert_with(|| Held {
            message: message.clone(),
            receipts: Vec::new(),
            due: now.checked_add(TAKEOVER.saturating_mul(place)).unwrap_or(now),
            doubtful: doubtful || place > 0,
            sent: false,
            failed: false,
        });
        // Another message under the same number: only one can be the thing's, and the chain finds out which. The first may
        // be anybody's, so the last one takes its place unless it is on its way.
        if held.message != message && !held.sent {
            held.message = message;
        }
        held.receipts.push(receipt);
    }

    /// A block has the message: it is acknowledged.
    pub(crate) fn published(&mut self, key: Key) -> bool {
        let Some(held) = self.held.remove(&key) else { return false };
        held.receipts.into_iter().for_each(Receipt::accept);
        true
    }

    /// A transaction of this gateway was told that the message is skipped.
    pub(crate) fn skipped(&mut self, key: Key, code: u16, now: Instant) -> Skipped {
        match self.held.get_mut(&key) {
            Some(held) if held.sent && code == FUTURE => {
                held.sent = false;
                held.due = later(now, TOO_EARLY_AGAIN);
                Skipped::TooEarly
            }
            Some(held) if held.sent => {
                self.published(key);
                Skipped::ForGood
            }
            _ => Skipped::Unknown,
        }
    }

    /// A transaction with these is in a block; those that it neither published nor skipped are sent again.
    pub(crate) fn sent_in_vain(&mut self, keys: &[Key], now: Instant) {
        for key in keys {
            if let Some(held) = self.held.get_mut(key) {
                held.sent = false;
                (held.doubtful, held.failed) = (true, true);
                held.due = later(now, TAKEOVER);
            }
        }
    }

    /// What may have been published already, among the messages of the next batch.
    pub(crate) fn doubtful(&self, now: Instant) -> Vec<Key> {
        let due = self.held.iter().filter(|(_, held)| !held.sent && held.due <= now);
        due.take(BATCH_MESSAGES_MAX).filter(|(_, held)| held.doubtful).map(|(key, _)| *key).collect()
    }

    /// A message of the next batch was not published before.
    pub(crate) fn is_new(&mut self, key: Key) {
        if let Some(held) = self.held.get_mut(&key) {
            held.doubtful = false;
        }
    }

    /// What was published meanwhile is not known: all is looked for before it is sent.
    pub(crate) fn doubt_all(&mut self, now: Instant) {
        for held in self.held.values_mut() {
            if held.sent {
                held.due = later(now, TAKEOVER);
            }
            (held.sent, held.doubtful) = (false, true);
        }
    }

    /// The next batch, of at most so many messages.
    pub(crate) fn batch(&self, now: Instant, messages_max: usize) -> Batch {
        let mut bytes = 0usize;
        let mut batch = Batch { messages: Vec::new(), is_retried: false };
        let due = self.held.values().filter(|held| !held.sent && !held.doubtful && held.due <= now);
        for held in due.take(messages_max.min(BATCH_MESSAGES_MAX)) {
            bytes = bytes.saturating_add(encoded_bytes(&held.message));
            if !batch.messages.is_empty() && bytes > BATCH_BYTES_MAX {
                break;
            }
            batch.messages.push(held.message.clone());
            batch.is_retried |= held.failed;
        }
        batch
    }

    /// These are on their way.
    pub(crate) fn set_sent(&mut self, keys: &[Key]) {
        for key in keys {
            if let Some(held) = self.held.get_mut(key) {
                held.sent = true;
            }
        }
    }
}

fn later(now: Instant, by: Duration) -> Instant {
    now.checked_add(by).unwrap_or(now)
}

/// The gateway's place in the rotation for a message.
fn place((thing, sequence): Key, gateways: &[Address], own: Address) -> u32 {
    let seed = U256::from_be_bytes(thing.0).wrapping_add(U256::from(sequence));
    rotation::place(seed, 0, gateways, own).unwrap_or_default()
}

/// Words of the ABI: six heads, two lengths, an offset, and the bytes.
fn encoded_bytes(message: &IThings::Message) -> usize {
    let padded = |bytes: usize| bytes.div_ceil(32).saturating_mul(32);
    padded(message.payload.len()).saturating_add(padded(message.signature.len())).saturating_add(9 * 32)
}

#[cfg(test)]
mod tests;
