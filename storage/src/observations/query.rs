//! Finding observations.
//!
//! The positions of one subject, source or property are a sorted run of keys. A filter is a conjunction of disjunctions: each
//! disjunction walks its runs side by side, and the conjunction leaps from one candidate to the next.
use super::{ObservationPosition, ObservationRecord};
use crate::{
    Storage, StorageError,
    codec::observation::{ObservationKey, decode_observation, decode_position, position_key},
    columns::Column,
    database::{Database, Purpose},
    records::Records,
};
use alloy_primitives::B256;

/// Keys that one question looks at. What is further away is the next page's: an answer takes bounded time, however little of
/// what one criterion finds another one lets through.
pub const OBSERVATION_STEPS_MAX: usize = 65_536;

/// Which observations: all criteria hold, each by any of its values; an empty one holds always.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservationFilter {
    /// What they are about.
    pub subjects: Vec<B256>,
    /// Who said them.
    pub sources: Vec<B256>,
    /// Keccak-256 of their properties' IRIs.
    pub properties: Vec<B256>,
    /// First position.
    pub from: ObservationPosition,
    /// Last block.
    pub last: u64,
}

/// Some of the observations that a filter finds, in the order in which they happened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservationPage {
    /// What was found.
    pub found: Vec<(ObservationPosition, ObservationRecord)>,
    /// Where to look on; `None`: there is no more.
    pub next: Option<ObservationPosition>,
}

impl Storage {
    /// Observations that a filter finds among those of indexed blocks, `limit` at most.
    ///
    /// # Errors
    /// A record cannot be read.
    pub fn observations(&self, filter: &ObservationFilter, limit: usize) -> Result<ObservationPage, StorageError> {
        let mut page = ObservationPage::default();
        let Some(last) = self.next_unobserved().and_then(|next| next.checked_sub(1)) else { return Ok(page) };
        let last = last.min(filter.last);
        let first = ObservationPosition { block: self.first_observed(), ordinal: 0 };
        let mut walk = Walk::new(&self.store().database, filter, filter.from.max(first))?;
        while let Some(position) = walk.next(last)? {
            if page.found.len() == limit || walk.steps == 0 {
                page.next = Some(position);
                break;
            }
            let record = self.store().database.get(Column::Observations, &position_key(position))?;
            // Pruned between the look into the index and this one.
            let Some(record) = record else { continue };
            page.found.push((position, decode_observation(&record)?));
        }
        Ok(page)
    }
}

/// Goes through the positions that a filter finds.
struct Walk<'a> {
    criteria: Vec<Criterion<'a>>,
    candidate: Option<ObservationPosition>,
    /// Keys that may still be looked at.
    steps: usize,
}

/// Positions with any of some values.
struct Criterion<'a> {
    runs: Vec<Run<'a>>,
}

/// Positions with one value, ascending; or all of them.
struct Run<'a> {
    column: Column,
    prefix: Vec<u8>,
    records: Records<'a>,
    /// Where it stands; `None`: it is over.
    at: Option<ObservationPosition>,
}

impl<'a> Walk<'a> {
    fn new(
        database: &'a Database,
        filter: &ObservationFilter,
        from: ObservationPosition,
    ) -> Result<Self, StorageError> {
        let lists: [Vec<ObservationKey>; 3] = [
            filter.subjects.iter().copied().map(ObservationKey::Subject).collect(),
            filter.sources.iter().copied().map(ObservationKey::Source).collect(),
            filter.properties.iter().copied().map(ObservationKey::Property).collect(),
        ];
        let mut walk = Self { criteria: Vec::new(), candidate: Some(from), steps: OBSERVATION_STEPS_MAX };
        for keys in lists.iter().filter(|keys| !keys.is_empty()) {
            let runs = keys.iter().map(|key| Run::new(database, Column::ObservationIndex, &key.prefix(), from));
            walk.criteria.push(Criterion { runs: runs.collect::<Result<_, _>>()? });
        }
        if walk.criteria.is_empty() {
            walk.criteria.push(Criterion { runs: vec![Run::new(database, Column::Observations, &[], from)?] });
        }
        Ok(walk)
    }

    /// The next position, up to block `last`. When no steps are left: where the walk stands, whether or not it fits.
    fn next(&mut self, last: u64) -> Result<Option<ObservationPosition>, StorageError> {
        let Some(mut candidate) = self.candidate.take() else { return Ok(None) };
        loop {
            // A round in which no criterion moves the candidate on has found a position.
            let before = candidate;
            for criterion in &mut self.criteria {
                match criterion.next_from(candidate, &mut self.steps)? {
                    Some(position) => candidate = position,
                    None => return Ok(None),
                }
            }
            if candidate.block > last {
                return Ok(None);
            }
            if candidate == before || self.criteria.len() == 1 || self.steps == 0 {
                let ordinal = candidate.ordinal.checked_add(1);
                self.candidate = ordinal.map(|ordinal| ObservationPosition { ordinal, ..candidate });
                return Ok(Some(candidate));
            }
        }
    }
}

impl Criterion<'_> {
    /// The first position from `position` on.
    fn next_from(
        &mut self,
        position: ObservationPosition,
        steps: &mut usize,
    ) -> Result<Option<ObservationPosition>, StorageError> {
        for run in &mut self.runs {
            if run.at.is_some_and(|at| at < position) {
                *steps = steps.saturating_sub(1);
                run.seek(position)?;
            }
        }
        Ok(self.runs.iter().filter_map(|run| run.at).min())
    }
}

impl<'a> Run<'a> {
    fn new(
        database: &'a Database,
        column: Column,
        prefix: &[u8],
        from: ObservationPosition,
    ) -> Result<Self, StorageError> {
        let records = database.records(column, prefix, Purpose::Lookup)?;
        let mut run = Self { column, prefix: prefix.to_vec(), records, at: None };
        run.seek(from)?;
        Ok(run)
    }

    fn seek(&mut self, position: ObservationPosition) -> Result<(), StorageError> {
        let key = [&self.prefix[..], &position_key(position)].concat();
        self.records.seek(key);
        self.at = self.records.key().map(|key| decode_position(self.column, key)).transpose()?;
        self.records.status().map_err(StorageError::database("read observations"))
    }
}
