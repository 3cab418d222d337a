//! Who may ask, the pages for people and supervisors, and bodies that are no requests.

use super::harness::{Node, config};
use pervade_rpc::Probe;
use serde_json::{Value, json};

async fn get(node: &Node, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = reqwest::Client::new().get(format!("{}{path}", node.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_readiness_are_the_nodes_answers() {
    let node = Node::start_with(config(), |context| {
        context.ready = Probe::new(|| Err("replaying blocks".into()));
    })
    .await;
    assert_eq!(get(&node, "/health", &[]).await, (200, "ok\n".into()));
    assert_eq!(get(&node, "/ready", &[]).await, (503, "replaying blocks\n".into()));
    assert_eq!(get(&node, "/", &[]).await.0, 200);
    assert_eq!(get(&node, "/", &[("host", "evil.example")]).await.0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_of_allowed_origins_may_ask() {
    let mut config = config();
    config.http_corsdomain = vec!["https://a.example".into()];
    let node = Node::start_with(config, |_| ()).await;
    let preflight = |origin: &'static str| {
        let request = reqwest::Client::new().request(reqwest::Method::OPTIONS, &node.url);
        request.header("origin", origin).header("access-control-request-method", "POST").send()
    };
    let allowed = preflight("https://a.example").await.unwrap();
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://a.example");
    let refused = preflight("https://b.example").await.unwrap();
    assert!(refused.headers().get("access-control-allow-origin").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_methods_and_namespaces_are_not_found() {
    let mut config = config();
    config.http_api = vec!["eth".into()];
    let node = Node::start_with(config, |_| ()).await;
    for method in ["eth_nothing", "net_version", "debug_traceTransaction", ""] {
        let (code, message) = node.error(method, json!([])).await;
        assert_eq!((code, message), (-32601, format!("the method {method} does not exist/is not available")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_does_not_exist_is_a_configuration_error() {
    let mut wrong = config();
    wrong.ws_api = vec!["personal".into()];
    let node = Node::start().await;
    let context = pervade_rpc::RpcContext {
        spec: node.spec.clone(),
        storage: node.storage.clone(),
        pool: node.pool.clone(),
        heads: node.heads.clone(),
        observed: node.observed.clone(),
        cluster: None,
        answers: None,
        gateway: None,
        client_version: String::new(),
        health: Probe::default(),
        ready: Probe::default(),
    };
    let error = pervade_rpc::serve(wrong, context).await.unwrap_err();
    assert!(error.to_string().contains("personal"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_bodies_get_an_error_and_the_node_lives_on() {
    let node = Node::start().await;
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "{",
        "[",
        "]",
        "null",
        "true",
        "5",
        "\"\"",
        "{}",
        "[]",
        "[[]]",
        "[{}]",
        "[5]",
        "[null]",
        "{\"id\":1}",
        r#"{"jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"eth_blockNumber"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"eth_blockNumber"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":5}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":5}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":"0x"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[null]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x"]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["\ud800"]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[1]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber"} {}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","id":2}"#,
        deep.as_str(),
    ]
    .into_iter()
    .map(|body| body.as_bytes().to_vec())
    .chain([vec![0xff; 100], vec![0; 100], b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}".to_vec()])
    .collect();
    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let (_, text) = node.post(body).await;
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{shown}: {text}"));
        let errors = |answer: &Value| answer["error"]["code"].is_i64();
        let refused = match &answer {
            Value::Array(answers) => answers.iter().all(errors),
            // Without an id that is one, a call is a notification, which gets no answer.
            Value::Null => shown.contains(r#""id":{}"#) || shown.contains(r#""id":2"#),
            answer => errors(answer),
        };
        assert!(refused, "{shown}: {answer}");
    }
    assert_eq!(node.call("eth_blockNumber", json!([])).await, json!("0x0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_refuses_nonsense_without_falling_over() {
    let node = Node::start().await;
    let methods = "eth_getBalance eth_getCode eth_getStorageAt eth_getStorageValues eth_getTransactionCount
        eth_getBlockByNumber eth_getBlockByHash eth_getBlockTransactionCountByNumber eth_getBlockTransactionCountByHash
        eth_getUncleCountByBlockNumber eth_getUncleCountByBlockHash eth_getUncleByBlockNumberAndIndex
        eth_getUncleByBlockHashAndIndex eth_getTransactionByHash eth_getTransactionByBlockHashAndIndex
        eth_getTransactionByBlockNumberAndIndex eth_getTransactionReceipt eth_getBlockReceipts eth_call
        eth_estimateGas eth_createAccessList eth_sendRawTransaction eth_sendRawTransactionSync eth_getLogs
        eth_getProof eth_feeHistory eth_newFilter eth_getFilterChanges eth_getFilterLogs eth_uninstallFilter
        web3_sha3 txpool_contentFrom";
    let nonsense = [
        json!([]),
        json!({}),
        json!([null, null, null, null]),
        json!([[], [], []]),
        json!(["0x", "0x", "0x"]),
        json!([-1, 1.5, true]),
        json!(["latest", "latest", "earliest"]),
        json!([{"to": 5}, {"blockHash": "0x1"}]),
        json!([{"address": {}}]),
        json!([{"topics": {"a": []}}]),
        json!(["\u{0}", "\u{0}"]),
        json!(["0x", 1, 2, 3, 4, 5, 6, 7]),
    ];
    for method in methods.split_whitespace() {
        for params in &nonsense {
            let answer = node.answer(method, params.clone()).await;
            // A few pieces of nonsense are sense to some methods: no bytes are bytes.
            let sense = answer.get("result").is_some();
            assert!(sense || answer["error"]["code"].is_i64(), "{method} {params}: {answer}");
            assert_ne!(answer["error"]["code"], json!(-32603), "{method} {params}: {answer}");
        }
    }
}
