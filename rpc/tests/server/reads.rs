//! Reads of blocks, transactions, receipts, state and fees.
use super::harness;

use super::harness::{CHAIN_ID, LOGGING_CODE, Node, RECEIVER};
use alloy_primitives::{B256, keccak256};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_says_which_chain_and_program_it_is() {
    let node = Node::start().await;
    assert_eq!(node.call("eth_chainId", json!([])).await, json!(format!("{CHAIN_ID:#x}")));
    assert_eq!(node.call("net_version", json!([])).await, json!(CHAIN_ID.to_string()));
    assert_eq!(node.call("web3_clientVersion", json!([])).await, json!("Pervade/test"));
    assert_eq!(node.call("web3_sha3", json!(["0x01"])).await, json!(keccak256([1])));
    assert_eq!(node.call("eth_syncing", json!([])).await, json!(false));
    assert_eq!(node.call("eth_accounts", json!([])).await, json!([]));
    assert_eq!(node.call("eth_blockNumber", json!([])).await, json!("0x0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn routers_learn_what_the_node_has() {
    let node = Node::start().await;
    let found = node.call("eth_capabilities", json!([])).await;
    let head = node.storage.head();
    assert_eq!(found["head"], json!({"number": format!("{:#x}", head.number()), "hash": head.hash}));
    for resource in ["state", "stateproofs"] {
        let window = json!({"type": "window", "retentionBlocks": "0x2710"});
        assert_eq!(found[resource], json!({"disabled": false, "oldestBlock": "0x0", "deleteStrategy": window}));
    }
    for resource in ["tx", "logs", "receipts", "blocks"] {
        assert_eq!(found[resource], json!({"disabled": false, "oldestBlock": "0x0"}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn things_and_requests_that_are_not_there_are_null() {
    let node = Node::start().await;
    assert_eq!(node.call("pervade_getThing", json!([B256::ZERO])).await, Value::Null);
    assert_eq!(node.call("pervade_getRequest", json!(["0x1", "latest"])).await, Value::Null);
    let page = node.call("pervade_getRequests", json!([{"thing": B256::ZERO}])).await;
    assert_eq!(page, json!({"requests": [], "next": null}));
    assert_eq!(node.error("pervade_getRequests", json!([{"things": B256::ZERO}])).await.0, -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_seen_in_pool_block_and_state() {
    let node = Node::start().await;
    let hash = node.send(node.transfer(0)).await;
    let pooled = node.call("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!((&pooled["blockHash"], &pooled["hash"]), (&Value::Null, &hash));
    assert_eq!(node.call("eth_getTransactionReceipt", json!([hash])).await, Value::Null);
    assert_eq!(node.call("txpool_status", json!([])).await, json!({"pending": "0x1", "queued": "0x0"}));
    let sender = node.signer.address();
    assert_eq!(node.call("eth_getTransactionCount", json!([sender, "pending"])).await, json!("0x1"));
    assert_eq!(node.call("eth_getTransactionCount", json!([sender, "latest"])).await, json!("0x0"));

    let mined = node.mine();
    let receipt = node.call("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!((&receipt["status"], &receipt["gasUsed"]), (&json!("0x1"), &json!("0x5208")));
    assert_eq!(receipt["blockHash"], json!(mined.block.hash));
    assert_eq!(node.call("eth_getBlockReceipts", json!(["latest"])).await, json!([receipt]));
    let tx = node.call("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", "0x0"])).await;
    assert_eq!(tx, node.call("eth_getTransactionByHash", json!([hash])).await);
    assert_eq!(tx, node.call("eth_getTransactionByBlockHashAndIndex", json!([mined.block.hash, "0x0"])).await);
    assert_eq!(node.call("eth_getBalance", json!([RECEIVER, "latest"])).await, json!("0x1"));
    assert_eq!(node.call("eth_getBalance", json!([RECEIVER, "0x0"])).await, json!("0x0"));
    assert_eq!(node.call("eth_getBalance", json!([RECEIVER, {"blockHash": mined.block.hash}])).await, json!("0x1"));
    assert_eq!(node.call("eth_getTransactionCount", json!([sender])).await, json!("0x1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_by_number_tag_and_hash_are_the_same() {
    let node = Node::start().await;
    node.send(node.transfer(0)).await;
    let mined = node.mine();
    let block = node.call("eth_getBlockByNumber", json!(["0x1", true])).await;
    for tag in ["latest", "safe", "finalized", "pending"] {
        assert_eq!(node.call("eth_getBlockByNumber", json!([tag, true])).await, block, "{tag}");
    }
    assert_eq!(node.call("eth_getBlockByHash", json!([mined.block.hash, true])).await, block);
    assert_eq!(block["transactions"][0]["blockTimestamp"], json!("0x1"));
    let hashes = node.call("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(hashes["transactions"], json!([block["transactions"][0]["hash"]]));
    assert_eq!(node.call("eth_getBlockTransactionCountByNumber", json!(["0x1"])).await, json!("0x1"));
    assert_eq!(node.call("eth_getBlockTransactionCountByHash", json!([mined.block.hash])).await, json!("0x1"));
    assert_eq!(node.call("eth_getUncleCountByBlockNumber", json!(["0x1"])).await, json!("0x0"));
    assert_eq!(node.call("eth_getUncleByBlockNumberAndIndex", json!(["0x1", "0x0"])).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_null_or_an_error_as_in_geth() {
    let node = Node::start().await;
    let hash = B256::repeat_byte(9);
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["0x5", true])),
        ("eth_getBlockByHash", json!([hash, true])),
        ("eth_getBlockReceipts", json!(["0x5"])),
        ("eth_getBlockReceipts", json!([hash])),
        ("eth_getBlockTransactionCountByNumber", json!(["0x5"])),
        ("eth_getUncleCountByBlockHash", json!([hash])),
        ("eth_getTransactionByHash", json!([hash])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x0", "0x0"])),
        ("eth_getTransactionReceipt", json!([hash])),
    ] {
        assert_eq!(node.call(method, params.clone()).await, Value::Null, "{method} {params}");
    }
    for params in [json!([RECEIVER, "0x5"]), json!([RECEIVER, hash]), json!([RECEIVER, {"blockHash": hash}])] {
        assert_eq!(node.error("eth_getBalance", params).await.0, -32000);
    }
    assert_eq!(node.call("eth_getBlockReceipts", json!(["0x0"])).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn state_of_contracts_and_its_proof() {
    let node = Node::start().await;
    node.mine_logs(1).await;
    let contract = node.signer.address().create(0);
    let word = |n: u64| json!(format!("0x{n:064x}"));
    assert_eq!(node.call("eth_getStorageAt", json!([contract, "0x3", "latest"])).await, word(7));
    assert_eq!(node.call("eth_getStorageAt", json!([contract, word(3), "0x0"])).await, word(0));
    assert_eq!(node.call("eth_getCode", json!([contract, "latest"])).await, json!("0x"));
    let values = node.call("eth_getStorageValues", json!([{contract.to_string(): ["0x3", "0x4"]}])).await;
    assert_eq!(values[format!("{contract:#x}")], json!([word(7), word(0)]));
    let proof = node.call("eth_getProof", json!([contract, ["0x3", word(3)], "latest"])).await;
    assert_eq!((&proof["storageProof"][0]["key"], &proof["storageProof"][0]["value"]), (&json!("0x3"), &json!("0x7")));
    assert_eq!(proof["storageProof"][1]["key"], word(3));
    assert!(!proof["accountProof"].as_array().unwrap().is_empty());
    assert_eq!(node.error("eth_getStorageAt", json!([contract, "0xasdf", "latest"])).await.0, -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_succeed_revert_and_take_overrides() {
    let node = Node::start().await;
    node.mine();
    let call = |code: &str| json!({"data": code});
    // Returns NUMBER.
    let number = "0x4360005260206000f3";
    assert_eq!(node.call("eth_call", json!([call(number), "latest"])).await, json!(format!("0x{:064x}", 1)));
    let at_nine = node.call("eth_call", json!([call(number), "latest", {}, {"number": "0x9"}])).await;
    assert_eq!(at_nine, json!(format!("0x{:064x}", 9)));
    // The same as the code of an account that has none.
    let target = "0x00000000000000000000000000000000000000cc";
    let overrides = json!({target: {"code": number}});
    let overridden = node.call("eth_call", json!([{"to": target}, "latest", overrides])).await;
    assert_eq!(overridden, json!(format!("0x{:064x}", 1)));

    let reverting = "0x602a60005260206000fd";
    let answer = node.answer("eth_call", json!([call(reverting), "latest"])).await;
    assert_eq!((&answer["error"]["code"], &answer["error"]["message"]), (&json!(3), &json!("execution reverted")));
    assert_eq!(answer["error"]["data"], json!(format!("0x{:064x}", 42)));
    assert_eq!(node.error("eth_estimateGas", json!([call(reverting)])).await.0, 3);
    assert_eq!(node.error("eth_call", json!([call("0xfe"), "latest"])).await.0, -32000);

    let transfer = json!({"from": node.signer.address(), "to": RECEIVER, "value": "0x1"});
    assert_eq!(node.call("eth_estimateGas", json!([transfer])).await, json!("0x5208"));
    let created = node.call("eth_createAccessList", json!([{"data": LOGGING_CODE}, "latest"])).await;
    assert!(created["gasUsed"].is_string() && created.get("error").is_none(), "{created}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_follow_the_chain() {
    let node = Node::start().await;
    node.send(node.transfer(0)).await;
    let head = node.mine();
    let base_fee = head.block.header().base_fee_per_gas.unwrap();
    let history = node.call("eth_feeHistory", json!(["0x5", "latest", [10, 90]])).await;
    assert_eq!((&history["oldestBlock"], history["reward"].as_array().unwrap().len()), (&json!("0x0"), 2));
    assert_eq!(history["baseFeePerGas"][1], json!(format!("{base_fee:#x}")));
    assert_eq!(history["baseFeePerGas"][2], node.call("eth_baseFee", json!([])).await);
    assert_eq!(history["gasUsedRatio"][0], json!(0.0));
    let tip = harness::GAS_PRICE - u128::from(base_fee);
    assert_eq!(history["reward"][1], json!([format!("{tip:#x}"), format!("{tip:#x}")]));
    assert_eq!(node.call("eth_maxPriorityFeePerGas", json!([])).await, json!(format!("{tip:#x}")));
    assert_eq!(node.call("eth_gasPrice", json!([])).await, json!(format!("{:#x}", harness::GAS_PRICE)));
    assert_eq!(node.error("eth_feeHistory", json!(["0x1", "0x9"])).await.0, -32000);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pool_shows_what_waits_and_what_is_queued() {
    let node = Node::start().await;
    let sender = node.signer.address();
    node.send(node.transfer(0)).await;
    node.send(node.transfer(2)).await;
    let content = node.call("txpool_content", json!([])).await;
    assert_eq!(content["pending"][sender.to_string()]["0"]["nonce"], json!("0x0"));
    assert_eq!(content["queued"][sender.to_string()]["2"]["nonce"], json!("0x2"));
    let from = node.call("txpool_contentFrom", json!([sender])).await;
    assert_eq!(from["queued"]["2"], content["queued"][sender.to_string()]["2"]);
    let inspect = node.call("txpool_inspect", json!([])).await;
    let line = inspect["pending"][sender.to_string()]["0"].as_str().unwrap();
    assert_eq!(line, format!("{RECEIVER}: 1 wei + 21000 gas × 10000000000 wei"));
}
