//! Keys of validators, and the cheap signatures of most seeds.
use alloy_primitives::{Address, B256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use pervade_consensus::{PublicKey, Secp256k1Signer, Secp256k1Verifier, Signature, Signer, Verifier};
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

/// Validators of the largest cluster, nodes that may become validators, and one with a new key for an old account.
pub const VALIDATORS_MAX: usize = 10;
/// The node that takes over the seat of [`SUCCEEDED`] where the validators vote for a new key: another machine, with that key
/// and a signing record of its own. The old one follows from then on.
pub const SUCCESSOR: usize = 9;
/// The validator that gets a new key.
pub const SUCCEEDED: usize = 0;

/// What has one account, and one place in a set of validators, whichever key it has.
pub fn seat(place: usize) -> usize {
    if place == SUCCESSOR { SUCCEEDED } else { place }
}

/// A validator's key and account.
#[derive(Debug, Clone)]
pub struct ValidatorKey {
    /// The consensus key.
    pub secret: B256,
    /// Its public half: a point of the curve in every seed, since addresses are made from it.
    pub public_key: PublicKey,
    /// Name in votes.
    pub address: Address,
    /// Account that votes, and that fees of its blocks go to.
    pub account: Address,
    /// The account's key.
    pub account_key: PrivateKeySigner,
}

/// The keys of all clusters. Of a smaller one, the first.
pub static VALIDATOR_KEYS: LazyLock<Vec<ValidatorKey>> = LazyLock::new(|| (0..VALIDATORS_MAX).map(key).collect());

fn key(index: usize) -> ValidatorKey {
    let secret = keccak256(format!("validator {index} of a simulation"));
    let public_key = Secp256k1Signer::new(&secret).expect("a hash is below the order of the curve").public_key();
    let address = pervade_consensus::signing::consensus_address(&public_key).expect("the key is a point");
    let account_key = keccak256(format!("account of validator {}", seat(index)));
    let account_key = PrivateKeySigner::from_bytes(&account_key).expect("a hash is below the order of the curve");
    ValidatorKey { secret, public_key, address, account: account_key.address(), account_key }
}

/// How a seed signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Keccak-256 of secret and digest. Checked by who knows all secrets: the simulation does, its adversaries do not look.
    KeyedHash,
    /// What production does.
    Secp256k1,
}

impl Scheme {
    /// A signer with this key.
    pub fn signer(self, key: &ValidatorKey) -> Box<dyn Signer> {
        match self {
            Self::KeyedHash => Box::new(KeyedHash { key: key.clone() }),
            Self::Secp256k1 => Box::new(Secp256k1Signer::new(&key.secret).expect("it made the public key")),
        }
    }

    /// A verifier for the keys of [`VALIDATOR_KEYS`].
    pub fn verifier(self) -> Arc<dyn Verifier> {
        static SECP256K1: LazyLock<Arc<Secp256k1Verifier>> = LazyLock::new(Arc::default);
        match self {
            Self::KeyedHash => Arc::new(KeyedHashVerifier),
            Self::Secp256k1 => SECP256K1.clone(),
        }
    }
}

struct KeyedHash {
    key: ValidatorKey,
}

struct KeyedHashVerifier;

/// Takes every signature for good: what a node without signature checks does.
pub struct TrustingVerifier;

impl Signer for KeyedHash {
    fn public_key(&self) -> PublicKey {
        self.key.public_key
    }

    fn sign(&self, digest: B256) -> Signature {
        keyed_hash(&self.key.secret, digest)
    }
}

impl Verifier for KeyedHashVerifier {
    fn verify(&self, digest: B256, signature: &Signature, public_key: &PublicKey) -> bool {
        static SECRETS: LazyLock<BTreeMap<PublicKey, B256>> =
            LazyLock::new(|| VALIDATOR_KEYS.iter().map(|key| (key.public_key, key.secret)).collect());
        SECRETS.get(public_key).is_some_and(|secret| keyed_hash(secret, digest) == *signature)
    }
}

impl Verifier for TrustingVerifier {
    fn verify(&self, _: B256, _: &Signature, _: &PublicKey) -> bool {
        true
    }
}

fn keyed_hash(secret: &B256, digest: B256) -> Signature {
    let hash = keccak256([secret.0, digest.0].concat());
    let mut bytes = [27; 65];
    bytes[..32].copy_from_slice(hash.as_slice());
    bytes[32..64].copy_from_slice(digest.as_slice());
    // The form that signatures have: `s` in the lower half.
    bytes[32] &= 0x3f;
    Signature::from(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemes_take_their_own_signatures_and_no_others() {
        for scheme in [Scheme::KeyedHash, Scheme::Secp256k1] {
            let [first, second] = [&VALIDATOR_KEYS[0], &VALIDATOR_KEYS[1]];
            let (digest, verifier) = (keccak256("message"), scheme.verifier());
            let signature = scheme.signer(first).sign(digest);
            assert!(verifier.verify(digest, &signature, &first.public_key));
            assert!(!verifier.verify(digest, &signature, &second.public_key));
            assert!(!verifier.verify(keccak256("other"), &signature, &first.public_key));
            let mut broken = signature;
            broken[7] ^= 1;
            assert!(!verifier.verify(digest, &broken, &first.public_key));
        }
    }
}
