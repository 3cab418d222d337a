//! What is signed, byte by byte, and by what.
//!
//! A validator signs `keccak256` of one of three messages. Each begins with 16 bytes that name its kind, so that no
//! signature can be taken for another, and binds the chain. All numbers are big-endian.
//!
//! ```text
//! vote, 101 bytes                     proposal, 104 bytes                 block parts, 136 bytes
//! 0    16  "pervade:vote:v1\0"        0    16  "pervade:prop:v1\0"        0    16  "pervade:part:v1\0"
//! 16   8   chain id                   16   8   chain id                   16   8   chain id
//! 24   32  genesis hash               24   32  genesis hash               24   32  genesis hash
//! 56   8   height                     56   8   height                     56   8   height
//! 64   4   round                      64   4   round                      64   4   round
//! 68   1   1 prevote, 2 precommit     68   4   round of the polka that    68   32  block hash
//! 69   32  block hash; zero: nil               justifies a re-proposal;   100  32  root of the parts
//!                                              0xffffffff: none           132  4   bytes of the body
//!                                     72   32  block hash
//! ```
//!
//! A signature is 65 bytes: `r`, `s` (at most half the order of the curve), `v` (27 or 28), the form that Ethereum's
//! `ecrecover` takes. A contract checks a commit certificate with
//! `ecrecover(keccak256(abi.encodePacked(bytes16("pervade:vote:v1"), uint64 chainId, bytes32 genesis, uint64 height,
//! uint32 round, uint8(2), bytes32 blockHash)), v, r, s)`: the result is the validator's consensus address, that is the
//! last 20 bytes of the keccak-256 of its uncompressed public key.
use crate::error::ConsensusError;
use alloy_primitives::{Address, B256, FixedBytes, keccak256};
use secp256k1::{
    Message, PublicKey as CurvePoint, Secp256k1, SecretKey, SignOnly, VerifyOnly,
    ecdsa::{RecoverableSignature, RecoveryId},
};
use std::fmt;

/// A signature: `r`, `s`, `v` as the module's doc says.
pub type Signature = FixedBytes<65>;
/// A compressed secp256k1 public key (SEC 1, 2.3.3).
pub type PublicKey = FixedBytes<33>;

/// Half the order of secp256k1, rounded down: the largest `s` of a signature that is taken (EIP-2).
const HALF_ORDER: [u8; 32] = alloy_primitives::hex!("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0");
/// What `v` adds to the recovery id.
const RECOVERY_ID_OFFSET: u8 = 27;
/// Written for a proposal that no polka justifies.
const NO_ROUND: u32 = u32::MAX;

/// Which chain signatures are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainIdentity {
    /// Chain id of transactions (EIP-155).
    pub chain_id: u64,
    /// Hash of block 0.
    pub genesis_hash: B256,
}

/// The two kinds of vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VoteKind {
    /// The proposal is good.
    Prevote = 1,
    /// More than two thirds said so.
    Precommit = 2,
}

impl ChainIdentity {
    fn begin(&self, domain: &[u8; 16], height: u64, round: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(136);
        bytes.extend(domain);
        bytes.extend(self.chain_id.to_be_bytes());
        bytes.extend(self.genesis_hash);
        bytes.extend(height.to_be_bytes());
        bytes.extend(round.to_be_bytes());
        bytes
    }

    /// The bytes of a vote. `block_hash` zero is a vote for no block.
    pub fn vote_bytes(&self, kind: VoteKind, height: u64, round: u32, block_hash: B256) -> Vec<u8> {
        let mut bytes = self.begin(b"pervade:vote:v1\0", height, round);
        bytes.push(kind as u8);
        bytes.extend(block_hash);
        bytes
    }

    /// The bytes of a proposal. `polka_round` is the earlier round in which more than two thirds prevoted this block.
    pub fn proposal_bytes(&self, height: u64, round: u32, polka_round: Option<u32>, block_hash: B256) -> Vec<u8> {
        let mut bytes = self.begin(b"pervade:prop:v1\0", height, round);
        bytes.extend(polka_round.unwrap_or(NO_ROUND).to_be_bytes());
        bytes.extend(block_hash);
        bytes
    }

