//! Malformed and invalid files of blocks.
use crate::verdict::{Verdicts, refusal_problem};
use alloy_consensus::Header;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U256};
use alloy_rlp::{Decodable, Encodable};
use pervade_storage::Block;
use pervade_tests::harness::{
    DEV_CHAIN_ID, ExitedCommand, Fees, NodeOptions, RunningNode, Token, dev_account, run_command, sign_deploy,
    sign_transfer,
};
use serde_json::json;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// Blocks of the valid chain.
const BLOCKS: u64 = 6;
/// Blocks that the data directory has before each bad file.
const IMPORTED: usize = 3;

struct Chain {
    folder: tempfile::TempDir,
    genesis: PathBuf,
    blocks: Vec<Block>,
}

impl Chain {
    /// A chain of a development node, exported.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let datadir = folder.path().join("origin");
        let node = RunningNode::start(&NodeOptions::dev(&datadir)).await.unwrap();
        for nonce in 0..BLOCKS {
            let (signer, fees) = (dev_account(0), Fees::default());
            let (_, raw) = if nonce == 1 {
                sign_deploy(&signer, DEV_CHAIN_ID, nonce, Token::creation_code(U256::from(1)), 3_000_000, fees)
            } else {
                sign_transfer(&signer, DEV_CHAIN_ID, nonce, Address::repeat_byte(7), U256::from(1), fees)
            };
            node.rpc.call("eth_sendRawTransactionSync", json!([raw])).await.unwrap();
        }
        assert!(node.stop().await.unwrap().success());
        let (file, genesis) = (folder.path().join("chain.rlp"), datadir.join("genesis.json"));
        let exported =
            run_command(["export".as_ref(), "--datadir".as_ref(), datadir.as_os_str(), file.as_os_str()]).unwrap();
        assert!(exported.status.success(), "{}", exported.stderr);
        let bytes = fs::read(file).unwrap();
        let (mut rest, mut blocks) = (bytes.as_slice(), Vec::new());
        while !rest.is_empty() {
            blocks.push(Block::decode(&mut rest).unwrap());
        }
        assert!(blocks.len() > IMPORTED, "the development node made {} blocks", blocks.len());
        let copy = folder.path().join("genesis.json");
        fs::copy(genesis, &copy).unwrap();
        Self { folder, genesis: copy, blocks }
    }

    fn import(&self, datadir: &Path, name: &str, bytes: &[u8]) -> ExitedCommand {
        let file = self.folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        let arguments: [&OsStr; 6] = [
            "import".as_ref(),
            "--chain".as_ref(),
            self.genesis.as_ref(),
            "--datadir".as_ref(),
            datadir.as_ref(),
            file.as_ref(),
        ];
        run_command(arguments).unwrap()
    }

    /// The line of `db stats` that names the head.
    fn head(&self, datadir: &Path) -> Result<String, String> {
        let exited = run_command(["db".as_ref(), "stats".as_ref(), "--datadir".as_ref(), datadir.as_os_str()]).unwrap();
        let line = exited.stdout.lines().find(|line| line.starts_with("head")).map(str::to_owned);
        line.filter(|_| exited.status.success()).ok_or_else(|| format!("db stats: {}{}", exited.stdout, exited.stderr))
    }
}

fn encode(blocks: &[Block]) -> Vec<u8> {
    let mut bytes = Vec::new();
    blocks.iter().for_each(|block| block.encode(&mut bytes));
    bytes
}

#[tokio::test]
async fn malformed_chains_are_refused_and_the_data_directory_stays_whole() {
    let chain = Chain::new().await;
    let datadir = chain.folder.path().join("data");
    assert!(chain.import(&datadir, "first.rlp", &encode(&chain.blocks[..IMPORTED])).status.success());
    let head = chain.head(&datadir).unwrap();

    let mut verdicts = Verdicts::default();
    let rest = encode(&chain.blocks[IMPORTED..]);
    let next = chain.blocks[IMPORTED].clone();
    let next_length = alloy_rlp::encode(&next).len();
    for (name, bytes) in malformed(&rest, next_length) {
        let exited = chain.import(&datadir, "bad.rlp", &bytes);
        verdicts.add(&name, refusal_problem(&exited, &["block"]).or(changed(&chain, &datadir, &head)));
    }
    for (name, block) in invalid(&next) {
        let exited = chain.import(&datadir, "bad.rlp", &encode(&[block]));
        verdicts.add(name, refusal_problem(&exited, &["block"]).or(changed(&chain, &datadir, &head)));
    }
    verdicts.assert("chains", 60);

    let checked = run_command(["db".as_ref(), "check".as_ref(), "--datadir".as_ref(), datadir.as_os_str()]).unwrap();
    assert!(checked.status.success(), "{}{}", checked.stdout, checked.stderr);
    let finished = chain.import(&datadir, "good.rlp", &encode(&chain.blocks));
    assert!(finished.status.success(), "{}", finished.stderr);
    let last = chain.blocks.last().unwrap().header.hash_slow();
    assert!(chain.head(&datadir).unwrap().contains(&last.to_string()));
}

fn changed(chain: &Chain, datadir: &Path, head: &str) -> Option<String> {
    match chain.head(datadir) {
        Ok(now) if now == head => None,
        Ok(now) => Some(format!("the head moved from {head} to {now}")),
        Err(error) => Some(format!("the data directory does not open any more: {error}")),
    }
}

