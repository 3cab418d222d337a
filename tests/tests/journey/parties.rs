//! Who acts, and how triggers and requests of these tests look.
use alloy_primitives::{B256, Bytes, FixedBytes, I256, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use pervade_tests::journey::{
    Chain, Device,
    abi::IThings::{self, Agreement, Comparison, Operation, TriggerKind},
};

pub const GWEI: u128 = 1_000_000_000;
/// The function that triggers call.
pub const ACTION: [u8; 4] = [0xac, 0x71, 0x0e, 0x01];

pub fn party(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(name)).unwrap()
}

/// Fires when the thing's property is above so many degrees; again only after it was five below.
pub fn above(thing: B256, model: B256, property: &str, degrees: i64) -> IThings::Trigger {
    IThings::Trigger {
        kind: TriggerKind::Threshold,
        thing,
        otherThing: B256::ZERO,
        model,
        property: keccak256(property),
        comparison: Comparison::Greater,
        threshold: I256::try_from(degrees).unwrap(),
        exponent: 0,
        hysteresis: U256::from(5),
        radiusMetres: 0,
        maxAge: 3_600,
        firstTime: 0,
        interval: 0,
        maxFirings: 0,
        action: FixedBytes(ACTION),
        actionGas: 1_500_000,
        maxFeePerGas: 100 * GWEI,
    }
}

/// The calldata that asks a machine to stop.
pub fn stop(thing: B256, deadline: u64) -> Vec<u8> {
    let request = IThings::Request {
        thing,
        operation: Operation::InvokeAction,
        affordance: "stop".into(),
        input: Bytes::new(),
        mappingId: B256::ZERO,
        agreement: Agreement::Gateway,
        minGateways: 1,
        deadline,
        maxAttempts: 3,
        maxResultBytes: 64,
        onResult: FixedBytes([1; 4]),
        onFailure: FixedBytes([2; 4]),
        callbackGas: 200_000,
        maxFeePerGas: 100 * GWEI,
    };
    IThings::requestCall { request_: request }.abi_encode()
}

/// Registers a device, with one gateway, and lets a contract watch and stop it.
pub fn connect(
    chain: &mut Chain,
    owner: &PrivateKeySigner,
    device: &Device,
    gateway: &PrivateKeySigner,
    consumer: alloy_primitives::Address,
) {
    use pervade_chainspec::params::THINGS_ADDRESS;
    let thing = device.thing();
    chain.send(owner, THINGS_ADDRESS, &device.register(owner.address()));
    let gateways = vec![gateway.address()];
    chain.send(owner, THINGS_ADDRESS, &IThings::assignGatewaysCall { thing, gateways });
    let (invoke, watch) = (1 << Operation::InvokeAction as u8, 1 << 3);
    let grant = IThings::grantCall { thing, consumer, operations: invoke | watch, expiry: u64::MAX };
    chain.send(owner, THINGS_ADDRESS, &grant);
}
