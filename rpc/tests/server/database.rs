//! `pervade_getDatabase` and `pervade_getContent`.
use super::harness::{CHAIN_ID, GAS_PRICE, Node, config, signer};
use alloy_consensus::TxLegacy;
use alloy_primitives::{B256, Bytes, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue, sol};
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof};
use pervade_chainspec::{
    Activation, BaseFeeRule, ChainSpec, NetworkParams, PrecompileActivations, ValidatorConfig,
    params::CONTRACT_DATABASE_ADDRESS as DATABASE,
};
use pervade_storage::{HistoryMode, StorageOptions};
use serde_json::{Value, json};

sol! {
    function open(bytes32 salt) external returns (bytes32 database);
    function put(bytes32 database, bytes32 table, bytes32 key, bytes calldata value) external;
    function putMany(bytes32 database, bytes32 table, bytes32[] calldata keys, bytes[] calldata values) external;
    function remove(bytes32 database, bytes32 table, bytes32 key) external;
    function slotOf(bytes32 database, bytes32 table, bytes32 key) external view returns (bytes32 slot);
}

const TABLE: B256 = B256::repeat_byte(0x7a);
/// Blocks whose state is kept.
const WINDOW: u64 = 3;

/// A node of a network with precompiles.
async fn start() -> Node {
    let public_key = signer().credential().verifying_key().to_encoded_point(true).as_bytes().to_vec().into();
    let validator = ValidatorConfig { account: signer().address(), public_key, power: 1 };
    let network = NetworkParams {
        funded: vec![(signer().address(), U256::from(u128::MAX))],
        base_fee: BaseFeeRule::Zero,
        precompiles: PrecompileActivations {
            contract_database: Activation::Block(0),
            ..PrecompileActivations::default()
        },
        ..NetworkParams::new(CHAIN_ID, vec![validator])
    };
    let spec = ChainSpec::from_genesis(ChainSpec::new_network(network), None).unwrap();
    let options = StorageOptions { history: HistoryMode::Window { blocks: WINDOW }, ..StorageOptions::default() };
    Node::start_on(spec, options, config(), |_| ()).await
}

fn database() -> B256 {
    keccak256((signer().address(), B256::ZERO).abi_encode())
}

fn key(number: u64) -> B256 {
    U256::from(number).into()
}

fn value(seed: u8, length: usize) -> Bytes {
    vec![seed; length].into()
}

/// Sends a call, and makes a block of it.
async fn send(node: &Node, nonce: u64, call: impl SolCall) {
    let transaction = TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce,
        gas_price: GAS_PRICE,
        gas_limit: 16_000_000,
        to: TxKind::Call(DATABASE),
        value: U256::ZERO,
        input: call.abi_encode().into(),
    };
    let hash = node.send(node.sign(transaction)).await;
    node.mine();
    assert_eq!(node.call("eth_getTransactionReceipt", json!([hash])).await["status"], json!("0x1"));
}

fn put(number: u64, value: Bytes) -> putCall {
    putCall { database: database(), table: TABLE, key: key(number), value }
}

