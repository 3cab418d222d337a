//! Keys, tokens and files that proofs are made of.
use super::database::bytes;
use alloy_primitives::{B256, Bytes, keccak256};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use pervade_chainspec::params::DATABASE_PROVIDER_KEYS_MAX;
use pervade_evidence::{Codec, ContentId, HashFunction, Tally};

/// Links of a node that almost fills a block.
const LINKS: usize = 700;
/// Bytes of each leaf below it.
const LEAF_BYTES: usize = 32;
/// Protected header of a COSE_Sign1: ES256.
const ES256: &[u8] = &[0xa1, 0x01, 0x26];

fn signing_key(number: u64) -> eyre::Result<SigningKey> {
    Ok(SigningKey::from_slice(keccak256(number.to_be_bytes()).as_slice())?)
}

/// A COSE_Key of the curve P-256 (RFC 9053, 7.1.1).
pub(super) fn cose_key(number: u64) -> eyre::Result<Bytes> {
    let point = signing_key(number)?.verifying_key().to_encoded_point(false);
    let [x, y] = [point.x(), point.y()].map(|coordinate| coordinate.map_or_else(Vec::new, |bytes| bytes.to_vec()));
    Ok([&[0xa4, 0x01, 0x02, 0x20, 0x01, 0x21][..], &byte_string(&x), &[0x22], &byte_string(&y)].concat().into())
}

/// As many keys as a provider may have.
pub(super) fn provider_keys() -> eyre::Result<Vec<Bytes>> {
    (0..DATABASE_PROVIDER_KEYS_MAX as u64).map(cose_key).collect()
}

/// The same with its number as key id, and only the sign of the second coordinate: decoding it takes a square root.
fn compressed_key(number: u8) -> eyre::Result<Vec<u8>> {
    let point = signing_key(number.into())?.verifying_key().to_encoded_point(true);
    let (sign, x) = point.as_bytes().split_at(1);
    let y = if sign == [3] { 0xf5 } else { 0xf4 };
    Ok([&[0xa5, 0x01, 0x02, 0x02, 0x41, number, 0x20, 0x01, 0x21][..], &byte_string(x), &[0x22, y]].concat())
}

/// A policy, a nonce, and a token (RFC 9711) that meets them, with a claim of so many bytes besides. The policy has so many
/// issuers, below 24, the last of which signs.
pub(super) fn signed_token(claim_bytes: usize, issuers: u8) -> eyre::Result<(Bytes, B256, Bytes)> {
    let key = signing_key(issuers.into())?;
    let nonce = keccak256("nonce");
    let keys = (1..=issuers).map(compressed_key).collect::<eyre::Result<Vec<_>>>()?.concat();
    let policy = [&[0xa1, 0x01, 0x80 | issuers][..], &keys].concat();
    // {10: nonce} or {10: nonce, -65537: bytes}
    let mut claims = vec![if claim_bytes == 0 { 0xa1 } else { 0xa2 }, 0x0a];
    claims.extend(byte_string(nonce.as_slice()));
    if claim_bytes > 0 {
        claims.extend([0x3a, 0x00, 0x01, 0x00, 0x00]);
        claims.extend(byte_string(&bytes(5, claim_bytes)));
    }
    let (protected, payload) = (byte_string(ES256), byte_string(&claims));
    let signed = [&[0x84, 0x6a][..], b"Signature1", &protected, &[0x40], &payload].concat();
    let signature: Signature = key.sign(&signed);
    let token =
        [&[0xd2, 0x84][..], &protected, &[0xa1, 0x04, 0x41, issuers], &payload, &byte_string(&signature.to_bytes())]
            .concat();
    Ok((policy.into(), nonce, token.into()))
}

/// CBOR's byte string (RFC 8949, 3.1).
fn byte_string(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len();
    let head = match length {
        0..24 => vec![0x40 | length as u8],
        24..256 => vec![0x58, length as u8],
        _ => [&[0x59][..], &(length as u16).to_be_bytes()].concat(),
    };
    [head, bytes.to_vec()].concat()
}

/// The identifier of a block.
pub(super) fn identifier(codec: Codec, hash: HashFunction, block: &[u8]) -> eyre::Result<Vec<u8>> {
    let identifier = ContentId::of(codec, hash, block, &mut Tally::default())
        .map_err(|error| eyre::eyre!("content identifier: {error}"))?;
    Ok(identifier.to_bytes())
}

/// A node of UnixFS that fills a block with links; its identifier, and the blocks on the way to the first byte.
pub(super) fn large_node() -> eyre::Result<(Vec<u8>, Vec<Bytes>)> {
    let leaf = bytes(9, LEAF_BYTES);
    let leaf_id = identifier(Codec::Raw, HashFunction::Sha2_256, &leaf)?;
    let link = [&[0x0a][..], &varint(leaf_id.len()), &leaf_id, &[0x12, 0x00, 0x18], &varint(LEAF_BYTES)].concat();
    let link = [&[0x12][..], &varint(link.len()), &link].concat();
    // Type file, size of the file, sizes of its parts.
    let sizes = [&[0x20][..], &varint(LEAF_BYTES)].concat().repeat(LINKS);
    let data = [&[0x08, 0x02, 0x18][..], &varint(LINKS * LEAF_BYTES), &sizes].concat();
    let node = [&link.repeat(LINKS)[..], &[0x0a], &varint(data.len()), &data].concat();
    let root = identifier(Codec::DagPb, HashFunction::Sha2_256, &node)?;
    Ok((root, vec![node.into(), leaf]))
}

/// Protocol Buffers' number.
fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
