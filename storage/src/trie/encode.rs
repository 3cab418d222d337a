//! Encoding of trie nodes into a buffer that is used again and again.
use super::node::HASHED_RLP_BYTES_MIN;
use alloy_primitives::keccak256;
use alloy_rlp::{EMPTY_STRING_CODE, Encodable, Header, length_of_length};
use alloy_trie::{Nibbles, nodes::RlpNode};

/// Leaf: what follows nibble `depth` of its key, and its value.
pub(super) fn leaf(out: &mut Vec<u8>, path: &Nibbles, depth: usize, value: &[u8]) {
    let suffix = path.slice(depth.min(path.len())..);
    list_header(out, hex_prefix_length(&suffix).saturating_add(value.length()));
    hex_prefix(out, &suffix, true);
    value.encode(out);
}

/// Extension from nibble `depth` to the branch at `path`.
pub(super) fn extension(out: &mut Vec<u8>, path: &Nibbles, depth: usize, child: &RlpNode) {
    let prefix = path.slice(depth.min(path.len())..);
    list_header(out, hex_prefix_length(&prefix).saturating_add(child.len()));
    hex_prefix(out, &prefix, false);
    out.extend_from_slice(child);
}

/// Branch of raw references (empty: no child); an empty value is none.
pub(super) fn branch(out: &mut Vec<u8>, children: &[&[u8]; 16], value: &[u8]) {
    let payload = children.iter().fold(value.length(), |sum, child| sum.saturating_add(child.len().max(1)));
    list_header(out, payload);
    for child in children {
        if child.is_empty() {
            out.push(EMPTY_STRING_CODE);
        } else {
            out.extend_from_slice(child);
        }
    }
    value.encode(out);
}

/// How a parent names a node of that RLP: by hash, or whole if it is short. The root is always named by its hash.
pub(super) fn reference(rlp: &[u8], is_root: bool) -> RlpNode {
    if is_root && rlp.len() < HASHED_RLP_BYTES_MIN {
        return RlpNode::word_rlp(&keccak256(rlp));
    }
    RlpNode::from_rlp(rlp)
}

fn list_header(out: &mut Vec<u8>, payload_length: usize) {
    out.clear();
    out.reserve(payload_length.saturating_add(length_of_length(payload_length)));
    Header { list: true, payload_length }.encode(out);
}

/// Bytes of the RLP of the hex-prefix encoding. A single byte of it is below 0x80 and thus its own RLP.
fn hex_prefix_length(nibbles: &Nibbles) -> usize {
    match nibbles.len() / 2 {
        0 => 1,
        pairs => pairs.saturating_add(2),
    }
}

/// Yellow Paper, appendix C, as an RLP string.
fn hex_prefix(out: &mut Vec<u8>, nibbles: &Nibbles, is_leaf: bool) {
    let pairs = nibbles.len() / 2;
    if pairs > 0 {
        // One flag byte and at most 32 pairs: always a short string.
        out.push(EMPTY_STRING_CODE.saturating_add(pairs.saturating_add(1) as u8));
    }
    let flag = if is_leaf { 0x20 } else { 0x00 };
    if nibbles.len().is_multiple_of(2) {
        out.push(flag);
        out.extend_from_slice(&nibbles.pack());
    } else {
        out.push(flag | 0x10 | nibbles.first().unwrap_or_default());
        out.extend_from_slice(&nibbles.slice(1..).pack());
    }
}
