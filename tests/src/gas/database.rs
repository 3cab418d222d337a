//! The Contract Database, at 0x…7102.
use super::{
    Case,
    evidence::{identifier, large_node, provider_keys, signed_token},
    machine::{Loop, Machine},
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue, sol};
use pervade_chainspec::params::{
    CONTRACT_DATABASE_ADDRESS, DATABASE_KEYS_MAX, DATABASE_VALUE_BYTES_MAX, PAGE_ENTRIES_MAX,
};
use pervade_evidence::{
    Codec, HashFunction,
    limits::{BLOCK_BYTES_MAX, POLICY_ISSUERS_MAX},
};

sol! {
    enum Role { None, Writer, Admin }
    enum ProviderKind { Signed, Quorum, Attested, Content }
    function open(bytes32 salt) external returns (bytes32 database);
    function setRole(bytes32 database, address account, Role role) external;
    function roleOf(bytes32 database, address account) external view returns (Role);
    function put(bytes32 database, bytes32 table, bytes32 key, bytes calldata value) external;
    function putMany(bytes32 database, bytes32 table, bytes32[] calldata keys, bytes[] calldata values) external;
    function get(bytes32 database, bytes32 table, bytes32 key) external view returns (bytes memory value);
    function getMany(bytes32 database, bytes32 table, bytes32[] calldata keys) external view returns (bytes[] memory values);
    function exists(bytes32 database, bytes32 table, bytes32 key) external view returns (bool);
    function remove(bytes32 database, bytes32 table, bytes32 key) external;
    function count(bytes32 database, bytes32 table) external view returns (uint256);
    function scan(bytes32 database, bytes32 table, uint256 cursor, uint256 limit) external view returns (bytes32[] memory keys, uint256 next);
    function slotOf(bytes32 database, bytes32 table, bytes32 key) external view returns (bytes32 slot);
    function append(bytes32 database, bytes32 series, uint64 timeMs, bytes calldata value) external;
    function range(bytes32 database, bytes32 series, uint64 fromMs, uint64 toMs, uint256 cursor, uint256 limit) external view returns (uint64[] memory timesMs, bytes[] memory values, uint256 next);
    function latestEntry(bytes32 database, bytes32 series) external view returns (uint64 timeMs, bytes memory value);
    function trim(bytes32 database, bytes32 series, uint64 beforeMs, uint256 limit) external returns (uint256 removed);
    function setProvider(ProviderKind kind, bytes32 thing, bytes[] calldata keys, bytes calldata policy) external returns (bytes32 provider);
    function providerOf(bytes32 provider) external view returns (address owner, ProviderKind kind, bytes32 thing, bytes[] memory keys, bytes memory policy);
    function verifyContent(bytes calldata cid, uint64 offset, uint32 length, bytes[] calldata blocks) external view returns (bytes memory data);
    function verifyEvidence(bytes calldata policy, bytes32 nonce, bytes calldata evidence) external view returns (bytes memory claims);
}

const TO: Address = CONTRACT_DATABASE_ADDRESS;
/// Milliseconds between two entries of a series.
const ENTRY_MS: u64 = 1_000;

/// The database that the calling contract opens, and its parts.
pub(super) struct Writer {
    pub(super) database: B256,
}

impl Writer {
    /// Opens a database of its own.
    pub(super) fn open(machine: &mut Machine, salt: u8) -> eyre::Result<Self> {
        let salt = B256::repeat_byte(salt);
        machine.call(TO, &[openCall { salt }.abi_encode().into()], 1)?;
        Ok(Self { database: keccak256((machine.caller, salt).abi_encode()) })
    }

    pub(super) fn put(&self, table: u8, key: u64, value: Bytes) -> Bytes {
        putCall { database: self.database, table: name(table), key: word(key), value }.abi_encode().into()
    }

    pub(super) fn put_many(&self, table: u8, keys: std::ops::Range<u64>, length: usize) -> Bytes {
        let values = keys.clone().map(|key| bytes(key, length)).collect();
        let keys = keys.map(word).collect();
        putManyCall { database: self.database, table: name(table), keys, values }.abi_encode().into()
    }

    pub(super) fn get(&self, table: u8, key: u64) -> Bytes {
        getCall { database: self.database, table: name(table), key: word(key) }.abi_encode().into()
    }

    pub(super) fn scan(&self, table: u8, cursor: u64, limit: usize) -> Bytes {
        let (cursor, limit) = (U256::from(cursor), U256::from(limit));
        scanCall { database: self.database, table: name(table), cursor, limit }.abi_encode().into()
    }

    pub(super) fn append(&self, series: u8, entry: u64, value: Bytes) -> Bytes {
        let time = entry * ENTRY_MS;
        appendCall { database: self.database, series: name(series), timeMs: time, value }.abi_encode().into()
    }

    pub(super) fn range(&self, series: u8, entry: u64, limit: usize) -> Bytes {
        let call = rangeCall {
            database: self.database,
            series: name(series),
            fromMs: entry * ENTRY_MS,
            toMs: u64::MAX,
            cursor: U256::ZERO,
            limit: U256::from(limit),
        };
        call.abi_encode().into()
    }

