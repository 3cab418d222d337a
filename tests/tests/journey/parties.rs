//! Who acts.
use alloy_primitives::{Address, B256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use pervade_chainspec::params::THINGS_ADDRESS;
use pervade_tests::journey::{
    Chain, Device,
    abi::IThings::{self, Operation},
    request,
};

pub fn party(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(name)).unwrap()
}

/// The calldata that asks a machine to stop.
pub fn stop(thing: B256, deadline: u64) -> Vec<u8> {
    request(thing, Operation::InvokeAction, "stop", B256::ZERO, deadline).abi_encode()
}

/// Registers a device, with one gateway, and lets a contract watch and stop it.
pub fn connect(
    chain: &mut Chain,
    owner: &PrivateKeySigner,
    device: &Device,
    gateway: &PrivateKeySigner,
    consumer: Address,
) {
    let thing = device.thing();
    chain.send(owner, THINGS_ADDRESS, &device.register(owner.address()));
    let gateways = vec![gateway.address()];
    chain.send(owner, THINGS_ADDRESS, &IThings::assignGatewaysCall { thing, gateways });
    let (invoke, watch) = (1 << Operation::InvokeAction as u8, 1 << 3);
    let grant = IThings::grantCall { thing, consumer, operations: invoke | watch, expiry: u64::MAX };
    chain.send(owner, THINGS_ADDRESS, &grant);
}
