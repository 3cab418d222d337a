//! [`Tip`]: the newest block and the state that is not yet in the database.
use crate::{Account, RecoveredBlock, StateUpdate, content::ContentRef};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_trie::Nibbles;
use std::sync::Arc;

/// What is visible at one moment. Never changed: each commit and each background write puts a new one in its place,
/// so that a view that holds one stays as it is.
#[derive(Debug, Clone)]
pub(crate) struct Tip {
    /// The newest block.
    pub(crate) head: Arc<RecoveredBlock>,
    /// Number of the block with the newest state: the head, except while blocks are replayed after a crash.
    pub(crate) state_number: u64,
    /// Root of that state.
    pub(crate) state_root: B256,
    /// The updates not known to be in the database, oldest first; the last is that of `state_number`.
    pub(crate) layers: Vec<Arc<StateUpdate>>,
}

impl Tip {
    /// With one more layer.
    pub(crate) fn with_state(&self, head: Arc<RecoveredBlock>, update: Arc<StateUpdate>) -> Self {
        let mut layers = Vec::with_capacity(self.layers.len().saturating_add(1));
        layers.extend(self.layers.iter().cloned());
        let (state_number, state_root) = (update.number, update.state_root);
        layers.push(update);
        Self { head, state_number, state_root, layers }
    }

    /// Without the layers that the database has.
    pub(crate) fn without_written(&self, written: u64) -> Self {
        let layers = self.layers.iter().filter(|layer| layer.number > written).cloned().collect();
        Self { head: self.head.clone(), layers, ..*self }
    }

    /// The layer of that block, if it is not yet in the database.
    pub(crate) fn layer(&self, number: u64) -> Option<&Arc<StateUpdate>> {
        self.layers.iter().find(|layer| layer.number == number)
    }

    /// Layers of blocks up to `number`, newest first.
    pub(crate) fn layers_to(&self, number: u64) -> impl Iterator<Item = &StateUpdate> {
        self.layers.iter().rev().filter(move |layer| layer.number <= number).map(|layer| &**layer)
    }

    /// The account after block `number`, if a layer tells.
    pub(crate) fn account(&self, number: u64, address: &Address) -> Option<Option<Account>> {
        self.layers_to(number).find_map(|layer| layer.account(address))
    }

    /// The slot after block `number`, if a layer tells.
    pub(crate) fn slot(&self, number: u64, address: &Address, slot: &U256) -> Option<U256> {
        self.layers_to(number).find_map(|layer| layer.slot(address, slot))
    }

    /// The node after block `number`, if a layer tells.
    pub(crate) fn node(&self, number: u64, owner: Option<&B256>, path: &Nibbles) -> Option<Option<&Bytes>> {
        self.layers_to(number).find_map(|layer| layer.node(owner, path))
    }

    /// New code, if a layer has it. Code is named by its hash, so any block's will do.
    pub(crate) fn code(&self, code_hash: &B256) -> Option<&Bytes> {
        self.layers.iter().rev().find_map(|layer| layer.code.get(code_hash))
    }

    /// New content, if a layer has it. As code, it is the same whatever block kept it.
    pub(crate) fn content(&self, hash: &B256) -> Option<&Bytes> {
        self.layers.iter().rev().find_map(|layer| layer.content.content.get(hash))
    }

    /// Whether the slot names content after block `number`, if a layer tells.
    pub(crate) fn names_content(&self, number: u64, reference: &ContentRef) -> Option<bool> {
        self.layers_to(number).find_map(|layer| layer.content.reference(reference))
    }
}
