//! Malformed requests: HTTP that is none, JSON that is none, calls that are none.
use crate::verdict::Verdicts;
use pervade_tests::harness::{NodeOptions, RunningNode};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// Longest wait for the answer to a bad request.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Codes of JSON-RPC 2.0 and geth for requests that are at fault.
const CODES: [i64; 8] = [-32700, -32600, -32601, -32602, -32000, -32003, -32005, 3];
/// Connections that stay half open.
const SLOW_CONNECTIONS: usize = 50;

struct Target {
    node: RunningNode,
    address: SocketAddr,
}

impl Target {
    async fn start(folder: &tempfile::TempDir) -> Self {
        let node = RunningNode::start(&NodeOptions::dev(&folder.path().join("data"))).await.unwrap();
        let address = node.rpc.url().trim_start_matches("http://").parse().unwrap();
        Self { node, address }
    }

    /// Sends bytes as they are and reads what comes until the server closes or is silent. `then_end`: closes its own
    /// direction, which also calls off a request under way.
    fn send(&self, bytes: &[u8], then_end: bool) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.set_write_timeout(Some(ANSWER_MAX))?;
        // The server may refuse before it has read all.
        let _ = stream.write_all(bytes);
        if then_end {
            let _ = stream.shutdown(Shutdown::Write);
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn post(&self, body: &[u8]) -> std::io::Result<(u16, String)> {
        let head = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let answer = self.send(&[head.as_bytes(), body].concat(), false)?;
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
        Ok((status, body))
    }

    /// The node lives, answers a good request at once, and has not panicked.
    async fn problem(&mut self) -> Option<String> {
        let begun = Instant::now();
        if let Err(error) = self.node.rpc.call("eth_chainId", json!([])).await {
            return Some(format!("afterwards the node does not answer: {error}\n{}", self.node.log_tail()));
        }
        if begun.elapsed() > Duration::from_secs(2) {
            return Some(format!("afterwards a good request takes {:?}", begun.elapsed()));
        }
        if !self.node.is_running() {
            return Some("the node is dead".into());
        }
        self.node.log().contains("panicked").then(|| format!("panicked:\n{}", self.node.log_tail()))
    }
}

/// The answer must be an error with a code of ours and a message; for a batch, each entry one or a result.
fn body_problem(status: u16, body: &str) -> Option<String> {
    if (400..500).contains(&status) {
        return None;
    }
    if status != 200 {
        return Some(format!("HTTP status {status}: {body:.200}"));
    }
    let Ok(answer) = serde_json::from_str::<Value>(body) else { return Some(format!("no JSON: {body:.200}")) };
    let code = answer["error"]["code"].as_i64();
    let told = answer["error"]["message"].as_str().is_some_and(|message| message.len() > 4);
    (!code.is_some_and(|code| CODES.contains(&code)) || !told).then(|| format!("not a clear error: {body:.300}"))
}

#[tokio::test]
async fn malformed_calls_are_answered_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut target = Target::start(&folder).await;
    let mut verdicts = Verdicts::default();
    for (name, body) in broken_bodies().into_iter().chain(bad_calls()) {
        let problem = match target.post(&body) {
            Err(error) => Some(format!("no answer: {error}")),
            Ok((status, body)) => body_problem(status, &body),
        };
        let problem = match problem {
            None => target.problem().await,
            problem => problem,
        };
        verdicts.add(&name, problem);
    }
    assert!(target.node.stop().await.unwrap().success());
    verdicts.assert("calls", 130);
}

#[tokio::test]
async fn malformed_batches_are_answered_one_by_one_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut target = Target::start(&folder).await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []});
    let mut verdicts = Verdicts::default();
    for (name, batch, entries) in [
        ("an empty batch", json!([]), None),
        ("a batch of numbers", json!([1, 2, 3]), None),
        ("good and bad", json!([call, 1, {"foo": "boo"}, call]), None),
        ("a batch in a batch", json!([[call]]), None),
        ("the same id twice", json!([call, call]), Some(2)),
        ("100,000 calls", json!(vec![call.clone(); 100_000]), None),
    ] {
        let answer = target.post(batch.to_string().as_bytes());
        let mut problem = match (&answer, entries) {
            (Err(error), _) => Some(format!("no answer: {error}")),
            (Ok((400..=499, _)), _) => None,
            (Ok((_, body)), entries) => match serde_json::from_str::<Value>(body) {
                Err(_) => Some(format!("no JSON: {body:.200}")),
                Ok(Value::Array(answers)) => entries
                    .filter(|count| *count != answers.len())
                    .map(|count| format!("{} answers for {count} calls", answers.len())),
                Ok(answer) => answer["error"]["code"].is_null().then(|| format!("neither list nor error: {answer}")),
            },
        };
        if problem.is_none() {
            problem = target.problem().await;
        }
        verdicts.add(name, problem);
    }
    assert!(target.node.stop().await.unwrap().success());
    verdicts.assert("batches", 6);
}

