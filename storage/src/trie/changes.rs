//! [`NodeChanges`]: what a batch does to the stored nodes of one trie.
use alloy_primitives::Bytes;
use alloy_trie::Nibbles;

/// Nodes to put (`Some(rlp)`) and to delete (`None`), ascending by path, each path once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeChanges {
    records: Vec<(Nibbles, Option<Bytes>)>,
}

impl NodeChanges {
    /// Orders what a batch recorded. A path that was both vacated and filled again counts as filled.
    pub(super) fn from_records(mut records: Vec<(Nibbles, Option<Bytes>)>) -> Self {
        sort(&mut records);
        records.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same && earlier.1.is_none() {
                earlier.1 = later.1.take();
            }
            same
        });
        Self { records }
    }

    /// What happens to the node at `path`: `None` if it is untouched, `Some(None)` if it is deleted.
    #[must_use]
    pub fn get(&self, path: &Nibbles) -> Option<Option<&Bytes>> {
        let index = self.records.binary_search_by(|(key, _)| key.cmp(path)).ok()?;
        self.records.get(index).map(|(_, node)| node.as_ref())
    }

    /// All changes, ascending by path.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Nibbles, Option<&Bytes>)> {
        self.records.iter().map(|(path, node)| (path, node.as_ref()))
    }

    /// How many nodes change.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of RLP to be put, for limits on memory.
    #[must_use]
    pub fn rlp_bytes(&self) -> usize {
        self.records.iter().filter_map(|(_, node)| node.as_ref()).map(|rlp| rlp.len()).sum()
    }
}

impl IntoIterator for NodeChanges {
    type Item = (Nibbles, Option<Bytes>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.records.into_iter()
    }
}

/// By path; stable, because it then only merges runs where subtries were sorted before.
pub(super) fn sort(records: &mut [(Nibbles, Option<Bytes>)]) {
    records.sort_by(|a, b| a.0.cmp(&b.0));
}
