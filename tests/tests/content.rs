//! Long values of the Contract Database on several nodes: the same everywhere, and fetched again where a disk lost them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_sol_types::{SolCall, SolValue, sol};
use bytes::Bytes as NetworkBytes;
use pervade_chainspec::{ChainSpec, params::CONTRACT_DATABASE_ADDRESS};
use pervade_evm_ext::{Proposal, ProposalAttributes, ProposalTransaction, TransactionSource, database_page};
use pervade_node::{
    NodeError,
    commands::{export::export, import::import},
    config::{DevConfig, NodeOptions},
    content,
    datadir::DataDir,
    dev::DevNetwork,
    ledger::Ledger,
    shutdown::Shutdown,
};
use pervade_p2p::{ChainIdentity, Head, Multiaddr, NetworkConfig, NetworkEvent, NetworkHandle, Protocol};
use pervade_storage::{HistoryMode, Storage, StorageOptions, Transaction};
use pervade_tests::cluster::lost_content;
use std::{io::Cursor, net::Ipv4Addr, path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

sol! {
    function open(bytes32 salt) external returns (bytes32 database);
    function put(bytes32 database, bytes32 table, bytes32 key, bytes calldata value) external;
    function get(bytes32 database, bytes32 table, bytes32 key) external view returns (bytes memory value);
    function remove(bytes32 database, bytes32 table, bytes32 key) external;
    function append(bytes32 database, bytes32 series, uint64 timeMs, bytes calldata value) external;
    function trim(bytes32 database, bytes32 series, uint64 beforeMs, uint256 limit) external returns (uint256 removed);
}

/// Blocks whose state is kept.
const WINDOW: u64 = 4;
const TABLE: B256 = B256::repeat_byte(0x7a);
const SERIES: B256 = B256::repeat_byte(0x5e);

fn network() -> DevNetwork {
    let config = NodeOptions::default().dev.or_defaults(true);
    let mut network = DevNetwork::new(&DevConfig { accounts: 1, ..config }).unwrap();
    let mut genesis: serde_json::Value = serde_json::from_slice(&network.genesis_json).unwrap();
    genesis["config"]["pervade"]["precompiles"] = serde_json::json!({"contractDatabase": {"block": 0}});
    network.genesis_json = serde_json::to_vec(&genesis).unwrap();
    network.spec = ChainSpec::from_json("with the Contract Database", &network.genesis_json).unwrap();
    network
}

fn ledger(network: &DevNetwork, dir: &Path) -> Ledger {
    let options = StorageOptions { history: HistoryMode::Window { blocks: WINDOW }, ..StorageOptions::default() };
    let spec = Arc::new(network.spec.clone());
    Ledger::open(spec, DataDir::new(dir).open(&network.spec, options, &network.genesis_json).unwrap()).unwrap()
}

struct Listed(std::vec::IntoIter<ProposalTransaction>);

impl TransactionSource for Listed {
    fn next(&mut self) -> Option<ProposalTransaction> {
        self.0.next()
    }
    fn refuse(&mut self) {}
}

/// A chain whose every block is one call of the Contract Database.
struct Chain {
    network: DevNetwork,
    ledger: Ledger,
    nonce: u64,
    dir: TempDir,
}

impl Chain {
    fn new() -> Self {
        let (network, dir) = (network(), tempfile::tempdir().unwrap());
        Self { ledger: ledger(&network, dir.path()), network, nonce: 0, dir }
    }

    fn storage(&self) -> &Storage {
        self.ledger.storage()
    }

    fn database(&self) -> B256 {
        keccak256((self.network.accounts[0].address(), B256::ZERO).abi_encode())
    }

    fn call(&mut self, call: impl SolCall) {
        let proposal = self.propose(call).unwrap();
        assert!(proposal.refused.is_empty(), "{:?}", proposal.refused);
        assert!(proposal.executed.receipts.iter().all(|receipt| receipt.status.coerce_status()), "it reverted");
        self.ledger.commit(proposal.executed).unwrap();
    }

    fn propose(&mut self, call: impl SolCall) -> Result<Proposal, NodeError> {
        let from = &self.network.accounts[0];
        let transaction = TxEip1559 {
            chain_id: 1337,
            nonce: self.nonce,
            gas_limit: 10_000_000,
            max_fee_per_gas: 100_000_000_000,
            to: TxKind::Call(CONTRACT_DATABASE_ADDRESS),
            input: call.abi_encode().into(),
            ..Default::default()
        };
        self.nonce += 1;
        let signature = from.sign_hash_sync(&transaction.signature_hash()).unwrap();
        let transaction = Transaction::from(transaction.into_signed(signature));
        let hash = *transaction.tx_hash();
        let candidate = ProposalTransaction { transaction: Arc::new(transaction), hash, sender: from.address() };
        let attributes = ProposalAttributes {
            timestamp: self.ledger.head().header().timestamp + 1,
            proposer: self.network.validator.address(),
            time_max: Duration::from_secs(10),
        };
        self.ledger.propose(&attributes, &mut Listed(vec![candidate].into_iter()))
    }

    fn put(&mut self, key: u64, value: &Bytes) {
        let database = self.database();
        self.call(putCall { database, table: TABLE, key: U256::from(key).into(), value: value.clone() });
    }

    fn remove(&mut self, key: u64) {
        let database = self.database();
        self.call(removeCall { database, table: TABLE, key: U256::from(key).into() });
    }

    fn append(&mut self, time_ms: u64, value: &Bytes) {
        let database = self.database();
        self.call(appendCall { database, series: SERIES, timeMs: time_ms, value: value.clone() });
    }
}

fn value(seed: u8) -> Bytes {
    (0..1_000u32 + u32::from(seed)).map(|place| (place as u8).wrapping_mul(31) ^ seed).collect()
}

/// A chain that puts, overwrites, removes, appends and trims.
fn written() -> Chain {
    let mut chain = Chain::new();
    chain.call(openCall { salt: B256::ZERO });
    for key in 0..6 {
        chain.put(key, &value(key as u8));
    }
    chain.put(0, &value(10)); // lets value 0 go
    chain.put(7, &value(2)); // a second name for value 2
    chain.remove(1);
    chain.remove(2);
    for time_ms in 1..=4 {
        chain.append(time_ms, &value(20 + time_ms as u8));
    }
    let database = chain.database();
    chain.call(trimCall { database, series: SERIES, beforeMs: 3, limit: U256::from(9) });
    for _ in 0..2 * WINDOW {
        chain.put(99, &vec![1].into());
    }
    chain.put(8, &value(30));
    chain.put(8, &value(31)); // inside the window, value 30 can still be read
    chain
}

/// Values that a state of the window names.
const LIVE: [u8; 9] = [2, 3, 4, 5, 10, 23, 24, 30, 31];
/// Values that were let go before.
const GONE: [u8; 4] = [0, 1, 21, 22];

fn assert_content(storage: &Storage, what: &str) {
    storage.prune_history(WINDOW).unwrap();
    for seed in LIVE {
        assert_eq!(storage.content(&keccak256(value(seed))).unwrap(), Some(value(seed)), "{what}: value {seed}");
    }
    for seed in GONE {
        assert_eq!(storage.content(&keccak256(value(seed))).unwrap(), None, "{what}: value {seed}");
    }
    let report = storage.check(1, &mut |_| {}).unwrap();
    assert_eq!(report.problems, Vec::<String>::new(), "{what}");
    let bytes: usize = LIVE.iter().map(|seed| value(*seed).len()).sum();
    assert_eq!((report.content, report.content_bytes), (LIVE.len() as u64, bytes as u64), "{what}");
}

#[test]
fn a_node_that_ran_one_that_caught_up_and_one_restored_have_the_same_content() {
    let chain = written();
    let head = chain.ledger.head().number();
    let file = export(chain.storage(), 1, head, Vec::new()).unwrap();

    let (dir, synced_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let restored = ledger(&chain.network, dir.path());
    let (_, result) =
        import(&restored, Cursor::new(file.clone()), "chain.rlp", Some(file.len() as u64), &Shutdown::default());
    result.unwrap();

    let synced = ledger(&chain.network, synced_dir.path());
    for number in 1..=head {
        let block = chain.storage().block(number).unwrap().unwrap();
        let block = Ledger::recover(block.block.clone(), &|_| None).unwrap();
        synced.commit(synced.validate(Arc::new(block)).unwrap()).unwrap();
    }

    for (ledger, what) in [(&chain.ledger, "ran"), (&restored, "restored"), (&synced, "synced")] {
        assert_content(ledger.storage(), what);
        assert_eq!(ledger.storage().latest_view().state_root(), chain.storage().latest_view().state_root());
        let past = ledger.storage().view_at(head - 1).unwrap();
        let page = database_page(ledger.spec(), past, chain.database(), TABLE, U256::ZERO, 64).unwrap();
        let row = page.rows.iter().find(|row| row.key == B256::from(U256::from(8))).unwrap();
        assert_eq!(row.value, value(30), "{what}: a past block inside the window reads what has been overwritten");
    }
}

/// Bytes of RocksDB's tables in a data directory, and of those among them that hold content.
fn table_bytes(chain: &Chain) -> [u64; 2] {
    chain.storage().settle().unwrap();
    let files = std::fs::read_dir(chain.dir.path().join("db/db")).unwrap().map(Result::unwrap);
    let tables = files.filter(|file| file.path().extension().is_some_and(|name| name == "sst"));
    let all = tables.map(|file| file.metadata().unwrap().len()).sum();
    let columns = chain.storage().stats().unwrap().columns;
    [all, columns.iter().find(|column| column.name == "content").unwrap().file_bytes]
}

#[test]
fn what_is_removed_and_trimmed_leaves_the_disk_of_a_pruned_node() {
    const VALUES: u64 = 64;
    const VALUE_BYTES: usize = 24 << 10;
    // Does not compress.
    let value = |number: u64| -> Bytes {
        (0..VALUE_BYTES / 32).flat_map(|part| keccak256(((number << 32) | part as u64).to_be_bytes()).0).collect()
    };
    let mut chain = Chain::new();
    chain.call(openCall { salt: B256::ZERO });
    for number in 0..VALUES / 2 {
        chain.put(number, &value(number));
        chain.append(number, &value(VALUES + number));
    }
    chain.ledger.sync().unwrap();
    let before = table_bytes(&chain);
    for number in 0..VALUES / 2 {
        chain.remove(number);
    }
    let database = chain.database();
    chain.call(trimCall { database, series: SERIES, beforeMs: VALUES, limit: U256::from(VALUES) });
    for _ in 0..2 * WINDOW {
        chain.put(99, &vec![1].into());
    }
    chain.ledger.sync().unwrap();
    chain.storage().prune_history(WINDOW).unwrap();
    let after = table_bytes(&chain);
    let bytes = VALUES * VALUE_BYTES as u64;
    println!("{VALUES} values, {bytes} bytes: all tables {} bytes, then {}", before[0], after[0]);
    println!("those of content {} bytes, then {}", before[1], after[1]);
    assert!(before[1] >= bytes && after[1] < 64 << 10, "{before:?} {after:?}");
    // Bodies of blocks stay, and have what a transaction put.
    assert!(before[0] - after[0] > bytes * 9 / 10, "{before:?} {after:?}");
}

#[test]
fn execution_that_meets_missing_content_stops_the_node_and_names_it() {
    let mut chain = written();
    chain.ledger.sync().unwrap();
    chain.storage().damage_content(&keccak256(value(3)), None).unwrap();
    let read = getCall { database: chain.database(), table: TABLE, key: U256::from(3).into() };
    let error = chain.propose(read).unwrap_err();
    assert!(error.is_fatal(), "{error}");
    assert!(error.to_string().contains(&keccak256(value(3)).to_string()), "{error}");
}

/// Settings of a network on the loopback interface that dials these peers.
fn settings(folder: &Path, peers: Vec<Multiaddr>) -> NetworkConfig {
    NetworkConfig {
        addr: Ipv4Addr::LOCALHOST.into(),
        port: 0,
        discovery: false,
        quic: false,
        trusted_peers: peers,
        ..NetworkConfig::new(folder.join("nodekey"))
    }
}

/// A peer that answers requests for content with what `answer` makes of them.
async fn peer(
    spec: &ChainSpec,
    folder: &Path,
    answer: impl Fn(NetworkBytes) -> Vec<u8> + Send + 'static,
) -> (NetworkHandle, Multiaddr) {
    let (handle, mut events) =
        pervade_p2p::start(settings(folder, Vec::new()), ChainIdentity::new(spec), Head::default()).unwrap();
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if let NetworkEvent::Request(request) = event
                && request.protocol == Protocol::Content
            {
                request.responder.respond(answer(request.data).into()).unwrap();
            }
        }
    });
    loop {
        if let Some(address) = handle.listen_addresses().first() {
            return (handle.clone(), address.clone());
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_content_is_fetched_from_a_peer_that_has_it_not_from_one_that_forges() {
    let (honest, lossy) = (written(), written());
    let spec = honest.network.spec.clone();
    assert_eq!(honest.ledger.head().hash, lossy.ledger.head().hash);
    lossy.ledger.sync().unwrap();
    let storage = lossy.storage();
    // One that is missing, one with a wrong bit, one that only a past state names.
    storage.damage_content(&keccak256(value(3)), None).unwrap();
    let mut forged = value(4).to_vec();
    forged[500] ^= 4;
    storage.damage_content(&keccak256(value(4)), Some(&forged)).unwrap();
    storage.damage_content(&keccak256(value(30)), None).unwrap();
    assert_eq!(storage.check_content().unwrap().bad.len(), 3);

    let alone = content::ensure(&spec, storage, None, &Shutdown::default()).await.unwrap_err();
    assert!(matches!(alone, NodeError::MissingContent { missing: 3 }), "{alone}");
    assert_eq!(alone.exit_code(), 3);

    let folders: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let source = honest.storage().clone();
    let (forger, bad) = peer(&spec, folders[0].path(), {
        let source = source.clone();
        move |request| {
            let mut answer = content::answer(&source, &request).unwrap().unwrap();
            let last = answer.len() - 1;
            answer[last] ^= 1;
            answer
        }
    })
    .await;
    let (giver, good) =
        peer(&spec, folders[1].path(), move |request| content::answer(&source, &request).unwrap().unwrap()).await;
    let network = settings(folders[2].path(), vec![bad, good]);
    content::ensure(&spec, storage, Some(network), &Shutdown::default()).await.unwrap();
    assert_content(storage, "repaired");
    content::ensure(&spec, storage, None, &Shutdown::default()).await.unwrap();
    forger.shutdown().await;
    giver.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_processes_that_lost_content_get_it_from_each_other_and_not_from_a_forger() {
    let folder = tempfile::tempdir().unwrap();
    println!("{}", lost_content(folder.path()).await.unwrap());
}

#[test]
fn a_request_past_the_limit_or_cut_has_no_answer() {
    let chain = written();
    let hash = keccak256(value(3));
    let request = |hashes: usize| hash.0.repeat(hashes);
    let most = content::answer(chain.storage(), &request(content::REQUEST_HASHES_MAX)).unwrap().unwrap();
    assert_eq!(most.len(), content::REQUEST_HASHES_MAX * (4 + value(3).len()));
    assert_eq!(content::answer(chain.storage(), &request(content::REQUEST_HASHES_MAX + 1)).unwrap(), None);
    assert_eq!(content::answer(chain.storage(), &request(1)[..31]).unwrap(), None);
    let unknown = content::answer(chain.storage(), Address::ZERO.into_word().as_slice()).unwrap().unwrap();
    assert_eq!(unknown, [0xff; 4]);
}
