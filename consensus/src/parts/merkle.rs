//! The tree over the parts of a body.
use alloy_primitives::{B256, Keccak256};

const LEAF: u8 = 0;
const NODE: u8 = 1;

pub(super) fn leaf(part: &[u8]) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update([LEAF]);
    hasher.update(part);
    hasher.finalize()
}

fn node(left: &B256, right: &B256) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update([NODE]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize()
}

/// All levels of a tree, leaves first, the root's level last. `leaves` is not empty.
pub(super) fn levels(leaves: Vec<B256>) -> Vec<Vec<B256>> {
    let mut levels = vec![leaves];
    while let Some(below) = levels.last().filter(|level| level.len() > 1) {
        let above = below.chunks(2).map(|pair| match pair {
            [left, right] => node(left, right),
            [alone, ..] => *alone,
            [] => B256::ZERO,
        });
        let above = above.collect();
        levels.push(above);
    }
    levels
}

/// Siblings on the way from a leaf to the root.
pub(super) fn path(levels: &[Vec<B256>], index: usize) -> Vec<B256> {
    let mut index = index;
    let mut path = Vec::new();
    for level in levels {
        if let Some(sibling) = level.get(index ^ 1) {
            path.push(*sibling);
        }
        index >>= 1;
    }
    path
}

/// Root that a leaf and its path lead to in a tree of `count` leaves; `None` if the path has not the right length.
pub(super) fn climb(leaf: B256, index: usize, count: usize, path: &[B256]) -> Option<B256> {
    let (mut hash, mut index, mut count) = (leaf, index, count);
    let mut siblings = path.iter();
    while count > 1 {
        if index & 1 == 1 {
            hash = node(siblings.next()?, &hash);
        } else if index.saturating_add(1) < count {
            hash = node(&hash, siblings.next()?);
        }
        index >>= 1;
        count = count.div_ceil(2);
    }
    siblings.next().is_none().then_some(hash)
}
