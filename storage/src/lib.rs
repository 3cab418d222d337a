//! Blocks, receipts, flat state, state trie, history and indices in RocksDB.
mod block;
mod changes;
mod error;
mod options;
mod proof;
mod receipt;
mod storage;
mod update;
mod view;
pub mod trie;

pub use block::{Block, ExecutedBlock, LogFilter, RecoveredBlock, Transaction, TransactionLocation};
pub use changes::{Account, AccountChange, AccountState, SlotChange, StateChanges, StateReader};
pub use error::StorageError;
pub use options::{HistoryMode, StorageOptions};
pub use proof::AccountProof;
pub use receipt::Receipt;
pub use storage::Storage;
pub use update::StateUpdate;
pub use view::StateView;
