//! The hash that names a validator set.
//!
//! The `extraData` of each Pervade header is the hash of the set that decides the *next* block, so that a light
//! client walks from the genesis block along the headers where it changes. The hash is keccak-256 of:
//!
//! ```text
//! offset  bytes  content
//! 0       1      version of this encoding: 1
//! 1       4      number of validators n, big-endian
//! 5       61 n   validators, by account in ascending order:
//!                  +0   20  account
//!                  +20  33  compressed secp256k1 public key
//!                  +53   8  power, big-endian
//! ```
//!
//! Sorted by account: the set's identity does not depend on the order in which validators joined.
use crate::{ValidatorConfig, error::Refusal, params};
use alloy_primitives::{Address, B256, keccak256};
use std::collections::BTreeMap;

/// First byte of the encoding.
const ENCODING_VERSION: u8 = 1;

/// Hash of a validator set, as the module's doc draws it.
pub fn validator_set_hash(validators: &[ValidatorConfig]) -> B256 {
    keccak256(encode_validator_set(validators))
}

/// The bytes that [`validator_set_hash`] hashes.
pub fn encode_validator_set(validators: &[ValidatorConfig]) -> Vec<u8> {
    let mut sorted: Vec<_> = validators.iter().collect();
    sorted.sort_by_key(|validator| validator.account);
    let mut bytes = vec![ENCODING_VERSION];
    // A set has at most VALIDATORS_MAX members; a longer slice never gets past the genesis checks.
    bytes.extend(u32::try_from(sorted.len()).unwrap_or(u32::MAX).to_be_bytes());
    for validator in sorted {
        bytes.extend(validator.account);
        bytes.extend(&validator.public_key);
        bytes.extend(validator.power.to_be_bytes());
    }
    bytes
}

/// Whether these may decide blocks: their number, accounts, keys and powers, and that nobody stands there twice.
///
/// # Errors
/// Which validator is wrong, and why.
pub fn check_validator_set(validators: &[ValidatorConfig]) -> Result<(), String> {
    check(validators, "validators").map_err(|refusal| format!("{}: {}", refusal.field, refusal.reason))
}

/// Checks number, keys, powers and that nobody stands there twice. `path` is the list's place in the file.
pub(crate) fn check(validators: &[ValidatorConfig], path: &str) -> Result<(), Refusal> {
    if validators.is_empty() {
        return Err(Refusal::new(
            path,
            "no validators; name at least one, or leave out config.pervade to import a chain",
        ));
    }
    if validators.len() > params::VALIDATORS_MAX {
        let reason = format!("{} validators; at most {} are allowed", validators.len(), params::VALIDATORS_MAX);
        return Err(Refusal::new(path, reason));
    }
    let (mut accounts, mut keys) = (BTreeMap::new(), BTreeMap::new());
    let mut total: u64 = 0;
    for (index, validator) in validators.iter().enumerate() {
        let refuse = |field: &str, reason: String| Err(Refusal::new(format!("{path}[{index}].{field}"), reason));
        if validator.account == Address::ZERO {
            return refuse("account", "the zero address; name the account that votes for this validator".into());
        }
        if validator.account == params::SYSTEM_ACCOUNT || params::PRECOMPILE_ADDRESSES.contains(&validator.account) {
            return refuse("account", format!("{} belongs to the protocol; name another account", validator.account));
        }
        if let Some(first) = accounts.insert(validator.account, index) {
            return refuse("account", format!("already the account of validators[{first}]; each needs its own"));
        }
        if let Err(reason) = check_public_key(&validator.public_key) {
            return refuse("publicKey", reason);
        }
        if let Some(first) = keys.insert(&validator.public_key, index) {
            return refuse("publicKey", format!("already the key of validators[{first}]; each needs its own"));
        }
        if validator.power == 0 {
            return refuse("power", "zero; a validator has at least 1".into());
        }
        match total.checked_add(validator.power) {
            Some(sum) if sum <= params::TOTAL_POWER_MAX => total = sum,
            _ => return refuse("power", format!("the set's power exceeds {}; scale it down", params::TOTAL_POWER_MAX)),
        }
    }
    Ok(())
}

fn check_public_key(key: &[u8]) -> Result<(), String> {
    if key.len() != params::PUBLIC_KEY_BYTES {
        return Err(format!(
            "{} bytes; a compressed secp256k1 key has {} (as `pervade keys show` prints it)",
            key.len(),
            params::PUBLIC_KEY_BYTES
        ));
    }
    k256::PublicKey::from_sec1_bytes(key)
        .map(|_| ())
        .map_err(|_| "not a point of secp256k1; copy the key that `pervade keys show` prints".to_owned())
}
