//! Proposes, and keeps parts of the block from some or from all.
use super::{Adversary, Sent, Tools, wire};
use crate::sim::coverage::Path;
use bytes::Bytes;
use pervade_consensus::Topic;

/// See the module.
pub struct WithheldParts;

impl Adversary for WithheldParts {
    fn publish(&mut self, tools: &mut Tools<'_>, topic: Topic, bytes: Bytes) -> Vec<Sent> {
        if wire::kind(&bytes) != Some(wire::PART) {
            return vec![Sent::all(topic, bytes)];
        }
        tools.coverage.hit(Path::WithheldParts);
        if tools.random.per_mille(300) {
            return Vec::new();
        }
        let favoured = tools.random.below(1 << tools.nodes);
        let told = tools.others().filter(|to| favoured >> to & 1 == 1);
        told.map(|to| Sent::one(to, topic, bytes.clone())).collect()
    }
}
