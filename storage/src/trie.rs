//! The Merkle Patricia trie, path-based: nodes are kept by their path, only changed paths are touched.