/// Bytes that are no chain. The first block of `valid` is `first` bytes long.
fn malformed(valid: &[u8], first: usize) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    // Inside the first block: after it, what came before counts.
    for at in [1, 2, 3, 4, 10, first / 4, first / 2, first - 33, first - 1] {
        files.push((format!("cut off at byte {at}"), valid[..at].to_vec()));
    }
    for at in [0, 1, 2, 3, 4, 5, 6, 36, 37, 58] {
        for value in [0x00, 0x80, 0xff] {
            let mut bytes = valid.to_vec();
            if bytes[at] != value {
                bytes[at] = value;
                files.push((format!("byte {at} is {value:#04x}"), bytes));
            }
        }
    }
    let mut add = |name: &str, bytes: Vec<u8>| files.push((name.to_owned(), bytes));
    add("text", b"{\"this\": \"is JSON\"}".to_vec());
    add("zeros", vec![0; 4096]);
    add("an empty list", vec![0xc0]);
    add("a list of empty lists", vec![0xc3, 0xc0, 0xc0, 0xc0]);
    add("a string", vec![0x83, b'd', b'o', b'g']);
    add("a length of 2^64-1", vec![0xff; 9]);
    add("a length of a terabyte", vec![0xfd, 0x01, 0, 0, 0, 0, 0, 0, 0]);
    add("a length with a leading zero", vec![0xf9, 0x00, 0x38, 0x01]);
    add("ten thousand nested lists", nested(10_000));
    add("gzip", vec![0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0]);
    add("something before the first block", [&[0x01], valid].concat());
    add("a header without a body", {
        let header = alloy_rlp::encode(Header::default());
        let mut bytes = Vec::new();
        alloy_rlp::Header { list: true, payload_length: header.len() }.encode(&mut bytes);
        bytes.extend(header);
        bytes
    });
    files
}

/// `[[[...]]]`, correctly encoded.
fn nested(depth: usize) -> Vec<u8> {
    let mut bytes = vec![0xc0];
    for _ in 0..depth {
        let mut outer = Vec::new();
        alloy_rlp::Header { list: true, payload_length: bytes.len() }.encode(&mut outer);
        outer.extend(&bytes);
        bytes = outer;
    }
    bytes
}

/// Well-formed blocks that break a rule.
fn invalid(next: &Block) -> Vec<(&'static str, Block)> {
    let header = |change: &dyn Fn(&mut Header)| {
        let mut block = next.clone();
        change(&mut block.header);
        block
    };
    let body = |change: &dyn Fn(&mut Block)| {
        let mut block = next.clone();
        change(&mut block);
        block
    };
    let other = B256::repeat_byte(0x11);
    vec![
        ("another parent", header(&|h| h.parent_hash = other)),
        ("a number too high", header(&|h| h.number += 1)),
        ("number 2^64-1", header(&|h| h.number = u64::MAX)),
        ("another state root", header(&|h| h.state_root = other)),
        ("another receipts root", header(&|h| h.receipts_root = other)),
        ("another transactions root", header(&|h| h.transactions_root = other)),
        ("another bloom", header(&|h| h.logs_bloom = Bloom::repeat_byte(0xff))),
        ("more gas used", header(&|h| h.gas_used += 1)),
        ("less gas used", header(&|h| h.gas_used -= 1)),
        ("gas used above the limit", header(&|h| h.gas_used = h.gas_limit + 1)),
        ("a gas limit of zero", header(&|h| h.gas_limit = 0)),
        ("a gas limit of 2^64-1", header(&|h| h.gas_limit = u64::MAX)),
        ("another base fee", header(&|h| h.base_fee_per_gas = h.base_fee_per_gas.map(|fee| fee + 1))),
        ("no base fee", header(&|h| h.base_fee_per_gas = None)),
        ("a time before the parent's", header(&|h| h.timestamp = 0)),
        ("difficulty one", header(&|h| h.difficulty = U256::from(1))),
        ("a nonce", header(&|h| h.nonce = B64::repeat_byte(1))),
        ("ommers named", header(&|h| h.ommers_hash = other)),
        ("extra data of 33 bytes", header(&|h| h.extra_data = Bytes::from(vec![0; 33]))),
        ("another validator set", header(&|h| h.extra_data = Bytes::from(vec![7; 32]))),
        ("blob gas used", header(&|h| h.blob_gas_used = Some(131_072))),
        ("excess blob gas", header(&|h| h.excess_blob_gas = Some(1))),
        ("a parent beacon root left out", header(&|h| h.parent_beacon_block_root = None)),
        ("another requests hash", header(&|h| h.requests_hash = Some(other))),
        ("a withdrawals root left out", header(&|h| h.withdrawals_root = None)),
        ("no transactions", body(&|b| b.body.transactions.clear())),
        (
            "a transaction twice",
            body(&|b| {
                let again = b.body.transactions[0].clone();
                b.body.transactions.push(again);
            }),
        ),
        ("an ommer", body(&|b| b.body.ommers.push(Header::default()))),
        ("withdrawals left out", body(&|b| b.body.withdrawals = None)),
    ]
}
