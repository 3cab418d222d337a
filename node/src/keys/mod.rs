//! Validator keys: secp256k1, kept as a version 3 keystore (Web3 Secret Storage) behind a password.
//!
//! A keystore file is private (mode 0600) from its first byte, and appears under its name only when it is whole and
//! on disk. Nothing here prints or logs a secret.
mod keystore;
mod password;

pub use keystore::{read_keystore, stored_address, write_keystore};
pub use password::{read_new_password, read_password};

use alloy_primitives::{Address, Bytes};
use alloy_signer_local::PrivateKeySigner;

/// Consensus key of a signer: compressed secp256k1 point, 33 bytes, as `config.pervade.validators` states it.
pub fn compressed_public_key(signer: &PrivateKeySigner) -> Bytes {
    Bytes::copy_from_slice(signer.credential().verifying_key().to_encoded_point(true).as_bytes())
}

/// What may be shown of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicIdentity {
    /// Account.
    pub address: Address,
    /// Compressed point, 33 bytes.
    pub public_key: Bytes,
}

impl From<&PrivateKeySigner> for PublicIdentity {
    fn from(signer: &PrivateKeySigner) -> Self {
        Self { address: signer.address(), public_key: compressed_public_key(signer) }
    }
}