    fn get_many(&self, table: u8, keys: std::ops::Range<u64>) -> Bytes {
        let keys = keys.map(word).collect();
        getManyCall { database: self.database, table: name(table), keys }.abi_encode().into()
    }

    fn remove(&self, table: u8, key: u64) -> Bytes {
        removeCall { database: self.database, table: name(table), key: word(key) }.abi_encode().into()
    }

    fn trim(&self, series: u8, entry: u64, limit: usize) -> Bytes {
        let call = trimCall {
            database: self.database,
            series: name(series),
            beforeMs: entry * ENTRY_MS,
            limit: U256::from(limit),
        };
        call.abi_encode().into()
    }
}

/// All functions but `fetch` and `fetchContent`, which are with the requests to things.
pub(super) fn cases(machine: &mut Machine) -> eyre::Result<Vec<Case>> {
    let writer = Writer::open(machine, 1)?;
    let mut cases = roles(&writer);
    for (table, length) in (10u8..).zip([1, 31, 32, 1_024, DATABASE_VALUE_BYTES_MAX]) {
        cases.extend(values(&writer, table, length));
    }
    cases.extend(many(&writer));
    for (series, length) in (30u8..).zip([1, 32, DATABASE_VALUE_BYTES_MAX]) {
        cases.extend(entries(&writer, series, length));
    }
    cases.extend(providers(machine.caller)?);
    cases.extend(proofs()?);
    Ok(cases)
}

fn roles(writer: &Writer) -> Vec<Case> {
    let database = writer.database;
    let account = |n: u64| Address::from_word(keccak256(n.to_be_bytes()));
    let set = (0..600).map(|n| setRoleCall { database, account: account(n), role: Role::Writer }.abi_encode().into());
    let of = (0..4_000).map(|n| roleOfCall { database, account: account(n) }.abi_encode().into());
    let open = (0..600u64).map(|n| openCall { salt: keccak256(n.to_be_bytes()) }.abi_encode().into());
    vec![
        Case::new("database.open", "", Loop::Fill, TO).calls(100, open),
        Case::new("database.setRole", "", Loop::Fill, TO).calls(100, set),
        Case::new("database.roleOf", "", Loop::Load, TO).calls(500, of),
    ]
}

/// Everything about rows with values of this length.
fn values(writer: &Writer, table: u8, length: usize) -> Vec<Case> {
    let per_transaction = (100_000_000 / (1_000_000 + length * 3_800)).clamp(5, 80);
    let rows = per_transaction as u64 * 8;
    let input = format!("{length} bytes");
    let case = |function, against| Case::new(function, input.clone(), against, TO);
    let put = |from: u64| (0..rows).map(move |key| writer.put(table, key, bytes(from + key, length)));
    let mut cases = vec![
        case("database.put", Loop::Fill).calls(per_transaction, put(0)),
        case("database.put again", Loop::Overwrite).calls(per_transaction, put(1 << 20)),
        case("database.get", Loop::Load).calls(per_transaction, (0..rows).map(|key| writer.get(table, key))),
    ];
    if length == 32 {
        let (database, table) = (writer.database, name(table));
        let exists = (0..rows).map(|key| existsCall { database, table, key: word(key) }.abi_encode().into());
        let slot_of = (0..4_000).map(|key| slotOfCall { database, table, key: word(key) }.abi_encode().into());
        let count = (0..2_000u64).map(|n| countCall { database, table: word(n) }.abi_encode().into());
        cases.push(case("database.exists", Loop::Load).calls(per_transaction, exists));
        cases.push(case("database.slotOf", Loop::Load).calls(1_000, slot_of));
        cases.push(case("database.count", Loop::Load).calls(500, count));
    }
    let remove = (0..rows).map(|key| writer.remove(table, key));
    cases.push(case("database.remove", Loop::Overwrite).calls(per_transaction, remove));
    cases
}

/// Functions on many rows, and pages.
fn many(writer: &Writer) -> Vec<Case> {
    let most = DATABASE_KEYS_MAX as u64;
    let half = most / 2;
    let small = (0..8).map(|turn| writer.put_many(20, turn * half..(turn + 1) * half, 31));
    let get = (0..8).map(|turn| writer.get_many(20, (turn % 4) * most..(turn % 4 + 1) * most));
    let large = (0..64u64).map(|key| writer.put(21, key, bytes(key, DATABASE_VALUE_BYTES_MAX)));
    let get_large = (0..16).map(|turn| writer.get_many(21, turn % 4 * 16..(turn % 4 + 1) * 16));
    let scan = (0..8).map(|turn| writer.scan(20, 1 + turn % 4 * most, PAGE_ENTRIES_MAX));
    vec![
        Case::new("database.putMany", format!("{half} rows of 31 bytes"), Loop::Fill, TO).calls(1, small),
        Case::new("database.getMany", format!("{most} rows of 31 bytes"), Loop::Load, TO).calls(1, get),
        Case::new("database.scan", format!("{PAGE_ENTRIES_MAX} keys"), Loop::Load, TO).calls(1, scan),
        Case::new("database.getMany", "16 rows of 24 KiB", Loop::Load, TO).before(large).calls(1, get_large),
    ]
}

