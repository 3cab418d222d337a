//! Which chain this is, and how far it is.
use crate::{
    api::{Module, json, light},
    convert::Quantity,
};
use alloy_primitives::Address;
use jsonrpsee::server::RegisterMethodError;

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    light(module, "eth_chainId", 0, |api, _| json(&Quantity(api.spec().chain_id())))?;
    light(module, "eth_blockNumber", 0, |api, _| json(&Quantity(api.storage().head().number())))?;
    // A node that serves has all that it will get: there is no peer to catch up with yet.
    light(module, "eth_syncing", 0, |_, _| json(&false))?;
    // Keys stay with their owners.
    light(module, "eth_accounts", 0, |_, _| json::<[Address]>(&[]))
}
