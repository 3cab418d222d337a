//! Ommers: stale blocks that a proof-of-work block includes for a reward (Yellow Paper, section 11.1).
use super::{invalid, rules::check_child};
use crate::BlockError;
use alloy_consensus::Header;
use alloy_primitives::{B256, map::B256Set};
use pervade_chainspec::ChainSpec;
use pervade_storage::{RecoveredBlock, Storage};

/// Ommers of one block.
const OMMERS_MAX: usize = 2;
/// Generations back to which an ommer's parent may lie, and in which it must not have been included already.
const GENERATIONS_MAX: u64 = 7;

/// Checks the ommers of a proof-of-work block.
pub(super) fn check_ommers(spec: &ChainSpec, block: &RecoveredBlock, storage: &Storage) -> Result<(), BlockError> {
    let ommers = &block.block.body.ommers;
    if ommers.is_empty() {
        return Ok(());
    }
    if ommers.len() > OMMERS_MAX {
        return invalid("ommers", format!("{} ommers, at most {OMMERS_MAX}", ommers.len()));
    }
    let (ancestors, mut known) = family(block, storage)?;
    for ommer in ommers {
        let hash = ommer.hash_slow();
        if !known.insert(hash) {
            return invalid("ommers", format!("{hash} is an ancestor or was included before"));
        }
        let parent = ancestors.iter().find(|(ancestor, _)| *ancestor == ommer.parent_hash);
        let Some((_, parent)) = parent.filter(|(ancestor, _)| *ancestor != block.header().parent_hash) else {
            return invalid("ommers", format!("{hash} is no child of an ancestor that is near enough"));
        };
        check_child(spec, parent, ommer, false)?;
    }
    Ok(())
}

/// Headers of the nearest ancestors, and the hashes of them and of their ommers.
fn family(block: &RecoveredBlock, storage: &Storage) -> Result<(Vec<(B256, Header)>, B256Set), BlockError> {
    let mut ancestors = Vec::new();
    let mut known = B256Set::default();
    known.insert(block.hash);
    let newest = block.number().saturating_sub(1);
    for number in (block.number().saturating_sub(GENERATIONS_MAX)..=newest).rev() {
        let Some(ancestor) = storage.block(number)? else { break };
        known.insert(ancestor.hash);
        known.extend(ancestor.block.body.ommers.iter().map(Header::hash_slow));
        ancestors.push((ancestor.hash, ancestor.header().clone()));
    }
    Ok((ancestors, known))
}
