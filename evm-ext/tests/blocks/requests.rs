//! A contract asks a thing, a gateway answers, and the block's tail calls the contract back.
use crate::{
    network::{CHAIN_ID, ETHER, GWEI, Network, alice, bob, transaction},
    system::{commit, contract, create, network, slot},
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, TxKind, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolValue, sol};
use pervade_chainspec::params::THINGS_ADDRESS;
use pervade_evm_ext::things::{self, Answer, Register, digest};
use pervade_storage::Transaction;

sol!("../contracts/IThings.sol");
use IThings::{Agreement, KeyType, Operation, Status};

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

const ID: &str = "urn:example:pump";
const DESCRIPTION: &str = r#"{"@context": "https://www.w3.org/2022/wot/td/v1.1", "id": "urn:example:pump", "title": "Pump",
    "securityDefinitions": {"n": {"scheme": "nosec"}}, "security": "n",
    "properties": {"pressure": {"type": "number", "forms": [{"href": "http://pump.example/pressure"}]}}}"#;

fn sign(signer: &PrivateKeySigner, digest: B256) -> Bytes {
    signer.sign_hash_sync(&digest).unwrap().as_bytes().to_vec().into()
}

fn call(signer: &PrivateKeySigner, nonce: u64, to: Address, wei: u64, call: &impl SolCall) -> Transaction {
    let input: Bytes = call.abi_encode().into();
    transaction(signer, nonce, TxKind::Call(to), U256::from(wei), 5_000_000, input)
}

fn register() -> IThings::registerCall {
    let device = PrivateKeySigner::from_bytes(&B256::repeat_byte(9)).unwrap();
    let owner = alice().address();
    IThings::registerCall {
        id: ID.into(),
        keyType: KeyType::Secp256k1,
        key: device.credential().verifying_key().to_encoded_point(true).as_bytes().to_vec().into(),
        description: DESCRIPTION.as_bytes().into(),
        possession: sign(&device, digest(&Register { id: ID.into(), owner }, CHAIN_ID)),
    }
}

fn request(deadline: u64) -> IThings::requestCall {
    IThings::requestCall {
        request_: IThings::Request {
            thing: keccak256(ID),
            operation: Operation::ReadProperty,
            affordance: "pressure".into(),
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
        },
    }
}

fn report(result: &[u8], observed_at_ms: u64) -> IThings::reportCall {
    let said = Answer {
        requestId: U256::ONE,
        attempt: 1,
        code: 0,
        resultHash: keccak256(result),
        observedAtMs: observed_at_ms,
    };
    let answer = SignedAnswer {
        attempt: 1,
        code: 0,
        result: Bytes::new(),
        resultHash: said.resultHash,
        observedAtMs: said.observedAtMs,
        signature: sign(&alice(), digest(&said, CHAIN_ID)),
    };
    let proof = (bob().address(), vec![answer]).abi_encode_params().into();
    IThings::reportCall { requestId: U256::ONE, code: 0, result: Bytes::copy_from_slice(result), proof }
}

fn produce(network: &Network, transactions: impl IntoIterator<Item = Transaction>) -> usize {
    let (proposal, _) = network.propose_after(1, transactions);
    let executed = &proposal.executed;
    assert!(executed.receipts.iter().all(|receipt| receipt.success()), "{:?}", proposal.refused);
    commit(network, executed);
    executed.receipts.len()
}

#[test]
fn an_answer_reaches_the_contract_in_the_block_of_its_report() {
    let network = network();
    let asker = bob().address().create(0);
    let thing = keccak256(ID);
    let gateways = vec![alice().address()];
    let grant = IThings::grantCall { thing, consumer: asker, operations: 1, expiry: u64::MAX };
    produce(
        &network,
        [
            create(0, &contract("00")),
            call(&alice(), 0, THINGS_ADDRESS, 0, &register()),
            call(&alice(), 1, THINGS_ADDRESS, 0, &grant),
            call(&alice(), 2, THINGS_ADDRESS, 0, &IThings::assignGatewaysCall { thing, gateways: gateways.clone() }),
        ],
    );
    let view = network.storage.latest_view();
    let record = things::thing(&network.spec, &view, 1, thing).unwrap().unwrap();
    assert_eq!((record.id.as_str(), record.owner, record.gateways), (ID, alice().address(), gateways));
    assert_eq!(record.description, DESCRIPTION.as_bytes().to_vec());

    produce(&network, [call(&bob(), 1, asker, ETHER, &request(2_000))]);
    let view = network.storage.latest_view();
    let (open, next) = things::requests(&network.spec, &view, 2, (thing, U256::ZERO, 10)).unwrap();
    assert_eq!((open, next), (vec![U256::ONE], U256::ZERO));
    let asked = things::request(&network.spec, &view, 2, U256::ONE).unwrap().unwrap();
    assert_eq!((asked.requester, asked.status), (asker, Status::Pending as u8));
    assert_eq!(things::next_due_time(&network.spec, &view, 3, 1).unwrap(), Some(2_001), "its end");

    let transactions = produce(&network, [call(&bob(), 2, THINGS_ADDRESS, 0, &report(b"4.2", 1_001_000))]);
    assert_eq!(transactions, 2, "the report, and the callback in the same block");
    assert_eq!(slot(&network, asker, 0), U256::ONE);
    let view = network.storage.latest_view();
    let asked = things::request(&network.spec, &view, 3, U256::ONE).unwrap().unwrap();
    assert_eq!((asked.status, asked.result_hash), (Status::Fulfilled as u8, keccak256(b"4.2")));
    assert_eq!(things::requests(&network.spec, &view, 3, (thing, U256::ZERO, 10)).unwrap().0, Vec::<U256>::new());
    assert_eq!(things::request(&network.spec, &view, 3, U256::from(2)).unwrap(), None);
}
