//! Reads a geth genesis file into alloy's [`Genesis`]: what geth requires is required, what it ignores is
//! ignored, and `null` counts as absent.
use crate::{
    PervadeConfig, config_json,
    error::Refusal,
    json::{self, Value},
    pervade_json,
};
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_primitives::{Address, B256};
use std::collections::BTreeMap;

/// Field of `config` that holds Pervade's own section.
pub(crate) const PERVADE_FIELD: &str = "pervade";

/// Reads the document; the second value is `config.pervade`.
pub(crate) fn read(json: &[u8]) -> Result<(Genesis, Option<PervadeConfig>), Refusal> {
    let mut document = Value::document(json)?.object()?;
    let mut config_fields = document.required("config")?.object()?;
    let gas_limit = document.required("gasLimit")?.u64()?;
    let pervade = config_fields.read(PERVADE_FIELD, |section| pervade_json::read(section, gas_limit))?;
    let base_fee_per_gas = document.read("baseFeePerGas", Value::u64)?.map(u128::from);
    let genesis = Genesis {
        config: config_json::read(config_fields)?,
        nonce: document.read("nonce", Value::u64)?.unwrap_or_default(),
        timestamp: document.read("timestamp", Value::u64)?.unwrap_or_default(),
        extra_data: document.read("extraData", Value::bytes)?.unwrap_or_default(),
        gas_limit,
        difficulty: document.required("difficulty")?.u256()?,
        mix_hash: document.read("mixHash", Value::b256)?.unwrap_or_default(),
        coinbase: document.read("coinbase", Value::address)?.unwrap_or_default(),
        alloc: alloc(&document.required("alloc")?)?,
        base_fee_per_gas,
        excess_blob_gas: document.read("excessBlobGas", Value::u64)?,
        blob_gas_used: document.read("blobGasUsed", Value::u64)?,
        slot_number: None,
        number: document.read("number", Value::u64)?,
        parent_hash: document.read("parentHash", Value::b256)?,
    };
    match document.read("gasUsed", Value::u64)? {
        None | Some(0) => Ok((genesis, pervade)),
        Some(_) => Err(Refusal::new("gasUsed", "not zero; a genesis block runs no transactions, remove the field")),
    }
}

/// Reads `config.pervade` out of a genesis that alloy parsed.
pub(crate) fn read_pervade(genesis: &Genesis) -> Result<Option<PervadeConfig>, Refusal> {
    let Some(section) = genesis.config.extra_fields.get(PERVADE_FIELD).filter(|section| !section.is_null()) else {
        return Ok(None);
    };
    let path = format!("config.{PERVADE_FIELD}");
    let text = section.to_string();
    let raw = serde_json::from_str(&text).map_err(|error| Refusal::new(&path, error.to_string()))?;
    pervade_json::read(&Value::at(path, raw), genesis.gas_limit).map(Some)
}

fn alloc(value: &Value<'_>) -> Result<BTreeMap<Address, GenesisAccount>, Refusal> {
    let mut accounts = BTreeMap::new();
    for (key, value) in value.object()?.rest() {
        let address = json::address(key).map_err(|reason| value.refuse(reason))?;
        if accounts.insert(address, account(value)?).is_some() {
            return Err(value.refuse(format!("the account {address} appears twice; merge the two")));
        }
    }
    Ok(accounts)
}

/// `secretKey` and anything else that geth ignores is ignored.
fn account(value: &Value<'_>) -> Result<GenesisAccount, Refusal> {
    let mut object = value.object()?;
    Ok(GenesisAccount {
        nonce: object.read("nonce", Value::u64)?,
        balance: object.required("balance")?.u256()?,
        code: object.read("code", Value::bytes)?,
        storage: object.read("storage", storage)?,
        private_key: None,
    })
}

fn storage(value: &Value<'_>) -> Result<BTreeMap<B256, B256>, Refusal> {
    let mut slots = BTreeMap::new();
    for (key, value) in value.object()?.rest() {
        let slot = json::word(key).map_err(|reason| value.refuse(reason))?;
        if slots.insert(slot, value.word()?).is_some() {
            return Err(value.refuse(format!("the slot {slot} appears twice; keep one")));
        }
    }
    Ok(slots)
}
