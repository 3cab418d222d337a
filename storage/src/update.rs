//! [`StateUpdate`]: one block's effect on flat state and tries, ready to be written.
use alloy_primitives::B256;

/// Computed from [`crate::StateChanges`] by [`crate::StateView::update`]; one layer of the overlay until it is written.
#[derive(Debug, Default)]
pub struct StateUpdate {
    /// State root after the block.
    pub state_root: B256,
}
