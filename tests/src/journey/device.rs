//! Things with keys, and gateways that answer for them.
use super::{
    abi::IThings::{self, KeyType},
    chain::CHAIN_ID,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolValue, sol};
use pervade_evm_ext::things::{Answer, DeviceMessage, Register, digest};

sol! {
    struct SignedAnswer {
        uint32 attempt;
        uint16 code;
        bytes result;
        bytes32 resultHash;
        uint64 observedAtMs;
        bytes signature;
    }
}

/// A thing with a key of its own.
#[derive(Debug, Clone)]
pub struct Device {
    key: PrivateKeySigner,
    id: String,
    chain_id: u64,
}

impl Device {
    /// The thing with this id on a [`super::Chain`]; its key follows from the id.
    pub fn new(id: &str) -> Self {
        Self::on(CHAIN_ID, id)
    }

    /// The same on a chain with this id.
    ///
    /// # Panics
    /// Never: a hash is a key.
    pub fn on(chain_id: u64, id: &str) -> Self {
        let key = PrivateKeySigner::from_bytes(&keccak256(id)).expect("a hash is a key");
        Self { key, id: id.to_owned(), chain_id }
    }

    /// Its name on the chain.
    pub fn thing(&self) -> B256 {
        keccak256(&self.id)
    }

    /// Its registration by `owner`: one property `reading`, one action `stop`.
    pub fn register(&self, owner: Address) -> IThings::registerCall {
        let id = &self.id;
        let description = format!(
            r#"{{"@context":"https://www.w3.org/2022/wot/td/v1.1","id":"{id}","title":"Machine",
            "securityDefinitions":{{"n":{{"scheme":"nosec"}}}},"security":"n",
            "properties":{{"reading":{{"forms":[{{"href":"http://machine.example/reading"}}]}}}},
            "actions":{{"stop":{{"forms":[{{"href":"http://machine.example/stop"}}]}}}}}}"#
        );
        IThings::registerCall {
            id: id.clone(),
            keyType: KeyType::Secp256k1,
            key: self.key.credential().verifying_key().to_encoded_point(true).as_bytes().to_vec().into(),
            description: description.into_bytes().into(),
            possession: sign(&self.key, digest(&Register { id: id.clone(), owner }, self.chain_id)),
        }
    }

    /// A signed message of its first generation.
    pub fn message(
        &self,
        sequence: u64,
        observed_at_ms: u64,
        mapping_id: B256,
        payload: &[u8],
    ) -> IThings::publishCall {
        let signed = DeviceMessage {
            thing: self.thing(),
            generation: 1,
            sequence,
            observedAtMs: observed_at_ms,
            mappingId: mapping_id,
            payloadHash: keccak256(payload),
        };
        IThings::publishCall {
            message: IThings::Message {
                thing: self.thing(),
                sequence,
                observedAtMs: observed_at_ms,
                mappingId: mapping_id,
                payload: Bytes::copy_from_slice(payload),
                signature: sign(&self.key, digest(&signed, self.chain_id)),
            },
        }
    }
}

/// The report of one gateway that a request of agreement `Gateway` succeeded.
pub fn answer(gateway: &PrivateKeySigner, request_id: U256, result: &[u8], observed_at_ms: u64) -> IThings::reportCall {
    let result_hash = keccak256(result);
    let said =
        Answer { requestId: request_id, attempt: 1, code: 0, resultHash: result_hash, observedAtMs: observed_at_ms };
    let signed = SignedAnswer {
        attempt: 1,
        code: 0,
        result: Bytes::new(),
        resultHash: result_hash,
        observedAtMs: observed_at_ms,
        signature: sign(gateway, digest(&said, CHAIN_ID)),
    };
    let proof = (gateway.address(), vec![signed]).abi_encode_params().into();
    IThings::reportCall { requestId: request_id, code: 0, result: Bytes::copy_from_slice(result), proof }
}

fn sign(key: &PrivateKeySigner, digest: B256) -> Bytes {
    key.sign_hash_sync(&digest).expect("a local key signs any hash").as_bytes().to_vec().into()
}
