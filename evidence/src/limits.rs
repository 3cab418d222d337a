//! Limits of what is looked at. All nodes must have the same: each decides what is valid.

/// A COSE message, bytes: the largest value of a database, so that evidence can be kept.
pub const TOKEN_BYTES_MAX: usize = 24 * 1024;
/// Signatures of a COSE_Sign message: a policy knows no more issuers. Each may cost a check with each of their keys.
pub const SIGNATURES_MAX: usize = POLICY_ISSUERS_MAX;
/// A COSE_Key, bytes: two coordinates, a key id and room for parameters that are not looked at.
pub const KEY_BYTES_MAX: usize = 512;
/// An attestation policy, bytes.
pub const POLICY_BYTES_MAX: usize = 8 * 1024;
/// Issuers of a policy. Each may cost a signature check.
pub const POLICY_ISSUERS_MAX: usize = 16;
/// Debug statuses that a policy lists; there are five.
pub const POLICY_DEBUG_STATUSES_MAX: usize = 5;
/// Measurement digests of a policy.
pub const POLICY_MEASUREMENTS_MAX: usize = 128;
/// Measurements of a token. Each is compared with all of the policy's.
pub const TOKEN_MEASUREMENTS_MAX: usize = 64;
/// Nonces of a token (RFC 9711 lets it carry several).
pub const TOKEN_NONCES_MAX: usize = 8;
/// A nonce, bytes (RFC 9711, 4.1): at least.
pub const NONCE_BYTES_MIN: usize = 8;
/// A nonce, bytes (RFC 9711, 4.1): at most.
pub const NONCE_BYTES_MAX: usize = 64;
/// A measurement digest, bytes: SHA-512.
pub const DIGEST_BYTES_MAX: usize = 64;
/// Arrays, maps and tags inside each other. Attestation tokens use some six; recursion takes stack.
pub const CBOR_DEPTH_MAX: usize = 16;
/// How far a token's time may lie ahead of the block's, seconds: clocks of devices differ.
pub const TOKEN_AHEAD_S_MAX: u64 = 30;

/// A content identifier, bytes, in binary or text: version, codec and a 64-byte digest in the longest text form.
pub const CONTENT_ID_BYTES_MAX: usize = 160;
/// A block of a file, bytes.
pub const BLOCK_BYTES_MAX: usize = 32 * 1024;
/// Blocks on the way to a range of a file.
pub const BLOCKS_MAX: usize = 1_024;
/// Levels of a file's tree: at the usual 174 links a node, four levels hold a terabyte.
pub const FILE_DEPTH_MAX: usize = 8;

/// Header of a CAR, bytes.
pub const CAR_HEADER_BYTES_MAX: usize = 32 * 1024;
/// A section of a CAR (identifier and block), bytes: the largest block that IPFS nodes exchange, and its identifier.
pub const CAR_SECTION_BYTES_MAX: usize = 2 * 1024 * 1024 + CONTENT_ID_BYTES_MAX;

const _: () = {
    assert!(KEY_BYTES_MAX * POLICY_ISSUERS_MAX <= POLICY_BYTES_MAX);
    assert!(POLICY_BYTES_MAX <= TOKEN_BYTES_MAX);
    assert!(NONCE_BYTES_MIN <= 32 && 32 <= NONCE_BYTES_MAX, "a digest of this chain can be a nonce");
    assert!(BLOCK_BYTES_MAX <= CAR_SECTION_BYTES_MAX);
};