    /// The bytes under which a proposer streams a block.
    pub fn parts_bytes(&self, height: u64, round: u32, block_hash: B256, root: B256, body_bytes: u32) -> Vec<u8> {
        let mut bytes = self.begin(b"pervade:part:v1\0", height, round);
        bytes.extend(block_hash);
        bytes.extend(root);
        bytes.extend(body_bytes.to_be_bytes());
        bytes
    }
}

/// Signs with one consensus key.
pub trait Signer: Send {
    /// The public key.
    fn public_key(&self) -> PublicKey;
    /// Signs a digest; the same digest gives the same bytes.
    fn sign(&self, digest: B256) -> Signature;
}

/// Checks signatures.
pub trait Verifier: Send + Sync {
    /// Whether `signature` is `public_key`'s, of this digest, in the one form that is taken.
    fn verify(&self, digest: B256, signature: &Signature, public_key: &PublicKey) -> bool;
}

/// Digest of a message to sign.
pub fn digest(message: &[u8]) -> B256 {
    keccak256(message)
}

/// Consensus address of a key: the last 20 bytes of keccak-256 of the uncompressed point; `None` if it is no point.
pub fn consensus_address(public_key: &PublicKey) -> Option<Address> {
    let point = CurvePoint::from_byte_array_compressed(public_key.0).ok()?;
    let uncompressed = point.serialize_uncompressed();
    let (_, coordinates) = uncompressed.split_first()?;
    Some(Address::from_word(keccak256(coordinates)))
}

/// The production signer: secp256k1 with deterministic nonces (RFC 6979).
pub struct Secp256k1Signer {
    context: Secp256k1<SignOnly>,
    secret: SecretKey,
    public_key: PublicKey,
}

impl Secp256k1Signer {
    /// A signer with this secret key.
    ///
    /// # Errors
    /// [`ConsensusError::SecretKey`] if it is zero or not below the curve's order.
    pub fn new(secret: &B256) -> Result<Self, ConsensusError> {
        let context = Secp256k1::signing_only();
        let secret = SecretKey::from_byte_array(secret.0).map_err(|_| ConsensusError::SecretKey)?;
        let public_key = PublicKey::from(CurvePoint::from_secret_key(&context, &secret).serialize());
        Ok(Self { context, secret, public_key })
    }
}

impl fmt::Debug for Secp256k1Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Secp256k1Signer").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

impl Signer for Secp256k1Signer {
    fn public_key(&self) -> PublicKey {
        self.public_key
    }

    fn sign(&self, digest: B256) -> Signature {
        let (id, compact) =
            self.context.sign_ecdsa_recoverable(Message::from_digest(digest.0), &self.secret).serialize_compact();
        let mut bytes = [0; 65];
        if let Some((v, rs)) = bytes.split_last_mut() {
            rs.copy_from_slice(&compact);
            *v = RECOVERY_ID_OFFSET.saturating_add(i32::from(id) as u8);
        }
        Signature::from(bytes)
    }
}

/// The production verifier.
pub struct Secp256k1Verifier {
    context: Secp256k1<VerifyOnly>,
}

impl Default for Secp256k1Verifier {
    fn default() -> Self {
        Self { context: Secp256k1::verification_only() }
    }
}

impl Verifier for Secp256k1Verifier {
    fn verify(&self, digest: B256, signature: &Signature, public_key: &PublicKey) -> bool {
        let Some((v, rs)) = signature.split_last() else { return false };
        let Some(s) = rs.get(32..) else { return false };
        if s > HALF_ORDER.as_slice() {
            return false;
        }
        let id = match v.checked_sub(RECOVERY_ID_OFFSET) {
            Some(0) => RecoveryId::Zero,
            Some(1) => RecoveryId::One,
            _ => return false,
        };
        let Ok(parsed) = RecoverableSignature::from_compact(rs, id) else { return false };
        let recovered = self.context.recover_ecdsa(Message::from_digest(digest.0), &parsed);
        recovered.is_ok_and(|key| key.serialize() == public_key.0)
    }
}
