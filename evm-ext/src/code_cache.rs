//! Contract code with its jump table, kept from block to block.
//!
//! Code is immutable and named by its hash, so the cache needs no invalidation and is shared by the whole process.
//! Two generations bound it: when the young one holds half of the limit, it becomes the old one and the former old
//! one is dropped. What is still in use moves back to the young one when it is asked for.
use alloy_primitives::{B256, map::B256Map};
use parking_lot::RwLock;
use revm::bytecode::Bytecode;
use std::{mem, sync::LazyLock};

/// Bytes of code that the process keeps analysed: some 2,700 contracts of the greatest size, many more usual ones.
pub const CODE_CACHE_BYTES_MAX: usize = 64 << 20;
/// What an entry costs beside its code: jump table (an eighth of the code is added below), keys, reference counts.
const ENTRY_OVERHEAD_BYTES: usize = 200;

static SHARED: LazyLock<CodeCache> = LazyLock::new(|| CodeCache::new(CODE_CACHE_BYTES_MAX));

/// See the module.
pub(crate) struct CodeCache {
    bytes_max: usize,
    generations: RwLock<Generations>,
}

#[derive(Default)]
struct Generations {
    young: B256Map<Bytecode>,
    young_bytes: usize,
    old: B256Map<Bytecode>,
}

impl CodeCache {
    /// The cache of this process.
    pub(crate) fn shared() -> &'static Self {
        &SHARED
    }

    fn new(bytes_max: usize) -> Self {
        Self { bytes_max, generations: RwLock::default() }
    }

    /// Code of that hash, if it is here.
    pub(crate) fn get(&self, hash: &B256) -> Option<Bytecode> {
        let code = {
            let generations = self.generations.read();
            if let Some(code) = generations.young.get(hash) {
                return Some(code.clone());
            }
            generations.old.get(hash)?.clone()
        };
        self.insert(*hash, code.clone());
        Some(code)
    }

    /// Keeps code for later.
    pub(crate) fn insert(&self, hash: B256, code: Bytecode) {
        let bytes = code.len().saturating_add(code.len() / 8).saturating_add(ENTRY_OVERHEAD_BYTES);
        let mut generations = self.generations.write();
        if generations.young.insert(hash, code).is_some() {
            return;
        }
        generations.young_bytes = generations.young_bytes.saturating_add(bytes);
        if generations.young_bytes > self.bytes_max / 2 {
            generations.old = mem::take(&mut generations.young);
            generations.young_bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Bytes;

    fn code(n: u8) -> (B256, Bytecode) {
        (B256::repeat_byte(n), Bytecode::new_raw(Bytes::from(vec![n; 1000])))
    }

    #[test]
    fn code_in_use_stays_and_forgotten_code_goes() {
        let cache = CodeCache::new(8 * 1400);
        let (used, bytecode) = code(1);
        cache.insert(used, bytecode.clone());
        let (unused, other) = code(2);
        cache.insert(unused, other);
        for n in 3..40 {
            assert_eq!(cache.get(&used), Some(bytecode.clone()), "asked for in every round");
            let (hash, code) = code(n);
            cache.insert(hash, code);
        }
        assert_eq!(cache.get(&unused), None);
        let generations = cache.generations.read();
        assert!(generations.young.len() + generations.old.len() <= 10);
    }
}
