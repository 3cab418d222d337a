//! Which blocks hold logs of an address or with a topic.
//!
//! Each distinct value that a block's logs carry has one key with the block's number at its end, so the blocks of one value are
//! a sorted run of keys. A filter is a conjunction of disjunctions: each disjunction walks its runs side by side, and
//! the conjunction leaps from one candidate to the next. Nothing is read of blocks that cannot match.
use crate::{
    LogFilter, Receipt, Storage, StorageError,
    codec::key::LogKey,
    columns::Column,
    database::{Database, Purpose},
    records::Records,
};
use std::collections::BTreeSet;

/// Topics of a log (EIP-2718 receipts hold at most as many).
const TOPICS_MAX: usize = 4;

/// The index entries of a block.
pub(crate) fn keys(receipts: &[Receipt]) -> BTreeSet<LogKey> {
    let mut keys = BTreeSet::new();
    for log in receipts.iter().flat_map(|receipt| &receipt.logs) {
        keys.insert(LogKey::Any);
        keys.insert(LogKey::Address(log.address));
        for (position, topic) in (0u8..).zip(log.data.topics().iter().take(TOPICS_MAX)) {
            keys.insert(LogKey::Topic(position, *topic));
        }
    }
    keys
}

impl Storage {
    /// Blocks in `first..=last` that can hold a matching log, ascending, at most `limit`; from the index alone.
    ///
    /// A block that is named holds, for each criterion, a log that meets it, not necessarily one that meets all.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn blocks_with_logs(
        &self,
        filter: &LogFilter,
        first: u64,
        last: u64,
        limit: usize,
    ) -> Result<Vec<u64>, StorageError> {
        let last = last.min(self.head().number());
        let database = &self.store().database;
        let mut criteria = criteria(filter)
            .into_iter()
            .map(|keys| Criterion::new(database, &keys, first))
            .collect::<Result<Vec<_>, _>>()?;

        let mut blocks = Vec::new();
        let mut candidate = first;
        while blocks.len() < limit {
            // A round in which no criterion moves the candidate on has found a block.
            let before = candidate;
            for criterion in &mut criteria {
                match criterion.next_from(candidate)? {
                    Some(number) => candidate = number,
                    None => return Ok(blocks),
                }
            }
            if candidate > last {
                break;
            }
            if candidate == before || criteria.len() == 1 {
                blocks.push(candidate);
                let Some(next) = candidate.checked_add(1) else { break };
                candidate = next;
            }
        }
        Ok(blocks)
    }
}

/// Each inner list is a disjunction; there is at least one.
fn criteria(filter: &LogFilter) -> Vec<Vec<LogKey>> {
    let addresses = filter.addresses.iter().map(|address| LogKey::Address(*address)).collect();
    let topics = (0u8..).zip(filter.topics.iter().take(TOPICS_MAX));
    let topics = topics.map(|(position, topics)| topics.iter().map(|topic| LogKey::Topic(position, *topic)).collect());
    let mut criteria: Vec<Vec<LogKey>> = std::iter::once(addresses).chain(topics).collect();
    criteria.retain(|keys| !keys.is_empty());
    if criteria.is_empty() {
        criteria.push(vec![LogKey::Any]);
    }
    criteria
}

/// Blocks with any of some values.
struct Criterion<'a> {
    runs: Vec<Run<'a>>,
}

/// Blocks with one value, ascending.
struct Run<'a> {
    key: LogKey,
    records: Records<'a>,
    /// The block it stands at; `None`: it is over.
    at: Option<u64>,
}

impl<'a> Criterion<'a> {
    fn new(database: &'a Database, keys: &[LogKey], first: u64) -> Result<Self, StorageError> {
        let runs = keys.iter().map(|key| {
            let records = database.records(Column::LogIndex, &key.prefix(), Purpose::Lookup)?;
            let mut run = Run { key: *key, records, at: None };
            run.seek(first)?;
            Ok(run)
        });
        Ok(Self { runs: runs.collect::<Result<_, StorageError>>()? })
    }

    /// The first block from `number` on.
    fn next_from(&mut self, number: u64) -> Result<Option<u64>, StorageError> {
        for run in &mut self.runs {
            if run.at.is_some_and(|at| at < number) {
                run.seek(number)?;
            }
        }
        Ok(self.runs.iter().filter_map(|run| run.at).min())
    }
}

impl Run<'_> {
    fn seek(&mut self, number: u64) -> Result<(), StorageError> {
        // Mostly the block is the next key: a step is cheaper than a search.
        if self.at.is_some_and(|at| at.checked_add(1) == Some(number)) && self.records.valid() {
            self.records.next();
            self.read()?;
            if self.at.is_none_or(|at| at >= number) {
                return Ok(());
            }
        }
        self.records.seek(self.key.at(number));
        self.read()
    }

    fn read(&mut self) -> Result<(), StorageError> {
        self.at = match self.records.key() {
            None => None,
            Some(key) => {
                let number = key.get(key.len().saturating_sub(8)..).and_then(|bytes| bytes.try_into().ok());
                let damaged = || StorageError::Damaged {
                    column: Column::LogIndex.name(),
                    reason: format!("a key of {} bytes", key.len()),
                };
                Some(u64::from_be_bytes(number.ok_or_else(damaged)?))
            }
        };
        self.records.status().map_err(StorageError::database("read log index"))
    }
}
