//! What the rest of the node asks about mappings, on the state after a block.
use super::mappings;
use crate::{
    precompiles::{PrecompileError, protocol_step},
    state::BlockState,
};
use alloy_primitives::B256;
use pervade_chainspec::{ChainSpec, params::SEMANTICS_ADDRESS};
use pervade_semantics::Mapping;
use pervade_storage::{StateReader, StorageError};
use std::sync::Arc;

/// A mapping that was defined. It never changes: its id is the hash of all that it is made of.
#[derive(Debug, Clone)]
pub struct StoredMapping {
    /// Keccak-256 of its model.
    pub model: B256,
    /// Ready to run.
    pub mapping: Arc<Mapping>,
    /// Bytes of its document.
    pub program_bytes: usize,
}

impl StoredMapping {
    /// Keccak-256 and text of its model's properties' IRIs.
    pub fn iris(&self) -> impl Iterator<Item = (B256, &str)> {
        self.mapping.model().properties().iter().map(|property| (property.id, property.iri.as_str()))
    }
}

/// A mapping; `None` if there is none with this id in this state.
///
/// # Errors
/// The state cannot be read.
pub fn mapping(spec: &ChainSpec, state: impl StateReader, id: B256) -> Result<Option<StoredMapping>, StorageError> {
    if spec.pervade().is_none() {
        return Ok(None);
    }
    let mut state = BlockState::new(state);
    let found =
        protocol_step(spec, &mut state, SEMANTICS_ADDRESS, (0, 0), 0, |frame| match mappings::load(frame, id) {
            Ok(found) => Ok(Some(StoredMapping {
                model: found.model,
                mapping: found.mapping,
                program_bytes: found.program_bytes,
            })),
            Err(PrecompileError::Revert(_)) => Ok(None),
            Err(error) => Err(error),
        });
    found.map_err(|error| error.0)
}
