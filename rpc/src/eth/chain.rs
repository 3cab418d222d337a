//! Which chain this is, and how far it is.
use crate::{
    api::{Module, json, light},
    convert::Quantity,
};
use alloy_primitives::Address;
use jsonrpsee::server::RegisterMethodError;
use serde::Serialize;

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    light(module, "eth_chainId", 0, |api, _| json(&Quantity(api.spec().chain_id())))?;
    light(module, "eth_blockNumber", 0, |api, _| json(&Quantity(api.storage().head().number())))?;
    light(module, "eth_syncing", 0, |api, _| {
        match api.context.cluster.as_ref().and_then(|cluster| cluster.syncing()) {
            Some(progress) => json(&SyncingJson {
                starting_block: Quantity(progress.starting),
                current_block: Quantity(progress.current),
                highest_block: Quantity(progress.highest),
            }),
            None => json(&false),
        }
    })?;
    // Keys stay with their owners.
    light(module, "eth_accounts", 0, |_, _| json::<[Address]>(&[]))
}

/// What `eth_syncing` says while the node catches up.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SyncingJson {
    starting_block: Quantity<u64>,
    current_block: Quantity<u64>,
    highest_block: Quantity<u64>,
}
