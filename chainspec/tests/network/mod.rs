//! A small Pervade network for tests.
#![allow(dead_code)] // each test file uses a part
use alloy_primitives::{Address, U256, hex};
use pervade_chainspec::{ChainSpec, NetworkParams, ValidatorConfig};

/// Public keys of the private keys 1, 2 and 3.
pub const KEYS: [&str; 3] = [
    "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    "02f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9",
];

pub fn validator(index: usize) -> ValidatorConfig {
    ValidatorConfig {
        account: Address::with_last_byte(0xb1 + u8::try_from(index).unwrap()),
        public_key: hex::decode(KEYS[index]).unwrap().into(),
        power: 1,
    }
}

/// Chain 4242, one validator, one funded account, defaults otherwise.
pub fn network() -> NetworkParams {
    let mut network = NetworkParams::new(4242, vec![validator(0)]);
    network.funded = vec![(Address::with_last_byte(0xaa), U256::from(1_000_000))];
    network
}

/// The network's genesis file.
pub fn pervade_json(network: NetworkParams) -> serde_json::Value {
    serde_json::to_value(ChainSpec::new_network(network)).unwrap()
}

pub fn read(network: NetworkParams) -> ChainSpec {
    ChainSpec::from_json("test.json", pervade_json(network).to_string().as_bytes()).unwrap()
}
