//! A thing: its key, its description, and what it signs.
use super::Client;
use crate::harness::DEV_CHAIN_ID;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use pervade_evm_ext::things::{DeviceMessage, IThings, Register, digest};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// A grant that does not end.
const FOREVER: u64 = u64::MAX;

/// A thing with a secp256k1 key.
#[derive(Debug, Clone)]
pub struct Device {
    name: String,
    key: PrivateKeySigner,
}

impl Device {
    /// The thing `urn:dev:NAME`.
    pub fn new(name: &str) -> Self {
        let key = PrivateKeySigner::from_bytes(&keccak256(name)).expect("a hash is a key");
        Self { name: name.to_owned(), key }
    }

    /// Its id in descriptions.
    pub fn urn(&self) -> String {
        format!("urn:dev:{}", self.name)
    }

    /// Its id on the chain.
    pub fn id(&self) -> B256 {
        keccak256(self.urn())
    }

    /// Its public key, 33 bytes.
    pub fn public_key(&self) -> Vec<u8> {
        self.key.credential().verifying_key().to_encoded_point(true).as_bytes().to_vec()
    }

    /// Its signature of a digest, 65 bytes.
    ///
    /// # Errors
    /// Never, with a key in memory.
    pub fn sign(&self, digest: B256) -> eyre::Result<Vec<u8>> {
        Ok(self.key.sign_hash_sync(&digest)?.as_bytes().to_vec())
    }

    /// Its description: these affordances, and what every description has.
    pub fn description(&self, affordances: &Value) -> Bytes {
        let mut description = json!({
            "@context": "https://www.w3.org/2022/wot/td/v1.1",
            "id": self.urn(),
            "title": self.name,
            "securityDefinitions": { "open": { "scheme": "nosec" } },
            "security": "open",
        });
        if let (Some(all), Some(more)) = (description.as_object_mut(), affordances.as_object()) {
            all.extend(more.clone());
        }
        description.to_string().into_bytes().into()
    }

    /// Registers it with a client as its owner, served by these gateways.
    ///
    /// # Errors
    /// The chain refuses it.
    pub async fn register(&self, owner: &mut Client, affordances: &Value, gateways: &[Address]) -> eyre::Result<()> {
        let signed = Register { id: self.urn(), owner: owner.address() };
        let possession = self.sign(digest(&signed, DEV_CHAIN_ID))?;
        owner
            .things(&IThings::registerCall {
                id: self.urn(),
                keyType: IThings::KeyType::Secp256k1,
                key: self.public_key().into(),
                description: self.description(affordances),
                possession: possession.into(),
            })
            .await?;
        let assign = IThings::assignGatewaysCall { thing: self.id(), gateways: gateways.to_vec() };
        owner.things(&assign).await.map(drop)
    }

    /// Lets a contract do everything with it.
    ///
    /// # Errors
    /// The chain refuses it.
    pub async fn grant(&self, owner: &mut Client, consumer: Address) -> eyre::Result<()> {
        let grant = IThings::grantCall { thing: self.id(), consumer, operations: 0b1111, expiry: FOREVER };
        owner.things(&grant).await.map(drop)
    }

    /// A message of now, without a mapping.
    pub fn message(&self, sequence: u64, payload: &[u8]) -> Value {
        self.say(sequence, now_ms(), B256::ZERO, payload)
    }

    /// A message, signed, as it travels in JSON.
    pub fn say(&self, sequence: u64, observed_at_ms: u64, mapping_id: B256, payload: &[u8]) -> Value {
        as_json(&self.signed(sequence, observed_at_ms, mapping_id, payload))
    }

    /// A message, signed, as the chain takes it.
    ///
    /// # Panics
    /// Never: a key in memory signs.
    pub fn signed(&self, sequence: u64, observed_at_ms: u64, mapping_id: B256, payload: &[u8]) -> IThings::Message {
        let signed = DeviceMessage {
            thing: self.id(),
            generation: 1,
            sequence,
            observedAtMs: observed_at_ms,
            mappingId: mapping_id,
            payloadHash: keccak256(payload),
        };
        IThings::Message {
            thing: self.id(),
            sequence,
            observedAtMs: observed_at_ms,
            mappingId: mapping_id,
            payload: Bytes::copy_from_slice(payload),
            signature: self.sign(digest(&signed, DEV_CHAIN_ID)).expect("a key in memory signs").into(),
        }
    }
}

/// A message as it travels in JSON.
pub(super) fn as_json(message: &IThings::Message) -> Value {
    json!({
        "thing": message.thing,
        "sequence": message.sequence,
        "observedAtMs": message.observedAtMs,
        "mappingId": message.mappingId,
        "payload": message.payload,
        "signature": message.signature,
    })
}

/// Unix milliseconds.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
