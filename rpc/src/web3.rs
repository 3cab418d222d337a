//! `web3_`: the node's name, and a hash function.
use crate::{
    RpcError,
    api::{Module, json, light},
    limits::SHA3_BYTES_MAX,
    params::Data,
};
use alloy_primitives::keccak256;
use jsonrpsee::server::RegisterMethodError;

pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    light(module, "web3_clientVersion", 0, |api, _| json(&api.context.client_version))?;
    light(module, "web3_sha3", 1, |_, arguments| {
        let data: Data = arguments.required(0)?;
        if data.0.len() > SHA3_BYTES_MAX {
            return Err(RpcError::LimitExceeded { what: "bytes to hash are", limit: SHA3_BYTES_MAX as u64 });
        }
        json(&keccak256(&data.0))
    })
}