async fn page(node: &Node, cursor: Value, block: &str) -> Value {
    node.call("pervade_getDatabase", json!([database(), TABLE, cursor, block])).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_read_page_by_page_in_the_order_of_its_keys() {
    let node = start().await;
    send(&node, 0, openCall { salt: B256::ZERO }).await;
    let empty = json!({"count": "0x0", "rows": [], "next": null});
    assert_eq!(page(&node, json!("0x0"), "latest").await, empty);
    // One more row than a page has.
    for (turn, rows) in (0u64..).zip([0..60u64, 60..120, 120..129]) {
        let values = rows.clone().map(|n| value(n as u8, 8)).collect();
        let call = putManyCall { database: database(), table: TABLE, keys: rows.map(key).collect(), values };
        send(&node, 1 + turn, call).await;
    }
    let first = page(&node, Value::Null, "latest").await;
    assert_eq!((&first["count"], first["rows"].as_array().unwrap().len()), (&json!("0x81"), 128));
    for (n, row) in (0u64..).zip(first["rows"].as_array().unwrap()) {
        assert_eq!((&row["key"], &row["value"]), (&json!(key(n)), &json!(value(n as u8, 8))));
    }
    let last = page(&node, first["next"].clone(), "latest").await;
    assert_eq!((last["rows"].as_array().unwrap().len(), &last["next"]), (1, &Value::Null));
    assert_eq!(last["rows"][0]["key"], json!(key(128)));
    // A cursor stays good when rows before it go.
    send(&node, 4, removeCall { database: database(), table: TABLE, key: key(3) }).await;
    assert_eq!(page(&node, first["next"].clone(), "latest").await["rows"], last["rows"]);
    assert_eq!(page(&node, json!("0x0"), "latest").await["count"], json!("0x80"));
    assert_eq!(page(&node, json!("0x0"), "0x4").await, first, "the block before");

    let nobody = node.call("pervade_getDatabase", json!([B256::ZERO, TABLE])).await;
    assert_eq!(nobody, empty);
    assert_eq!(node.error("pervade_getDatabase", json!([database()])).await.0, -32602);
    let unknown_block = node.error("pervade_getDatabase", json!([database(), TABLE, "0x0", "0x63"])).await;
    assert_eq!((unknown_block.0, unknown_block.1.as_str()), (-32000, "header not found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn long_values_are_found_by_hash_while_a_kept_state_names_them() {
    let node = start().await;
    let long = value(7, 24 << 10);
    send(&node, 0, openCall { salt: B256::ZERO }).await;
    send(&node, 1, put(1, long.clone())).await;
    let hash = keccak256(&long);
    assert_eq!(node.call("pervade_getContent", json!([hash])).await, json!(long));
    assert_eq!(page(&node, Value::Null, "latest").await["rows"][0]["value"], json!(long));
    assert_eq!(node.call("pervade_getContent", json!([B256::ZERO])).await, Value::Null);
    assert_eq!(node.error("pervade_getContent", json!(["0x12"])).await.0, -32602);

    send(&node, 2, removeCall { database: database(), table: TABLE, key: key(1) }).await;
    let before = page(&node, Value::Null, "0x2").await;
    assert_eq!(before["rows"][0]["value"], json!(long), "the state before the removal still names it");
    assert_eq!(node.call("pervade_getContent", json!([hash, "0x2"])).await, json!(long));
    for nonce in 3..3 + 3 * WINDOW {
        send(&node, nonce, put(2, value(nonce as u8, 4))).await;
    }
    node.storage.sync().unwrap();
    node.storage.prune_history(WINDOW).unwrap();
    assert_eq!(node.call("pervade_getContent", json!([hash])).await, Value::Null);
    let (code, message) = node.error("pervade_getDatabase", json!([database(), TABLE, "0x0", "0x2"])).await;
    assert!(message.contains("pruned"), "{code} {message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_slot_of_a_row_is_proved_against_the_state_root() {
    let node = start().await;
    let long = value(9, 100);
    send(&node, 0, openCall { salt: B256::ZERO }).await;
    send(&node, 1, put(1, long.clone())).await;
    let call = slotOfCall { database: database(), table: TABLE, key: key(1) }.abi_encode();
    let slot = node.call("eth_call", json!([{"to": DATABASE, "data": Bytes::from(call)}, "latest"])).await;
    assert_eq!(page(&node, Value::Null, "latest").await["rows"][0]["slot"], slot);

    let proof = node.call("eth_getProof", json!([DATABASE, [slot], "latest"])).await;
    let nodes = |list: &Value| -> Vec<Bytes> { serde_json::from_value(list.clone()).unwrap() };
    let account = TrieAccount {
        nonce: 1,
        balance: U256::ZERO,
        storage_root: serde_json::from_value(proof["storageHash"].clone()).unwrap(),
        code_hash: serde_json::from_value(proof["codeHash"].clone()).unwrap(),
    };
    let root = node.storage.head().header().state_root;
    let leaf = Some(alloy_rlp::encode(account));
    verify_proof(root, Nibbles::unpack(keccak256(DATABASE)), leaf, &nodes(&proof["accountProof"])).unwrap();
    let slot: B256 = serde_json::from_value(slot).unwrap();
    let value = Some(alloy_rlp::encode(U256::from_be_bytes(keccak256(&long).0)));
    let storage = &proof["storageProof"][0];
    verify_proof(account.storage_root, Nibbles::unpack(keccak256(slot)), value, &nodes(&storage["proof"])).unwrap();
}