/// Everything about series with values of this length.
fn entries(writer: &Writer, series: u8, length: usize) -> Vec<Case> {
    let per_transaction = (100_000_000 / (1_000_000 + length * 3_800)).clamp(5, 80);
    let entries = per_transaction as u64 * 8;
    let input = format!("{length} bytes");
    let case = |function, against| Case::new(function, input.clone(), against, TO);
    let append = (1..=entries).map(|entry| writer.append(series, entry, bytes(entry, length)));
    let page = if length > 32 { 16 } else { PAGE_ENTRIES_MAX };
    let pages = entries / page as u64;
    let range = (0..16).map(|turn| writer.range(series, turn % pages * page as u64, page));
    let latest = latestEntryCall { database: writer.database, series: name(series) }.abi_encode();
    let trim = (1..=8).map(|turn| writer.trim(series, turn * per_transaction as u64, PAGE_ENTRIES_MAX));
    vec![
        case("database.append", Loop::Fill).calls(per_transaction, append),
        Case::new("database.range", format!("{page} entries of {input}"), Loop::Load, TO).calls(1, range),
        case("database.latestEntry", Loop::Load).calls(1, vec![Bytes::from(latest); 40]),
        Case::new("database.trim", format!("{per_transaction} entries of {input}"), Loop::Overwrite, TO).calls(1, trim),
    ]
}

fn providers(owner: Address) -> eyre::Result<Vec<Case>> {
    let keys = provider_keys()?;
    let kind = ProviderKind::Quorum;
    let thing = |n: u64| keccak256(n.to_be_bytes());
    let set = |keys: &[Bytes], from: u64| -> Vec<Bytes> {
        let call = |n| setProviderCall { kind, thing: thing(n), keys: keys.to_vec(), policy: Bytes::new() };
        (from..from + 64).map(|n| call(n).abi_encode().into()).collect()
    };
    let one = keys.get(..1).unwrap_or_default();
    let of = (0..64).map(|n| {
        let provider = keccak256((owner, U256::from(kind as u8), thing(1_000 + n)).abi_encode());
        providerOfCall { provider }.abi_encode().into()
    });
    let most = format!("{} keys", keys.len());
    Ok(vec![
        Case::new("database.setProvider", "1 key", Loop::Fill, TO).calls(16, set(one, 0)),
        Case::new("database.setProvider", most.clone(), Loop::Fill, TO).calls(16, set(&keys, 1_000)),
        Case::new("database.providerOf", most, Loop::Load, TO).calls(16, of),
    ])
}

fn proofs() -> eyre::Result<Vec<Case>> {
    let mut cases = Vec::new();
    let verify = |cid: &[u8], blocks: Vec<Bytes>, length: u32| -> Bytes {
        verifyContentCall { cid: cid.to_vec().into(), offset: 0, length, blocks }.abi_encode().into()
    };
    for (length, name) in [(32, "32 bytes"), (BLOCK_BYTES_MAX, "32 KiB")] {
        for (hash, of) in [
            (HashFunction::Sha2_256, "sha2-256"),
            (HashFunction::Keccak256, "keccak-256"),
            (HashFunction::Blake3, "blake3"),
        ] {
            let block = bytes(length as u64, length);
            let call = verify(&identifier(Codec::Raw, hash, &block)?, vec![block], 0);
            let (per_transaction, times) = if length == 32 { (100, 3_000) } else { (10, 120) };
            let input = format!("{of} of {name}");
            let case = Case::new("database.verifyContent", input, Loop::Load, TO);
            cases.push(case.calls(per_transaction, vec![call; times]));
        }
    }
    let (root, blocks) = large_node()?;
    let call = verify(&root, blocks, 1);
    cases.push(Case::new("database.verifyContent", "node of 32 KiB", Loop::Load, TO).calls(10, vec![call; 120]));
    let most = POLICY_ISSUERS_MAX as u8;
    for (length, issuers, name) in [(0, 1, "small token"), (0, most, "16 issuers"), (16 << 10, 1, "token of 16 KiB")] {
        let (policy, nonce, evidence) = signed_token(length, issuers)?;
        let call = verifyEvidenceCall { policy, nonce, evidence }.abi_encode();
        let times = if length == 0 { 1_000 } else { 200 };
        let case = Case::new("database.verifyEvidence", name, Loop::Load, TO);
        cases.push(case.calls(if length == 0 { 100 } else { 20 }, vec![Bytes::from(call); times]));
    }
    Ok(cases)
}

/// Name of a table or series.
fn name(number: u8) -> B256 {
    B256::repeat_byte(number)
}

fn word(number: u64) -> B256 {
    U256::from(number).into()
}

/// Bytes that do not compress, and differ from each other.
pub(super) fn bytes(seed: u64, length: usize) -> Bytes {
    let parts = (0u64..).flat_map(|part| keccak256((seed << 20 | part).to_be_bytes()).0);
    parts.take(length).collect()
}
