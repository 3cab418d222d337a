//! `net_`: what kind of network this is.
use crate::api::{Module, json, light};
use jsonrpsee::server::RegisterMethodError;

pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    light(module, "net_version", 0, |api, _| json(&api.spec().chain_id().to_string()))?;
    light(module, "net_listening", 0, |_, _| json(&true))?;
    // There is no network layer yet: one node is the network.
    light(module, "net_peerCount", 0, |_, _| json("0x0"))
}
