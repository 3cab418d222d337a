//! Things by their own interface, on the real machine.
mod due;
mod fetched;
mod machine;
mod mapped;
mod publishing;
mod quotas;
mod registry;
mod requests;
mod triggers;

use super::{
    abi::IThings::{self, Comparison, TriggerKind},
    signatures::{DeviceMessage, Register, digest},
};
use crate::precompiles::harness::{CHAIN_ID, Failure, Harness, WEALTH, forwarder};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, I256, Signature, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use pervade_chainspec::{PervadeConfig, params::THINGS_ADDRESS};

pub(super) const OWNER: Address = Address::repeat_byte(0xa1);
pub(super) const OTHER: Address = Address::repeat_byte(0xa2);
pub(super) const RELAYER: Address = Address::repeat_byte(0xa3);
/// A contract that calls the precompile with what it is called with.
pub(super) const CONTRACT: Address = Address::repeat_byte(0xc1);

/// Model and property of [`trigger`].
pub(super) const MODEL: B256 = B256::repeat_byte(0x11);
pub(super) const PROPERTY: B256 = B256::repeat_byte(0x22);

/// A trigger of a kind that says nothing else of when it fires.
pub(super) fn trigger(kind: TriggerKind) -> IThings::Trigger {
    IThings::Trigger {
        kind,
        thing: B256::ZERO,
        otherThing: B256::ZERO,
        model: MODEL,
        property: PROPERTY,
        comparison: Comparison::Greater,
        threshold: I256::ZERO,
        exponent: 0,
        hysteresis: U256::ZERO,
        radiusMetres: 0,
        maxAge: 0,
        firstTime: 0,
        interval: 0,
        maxFirings: 0,
        action: FixedBytes([1, 2, 3, 4]),
        actionGas: 100_000,
        maxFeePerGas: 1_000_000_000,
    }
}

/// A device with its key.
pub(super) struct Device {
    pub(super) id: String,
    pub(super) signer: PrivateKeySigner,
}

impl Device {
    pub(super) fn new(number: u8) -> Self {
        let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(number)).unwrap();
        Self { id: format!("urn:example:device:{number}"), signer }
    }

    pub(super) fn thing(&self) -> B256 {
        keccak256(&self.id)
    }

    pub(super) fn key(&self) -> Bytes {
        self.signer.credential().verifying_key().to_encoded_point(true).as_bytes().to_vec().into()
    }

    pub(super) fn sign(&self, digest: B256) -> Bytes {
        let signature: Signature = self.signer.sign_hash_sync(&digest).unwrap();
        signature.as_bytes().to_vec().into()
    }

    pub(super) fn description(&self) -> String {
        format!(
            r#"{{"@context": "https://www.w3.org/2022/wot/td/v1.1", "id": "{}", "title": "T",
            "securityDefinitions": {{"n": {{"scheme": "nosec"}}}}, "security": "n",
            "properties": {{"temp": {{"type": "number", "forms": [{{"href": "http://t.example/temp"}}]}}}},
            "actions": {{"open": {{"forms": [{{"href": "http://t.example/open"}}]}}}}}}"#,
            self.id
        )
    }

    pub(super) fn registration(&self, owner: Address) -> IThings::registerCall {
        IThings::registerCall {
            id: self.id.clone(),
            keyType: IThings::KeyType::Secp256k1,
            key: self.key(),
            description: self.description().into_bytes().into(),
            possession: self.sign(digest(&Register { id: self.id.clone(), owner }, CHAIN_ID)),
        }
    }

    pub(super) fn register(&self, harness: &mut Harness) {
        let thing = send(harness, OWNER, &self.registration(OWNER)).unwrap();
        assert_eq!(thing, self.thing());
    }

    pub(super) fn message(
        &self,
        generation: u64,
        sequence: u64,
        observed_at_ms: u64,
        payload: &[u8],
    ) -> IThings::Message {
        self.mapped_message(generation, sequence, observed_at_ms, B256::ZERO, payload)
    }

    pub(super) fn mapped_message(
        &self,
        generation: u64,
        sequence: u64,
        observed_at_ms: u64,
        mapping: B256,
        payload: &[u8],
    ) -> IThings::Message {
        let signed = DeviceMessage {
            thing: self.thing(),
            generation,
            sequence,
            observedAtMs: observed_at_ms,
            mappingId: mapping,
            payloadHash: keccak256(payload),
        };
        IThings::Message {
            thing: self.thing(),
            sequence,
            observedAtMs: observed_at_ms,
            mappingId: mapping,
            payload: Bytes::copy_from_slice(payload),
            signature: self.sign(digest(&signed, CHAIN_ID)),
        }
    }
}

pub(super) fn harness() -> Harness {
    Harness::with_code(
        PervadeConfig::new(Vec::new(), 200_000_000),
        &[OWNER, OTHER, RELAYER],
        &[(CONTRACT, &forwarder(THINGS_ADDRESS, 0xf1))],
    )
}

pub(super) fn send<C: SolCall>(harness: &mut Harness, from: Address, call: &C) -> Result<C::Return, Failure> {
    pay(harness, from, U256::ZERO, call)
}

/// As [`send`], with value. The contract calls because somebody calls it.
pub(super) fn pay<C: SolCall>(harness: &mut Harness, from: Address, wei: U256, call: &C) -> Result<C::Return, Failure> {
    match from {
        CONTRACT => harness.send(OWNER, CONTRACT, wei, call),
        _ => harness.send(from, THINGS_ADDRESS, wei, call),
    }
}

pub(super) fn refusal<C: SolCall>(harness: &mut Harness, from: Address, call: &C) -> Failure {
    send(harness, from, call).map(|_| ()).unwrap_err()
}

#[test]
fn balances_are_funded_and_withdrawn_to_the_wei() {
    let mut harness = harness();
    let fund = IThings::fundCall { account: OTHER };
    harness.send(OWNER, THINGS_ADDRESS, U256::from(70), &fund).unwrap();
    let withdraw = |value: u64| IThings::withdrawCall { to: CONTRACT, value: U256::from(value) };
    assert!(refusal(&mut harness, OTHER, &withdraw(71)).is(&IThings::Underfunded { needed: U256::from(71) }));
    assert!(refusal(&mut harness, OWNER, &withdraw(1)).is(&IThings::Underfunded { needed: U256::ONE }));
    send(&mut harness, OTHER, &withdraw(30)).unwrap();
    let balance = send(&mut harness, OWNER, &IThings::balanceOfCall { account: OTHER }).unwrap();
    assert_eq!((balance.free, balance.reserved), (U256::from(40), U256::ZERO));
    assert_eq!(harness.balance(THINGS_ADDRESS), U256::from(40));
    assert_eq!(harness.balance(CONTRACT), U256::from(WEALTH + 30));
}
