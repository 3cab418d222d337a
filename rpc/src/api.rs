//! [`Api`]: what all methods share, and how a method is registered.
use crate::{
    RpcContext, RpcError, RpcLimits,
    block_id::{BlockId, BlockNumber},
    eth::Filters,
    heavy::Heavy,
    params::Arguments,
};
use alloy_consensus::Header;
use alloy_primitives::U256;
use jsonrpsee::{RpcModule, server::RegisterMethodError};
use pervade_chainspec::{BlockForks, ChainSpec};
use pervade_storage::{RecoveredBlock, StateView, Storage};
use pervade_txpool::TxPool;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// An answer, already written.
pub(crate) type Json = Box<RawValue>;
/// A method: reads its arguments, answers.
pub(crate) type Handler = fn(&Api, &Arguments<'_>) -> Result<Json, RpcError>;

/// Writes an answer.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<Json, RpcError> {
    Ok(serde_json::value::to_raw_value(value)?)
}

/// The chain and the bounds, as handlers see them.
pub(crate) struct Api {
    pub(crate) context: RpcContext,
    pub(crate) limits: RpcLimits,
    pub(crate) heavy: Heavy,
    pub(crate) filters: Filters,
}

impl Api {
    /// For the servers and for tests.
    pub(crate) fn new(context: RpcContext, limits: RpcLimits) -> Self {
        let heavy = Heavy::new(limits.heavy_running_max, limits.heavy_waiting_max);
        let filters = Filters::new(limits.filters_max);
        Self { context, limits, heavy, filters }
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.context.storage
    }

    pub(crate) fn spec(&self) -> &ChainSpec {
        &self.context.spec
    }

    pub(crate) fn pool(&self) -> &TxPool {
        &self.context.pool
    }

    /// Number of the block, if it exists.
    pub(crate) fn number(&self, id: BlockId) -> Result<Option<u64>, RpcError> {
        Ok(match id {
            BlockId::Number(BlockNumber::Latest | BlockNumber::Pending) => Some(self.storage().head().number()),
            BlockId::Number(BlockNumber::Earliest) => Some(0),
            BlockId::Number(BlockNumber::Number(number)) => {
                Some(number).filter(|n| *n <= self.storage().head().number())
            }
            BlockId::Hash(hash) => self.storage().block_number(&hash)?,
        })
    }

    /// The block, if it exists.
    pub(crate) fn block(&self, id: BlockId) -> Result<Option<Arc<RecoveredBlock>>, RpcError> {
        if id.is_head() {
            return Ok(Some(self.storage().head()));
        }
        match self.number(id)? {
            None => Ok(None),
            Some(number) => Ok(self.storage().block(number)?),
        }
    }

    /// The state after a block.
    ///
    /// # Errors
    /// The block does not exist, or its state is pruned.
    pub(crate) fn view(&self, id: BlockId) -> Result<StateView, RpcError> {
        if id.is_head() {
            return Ok(self.storage().latest_view());
        }
        let number = self.number(id)?.ok_or_else(|| not_found(id))?;
        Ok(self.storage().view_at(number)?)
    }

    /// The header of a block and the state after it.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub(crate) fn header_and_view(&self, id: BlockId) -> Result<(Header, StateView), RpcError> {
        let view = self.view(id)?;
        // By the view's number: another block may have become the head in between.
        let header = self.storage().header(view.number())?.ok_or_else(|| not_found(id))?;
        Ok((header, view))
    }

    /// Fork rules of an existing block.
    pub(crate) fn forks(&self, header: &Header) -> Result<BlockForks<'_>, RpcError> {
        let merged = header.difficulty.is_zero() && self.merged_after(header.number.saturating_sub(1))?;
        Ok(self.spec().forks_at(header.number, header.timestamp, merged))
    }

    /// Fork rules of the block after `header`, were it made at the same second.
    pub(crate) fn next_forks(&self, header: &Header) -> Result<BlockForks<'_>, RpcError> {
        let merged = self.merged_after(header.number)?;
        Ok(self.spec().forks_at(header.number.saturating_add(1), header.timestamp, merged))
    }

    /// Whether the blocks after `number` are proof-of-stake ones.
    fn merged_after(&self, number: u64) -> Result<bool, RpcError> {
        let Some(terminal) = self.spec().terminal_total_difficulty() else { return Ok(false) };
        if terminal.is_zero() {
            return Ok(true);
        }
        Ok(self.storage().total_difficulty(number)?.unwrap_or(U256::ZERO) >= terminal)
    }

    /// Price of a block's blob gas.
    pub(crate) fn blob_gas_price(&self, header: &Header) -> Result<Option<u128>, RpcError> {
        let Some(excess) = header.excess_blob_gas else { return Ok(None) };
        Ok(self.forks(header)?.blob_params().map(|params| params.calc_blob_fee(excess)))
    }
}

/// How a method that needs a block says that there is none.
pub(crate) fn not_found(id: BlockId) -> RpcError {
    match id {
        BlockId::Number(_) => RpcError::HeaderNotFound,
        BlockId::Hash(_) => RpcError::HashNotFound,
    }
}

/// Where methods are collected.
pub(crate) type Module = RpcModule<Api>;

/// A method that answers at once: reads of the head, of memory, of single records.
pub(crate) fn light(
    module: &mut Module,
    name: &'static str,
    arguments_max: usize,
    handler: Handler,
) -> Result<(), RegisterMethodError> {
    module
        .register_method(name, move |params, api, _| handler(api, &Arguments::new(&params, arguments_max)?))
        .map(|_| ())
}

/// A method that runs on the bounded blocking threads.
pub(crate) fn heavy(
    module: &mut Module,
    name: &'static str,
    arguments_max: usize,
    handler: Handler,
) -> Result<(), RegisterMethodError> {
    module
        .register_async_method(name, move |params, api, _| async move {
            let pool = api.heavy.clone();
            pool.run(move || handler(&api, &Arguments::new(&params, arguments_max)?)).await
        })
        .map(|_| ())
}

/// A method that reads the state of the block named by argument `block_index`: the head's at once, an older one's on
/// the bounded blocking threads.
pub(crate) fn state(
    module: &mut Module,
    name: &'static str,
    arguments_max: usize,
    block_index: usize,
    handler: Handler,
) -> Result<(), RegisterMethodError> {
    module
        .register_async_method(name, move |params, api, _| async move {
            {
                let arguments = Arguments::new(&params, arguments_max)?;
                if arguments.optional::<BlockId>(block_index)?.is_none_or(|id| id.is_head()) {
                    return handler(&api, &arguments);
                }
            }
            let pool = api.heavy.clone();
            pool.run(move || handler(&api, &Arguments::new(&params, arguments_max)?)).await
        })
        .map(|_| ())
}
