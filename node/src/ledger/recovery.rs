//! After a crash: executes again the blocks whose state was not yet written.
use super::total_difficulty;
use crate::NodeError;
use pervade_chainspec::ChainSpec;
use pervade_evm_ext::{execute_block, is_merged_after};
use pervade_storage::{Storage, StorageError};

/// Executes the blocks between the written state and the head, and hands storage their state. Returns how many.
///
/// Blocks are durable before their state is, so the newest may have none after a crash. Each must lead to the state root of its stored header;
/// storage and executor check it.
///
/// # Errors
/// A stored block does not execute to what its header says: the data is damaged, or another version wrote it.
pub fn replay_lost_state(spec: &ChainSpec, storage: &Storage) -> Result<u64, NodeError> {
    let mut replayed = 0;
    while let Some((number, last)) = storage.blocks_to_replay() {
        if replayed == 0 {
            tracing::info!(first = number, last, "executing blocks again whose state was not yet written");
        }
        let block = storage.block(number)?.ok_or(StorageError::UnknownBlock { number })?;
        let parent = number.checked_sub(1).ok_or(StorageError::UnknownBlock { number })?;
        let before = total_difficulty(storage, parent)?;
        let after = before.saturating_add(block.header().difficulty);
        let merged = is_merged_after(spec, before);
        let view = storage.view_at(parent)?;
        let hash = block.hash;
        let executed = execute_block(spec, &view, block, merged, after).map_err(|e| NodeError::Block {
            number,
            hash,
            source: Box::new(e),
        })?;
        storage.replay(executed)?;
        replayed += 1;
    }
    Ok(replayed)
}
