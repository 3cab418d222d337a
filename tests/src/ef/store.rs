//! Short-lived storages for tests.
use super::{Verdict, json};
use alloy_primitives::{KECCAK256_EMPTY, U256};
use pervade_chainspec::ChainSpec;
use pervade_storage::{HistoryMode, StateReader, Storage, StorageOptions};
use serde_json::{Map, Value, json};
use std::path::Path;
use tempfile::TempDir;

/// Where temporary folders are quickest, if it is there.
const MEMORY_FOLDER: &str = "/dev/shm";
/// RocksDB cache of a test's storage, bytes.
const CACHE_BYTES: usize = 4 << 20;

/// Open files of a test's storage.
const OPEN_FILES_MAX: i32 = 64;

/// A storage in a folder that is removed with it.
pub(super) struct TestStore {
    pub(super) storage: Storage,
    _folder: TempDir,
}

impl TestStore {
    pub(super) fn open(spec: &ChainSpec) -> Result<Self, Verdict> {
        let memory = Path::new(MEMORY_FOLDER);
        let mut builder = tempfile::Builder::new();
        builder.prefix("pervade-ef-");
        let folder = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() }?;
        let options = StorageOptions {
            history: HistoryMode::Archive,
            block_cache_bytes: CACHE_BYTES,
            node_cache_bytes: CACHE_BYTES,
            open_files_max: OPEN_FILES_MAX,
            read_only: false,
        };
        Ok(Self { storage: Storage::open(folder.path(), spec, options)?, _folder: folder })
    }
}

/// A genesis file from a test's header and accounts.
pub(super) fn genesis(config: Value, header: &Value, alloc: &Value) -> Value {
    let mut genesis = Map::new();
    genesis.insert("config".into(), config);
    genesis.insert("alloc".into(), alloc.clone());
    let fields = [
        "nonce",
        "timestamp",
        "extraData",
        "gasLimit",
        "difficulty",
        "mixHash",
        "coinbase",
        "parentHash",
        "baseFeePerGas",
        "blobGasUsed",
        "excessBlobGas",
    ];
    for field in fields {
        if let Some(value) = header.get(field) {
            genesis.insert(field.into(), value.clone());
        }
    }
    genesis.into()
}

/// Reads a genesis file as the node does.
pub(super) fn chain_spec(genesis: &Value) -> Result<ChainSpec, Verdict> {
    let json = serde_json::to_vec(genesis)?;
    Ok(ChainSpec::from_json("genesis", &json)?)
}

/// Header fields of a genesis file of which a test says nothing.
pub(super) fn plain_header() -> Value {
    json!({ "gasLimit": "0x1000000", "difficulty": "0x0" })
}

/// Compares a state with a test's account list.
pub(super) fn check_accounts(storage: &Storage, expected: &Value) -> Result<(), Verdict> {
    let Some(expected) = expected.as_object() else { return Ok(()) };
    let view = storage.latest_view();
    for (address, account) in expected {
        let key = address.parse()?;
        let Some(stored) = view.account(&key)? else { return json::failed(format!("account {address} is missing")) };
        let number = |field| json::number_field(account, field).map(Option::unwrap_or_default);
        if stored.balance != number("balance")? {
            return json::failed(format!("{address}: balance {}, must be {}", stored.balance, account["balance"]));
        }
        if number("nonce")? != U256::from(stored.nonce) {
            return json::failed(format!("{address}: nonce {}, must be {}", stored.nonce, account["nonce"]));
        }
        let code = match stored.code_hash == KECCAK256_EMPTY {
            true => Default::default(),
            false => view.code(&stored.code_hash)?,
        };
        if code != json::bytes(json::text(account, "code")?)? {
            return json::failed(format!("{address}: code differs"));
        }
        for (slot, value) in account["storage"].as_object().into_iter().flatten() {
            let found = view.storage(&key, &json::number(slot)?)?;
            if found != json::number(value.as_str().unwrap_or_default())? {
                return json::failed(format!("{address}: slot {slot} is {found:#x}, must be {value}"));
            }
        }
    }
    Ok(())
}
