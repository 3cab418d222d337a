//! Blocks, their ommers, and the counts of what is in them.
use crate::{
    RpcError,
    api::{Api, Json, Module, heavy, json, light},
    block_id::{BlockId, BlockNumber},
    convert::{BlockJson, OmmerJson, Quantity, Transactions},
    params::{Arguments, Fixed, Number64},
};
use jsonrpsee::server::RegisterMethodError;

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    // Heavy, since a block may hold many thousands of transactions.
    heavy(module, "eth_getBlockByNumber", 2, |api, arguments| block(api, arguments, by_number(arguments)?))?;
    heavy(module, "eth_getBlockByHash", 2, |api, arguments| block(api, arguments, by_hash(arguments)?))?;
    light(module, "eth_getBlockTransactionCountByNumber", 1, |api, arguments| {
        transaction_count(api, by_number(arguments)?)
    })?;
    light(module, "eth_getBlockTransactionCountByHash", 1, |api, arguments| {
        transaction_count(api, by_hash(arguments)?)
    })?;
    light(module, "eth_getUncleCountByBlockNumber", 1, |api, arguments| ommer_count(api, by_number(arguments)?))?;
    light(module, "eth_getUncleCountByBlockHash", 1, |api, arguments| ommer_count(api, by_hash(arguments)?))?;
    light(module, "eth_getUncleByBlockNumberAndIndex", 2, |api, arguments| {
        ommer(api, arguments, by_number(arguments)?)
    })?;
    light(module, "eth_getUncleByBlockHashAndIndex", 2, |api, arguments| ommer(api, arguments, by_hash(arguments)?))
}

/// The first argument as a number or tag.
pub(super) fn by_number(arguments: &Arguments<'_>) -> Result<BlockId, RpcError> {
    Ok(BlockId::Number(arguments.required::<BlockNumber>(0)?))
}

/// The first argument as a hash.
pub(super) fn by_hash(arguments: &Arguments<'_>) -> Result<BlockId, RpcError> {
    Ok(BlockId::Hash(arguments.required::<Fixed<32>>(0)?.into()))
}

fn block(api: &Api, arguments: &Arguments<'_>, id: BlockId) -> Result<Json, RpcError> {
    let full = arguments.required::<bool>(1)?;
    let transactions = if full { Transactions::Full } else { Transactions::Hashes };
    let block = api.block(id)?;
    json(&block.as_ref().map(|block| BlockJson { block, transactions }))
}

fn transaction_count(api: &Api, id: BlockId) -> Result<Json, RpcError> {
    let Some(number) = api.number(id)? else { return json(&()) };
    json(&api.storage().transaction_count(number)?.map(|count| Quantity(u64::from(count))))
}

fn ommer_count(api: &Api, id: BlockId) -> Result<Json, RpcError> {
    let block = api.block(id)?;
    json(&block.map(|block| Quantity(block.block.body.ommers.len() as u64)))
}

fn ommer(api: &Api, arguments: &Arguments<'_>, id: BlockId) -> Result<Json, RpcError> {
    let Number64(index) = arguments.required(1)?;
    let Some(block) = api.block(id)? else { return json(&()) };
    let ommer = usize::try_from(index).ok().and_then(|index| block.block.body.ommers.get(index));
    json(&ommer.map(OmmerJson))
}
