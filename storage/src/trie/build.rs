//! Building a subtrie out of new leaves, where there was nothing, or one leaf or extension that they split.
use super::subtrie::{Change, Nodes, Subtrie, by_child, child_path};
use alloy_trie::nodes::RlpNode;
use std::borrow::Cow;

/// All of `leaves` (sorted, none of them deletes) and `old` in one subtrie. `old` is what was there before; no leaf has
/// its path or lies below it.
pub(super) fn build<'a>(nodes: &mut Nodes<'_>, leaves: &[Change<'a>], old: Subtrie<'a>) -> Subtrie<'a> {
    let (first, last) = match (leaves, &old) {
        ([], _) => return old,
        ([leaf], Subtrie::Empty) => return Subtrie::Leaf { path: leaf.path, value: leaf.value.into() },
        ([first, ..], _) => (first, leaves.last().unwrap_or(first)),
    };
    let old_path = match &old {
        Subtrie::Empty => None,
        Subtrie::Leaf { path, .. } | Subtrie::Branch { path, .. } => Some(*path),
    };
    let shared = first.path.common_prefix_length(&last.path);
    let depth = old_path.map_or(shared, |path| shared.min(first.path.common_prefix_length(&path)));
    let path = first.path.slice(..depth);

    // Keys of different lengths occur in Ethereum's trie tests only: one may end at the branch.
    let (value_here, below) = match leaves {
        [here, below @ ..] if here.path.len() == depth => (here.value, below),
        _ => (&[][..], leaves),
    };
    let mut groups = by_child(&path, below);
    let mut children: [RlpNode; 16] = Default::default();
    let mut value = Cow::Borrowed(value_here);
    match old_path.map(|old| old.get(depth)) {
        None => {}
        Some(None) => {
            if let Subtrie::Leaf { value: old_value, .. } = old {
                value = old_value;
            }
        }
        Some(Some(nibble)) => {
            let beside = groups.iter().position(|group| group.nibble == nibble).map(|index| groups.remove(index));
            let subtrie = match beside {
                Some(group) => build(nodes, group.changes, old),
                None => old,
            };
            set(&mut children, nibble, nodes.hang(&child_path(&path, nibble), &[], &subtrie));
        }
    }
    let hung = nodes.for_each_child(&groups, |nodes, group| {
        let subtrie = build(nodes, group.changes, Subtrie::Empty);
        nodes.hang(&group.at, &[], &subtrie)
    });
    for (group, node) in groups.iter().zip(hung) {
        set(&mut children, group.nibble, node);
    }
    let node = nodes.branch(&path, &children.each_ref().map(|child| child.as_slice()), &value);
    Subtrie::Branch { path, node }
}

fn set(children: &mut [RlpNode; 16], nibble: u8, node: RlpNode) {
    if let Some(child) = children.get_mut(usize::from(nibble)) {
        *child = node;
    }
}
