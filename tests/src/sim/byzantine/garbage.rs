//! Sends noise, and messages of others with a few bytes changed or missing.
use super::{Adversary, Sent, Tools};
use crate::sim::{coverage::Path, random::Random};
use bytes::Bytes;
use pervade_consensus::Topic;

/// Longest noise, bytes.
const NOISE_BYTES_MAX: u64 = 300;

/// See the module.
#[derive(Default)]
pub struct Garbage {
    heard: Option<Bytes>,
}

impl Garbage {
    fn spoil(&self, random: &mut Random) -> Vec<u8> {
        let Some(heard) = self.heard.as_ref().filter(|heard| !heard.is_empty() && random.per_mille(800)) else {
            return (0..random.below(NOISE_BYTES_MAX)).map(|_| random.number() as u8).collect();
        };
        let mut bytes = heard.to_vec();
        match random.below(4) {
            0 => bytes.truncate(random.index(bytes.len())),
            1 => bytes.extend((0..random.between(1, 9)).map(|_| random.number() as u8)),
            _ => {
                for _ in 0..random.between(1, 3) {
                    let place = random.index(bytes.len());
                    bytes[place] ^= 1 << random.below(8);
                }
            }
        }
        bytes
    }
}

impl Adversary for Garbage {
    fn hear(&mut self, tools: &mut Tools<'_>, _: Topic, bytes: &Bytes) -> Vec<Sent> {
        self.heard = Some(bytes.clone());
        if !tools.random.per_mille(200) {
            return Vec::new();
        }
        tools.coverage.hit(Path::Garbage);
        let topic = *tools.random.pick(&[Topic::Consensus, Topic::BlockParts]);
        vec![Sent::all(topic, self.spoil(tools.random))]
    }

    fn respond(&mut self, tools: &mut Tools<'_>, answer: Bytes) -> Option<Bytes> {
        tools.coverage.hit(Path::Garbage);
        self.heard = Some(answer);
        tools.random.per_mille(700).then(|| self.spoil(tools.random).into())
    }
}
