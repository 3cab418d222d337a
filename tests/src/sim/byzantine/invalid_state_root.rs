//! Proposes blocks that nobody's execution leads to, and votes for them.
use super::{Adversary, Candidate, Tools};
use crate::sim::coverage::Path;
use alloy_primitives::B256;
use alloy_rlp::{Decodable, Encodable};
use bytes::Bytes;
use pervade_storage::Block;

/// See the module.
pub struct InvalidStateRoot;

impl Adversary for InvalidStateRoot {
    fn is_gullible(&self) -> bool {
        true
    }

    fn build(&mut self, tools: &mut Tools<'_>, built: Candidate, _: Option<Candidate>) -> Candidate {
        let Ok(mut block) = Block::decode(&mut built.1.as_ref()) else { return built };
        match tools.random.below(4) {
            // An honest one.
            0 => return built,
            // A body that does not belong to its header: the hash is right, the bytes are not.
            1 => block.body.transactions.reverse(),
            2 => block.header.gas_used += 1,
            _ => block.header.state_root = B256::repeat_byte(1),
        }
        let mut bytes = Vec::new();
        block.encode(&mut bytes);
        if bytes != built.1 {
            tools.coverage.hit(Path::InvalidStateRoot);
        }
        (block.header.hash_slow(), Bytes::from(bytes))
    }
}
