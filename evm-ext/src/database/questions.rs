//! What the rest of the node asks about databases, on the state after a block.
use super::tables::{Row, Table};
use crate::{precompiles::protocol_step, state::BlockState};
use alloy_primitives::{B256, Bytes, U256};
use pervade_chainspec::{ChainSpec, params::CONTRACT_DATABASE_ADDRESS};
use pervade_storage::{StateReader, StorageError};

/// Some rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DatabasePage {
    /// Rows that the table has in all.
    pub count: u64,
    /// Those of this page, in the order in which their keys were first put.
    pub rows: Vec<DatabaseRow>,
    /// Cursor of the next page; 0 at the end.
    pub next: U256,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseRow {
    /// Its key.
    pub key: B256,
    /// Its value.
    pub value: Bytes,
    /// The slot of the precompile's account that commits to the value.
    pub slot: B256,
}

/// A page of a table: up to `limit` rows from `cursor` on (0 for the first page). Empty on a chain that is not ours, and
/// for what was never written.
///
/// # Errors
/// The state cannot be read.
pub fn database_page(
    spec: &ChainSpec,
    state: impl StateReader,
    database: B256,
    table: B256,
    cursor: U256,
    limit: usize,
) -> Result<DatabasePage, StorageError> {
    if spec.pervade().is_none() {
        return Ok(DatabasePage::default());
    }
    let mut state = BlockState::new(state);
    let page = protocol_step(spec, &mut state, CONTRACT_DATABASE_ADDRESS, (0, 0), 0, |frame| {
        let found = Table::find(frame, database, table)?;
        let (keys, next) = found.scan(frame, cursor, U256::from(limit))?;
        let mut page = DatabasePage { count: found.count(frame)?, rows: Vec::with_capacity(keys.len()), next };
        for (_, key) in keys {
            let row = Row::find(frame, database, table, key)?;
            let value = row.get(frame)?.unwrap_or_default();
            page.rows.push(DatabaseRow { key, value, slot: row.slot().into() });
        }
        Ok(page)
    });
    page.map_err(|error| error.0)
}
