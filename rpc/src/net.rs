//! `net_`: what kind of network this is.
use crate::{
    api::{Module, json, light},
    convert::Quantity,
};
use jsonrpsee::server::RegisterMethodError;

pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    light(module, "net_version", 0, |api, _| json(&api.spec().chain_id().to_string()))?;
    light(module, "net_listening", 0, |_, _| json(&true))?;
    light(module, "net_peerCount", 0, |api, _| {
        let peers = api.context.cluster.as_ref().map_or(0, |cluster| cluster.peer_count());
        json(&Quantity(peers as u64))
    })
}
