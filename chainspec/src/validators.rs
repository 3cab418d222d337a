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
use crate::{ChainSpecError, ValidatorConfig, error::Refusal, params};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use std::collections::BTreeMap;

/// First byte of the encoding.
const ENCODING_VERSION: u8 = 1;
/// Version and number of validators.
const HEADER_BYTES: usize = 5;
/// Account, public key and power of a validator.
const ENTRY_BYTES: usize = 20 + params::PUBLIC_KEY_BYTES + 8;

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

/// Reads a set that [`encode_validator_set`] wrote, and checks it as the genesis file's is.
///
/// # Errors
/// [`ChainSpecError::Field`] with what is wrong: length, version, order, keys or powers.
pub fn decode_validator_set(bytes: &[u8]) -> Result<Vec<ValidatorConfig>, ChainSpecError> {
    decode(bytes).map_err(|refusal| refusal.in_file("validator set"))
}

fn decode(bytes: &[u8]) -> Result<Vec<ValidatorConfig>, Refusal> {
    let Some((&[ENCODING_VERSION, a, b, c, d], entries)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(Refusal::new("version", "is not 1, or the bytes end before the number of validators"));
    };
    let count = u32::from_be_bytes([a, b, c, d]);
    let (entries, rest) = entries.as_chunks::<ENTRY_BYTES>();
    if !rest.is_empty() || usize::try_from(count) != Ok(entries.len()) {
        let reason = format!("{count} validators are announced, {} and {} bytes follow", entries.len(), rest.len());
        return Err(Refusal::new("validators", reason));
    }
    let validators: Vec<_> = entries.iter().map(decode_entry).collect();
    check(&validators, "validators")?;
    if !validators.is_sorted_by_key(|validator| validator.account) {
        return Err(Refusal::new("validators", "not by account in ascending order"));
    }
    Ok(validators)
}

fn decode_entry(entry: &[u8; ENTRY_BYTES]) -> ValidatorConfig {
    let (account, rest) = entry.split_at(Address::len_bytes());
    let (public_key, power) = rest.split_at(params::PUBLIC_KEY_BYTES);
    ValidatorConfig {
        account: Address::from_slice(account),
        public_key: Bytes::copy_from_slice(public_key),
        // An entry ends with eight bytes of power, by its length.
        power: power.iter().fold(0, |power, byte| (power << 8) | u64::from(*byte)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    fn set() -> Vec<ValidatorConfig> {
        let keys = [
            "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
        ];
        let validator = |(index, key): (u8, &str)| ValidatorConfig {
            account: Address::with_last_byte(index),
            public_key: hex::decode(key).unwrap().into(),
            power: u64::from(index) << 40,
        };
        (1..).zip(keys).map(validator).collect()
    }

    #[test]
    fn a_set_is_read_as_it_was_written() {
        let bytes = encode_validator_set(&set());
        assert_eq!(bytes.len(), HEADER_BYTES + 2 * ENTRY_BYTES);
        assert_eq!(decode_validator_set(&bytes).unwrap(), set());
    }

    #[test]
    fn whatever_else_the_bytes_are_they_are_refused() {
        let good = encode_validator_set(&set());
        let mut cases =
            vec![Vec::new(), vec![1, 0, 0, 0, 0], good[..good.len() - 1].to_vec(), [&good[..], &[0]].concat()];
        let mut version = good.clone();
        version[0] = 2;
        let mut more = good.clone();
        more[4] = 3;
        let mut no_point = good.clone();
        no_point[HEADER_BYTES + 20] = 9;
        let mut unordered = good[..HEADER_BYTES].to_vec();
        unordered.extend(&good[HEADER_BYTES + ENTRY_BYTES..]);
        unordered.extend(&good[HEADER_BYTES..HEADER_BYTES + ENTRY_BYTES]);
        cases.extend([version, more, no_point, unordered]);
        for bytes in cases {
            assert!(decode_validator_set(&bytes).is_err(), "{}", hex::encode(bytes));
        }
    }
}