#[tokio::test]
async fn bytes_that_are_no_request_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let mut target = Target::start(&folder).await;
    let mut verdicts = Verdicts::default();
    for (name, bytes) in no_requests() {
        let answer = target.send(&bytes, true);
        let mut problem = answer.err().map(|error| format!("no connection: {error}"));
        if problem.is_none() {
            problem = target.problem().await;
        }
        verdicts.add(&name, problem);
    }
    assert!(target.node.stop().await.unwrap().success());
    verdicts.assert("requests", 25);
}

#[tokio::test]
async fn requests_that_never_end_do_not_keep_others_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let mut target = Target::start(&folder).await;
    let mut held = Vec::new();
    for index in 0..SLOW_CONNECTIONS {
        let mut stream = TcpStream::connect(target.address).unwrap();
        let part: &[u8] = match index % 3 {
            0 => b"POST / HT",
            1 => b"POST / HTTP/1.1\r\nhost: x\r\ncontent-le",
            _ => b"POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"jsonrpc\":",
        };
        stream.write_all(part).unwrap();
        held.push(stream);
    }
    assert_eq!(target.problem().await, None);
    for stream in &mut held {
        // Some may have been closed already.
        let _ = stream.write_all(b" ");
    }
    assert_eq!(target.problem().await, None);
    assert!(target.node.stop().await.unwrap().success(), "held connections keep the node from stopping");
}

