//! `eth_getProof` (EIP-1186).
use super::state::{address, block};
use crate::{
    RpcError,
    api::{Api, Json, Module, heavy, json},
    convert::ProofJson,
    limits::SLOTS_MAX,
    params::{Arguments, Slot, Text},
};
use alloy_primitives::U256;
use jsonrpsee::server::RegisterMethodError;

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    heavy(module, "eth_getProof", 3, proof)
}

fn proof(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    let address = address(arguments)?;
    let keys: Vec<Text<'_>> = arguments.required(1)?;
    if keys.len() > SLOTS_MAX {
        return Err(RpcError::InvalidParams { reason: "too many slots (max 1024)" });
    }
    let slots: Result<Vec<Slot>, _> = keys.iter().map(|key| Slot::parse(&key.0)).collect();
    let slots = slots.map_err(|reason| RpcError::InvalidParams { reason })?;
    let view = api.view(block(arguments, 2)?)?;
    let values: Vec<U256> = slots.iter().map(|slot| slot.value).collect();
    let proof = view.proof(&address, &values)?;
    json(&ProofJson { proof: &proof, slots: &slots })
}