fn broken_bodies() -> Vec<(String, Vec<u8>)> {
    let valid = br#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}"#;
    let mut bodies: Vec<(String, Vec<u8>)> = Vec::new();
    for at in (1..valid.len() - 1).step_by(4) {
        bodies.push((format!("cut off at byte {at}"), valid[..at].to_vec()));
    }
    let mut add = |name: &str, body: Vec<u8>| bodies.push((name.to_owned(), body));
    add("empty", Vec::new());
    add("binary", (0..=255).collect());
    add("invalid UTF-8", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_\xff\",\"params\":[]}".to_vec());
    add("a number", b"5".to_vec());
    add("a string", b"\"eth_chainId\"".to_vec());
    add("null", b"null".to_vec());
    add("an empty object", b"{}".to_vec());
    add("a hundred thousand open brackets", vec![b'['; 100_000]);
    add("a hundred thousand open objects", b"{\"a\":".repeat(100_000));
    add("deep parameters", {
        let deep = [b"[".repeat(50_000), b"]".repeat(50_000)].concat();
        [br#"{"jsonrpc":"2.0","id":1,"method":"eth_call","params":"#.as_slice(), &deep, b"}"].concat()
    });
    add("no method", br#"{"jsonrpc":"2.0","id":1,"params":[]}"#.to_vec());
    add("a method that is a number", br#"{"jsonrpc":"2.0","id":1,"method":7,"params":[]}"#.to_vec());
    add("an empty method", br#"{"jsonrpc":"2.0","id":1,"method":"","params":[]}"#.to_vec());
    add("an unknown method", br#"{"jsonrpc":"2.0","id":1,"method":"eth_doMagic","params":[]}"#.to_vec());
    add("an unknown namespace", br#"{"jsonrpc":"2.0","id":1,"method":"magic_chainId","params":[]}"#.to_vec());
    add(
        "a method of a megabyte",
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{}","params":[]}}"#, "x".repeat(1 << 20)).into_bytes(),
    );
    add(
        "parameters that are a string",
        br#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":"all"}"#.to_vec(),
    );
    add("parameters that are a number", br#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":1}"#.to_vec());
    add("version 1", br#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId","params":[]}"#.to_vec());
    add("version 3", br#"{"jsonrpc":"3.0","id":1,"method":"eth_chainId","params":[]}"#.to_vec());
    add("a version that is a number", br#"{"jsonrpc":2.0,"id":1,"method":"eth_chainId","params":[]}"#.to_vec());
    add(
        "twenty megabytes",
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"web3_sha3","params":["0x{}"]}}"#, "00".repeat(10 << 20))
            .into_bytes(),
    );
    add("two documents", [valid.as_slice(), valid].concat());
    bodies
}

/// Methods of one address and a block.
const OF_ADDRESS: [&str; 3] = ["eth_getBalance", "eth_getCode", "eth_getTransactionCount"];

/// Well-formed requests with arguments that no method takes.
fn bad_calls() -> Vec<(String, Vec<u8>)> {
    let address = format!("0x{}", "11".repeat(20));
    let hash = format!("0x{}", "22".repeat(32));
    let mut calls: Vec<(String, Value)> = Vec::new();
    for method in OF_ADDRESS {
        for (what, params) in [
            ("no arguments", json!([])),
            ("a short address", json!(["0x11", "latest"])),
            ("a long address", json!([hash, "latest"])),
            ("an address without 0x g", json!([format!("0x{}", "gg".repeat(20)), "latest"])),
            ("a number as address", json!([5, "latest"])),
            ("an unknown tag", json!([address, "newest"])),
            ("a block number beyond 64 bits", json!([address, "0x10000000000000000"])),
            ("a negative block number", json!([address, "-0x1"])),
            ("a block that is not there", json!([address, "0xffffff"])),
            ("too many arguments", json!([address, "latest", 1, 2, 3])),
            ("a block hash nobody knows", json!([address, {"blockHash": hash}])),
            ("an empty block id", json!([address, {}])),
        ] {
            calls.push((format!("{method} with {what}"), json!({"method": method, "params": params})));
        }
    }
    for method in ["eth_getBlockByHash", "eth_getTransactionByHash", "eth_getTransactionReceipt"] {
        for (what, value) in [
            ("a short hash", json!("0x22")),
            ("a long hash", json!(format!("{hash}00"))),
            ("a word", json!("hash")),
            ("null", json!(null)),
            ("an object", json!({})),
        ] {
            let params = if method == "eth_getBlockByHash" { json!([value, false]) } else { json!([value]) };
            calls.push((format!("{method} with {what}"), json!({"method": method, "params": params})));
        }
    }
    for (what, params) in [
        ("nothing", json!([])),
        ("no hex", json!(["hello"])),
        ("half a byte", json!(["0x123"])),
        ("an empty transaction", json!(["0x"])),
        ("an unknown type", json!(["0x7fc0"])),
        ("an empty list", json!(["0xc0"])),
        ("a type without a body", json!(["0x02"])),
        ("a list of zeros", json!([format!("0xc9{}", "80".repeat(9))])),
        ("a length that lies", json!(["0xf90fff80"])),
        ("a megabyte", json!([format!("0x{}", "ff".repeat(1 << 20))])),
        ("an object", json!([{"from": address}])),
    ] {
        calls.push((
            format!("eth_sendRawTransaction with {what}"),
            json!({"method": "eth_sendRawTransaction", "params": params}),
        ));
    }
    for (what, call) in [
        ("a word", json!("call")),
        ("a short recipient", json!({"to": "0x11"})),
        ("half a byte of data", json!({"to": address, "data": "0x123"})),
        ("data and input that differ", json!({"to": address, "data": "0x01", "input": "0x02"})),
        ("gas that is negative", json!({"to": address, "gas": "-0x1"})),
        ("gas beyond 64 bits", json!({"to": address, "gas": "0x10000000000000000"})),
        ("value beyond 256 bits", json!({"to": address, "value": format!("0x1{}", "0".repeat(64))})),
        ("more value than there is", json!({"from": address, "to": address, "value": "0xffffffffffffffffffffffff"})),
        ("both kinds of fees", json!({"to": address, "gasPrice": "0x1", "maxFeePerGas": "0x1"})),
        ("a tip above the fee", json!({"to": address, "maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x2"})),
    ] {
        for method in ["eth_call", "eth_estimateGas"] {
            calls.push((format!("{method} with {what}"), json!({"method": method, "params": [call, "latest"]})));
        }
    }
    for (what, filter) in [
        ("a word", json!("all")),
        ("blocks the wrong way round", json!({"fromBlock": "0x2", "toBlock": "0x1"})),
        ("a hash and a range", json!({"blockHash": hash, "fromBlock": "0x0"})),
        ("a hash nobody knows", json!({"blockHash": hash})),
        ("five topics", json!({"topics": [null, null, null, null, null]})),
        ("a short topic", json!({"topics": ["0x11"]})),
        ("a short address", json!({"address": "0x11"})),
        ("addresses in an object", json!({"address": {"a": address}})),
        ("ten thousand addresses", json!({"address": vec![address.clone(); 10_000]})),
    ] {
        calls.push((format!("eth_getLogs with {what}"), json!({"method": "eth_getLogs", "params": [filter]})));
    }
    for (method, params) in [
        ("eth_getStorageAt", json!([address, format!("0x{}", "1".repeat(65)), "latest"])),
        ("eth_getStorageAt", json!([address, "slot", "latest"])),
        ("eth_getProof", json!([address, "0x0", "latest"])),
        ("eth_getProof", json!([address, ["zz"], "latest"])),
        ("eth_getProof", json!([address, vec!["0x1"; 100_000], "latest"])),
        ("eth_feeHistory", json!(["0x1", "latest", [101]])),
        ("eth_feeHistory", json!(["0x1", "latest", [50, 10]])),
        ("eth_feeHistory", json!(["many", "latest", []])),
        ("eth_getFilterChanges", json!(["0x1234"])),
        ("eth_getBlockByNumber", json!(["0x1"])),
        ("eth_getBlockByNumber", json!(["0x1", "yes"])),
        ("web3_sha3", json!(["no hex"])),
        ("eth_subscribe", json!(["everything"])),
    ] {
        calls.push((format!("{method} with {params:.60}"), json!({"method": method, "params": params})));
    }
    let body = |mut call: Value| {
        call["jsonrpc"] = json!("2.0");
        call["id"] = json!(1);
        call.to_string().into_bytes()
    };
    calls.into_iter().map(|(name, call)| (name, body(call))).collect()
}

fn no_requests() -> Vec<(String, Vec<u8>)> {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}"#;
    let mut requests: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>| requests.push((name.to_owned(), bytes));
    let with = |first: &str, headers: &str| format!("{first}\r\n{headers}\r\n{body}").into_bytes();
    let length = format!("content-length: {}\r\n", body.len());
    add("nothing", Vec::new());
    add("zeros", vec![0; 10_000]);
    add("every byte", (0..=255).cycle().take(100_000).collect());
    add("a TLS greeting", vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]);
    add("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec());
    add("an unknown verb", with("BREW / HTTP/1.1", "host: x\r\n"));
    add("GET", with("GET / HTTP/1.1", "host: x\r\n"));
    add("PUT", with("PUT / HTTP/1.1", &format!("host: x\r\n{length}")));
    add("DELETE", with("DELETE / HTTP/1.1", "host: x\r\n"));
    add("HTTP/9", with("POST / HTTP/9.9", "host: x\r\n"));
    add("no version", with("POST /", ""));
    add("a path of 100,000 bytes", with(&format!("POST /{} HTTP/1.1", "a".repeat(100_000)), "host: x\r\n"));
    add("a header of a megabyte", with("POST / HTTP/1.1", &format!("host: x\r\nx-long: {}\r\n", "a".repeat(1 << 20))));
    add("ten thousand headers", with("POST / HTTP/1.1", &"x-many: 1\r\n".repeat(10_000)));
    add("a header without a name", with("POST / HTTP/1.1", ": value\r\n"));
    add("a header with a zero byte", with("POST / HTTP/1.1", "host: \0\r\n"));
    add("no host", with("POST / HTTP/1.1", &length));
    add("no content type", with("POST / HTTP/1.1", &format!("host: x\r\n{length}")));
    add("another content type", with("POST / HTTP/1.1", &format!("host: x\r\ncontent-type: text/html\r\n{length}")));
    add(
        "a negative length",
        with("POST / HTTP/1.1", "host: x\r\ncontent-type: application/json\r\ncontent-length: -1\r\n"),
    );
    add(
        "a length of words",
        with("POST / HTTP/1.1", "host: x\r\ncontent-type: application/json\r\ncontent-length: many\r\n"),
    );
    add(
        "a length of 2^64",
        with(
            "POST / HTTP/1.1",
            "host: x\r\ncontent-type: application/json\r\ncontent-length: 18446744073709551616\r\n",
        ),
    );
    add(
        "a length of 2^63",
        with("POST / HTTP/1.1", "host: x\r\ncontent-type: application/json\r\ncontent-length: 9223372036854775807\r\n"),
    );
    add(
        "two lengths",
        with(
            "POST / HTTP/1.1",
            "host: x\r\ncontent-type: application/json\r\ncontent-length: 5\r\ncontent-length: 60\r\n",
        ),
    );
    add(
        "a length and chunks",
        with(
            "POST / HTTP/1.1",
            &format!("host: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n{length}"),
        ),
    );
    add("a broken chunk", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n".to_vec());
    add("a chunk of 2^64", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc".to_vec());
    add(
        "gzip",
        with(
            "POST / HTTP/1.1",
            &format!("host: x\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n{length}"),
        ),
    );
    add("an upgrade to nothing", with("GET / HTTP/1.1", "host: x\r\nconnection: upgrade\r\nupgrade: nothing\r\n"));
    add(
        "a WebSocket greeting with a bad key",
        with(
            "GET / HTTP/1.1",
            "host: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: short\r\n",
        ),
    );
    requests
}
